"""The seam of engines: servers that hold the vectors of a generation for several machines at once.

An engine holds collections. One collection is one lane of one generation: `g000012_siamese`. It is filled once, sealed,
and never changed afterwards; the catalog says which images were retired since and which are new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

import numpy as np

from simsearch.core.config import Config
from simsearch.core.errors import ConfigError
from simsearch.core.types import Ids, Metric
from simsearch.indexes.base import Searcher


class Collection(Searcher, Protocol):
    """The vectors of one lane of one generation in an engine.

    Thread safety: as of `VectorIndex`. Every method raises EngineError where the engine does not answer.
    """

    name: str
    kind: str
    """How it is indexed: a word of the engine's, which `VectorEngine.open` is given again."""
    effort: int
    """What a query may look at, in the engine's unit; 0 where every vector is compared."""
    dtype: np.dtype[Any]
    """Of the vectors as they are stored, and as `blocks` gives them back."""

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        """Add vectors under ids (n,). An id that is there already gets the new vector, so that it can be repeated."""
        ...

    def seal(self) -> None:
        """Nothing is added any more: index it, and come back when all of it can be searched."""
        ...

    def raise_effort(self) -> bool:
        """Double the effort; False where that is not possible."""
        ...

    def blocks(self) -> Iterator[tuple[Ids, np.ndarray[Any, Any]]]:
        """Everything that it holds, ids ascending."""
        ...

    def size(self) -> int:
        """Bytes that it takes; an estimate where the engine does not tell."""
        ...


class VectorEngine(Protocol):
    """A server of vectors. Any number of threads may use it at once, also after a fork."""

    kind: ClassVar[str]

    def kind_for(self, metric: Metric, dim: int, images: int) -> str:
        """How a lane of that size is indexed.

        Raises:
            ConfigError: the settings ask for what this engine cannot do.
        """
        ...

    def bytes_for(self, metric: Metric, dim: int, kind: str) -> float:
        """What one image takes in a collection of that kind, about."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is a collection of this name, whoever made it."""
        ...

    def create(self, name: str, metric: Metric, dim: int, kind: str) -> Collection:
        """A new, empty collection.

        Raises:
            EngineError: there is one of this name already, which must be somebody else's.
        """
        ...

    def open(self, name: str, metric: Metric, dim: int, kind: str, effort: int) -> Collection:
        """A sealed collection.

        Raises:
            GenerationError: there is none of this name, dimension and metric.
        """
        ...

    def drop(self, name: str) -> None:
        """Drop a collection; nothing happens where there is none."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


def taken(where: str, name: str) -> str:
    """The message that a collection is there before it was made."""
    return f"{where}: {name} is there already and not this catalog's; name another database in generations.url"


class Digest:
    """SHA-256 of what a collection holds: its ids and its vectors as they are stored, ids ascending."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._ids, self._vectors = hashlib.sha256(), hashlib.sha256()

    def update(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        """Go on with a block."""
        self._ids.update(np.ascontiguousarray(ids, np.int64).tobytes())
        self._vectors.update(np.ascontiguousarray(vectors, self.dtype).tobytes())

    def hexdigest(self) -> str:
        """In hex."""
        return hashlib.sha256(self._ids.digest() + self._vectors.digest()).hexdigest()


def open_engine(config: Config) -> VectorEngine:
    """The engine that `generations.engine` names; it is not asked anything yet.

    Raises:
        ConfigError: settings are missing or do not fit the engine.
    """
    settings, timeout = config.generations, config.catalog.busy_timeout_s
    if settings.engine == "milvus":
        from simsearch.indexes.milvus import Milvus

        return Milvus(settings)
    from simsearch.indexes.pgvector import PgVector

    url = settings.url or config.catalog.url
    if not url:
        raise ConfigError(
            'generations.engine = "pgvector" needs a PostgreSQL: name it in generations.url or catalog.url'
        )
    return PgVector(url, settings, timeout)
