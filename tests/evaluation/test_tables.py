"""Figures with intervals, in words, Markdown and JSON."""

from __future__ import annotations

from math import inf, nan

from simsearch.evaluation.tables import Figure, Table, plain, with_intervals


def test_no_false_accept_among_few_products_is_not_zero() -> None:
    figure = with_intervals(lambda i: {"rate": 0.0}, 30, [f"p{k % 10}" for k in range(30)], seed=0, samples=20)["rate"]
    assert figure.interval is not None
    assert figure.interval.low == 0.0
    assert 0.2 < figure.interval.high < 0.35  # Wilson: 0 of 10 products


def test_tables_and_figures_in_words() -> None:
    assert Figure(nan).share == "-"
    assert plain({"a": Figure(inf), "b": Figure(0.12344)}) == {"a": None, "b": 0.1234}
    table = Table("Title", ("one", "two"), (("a|b", "c"),))
    assert table.markdown.splitlines() == ["**Title**", "", "| one | two |", "| --- | --- |", "| a\\|b | c |"]
