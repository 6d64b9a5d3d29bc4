"""Asking the queries of a protocol: the same answers as `query`, and nothing dropped unseen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch import open_app
from simsearch.catalog.images import ImageFacts, Images
from simsearch.core.types import Decision, Outcome, silent
from simsearch.evaluation.ask import ask
from simsearch.evaluation.protocol import read_protocol

if TYPE_CHECKING:
    from tests.conftest import Kit


def test_answers_agree_with_what_query_says(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    protocol = read_protocol(manifest)
    with open_app(tmp_path / "home", kit.config) as app:
        asked, refusals = ask(app, protocol, silent)
        answers = app.query([q.path for q in protocol.queries], k=1000, record=False)
    assert refusals == []
    assert [a.path for a in asked] == [q.path for q in protocol.queries]
    for mine, answer in zip(asked, answers, strict=True):
        assert isinstance(answer, Decision)
        skus = [h.sku for h in answer.hits]
        assert mine.first == (skus[0] if skus else "")
        # One photo alone and several at once round differently.
        assert mine.probability == pytest.approx(answer.probability, rel=1e-4)
        assert mine.outcome is answer.outcome
        assert mine.rank == (skus.index(mine.sku) + 1 if mine.sku in skus else float("inf"))
        assert mine.named_right == (answer.sku == mine.sku)
        assert mine.known == any(r.sku == mine.sku for r in protocol.references)
        assert (mine.embedding_rank == float("inf")) == (not mine.known)
    assert any(a.outcome is Outcome.MATCH for a in asked)


def test_a_photo_that_cannot_be_read_is_left_out_and_told(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    lines = manifest.read_text(encoding="utf-8").splitlines()
    sku = lines[1].split(",")[0]
    (manifest.parent / "broken.jpg").write_bytes(b"no picture")
    table = manifest.with_name("broken.csv")
    rest = ["," * (lines[0].count(",") - 2)] * 2
    more = [f"{sku},broken.jpg,query{rest[0]}", f"{sku},gone.jpg,reference{rest[1]}"]
    table.write_text("\n".join([*lines[:4], *more]) + "\n", encoding="utf-8")
    with open_app(tmp_path / "home", kit.config) as app:
        asked, refusals = ask(app, read_protocol(table), silent)
    assert len(asked) == 2
    assert {(Path(r.where).name, r.code) for r in refusals} == {("gone.jpg", "missing"), ("broken.jpg", "not_an_image")}


def test_an_image_that_is_retired_while_it_runs_is_left_out_and_told(
    manifest: Path, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Images.facts

    def one_less(images: Images, ids: Iterable[int]) -> dict[int, ImageFacts]:
        found = facts(images, ids)
        return {i: f for i, f in found.items() if i != min(found)} if len(found) == 9 else found

    monkeypatch.setattr(Images, "facts", one_less)
    with open_app(tmp_path / "home", kit.config) as app:
        asked, refusals = ask(app, read_protocol(manifest), silent)
    assert len(asked) == 24
    assert [r.code for r in refusals] == ["retired"]
