"""Vectors in PostgreSQL with the extension pgvector: a table for each lane of a generation.

Up to `EXACT_IMAGES` every vector is compared; above, a graph (Malkov
and Yashunin, "Efficient and robust approximate nearest neighbor search using HNSW graphs", 2018) is walked.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ClassVar, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url

from simsearch.catalog import postgres
from simsearch.core.config import GenerationSettings
from simsearch.core.errors import ConfigError, EngineError, GenerationError
from simsearch.core.types import Metric
from simsearch.indexes.choice import FLOAT32_IMAGES
from simsearch.indexes.engine import taken
from simsearch.indexes.pgvector_table import SCHEMA, PgBits, PgFloats, table_of
from simsearch.indexes.stored_file import REPAIR

T = TypeVar("T")

EXACT_IMAGES = 5_000
"""Up to here every vector is compared. 20,000 of 256 dimensions took 7 ms that way and 1 ms by a graph."""
EXACT_HASHES = 50_000
"""Up to here every hash is compared: 2 ms for 20,000 of 64 bits."""
_POOL = 32
_WIDEST = {"vector": 2000, "halfvec": 4000}
"""Dimensions that a graph of pgvector takes."""


class PgVector:
    """The engine."""

    kind: ClassVar[str] = "pgvector"

    def __init__(self, url: str, settings: GenerationSettings, timeout_s: float) -> None:
        """Nothing is connected to yet.

        Raises:
            ConfigError: `url` names no PostgreSQL.
        """
        try:
            self.url = make_url(url)
            if self.url.get_backend_name() != "postgresql":
                raise ConfigError('generations.url: names no PostgreSQL, as generations.engine = "pgvector" needs')
            self.engine = postgres.engine(self.url, timeout_s, pool_size=_POOL, max_overflow=0, pool_timeout=timeout_s)
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
            raise ConfigError(f"generations.url: names no database that can be used here ({error})") from None
        self.settings, self._process = settings, os.getpid()
        if settings.storage == "int8" or settings.factory:
            raise ConfigError(
                'generations.engine = "pgvector" knows the storage float32, float16 and auto, and no factory'
            )

    def kind_for(self, metric: Metric, dim: int, images: int) -> str:
        """As `VectorEngine.kind_for`."""
        if metric == "hamming":
            return "bit" if images <= EXACT_HASHES else "bit hnsw"
        by_size = "float32" if images <= FLOAT32_IMAGES else "float16"
        stored = "vector" if (self.settings.storage.replace("auto", by_size)) == "float32" else "halfvec"
        return stored if images <= EXACT_IMAGES or dim > _WIDEST[stored] else f"{stored} hnsw"

    def bytes_for(self, metric: Metric, dim: int, kind: str) -> float:
        """As `VectorEngine.bytes_for`: a row of 36 bytes and its key, the vector, and in a graph both again."""
        width = dim / 8 if metric == "hamming" else dim * (4 if kind.startswith("vector") else 2)
        return 60 + width + (width + 160 if kind.endswith("hnsw") else 0)

    def has(self, name: str) -> bool:
        """As `VectorEngine.has`."""
        return self.run(lambda c: c.exec_driver_sql("SELECT to_regclass(%s)", (table_of(name),)).scalar()) is not None

    def create(self, name: str, metric: Metric, dim: int, kind: str) -> PgFloats | PgBits:
        """As `VectorEngine.create`."""
        made = self._collection(name, metric, dim, kind, 0)
        self.run(self._prepare)
        if self.has(name):
            raise EngineError(taken(self.where(), name))

        def make(c: Connection) -> None:
            c.exec_driver_sql(f"CREATE TABLE {made.table} (image_id bigint PRIMARY KEY, v {made.type}({dim}) NOT NULL)")
            if made.type != "bit":
                c.exec_driver_sql(f"ALTER TABLE {made.table} ALTER v SET STORAGE PLAIN")  # beside its id, not in TOAST

        self.run(make)
        return made

    def open(self, name: str, metric: Metric, dim: int, kind: str, effort: int) -> PgFloats | PgBits:
        """As `VectorEngine.open`."""
        found = self._collection(name, metric, dim, kind, effort)
        held = self.run(lambda c: c.exec_driver_sql(_TYPE, (found.table,)).scalar())
        if held != f"{found.type}({dim})":
            raise GenerationError(
                f"{self.where()}: {found.table} holds {held or 'nothing'}, not {found.type}({dim}); {REPAIR}"
            )
        found.count()
        return found

    def drop(self, name: str) -> None:
        """As `VectorEngine.drop`."""
        self.run(lambda c: c.exec_driver_sql(f"DROP TABLE IF EXISTS {table_of(name)}"))

    def close(self) -> None:
        """As `VectorEngine.close`."""
        self.engine.dispose()

    def where(self) -> str:
        """The database as messages name it, without its password."""
        return self.url.render_as_string()

    def run(self, work: Callable[[Connection], T]) -> T:
        """`work` in a transaction. It is done again where the connection was lost: it must bear that.

        Raises:
            EngineError: the server does not answer, or refuses.
        """
        if os.getpid() != self._process:  # forked: the connections are the parent's
            self._process = os.getpid()
            self.engine.dispose(close=False)
        for again in (True, False):
            try:
                with self.engine.begin() as connection:
                    return work(connection)
            except sa.exc.TimeoutError as error:
                raise EngineError(
                    f"{self.where()}: all connections were in use for too long; ask less at once"
                ) from error
            except sa.exc.DBAPIError as error:
                if again and error.connection_invalidated:
                    continue
                raise EngineError(f"{self.where()}: {postgres.complaint(error)}") from error
        raise AssertionError("the second time raises")

    def _prepare(self, c: Connection) -> None:
        if c.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'vector'").scalar() is None:
            if c.exec_driver_sql("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'").scalar() is None:
                raise EngineError(
                    f"{self.where()}: has no extension pgvector; install it on the server, or choose another "
                    "generations.engine"
                )
            c.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS vector")
        c.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")

    def _collection(self, name: str, metric: Metric, dim: int, kind: str, effort: int) -> PgFloats | PgBits:
        return (PgBits if metric == "hamming" else PgFloats)(self, name, dim, kind, effort)


_TYPE = "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'v'"
