"""Retrieval figures, against values worked out by hand and against plain loops."""

from __future__ import annotations

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsearch.evaluation.ranking import list_ranks, product_ranks, retrieval_figures


def test_a_product_counts_by_its_best_image() -> None:
    similarity = [[0.5, 0.9, 0.8, 0.7]]
    gallery = ["a", "b", "b", "a"]
    assert product_ranks(similarity, ["b"], gallery).tolist() == [1]
    # Two images of b stand before the best of a, but they are one product.
    assert product_ranks(similarity, ["a"], gallery).tolist() == [2]


def test_ties_are_ranked_worst_case() -> None:
    assert product_ranks([[0.5, 0.5, 0.5]], ["b"], ["a", "b", "c"]).tolist() == [3]
    assert product_ranks([[-inf, -inf]], ["a"], ["a", "b"]).tolist() == [2]
    # Equal images of the right product itself do no harm.
    assert product_ranks([[0.5, 0.5, 0.1]], ["a"], ["a", "a", "c"]).tolist() == [1]


def test_skipped_entries_are_as_if_not_there() -> None:
    similarity = [[0.9, 0.8, 0.7], [0.9, 0.8, 0.7]]
    skip = [[True, False, False], [False, True, False]]
    assert product_ranks(similarity, ["b", "c"], ["a", "b", "c"], skip).tolist() == [1, 2]


def test_missing_and_unscorable_products() -> None:
    assert product_ranks([[0.9]], ["z"], ["a"]).tolist() == [inf]
    ranks = product_ranks([[0.9, 0.8]], ["a"], ["a", "b"], [[True, False]])
    assert isnan(ranks[0])
    figures = retrieval_figures([1, 2, inf, nan], ks=(1, 2, 10))
    assert figures.queries == 3
    assert figures.recall == {1: pytest.approx(1 / 3), 2: pytest.approx(2 / 3), 10: pytest.approx(2 / 3)}
    assert figures.mean_reciprocal_rank == pytest.approx(0.5)
    nothing = retrieval_figures([nan], ks=(1,))
    assert nothing.queries == 0
    assert isnan(nothing.recall[1])
    assert isnan(nothing.mean_reciprocal_rank)


def test_ranks_of_lists() -> None:
    ranked = [["a", "b", "a", "c"], ["a", "b"], ["a", "b", "c"], ["a"]]
    skip: list[set[str]] = [set(), set(), {"a"}, {"b"}]
    ranks = list_ranks(ranked, ["c", "z", "c", "b"], skip)
    assert ranks[:3].tolist() == [3, inf, 2]
    assert isnan(ranks[3])
    assert list_ranks(ranked[:1], ["b"]).tolist() == [2]
    with pytest.raises(ValueError, match="as many"):
        list_ranks(ranked, ["a"])


def test_other_shapes_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="fit"):
        product_ranks([[0.5]], ["a", "b"], ["a"])
    with pytest.raises(ValueError, match="fit"):
        product_ranks(np.zeros((1, 0)), ["a"], [])
    with pytest.raises(ValueError, match="nan"):
        product_ranks([[nan]], ["a"], ["a"])


@st.composite
def galleries(draw: st.DrawFn) -> tuple[list[list[int]], list[int], list[int], list[list[bool]]]:
    q, g = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    rows = st.lists(st.lists(st.integers(0, 4), min_size=g, max_size=g), min_size=q, max_size=q)
    masks = st.lists(st.lists(st.booleans(), min_size=g, max_size=g), min_size=q, max_size=q)
    queries = st.lists(st.integers(0, 4), min_size=q, max_size=q)
    return draw(rows), draw(queries), draw(st.lists(st.integers(0, 3), min_size=g, max_size=g)), draw(masks)


@settings(deadline=None)
@given(galleries())
def test_product_ranks_agree_with_a_plain_loop(
    case: tuple[list[list[int]], list[int], list[int], list[list[bool]]],
) -> None:
    similarity, queries, gallery, skip = case
    for row, wanted, left_out, rank in zip(similarity, queries, skip, product_ranks(*case), strict=True):
        best: dict[int, int] = {}
        for value, product, out in zip(row, gallery, left_out, strict=True):
            if not out:
                best[product] = max(best.get(product, value), value)
        if wanted not in gallery:
            assert rank == inf
        elif wanted not in best:
            assert isnan(rank)
        else:
            assert rank == 1 + sum(v >= best[wanted] for p, v in best.items() if p != wanted)


@settings(deadline=None)
@given(galleries())
def test_ranks_do_not_change_under_a_monotone_map(
    case: tuple[list[list[int]], list[int], list[int], list[list[bool]]],
) -> None:
    similarity, queries, gallery, skip = case
    moved = np.tanh(np.array(similarity) / 2) - 3
    assert np.array_equal(product_ranks(similarity, queries, gallery, skip),
                          product_ranks(moved, queries, gallery, skip), equal_nan=True)  # fmt: skip
