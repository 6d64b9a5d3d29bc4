"""What every collection of an engine promises: the same as an index in a file, and what filling and opening it need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import ConfigError, EngineError, GenerationError
from simsearch.core.types import Metric
from simsearch.indexes.engine import Collection, Digest, VectorEngine
from simsearch.indexes.milvus import Milvus
from simsearch.indexes.pgvector import PgVector
from simsearch.testing.engines import MemoryEngine
from simsearch.testing.indexes import DIM, SearcherContract, ids_of, vectors
from tests import milvus as milvus_servers
from tests.postgres import Server

pytestmark = pytest.mark.xdist_group("engines")

_NUMBER = count(1)
KINDS = [
    pytest.param(("memory", "cosine", ""), id="memory-cosine"),
    pytest.param(("memory", "hamming", ""), id="memory-hamming"),
    pytest.param(("pgvector", "cosine", "vector"), id="pgvector-vector"),
    pytest.param(("pgvector", "cosine", "vector hnsw"), id="pgvector-vector-hnsw"),
    pytest.param(("pgvector", "hamming", "bit"), id="pgvector-bit"),
    pytest.param(("milvus", "cosine", "FLAT"), id="milvus-flat", marks=pytest.mark.slow),
    pytest.param(("milvus", "hamming", "BIN_FLAT"), id="milvus-bin-flat", marks=pytest.mark.slow),
]


class Maker:
    """Makes empty collections of one kind, and drops them."""

    def __init__(self, engine: VectorEngine, metric: Metric, kind: str) -> None:
        self.engine, self.metric, self.kind = engine, metric, kind
        self.made: list[str] = []

    def __call__(self, dim: int) -> Collection:
        self.made.append(f"g{next(_NUMBER):06d}_test")
        return self.engine.create(self.made[-1], self.metric, dim, self.kind)


@pytest.fixture(scope="module")
def pg(pgvector: Server) -> Iterator[PgVector]:
    engine = PgVector(pgvector.database(), GenerationSettings(), 30.0)
    yield engine
    engine.close()


@pytest.fixture
def engine_of(request: pytest.FixtureRequest) -> Iterator[Callable[[str], VectorEngine]]:
    made: list[VectorEngine] = []

    def make(name: str) -> VectorEngine:
        if name == "pgvector":
            engine: VectorEngine = request.getfixturevalue("pg")
            return engine
        if name == "milvus":
            server: milvus_servers.Server = request.getfixturevalue("milvus")
            made.append(Milvus(GenerationSettings(url=server.url)))
            return made[-1]
        return MemoryEngine()

    yield make
    for engine in made:
        engine.close()


@pytest.fixture(params=KINDS)
def cls(request: pytest.FixtureRequest, engine_of: Callable[[str], VectorEngine]) -> Iterator[Maker]:
    name, metric, kind = request.param
    maker = Maker(engine_of(name), metric, kind)
    yield maker
    for made in maker.made:
        maker.engine.drop(made)


class TestEachCollection(SearcherContract):
    def opened_again(self, index: Any, folder: Path) -> Any:
        index.seal()
        engine = self.engine
        return engine.open(index.name, index.metric, index.dim, index.kind, index.effort)

    @pytest.fixture(autouse=True)
    def _take(self, cls: Maker) -> None:
        self.engine = cls.engine

    def test_a_vector_can_be_added_again(self, cls: Maker) -> None:
        index, stored = cls(DIM), vectors(cls, 20)  # type: ignore[arg-type]
        index.add(ids_of(20), stored[::-1])
        index.add(ids_of(20)[:15], stored[:15])
        index.add(ids_of(20), stored)
        assert index.ids().tolist() == ids_of(20).tolist()
        assert index.search(stored, 1)[0][:, 0].tolist() == ids_of(20).tolist()

    def test_gives_back_what_it_was_given(self, cls: Maker, tmp_path: Path) -> None:
        index, stored, ids = cls(DIM), vectors(cls, 70), ids_of(70)  # type: ignore[arg-type]
        index.add(ids[::-1], stored[::-1])
        again = self.opened_again(index, tmp_path)
        sent, held = Digest(index.dtype), Digest(again.dtype)
        sent.update(ids, stored)
        for part, vectors_ in again.blocks():
            held.update(part, vectors_)
        assert held.hexdigest() == sent.hexdigest()
        assert again.size() > 0

    def test_takes_no_name_that_is_taken(self, cls: Maker) -> None:
        made = cls(DIM)
        with pytest.raises(EngineError, match=r"is there already and not this catalog's"):
            cls.engine.create(made.name, cls.metric, DIM, cls.kind)

    def test_opens_nothing_else(self, cls: Maker, tmp_path: Path) -> None:
        made = cls(DIM)
        made.seal()
        for name, dim in ((made.name, DIM * 2), ("g999999_test", DIM)):
            with pytest.raises(GenerationError, match=r"run `simsearch rebuild`"):
                cls.engine.open(name, cls.metric, dim, cls.kind, 0)
        cls.engine.drop(made.name)
        cls.engine.drop(made.name)
        with pytest.raises(GenerationError, match=r"run `simsearch rebuild`"):
            cls.engine.open(made.name, cls.metric, DIM, cls.kind, 0)


def test_float16_is_what_is_stored(pg: PgVector) -> None:
    halves = PgVector(pg.url.render_as_string(hide_password=False), GenerationSettings(storage="float16"), 30.0)
    assert halves.kind_for("cosine", DIM, 10) == "halfvec"
    index = pg.create("g900001_half", "cosine", DIM, "halfvec")
    random = np.random.default_rng(0).normal(size=(30, DIM)).astype(np.float32)
    index.add(ids_of(30), random)
    [(ids, found)] = index.blocks()
    assert ids.tolist() == ids_of(30).tolist()
    assert np.array_equal(found, random.astype(np.float16))
    pg.drop("g900001_half")


def test_a_graph_returns_more_than_its_limit(pg: PgVector) -> None:
    index = pg.create("g900002_many", "cosine", 8, "vector hnsw")
    stored = np.random.default_rng(0).normal(size=(1500, 8)).astype(np.float32)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    index.add(np.arange(1500), stored)
    index.seal()
    for k in (50, 1000, 1400):
        found, similarities = index.search(stored[:1], k)
        assert (found >= 0).all()
        assert len({*found[0].tolist()}) == k
        assert (np.diff(similarities[0]) <= 0).all()
    efforts = [index.effort]
    while index.raise_effort():
        efforts.append(index.effort)
    assert efforts == [64, 128, 256, 512, 1000]
    pg.drop("g900002_many")


@pytest.mark.parametrize(
    ("engine", "images", "floats", "bits"),
    [
        ("pgvector", 100, "vector", "bit"), ("pgvector", 10_000, "vector hnsw", "bit"),
        ("pgvector", 10**6, "halfvec hnsw", "bit hnsw"), ("milvus", 100, "FLAT", "BIN_FLAT"),
        ("milvus", 10**7, "HNSW", "BIN_IVF_FLAT"),
    ],
)  # fmt: skip
def test_the_kind_follows_from_the_size(engine: str, images: int, floats: str, bits: str) -> None:
    made: VectorEngine
    if engine == "pgvector":
        pytest.importorskip("psycopg")
        made = PgVector("postgresql+psycopg://localhost/x", GenerationSettings(), 1.0)
    else:
        made = Milvus(GenerationSettings(url="http://localhost:1"))
    assert (made.kind_for("cosine", 256, images), made.kind_for("hamming", 64, images)) == (floats, bits)


def test_settings_that_an_engine_cannot_do_are_named() -> None:
    with pytest.raises(ConfigError, match=r"generations\.url: names no PostgreSQL"):
        PgVector("sqlite:///x.db", GenerationSettings(), 1.0)
    with pytest.raises(ConfigError, match=r"float32, float16 and auto"):
        PgVector("postgresql+psycopg://localhost/x", GenerationSettings(storage="int8"), 1.0)
    with pytest.raises(ConfigError, match=r"needs generations\.url"):
        Milvus(GenerationSettings())
    with pytest.raises(ConfigError, match=r"float32 and auto"):
        Milvus(GenerationSettings(url="http://localhost:1", storage="float16"))


def test_a_server_that_is_not_there_is_named() -> None:
    pytest.importorskip("psycopg")
    gone = PgVector("postgresql+psycopg://simsearch@127.0.0.1:1/x", GenerationSettings(), 1.0)
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:1/x: cannot be opened"):
        gone.open("g000001_test", "cosine", DIM, "vector", 0)
