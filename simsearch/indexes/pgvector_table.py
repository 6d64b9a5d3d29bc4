"""A lane of a generation as a table of PostgreSQL with pgvector.

Rows travel by binary COPY (PostgreSQL's manual, 55.2.7), whose fields pgvector's own types read in network order. So no
Python package beyond psycopg is needed, and what was sent is what is stored, to the bit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.core.types import Ids, Metric

T = TypeVar("T")

SCHEMA = "simsearch_indexes"
_EFFORT, _MOST_EFFORT = 64, 1000
"""hnsw.ef_search at first, and pgvector's own limit: a graph returns no more rows than that."""
_AT_ONCE = 4096
"""Rows that are read at once."""
_NAME = re.compile(r"[a-z0-9_]{1,55}")
_COPY_HEAD, _COPY_TAIL = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_BINARY = {"vector": ">f4", "halfvec": ">f2"}


class Runner(Protocol):
    """What runs transactions."""

    def run(self, work: Callable[[Connection], T]) -> T:
        """See `PgVector.run`."""
        ...


class PgCollection:
    """A table."""

    metric: ClassVar[Metric]
    operator: ClassVar[str]
    """Of the distance."""
    dtype: np.dtype[Any]

    def __init__(self, engine: Runner, name: str, dim: int, kind: str, effort: int) -> None:
        self.engine, self.name, self.dim, self.kind, self.effort = engine, name, dim, kind, effort
        self.table = table_of(name)
        self.type, _, self.index = kind.partition(" ")
        self._held: int | None = None

    def __len__(self) -> int:
        return self.count() if self._held is None else self._held

    def count(self) -> int:
        """The rows, counted anew."""
        query = f"SELECT count(*) FROM {self.table}"
        self._held = int(self.engine.run(lambda c: c.exec_driver_sql(query).scalar()) or 0)
        return self._held

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        """As `Collection.add`: copied beside the table first, so that a row that is there is replaced."""
        content = _COPY_HEAD + self._rows(ids, vectors).tobytes() + _COPY_TAIL

        def fill(c: Connection) -> None:
            c.exec_driver_sql(f"CREATE TEMPORARY TABLE arriving (LIKE {self.table}) ON COMMIT DROP")
            cursor = c.connection.cursor()
            with cursor.copy("COPY arriving FROM STDIN (FORMAT binary)") as copy:
                copy.write(content)
            c.exec_driver_sql(
                f"INSERT INTO {self.table} SELECT * FROM arriving ON CONFLICT (image_id) DO UPDATE SET v = excluded.v"
            )

        self.engine.run(fill)
        self._held = None

    def seal(self) -> None:
        """As `Collection.seal`."""
        if self.index:
            operators = f"{self.type}_{'hamming' if self.metric == 'hamming' else 'ip'}_ops"
            made = f"CREATE INDEX ON {self.table} USING hnsw (v {operators}) WITH (m = 16, ef_construction = 128)"
            self.engine.run(lambda c: c.exec_driver_sql(made))
            self.effort = _EFFORT
        self.engine.run(lambda c: c.exec_driver_sql(f"ANALYZE {self.table}"))
        self.count()

    def raise_effort(self) -> bool:
        """As `Collection.raise_effort`."""
        if not self.effort or self.effort >= _MOST_EFFORT:
            return False
        self.effort = min(_MOST_EFFORT, 2 * self.effort)
        return True

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        """As `Searcher.search`. More rows than a graph returns are found by comparing all."""
        ids = np.full((len(vectors), k), -1, np.int64)
        similarities = np.full((len(vectors), k), -np.inf, np.float32)
        distance = f"v {self.operator} CAST(:q AS {self.type}({self.dim}))"
        query = sa.text(f"SELECT image_id, {distance} AS d FROM {self.table} ORDER BY d LIMIT :k")

        def ask(c: Connection) -> list[list[Any]]:
            if self.index:
                walks = max(self.effort, k) <= _MOST_EFFORT
                c.exec_driver_sql(f"SET LOCAL hnsw.ef_search = {min(_MOST_EFFORT, max(self.effort, k, 1))}")
                c.exec_driver_sql(f"SET LOCAL {'enable_seqscan' if walks else 'enable_indexscan'} = off")
            return [list(c.execute(query, {"q": self._spelt(vector), "k": k})) for vector in vectors]

        for row, found in enumerate(self.engine.run(ask)):
            if found:
                ids[row, : len(found)] = [i for i, _ in found]
                similarities[row, : len(found)] = self._similar(np.array([d for _, d in found], np.float64))
        return ids, similarities

    def ids(self) -> Ids:
        """As `Searcher.ids`."""
        found = self.engine.run(
            lambda c: c.exec_driver_sql(f"SELECT image_id FROM {self.table} ORDER BY image_id").scalars().all()
        )
        return np.array(found, np.int64)

    def blocks(self) -> Iterator[tuple[Ids, np.ndarray[Any, Any]]]:
        """As `Collection.blocks`."""
        query = (
            f"SELECT image_id, {self._sent} FROM {self.table} WHERE image_id > %s ORDER BY image_id LIMIT {_AT_ONCE}"
        )
        last = -1
        while part := self.engine.run(partial(_rows_after, query, last)):
            last = int(part[-1][0])
            yield np.array([i for i, _ in part], np.int64), np.stack([self._read(bytes(data)) for _, data in part])

    def size(self) -> int:
        """As `Collection.size`: the table with its index, in bytes."""
        asked = "SELECT pg_total_relation_size(%s::regclass)"
        return int(self.engine.run(lambda c: c.exec_driver_sql(asked, (self.table,)).scalar()) or 0)

    # -- of either metric --------------------------------------------------------------------------------------------

    _sent: str
    """SQL of a vector in its binary form."""

    def _rows(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def _spelt(self, vector: np.ndarray[Any, Any]) -> str:
        raise NotImplementedError

    def _similar(self, distances: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def _read(self, data: bytes) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def _filled(self, ids: Ids, head: list[tuple[str, Any]], width: int, value: str) -> np.ndarray[Any, Any]:
        """Rows of binary COPY with their ids: two fields, each after its length; `head` begins the second."""
        before = [("fields", ">i2"), ("id_bytes", ">i4"), ("id", ">i8"), ("bytes", ">i4"), *head]
        row = np.dtype([*before, ("v", value, (width,))])
        rows = np.zeros(len(ids), row)
        rows["fields"], rows["id_bytes"], rows["id"] = 2, 8, ids
        rows["bytes"] = row.itemsize - np.dtype(before[:4]).itemsize
        return rows


class PgFloats(PgCollection):
    """Embeddings: `vector` or `halfvec`, by negative inner product."""

    metric: ClassVar[Metric] = "cosine"
    operator: ClassVar[str] = "<#>"

    def __init__(self, engine: Runner, name: str, dim: int, kind: str, effort: int) -> None:
        super().__init__(engine, name, dim, kind, effort)
        self.dtype = np.dtype(np.float32 if self.type == "vector" else np.float16)
        self._sent = f"{self.type}_send(v)"

    def _rows(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        rows = self._filled(ids, [("dim", ">i2"), ("unused", ">i2")], self.dim, _BINARY[self.type])
        rows["dim"], rows["v"] = self.dim, vectors
        return rows

    def _spelt(self, vector: np.ndarray[Any, Any]) -> str:
        return "[" + ",".join(f"{x:.9g}" for x in np.asarray(vector, np.float32).tolist()) + "]"

    def _similar(self, distances: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return -distances

    def _read(self, data: bytes) -> np.ndarray[Any, Any]:
        return np.frombuffer(data, _BINARY[self.type], offset=4).astype(self.dtype)


class PgBits(PgCollection):
    """Hashes: `bit`, by the number of differing bits."""

    metric: ClassVar[Metric] = "hamming"
    operator: ClassVar[str] = "<~>"
    dtype = np.dtype(np.uint8)
    _sent = "bit_send(v)"

    def _rows(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        rows = self._filled(ids, [("bits", ">i4")], self.dim // 8, "u1")
        rows["bits"], rows["v"] = self.dim, vectors
        return rows

    def _spelt(self, vector: np.ndarray[Any, Any]) -> str:
        return "".join(np.unpackbits(np.asarray(vector, np.uint8)).astype(str).tolist())

    def _similar(self, distances: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return 1.0 - distances / self.dim

    def _read(self, data: bytes) -> np.ndarray[Any, Any]:
        return np.frombuffer(data, np.uint8, offset=4)


def _rows_after(query: str, last: int, c: Connection) -> Sequence[Any]:
    return c.exec_driver_sql(query, (last,)).all()


def table_of(name: str) -> str:
    """The table of a collection, with its schema."""
    assert _NAME.fullmatch(name), name
    return f"{SCHEMA}.{name}"
