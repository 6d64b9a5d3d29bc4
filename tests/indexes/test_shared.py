"""Generations in an engine: what one machine builds another opens, and whatever goes wrong, what served goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsearch.catalog import Catalog
from simsearch.core.config import GenerationSettings
from simsearch.core.errors import EngineError, GenerationError
from simsearch.core.types import Decision
from simsearch.indexes.engine import VectorEngine
from simsearch.indexes.milvus import Milvus
from simsearch.indexes.pgvector import PgVector
from simsearch.indexes.shared import SharedGenerations
from simsearch.testing.engines import MemoryCollection, MemoryEngine
from simsearch.testing.world import World

pytestmark = pytest.mark.xdist_group("shared")


@dataclass
class Place:
    """Where a catalog and its collections lie, for any number of homes."""

    folder: Path
    url: str
    make: Callable[[], VectorEngine]

    def home(self, name: str, *, read: bool = False) -> World:
        """A home on the catalog and the engine."""

        def shared(folder: Path, catalog: Catalog) -> SharedGenerations:
            return SharedGenerations(self.folder / name / "shared", catalog, catalog.shared, self.make())

        (self.folder / name).mkdir(exist_ok=True)
        return World(self.folder, url=self.url, generations=shared, read=read)


@pytest.fixture(
    params=[
        "memory-sqlite", "memory-postgres", "pgvector-postgres", pytest.param("milvus-sqlite", marks=pytest.mark.slow),
    ]
)  # fmt: skip
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    engine, _, catalog = request.param.partition("-")
    url = ""
    if engine == "pgvector":
        url = request.getfixturevalue("pgvector").catalog()
        yield Place(tmp_path, url, lambda: PgVector(url, GenerationSettings(), 30.0))
        return
    if catalog == "postgres":
        url = request.getfixturevalue("postgres").catalog()
    if engine == "memory":
        held = MemoryEngine()
        yield Place(tmp_path, url, lambda: held)
        return
    server = request.getfixturevalue("milvus")
    yield Place(tmp_path, url, lambda: Milvus(GenerationSettings(url=server.url)))
    engine_ = Milvus(GenerationSettings(url=server.url))
    with engine_.asked() as client:
        for name in client.list_collections():
            client.drop_collection(name)
    engine_.close()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[tuple[World, MemoryEngine]]:
    held = MemoryEngine()
    world = Place(tmp_path, "", lambda: held).home("a")
    filled(world)
    yield world, held
    world.close()


def filled(world: World) -> list[int]:
    ids = world.add("A", "0/30/0.95/120", "10/32/0.9/80")
    ids += world.add("B", "40/40/0.7/60", name="Another")
    ids += world.add("C", *(f"{90 + 13 * n}/{41 + n}/0.2/5" for n in range(20)))
    if world.reading:
        world.read({ids[0]: "Aspirin 500 mg", ids[2]: "Ibuprofen 400 mg"})
    return ids


def files_at(folder: Path) -> World:
    """A world with files."""
    folder.mkdir()
    return World(folder)


def bare(decision: Decision) -> Any:
    """What an answer says, without when and by which generation."""
    shown = [(hit.sku, round(hit.verification.probability, 9)) for hit in decision.hits]
    return decision.outcome, decision.sku, shown


def shared(world: World) -> SharedGenerations:
    assert isinstance(world.generations, SharedGenerations)
    return world.generations


def test_two_homes_answer_as_one_with_files_does(place: Place, tmp_path: Path) -> None:
    one, files = place.home("a"), files_at(tmp_path / "files")
    ids = filled(one)
    assert filled(files) == ids
    assert one.build() == files.build() == "g000001"
    other = place.home("b")
    # No two hashes are equally far from these: which of equals takes the last place is an engine's own affair.
    asked = [f"{angle}/{(34, 62, 24)[angle % 3]}/0/0" for angle in range(0, 360, 17)]
    for name in asked:
        assert bare(one.ask(name)) == bare(other.ask(name)) == bare(files.ask(name))
    for world in (one, files):  # what is not in the generation yet, and what is no longer in the catalog
        world.add("D", "200/20/0.99/200")
        world.retire(ids[1])
    assert [bare(other.ask(name)) for name in asked] == [bare(files.ask(name)) for name in asked]
    assert (one.build(), files.build()) == ("g000002", "g000002")
    assert [bare(other.ask(name)) for name in asked] == [bare(files.ask(name)) for name in asked]
    assert other.ask(asked[0]).generation == "g000002"
    assert sorted(p.name for p in shared(other).folder.iterdir()) == ["g000001", "g000002"]
    assert shared(other).manifest("g000002", full=True).engine == shared(other).engine.kind
    assert shared(one).rollback() == "g000001"
    assert other.ask(asked[0]).generation == "g000001"
    one.add("E", "300/7/0.5/50")
    for wanted in ("g000003", "g000004"):
        assert one.build() == wanted
    assert shared(one).prune(1) == ["g000001", "g000002"]
    assert other.ask(asked[0]).generation == "g000004"
    assert shared(other).names() == ["g000003", "g000004"]
    assert sorted(p.name for p in shared(other).folder.iterdir()) == ["g000004"]
    assert not shared(one).engine.has("g000002_phash")
    for world in (one, other, files):
        world.close()


def test_what_is_gone_from_the_engine_is_noticed(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    one = place.home("a")
    filled(one)
    assert [one.build(), one.build()] == ["g000001", "g000002"]
    wanted = bare(one.ask())
    shared(one).engine.drop("g000002_siamese")
    other = place.home("b")
    with caplog.at_level(logging.WARNING, "simsearch"):
        assert bare(other.ask()) == wanted
    assert other.ask().generation == "g000001"
    assert "run `simsearch rebuild`; until then generation g000001 answers" in caplog.text
    with pytest.raises(GenerationError, match="run `simsearch rebuild`"):
        shared(one).manifest("g000002")
    assert one.build() == "g000003"
    assert other.ask().generation == "g000003"
    for world in (one, other):
        world.close()


# -- what can go wrong, with an engine in memory ---------------------------------------------------------------------


class Killed(BaseException):
    """As a kill: nothing is tidied up."""


@pytest.mark.parametrize("at", ["add", "seal", "search"])
def test_what_a_killed_build_left_is_dropped_by_the_next(
    memory: tuple[World, MemoryEngine], at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, held = memory
    world.build()
    before = set(held.held)
    with monkeypatch.context() as patched:
        patched.setattr(MemoryCollection, at, lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            world.build()
    assert set(held.held) - before
    assert shared(world).names() == ["g000001"]
    assert world.ask().generation == "g000001"
    assert world.build() == "g000003"
    assert set(held.held) == before | {"g000003_siamese", "g000003_phash"}
    assert world.catalog.shared.states() == {"g000001": "built", "g000003": "built"}
    assert world.ask().generation == "g000003"


def test_a_build_that_fails_its_audit_leaves_nothing(
    memory: tuple[World, MemoryEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, held = memory
    world.build()
    before = set(held.held)
    real = MemoryCollection.ids
    monkeypatch.setattr(MemoryCollection, "ids", lambda self: real(self)[1:])
    with pytest.raises(GenerationError, match=r"audit of g000002 failed.*1 images of the catalog are missing"):
        world.build()
    monkeypatch.undo()
    assert set(held.held) == before
    assert world.catalog.shared.states() == {"g000001": "built"}
    assert sorted(p.name for p in shared(world).folder.iterdir()) == ["g000001"]
    assert world.ask().generation == "g000001"


def test_an_engine_that_is_down_is_named_and_met_again(memory: tuple[World, MemoryEngine]) -> None:
    world, held = memory
    world.build()
    wanted = bare(world.ask())
    held.down = "memory: does not answer"
    with pytest.raises(EngineError, match="memory: does not answer"):
        world.ask()
    with pytest.raises(EngineError, match="memory: does not answer"):
        world.build()
    held.down = ""
    assert bare(world.ask()) == wanted
    assert world.build() == "g000002"
    assert set(held.held) == {f"{name}_{lane}" for name in ("g000001", "g000002") for lane in ("siamese", "phash")}


def test_another_catalog_in_the_same_engine_is_left_alone(memory: tuple[World, MemoryEngine], tmp_path: Path) -> None:
    world, held = memory
    world.build()
    (tmp_path / "else").mkdir()
    other = Place(tmp_path / "else", "", lambda: held).home("a")
    filled(other)
    for _ in range(2):
        before = {name: len(found) for name, found in held.held.items()}
        with pytest.raises(EngineError, match=r"is there already and not this catalog's; name another database"):
            other.generations.build(
                _one_lane(other), name="g000001", revision=1, expected=np.array(other.ids()),
                settings=GenerationSettings(),
            )  # fmt: skip
        assert {name: len(found) for name, found in held.held.items()} == before
    other.close()


def _one_lane(world: World) -> Any:
    from simsearch.indexes.base import Lane

    method = world.methods["phash"]
    ids, vectors = world.catalog.descriptors.matrix(method.fingerprint, method.dtype, method.shape[0])
    yield Lane("phash", method.fingerprint, method.metric, method.dim), ids, vectors


@pytest.mark.parametrize("change", ["row", "missing"])
def test_a_collection_that_holds_something_else_does_not_serve(memory: tuple[World, MemoryEngine], change: str) -> None:
    world, held = memory
    name = world.build()
    rows = held.held[f"{name}_siamese"].rows
    if change == "row":
        rows[min(rows)] = -rows[min(rows)]
        shared(world).manifest(name)
        with pytest.raises(GenerationError, match=r"g000001_siamese: does not hold what was written"):
            shared(world).manifest(name, full=True)
    else:
        del rows[min(rows)]
        with pytest.raises(GenerationError, match=r"g000001_siamese: holds 22 images of 23"):
            shared(world).manifest(name)


def test_files_reach_the_other_home_and_a_damaged_copy_is_fetched_again(tmp_path: Path) -> None:
    held = MemoryEngine()
    place = Place(tmp_path, "", lambda: held)
    world, other = place.home("a", read=True), place.home("b", read=True)
    filled(world)
    name = world.build()
    assert world.reading is not None
    wanted = {lane: world.methods[lane].fingerprint for lane in ("siamese", "phash")}
    found = [w.generations.open(wanted, None, world.reading.fingerprint) for w in (world, other)]
    assert [sorted(g.texts) for g in found if g] == [["text", "words"]] * 2
    [ours, theirs] = [
        {path.name: path.read_bytes() for path in (shared(w).folder / name).iterdir()} for w in (world, other)
    ]
    assert ours == theirs
    assert len(ours) == 4
    for file in sorted(set(ours) - {"manifest.json"}):
        path = shared(other).folder / name / file
        path.write_bytes(ours[file][:-1] + bytes([ours[file][-1] ^ 1]))
        shared(other).manifest(name, full=True)
        assert path.read_bytes() == ours[file]
        path.unlink()
        shared(other).manifest(name)
        assert path.read_bytes() == ours[file]
    assert sorted(p.name for p in shared(other).folder.iterdir()) == [name]
    for home in (world, other):
        home.close()


def test_a_generation_of_another_engine_is_not_opened(memory: tuple[World, MemoryEngine], tmp_path: Path) -> None:
    world, _ = memory
    name = world.build()

    class Other(MemoryEngine):
        kind = "another"

    other = Place(tmp_path, "", Other).home("b")
    with pytest.raises(GenerationError, match=rf"generation {name} lies in memory, generations.engine is another"):
        other.ask()
    other.close()
