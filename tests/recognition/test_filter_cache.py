"""Filters: each question gets its own, and on a catalog of pictures every lane stays inside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simsearch import open_app
from simsearch.core.errors import UsageError
from simsearch.core.types import Decision, Outcome
from simsearch.recognition import filter_cache, product_filter
from simsearch.recognition.product_filter import Condition, parse
from simsearch.testing.world import World, photo

if TYPE_CHECKING:
    from simsearch.app import App
    from tests.conftest import Kit, Shop


def asked(app: App, photo: Path, *where: str) -> Decision:
    [answer] = app.query([photo], k=50, where=where, record=False)
    assert isinstance(answer, Decision)
    return answer


@pytest.mark.parametrize("own", [0, 2000])
def test_every_lane_stays_inside_the_filter(
    indexed: Path, kit: Kit, shop: Shop, monkeypatch: pytest.MonkeyPatch, own: int
) -> None:
    """Whether the keypoints vote in the index that serves or in one of their own."""
    monkeypatch.setattr("simsearch.recognition.snapshot.OWN_VOTES", own)
    product, other = shop.single[:2]
    photo = shop.photo(product.sku)
    with open_app(indexed, kit.config) as app:
        everything = asked(app, photo)
        inside = asked(app, photo, f"sku={product.sku.lower()}")
        outside = asked(app, photo, f"sku!={product.sku}")
        two = asked(app, photo, f"sku!={other.sku}", "name~a")
        none = asked(app, photo, "form=no such form")
    assert (inside.outcome, inside.sku, inside.generation) == (Outcome.MATCH, product.sku, "g000001")
    assert {h.sku for h in inside.hits} == {product.sku}
    found, known = inside.hits[0].verification, everything.hits[0].verification
    assert found.inliers == known.inliers
    assert found.probability == pytest.approx(known.probability)
    assert inside.hits[0].ranks["votes"] == 1
    assert outside.outcome is not Outcome.MATCH or outside.sku != product.sku
    assert product.sku not in {h.sku for h in outside.hits}
    assert len(outside.hits) > 5
    votes = next(lane for lane in outside.lanes if lane.name == "votes")
    assert votes.found > 0
    assert other.sku not in {h.sku for h in two.hits}
    assert all("a" in h.name.lower() for h in two.hits)
    assert (none.outcome, none.hits, none.reason) == (Outcome.UNKNOWN, (), "no photo of the catalog passes the filter")


# -- several threads -------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.add("pill", "0/0/0.95/30", form="tablet")
    made.add("juice", "1/1/0.95/30", form="syrup")
    yield made
    made.close()


def answered(world: World, form: str) -> list[str]:
    [decision] = world.engine.answer([photo()], where=parse([f"form={form}"]))
    return [hit.sku for hit in decision.hits]


def test_a_filter_asked_meanwhile_does_not_answer_this_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread asks for tablets; while its part is read, another one asks for syrups and has its answer."""
    real, reading, go_on = product_filter.matching, threading.Event(), threading.Event()

    def slow(catalog: Any, where: tuple[Condition, ...]) -> Any:
        if where[0].value == "tablet":
            reading.set()
            assert go_on.wait(10)
        return real(catalog, where)

    monkeypatch.setattr(filter_cache, "matching", slow)
    with ThreadPoolExecutor(1) as pool:
        tablets = pool.submit(answered, world, "tablet")
        assert reading.wait(10)
        assert answered(world, "syrup") == ["juice"]
        go_on.set()
        assert tablets.result(10) == ["pill"]


def test_a_part_is_read_once_for_all_threads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = product_filter.matching

    def noting(catalog: Any, where: tuple[Condition, ...]) -> Any:
        asked.append(where[0].value)
        return real(catalog, where)

    monkeypatch.setattr(filter_cache, "matching", noting)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: answered(world, ("tablet", "syrup")[n % 2]), range(40)))
    assert found == [["pill"], ["juice"]] * 20
    assert sorted(asked) == ["syrup", "tablet"]
    world.add("powder", "2/2/0.95/30", form="powder")
    assert answered(world, "tablet") == ["pill"]
    assert len(asked) == 3  # the catalog changed


def test_the_least_recently_asked_filter_is_let_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_cache, "_KEPT", 2)
    for form in ("tablet", "syrup", "tablet", "other"):
        answered(world, form)
    assert kept(world) == ["tablet", "other"]


def test_parts_of_an_earlier_catalog_are_let_go(world: World) -> None:
    for form in ("tablet", "syrup"):
        answered(world, form)
    world.add("powder", "2/2/0.95/30", form="powder")
    answered(world, "powder")
    assert kept(world) == ["powder"]


def kept(world: World) -> list[str]:
    return [key[0][0].value for key in world.engine._filters._made]


def test_a_filter_that_fails_is_not_kept(world: World) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match="colour"):
            world.engine.answer([photo()], where=parse(["colour=red"]))
    assert not world.engine._filters._made
