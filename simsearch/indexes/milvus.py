"""Vectors in Milvus: a collection for each lane of a generation.

Run against Milvus 2.3.5 by pymilvus 3; only calls that every later Milvus has are used. A collection there has one
vector field. Searches are "Bounded": a sealed collection never changes, and the catalog leaves out what was retired.
Counting and reading everything are "Strong", which waits for all that was written.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import ConfigError, EngineError, GenerationError
from simsearch.core.types import Ids, Metric
from simsearch.indexes.engine import taken
from simsearch.indexes.stored_file import REPAIR

EXACT_IMAGES, EXACT_HASHES = 20_000, 1_000_000
"""Up to here every vector is compared."""
_TIMEOUT_S, _SEALING_S = 20.0, 24 * 3600.0
"""Of one call; of indexing a collection."""
_EFFORT, _MOST = 64, 16_384
"""`ef` at first; Milvus's own limit of results, of queries at once and of `ef`."""
_MESSAGE_BYTES = 16 * 2**20
"""Of vectors in one call; Milvus takes 64 MB."""
_QUERIES = 1000
"""At once."""
_ID, _VECTOR = "image_id", "vector"
_SETTINGS = {"HNSW": {"M": 16, "efConstruction": 200}, "FLAT": {}, "BIN_FLAT": {}, "BIN_IVF_FLAT": {"nlist": 4096}}


class Milvus:
    """The engine. `generations.url` names a database of Milvus's of its own: http://host:19530/name."""

    kind: ClassVar[str] = "milvus"

    def __init__(self, settings: GenerationSettings) -> None:
        """Nothing is connected to yet.

        Raises:
            ConfigError: settings are missing or do not fit.
        """
        if not settings.url:
            raise ConfigError(
                'generations.engine = "milvus" needs generations.url, for instance "http://localhost:19530"'
            )
        if settings.storage not in ("auto", "float32") or settings.factory:
            raise ConfigError('generations.engine = "milvus" knows the storage float32 and auto, and no factory')
        self.url = settings.url
        self._client: Any = None
        self._process, self._connecting = 0, Lock()

    def kind_for(self, metric: Metric, dim: int, images: int) -> str:
        """As `VectorEngine.kind_for`."""
        if metric == "hamming":
            return "BIN_FLAT" if images <= EXACT_HASHES else "BIN_IVF_FLAT"
        return "FLAT" if images <= EXACT_IMAGES else "HNSW"

    def bytes_for(self, metric: Metric, dim: int, kind: str) -> float:
        """As `VectorEngine.bytes_for`: the vector and its id, and in a graph up to 32 neighbours of 4 bytes."""
        return 8 + (dim / 8 if metric == "hamming" else 4 * dim) + (140 if kind == "HNSW" else 0)

    def has(self, name: str) -> bool:
        """As `VectorEngine.has`."""
        with self.asked() as client:
            return bool(client.has_collection(name, timeout=_TIMEOUT_S))

    def create(self, name: str, metric: Metric, dim: int, kind: str) -> MilvusCollection:
        """As `VectorEngine.create`."""
        from pymilvus import DataType

        if self.has(name):
            raise EngineError(taken(self.where(), name))
        with self.asked() as client:
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field(_ID, DataType.INT64, is_primary=True)
            schema.add_field(_VECTOR, DataType.BINARY_VECTOR if metric == "hamming" else DataType.FLOAT_VECTOR, dim=dim)
            client.create_collection(name, schema=schema, consistency_level="Bounded", timeout=_TIMEOUT_S)
        return _collection(self, name, metric, dim, kind, 0)

    def open(self, name: str, metric: Metric, dim: int, kind: str, effort: int) -> MilvusCollection:
        """As `VectorEngine.open`. It is loaded into Milvus's memory where it is not."""
        wanted = "BINARY_VECTOR" if metric == "hamming" else "FLOAT_VECTOR"
        with self.asked() as client:
            fields: dict[str, Any] = {}
            if client.has_collection(name, timeout=_TIMEOUT_S):
                fields = {f["name"]: f for f in client.describe_collection(name, timeout=_TIMEOUT_S)["fields"]}
            held = fields.get(_VECTOR, {})
            if getattr(held.get("type"), "name", "") != wanted or int(held["params"]["dim"]) != dim:
                raise GenerationError(f"{self.where()}: {name} is no collection of {dim} dimensions; {REPAIR}")
            client.load_collection(name, timeout=_TIMEOUT_S)
        found = _collection(self, name, metric, dim, kind, effort)
        found.sealed = True
        found.count()
        return found

    def drop(self, name: str) -> None:
        """As `VectorEngine.drop`."""
        with self.asked() as client:
            if client.has_collection(name, timeout=_TIMEOUT_S):
                client.drop_collection(name, timeout=_TIMEOUT_S)

    def close(self) -> None:
        """As `VectorEngine.close`."""
        with self._connecting:
            client, self._client = self._client, None
        if client is not None and self._process == os.getpid():
            client.close()

    def where(self) -> str:
        """The server as messages name it, without a password."""
        return self.url.rpartition("@")[2]

    @contextmanager
    def asked(self) -> Iterator[Any]:
        """The client, for some calls.

        Raises:
            EngineError: the server does not answer, or refuses.
        """
        from grpc import RpcError
        from pymilvus.exceptions import MilvusException

        try:
            yield self._connected()
        except (MilvusException, RpcError) as error:  # pymilvus lets some of gRPC's through: of a deadline, for one
            text = " ".join(str(getattr(error, "message", error)).split())[:200]
            raise EngineError(
                f"{self.where()}: Milvus does not answer as it should ({text}); check that it runs"
            ) from error

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None or self._process != os.getpid():  # gRPC does not outlive a fork
                from pymilvus import MilvusClient

                logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what it logs is raised as well
                self._client, self._process = MilvusClient(self.url, timeout=_TIMEOUT_S), os.getpid()
            return self._client


class MilvusCollection:
    """A collection."""

    metric: ClassVar[Metric]
    dtype: np.dtype[Any]
    measure: ClassVar[str]

    def __init__(self, engine: Milvus, name: str, dim: int, kind: str, effort: int) -> None:
        self.engine, self.name, self.dim, self.kind, self.effort = engine, name, dim, kind, effort
        self._held: int | None = None
        self.sealed = False

    def __len__(self) -> int:
        return self.count() if self._held is None else self._held

    def count(self) -> int:
        """The rows, counted anew."""
        self._searchable()
        with self.engine.asked() as client:
            found = client.query(
                self.name, filter="", output_fields=["count(*)"], consistency_level="Strong", timeout=_TIMEOUT_S
            )
        self._held = int(found[0]["count(*)"])
        return self._held

    def add(self, ids: Ids, vectors: np.ndarray[Any, Any]) -> None:
        """As `Collection.add`."""
        width = max(1, vectors.shape[1] * self.dtype.itemsize)
        at_once = max(1, min(_MOST, _MESSAGE_BYTES // (width + 8)))
        with self.engine.asked() as client:
            for start in range(0, len(ids), at_once):
                part = slice(start, start + at_once)
                rows = zip(ids[part].tolist(), self._sent(vectors[part]), strict=True)
                client.upsert(self.name, [{_ID: i, _VECTOR: v} for i, v in rows], timeout=_TIMEOUT_S)
        self._held, self.sealed = None, False

    def seal(self) -> None:
        """As `Collection.seal`."""
        with self.engine.asked() as client:
            client.flush(self.name, timeout=_SEALING_S)
            self._index(client)
            until = time.monotonic() + _SEALING_S
            while True:
                told = client.describe_index(self.name, _VECTOR, timeout=_TIMEOUT_S)
                if not told.get("pending_index_rows") and told.get("state") in (None, "Finished"):
                    break
                if time.monotonic() > until:
                    raise EngineError(
                        f"{self.engine.where()}: {self.name} is not indexed after a day; look at Milvus's log"
                    )
                time.sleep(0.5)
            # What was loaded before it was indexed is searched as it was: loaded anew, its index is used.
            client.release_collection(self.name, timeout=_TIMEOUT_S)
            client.load_collection(self.name, timeout=_SEALING_S)
        self.sealed = True
        self.effort = 0 if self.kind.endswith("FLAT") and "IVF" not in self.kind else _EFFORT
        self.count()

    def raise_effort(self) -> bool:
        """As `Collection.raise_effort`."""
        most = 4096 if "IVF" in self.kind else _MOST
        if not self.effort or self.effort >= most:
            return False
        self.effort = min(most, 2 * self.effort)
        return True

    def search(self, vectors: np.ndarray[Any, Any], k: int) -> tuple[Ids, np.ndarray[Any, Any]]:
        """As `Searcher.search`; of more than 16,384 neighbours, which Milvus does not return, the rest is left out."""
        ids = np.full((len(vectors), k), -1, np.int64)
        similarities = np.full((len(vectors), k), -np.inf, np.float32)
        wanted = min(k, _MOST, max(1, len(self)))
        self._searchable()
        for start in range(0, len(vectors) if k else 0, _QUERIES):
            part = vectors[start : start + _QUERIES]
            with self.engine.asked() as client:
                answers = client.search(
                    self.name, self._sent(part), limit=wanted, search_params=self._asking(wanted), timeout=_TIMEOUT_S,
                    consistency_level="Bounded" if self.sealed else "Strong",
                )  # fmt: skip
            for row, found in enumerate(answers, start):
                ids[row, : len(found)] = [hit["id"] for hit in found]
                similarities[row, : len(found)] = self._similar(
                    np.array([hit["distance"] for hit in found], np.float64)
                )
        return ids, similarities

    def ids(self) -> Ids:
        """As `Searcher.ids`."""
        parts = [np.array([row[_ID] for row in part], np.int64) for part in self._read([_ID])]
        return np.sort(np.concatenate([np.zeros(0, np.int64), *parts]))

    def blocks(self) -> Iterator[tuple[Ids, np.ndarray[Any, Any]]]:
        """As `Collection.blocks`."""
        for part in self._read([_ID, _VECTOR]):
            rows = sorted(part, key=lambda row: int(row[_ID]))
            yield np.array([row[_ID] for row in rows], np.int64), np.stack([self._given(row[_VECTOR]) for row in rows])

    def size(self) -> int:
        """As `Collection.size`: what the vectors and their ids take; Milvus does not tell."""
        return round(len(self) * self.engine.bytes_for(self.metric, self.dim, self.kind))

    def _read(self, fields: list[str]) -> Iterator[list[dict[str, Any]]]:
        """All rows in parts, by ascending id: pymilvus's iterator asks for what is above the last id."""
        self._searchable()
        with self.engine.asked() as client:
            rows = client.query_iterator(
                self.name, batch_size=1000, filter=f"{_ID} >= 0", output_fields=fields, consistency_level="Strong",
                timeout=_TIMEOUT_S,
            )  # fmt: skip
            try:
                while part := rows.next():
                    yield list(part)
            finally:
                rows.close()

    def _searchable(self) -> None:
        """A collection that is still filled can be searched, too, once it has an index and is loaded."""
        if self.sealed:
            return
        with self.engine.asked() as client:
            if not client.list_indexes(self.name):
                self._index(client)
            client.load_collection(self.name, timeout=_SEALING_S)

    def _index(self, client: Any) -> None:
        wanted = client.prepare_index_params()
        wanted.add_index(_VECTOR, index_type=self.kind, metric_type=self.measure, params=_SETTINGS[self.kind])
        client.create_index(self.name, wanted, timeout=_SEALING_S)

    def _asking(self, k: int) -> dict[str, Any]:
        name = "nprobe" if "IVF" in self.kind else "ef"
        params = {name: max(self.effort, k) if name == "ef" else self.effort} if self.effort else {}
        return {"metric_type": self.measure, "params": params}

    def _sent(self, vectors: np.ndarray[Any, Any]) -> list[Any]:
        raise NotImplementedError

    def _given(self, value: Any) -> np.ndarray[Any, Any]:
        raise NotImplementedError

    def _similar(self, distances: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        raise NotImplementedError


class MilvusFloats(MilvusCollection):
    """Embeddings, by inner product."""

    metric: ClassVar[Metric] = "cosine"
    dtype = np.dtype(np.float32)
    measure: ClassVar[str] = "IP"

    def _sent(self, vectors: np.ndarray[Any, Any]) -> list[Any]:
        return list(np.asarray(vectors, np.float32))

    def _given(self, value: Any) -> np.ndarray[Any, Any]:
        return np.asarray(value, np.float32)

    def _similar(self, distances: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return distances


class MilvusBits(MilvusCollection):
    """Hashes, by differing bits."""

    metric: ClassVar[Metric] = "hamming"
    dtype = np.dtype(np.uint8)
    measure: ClassVar[str] = "HAMMING"

    def _sent(self, vectors: np.ndarray[Any, Any]) -> list[Any]:
        return [np.asarray(row, np.uint8).tobytes() for row in vectors]

    def _given(self, value: Any) -> np.ndarray[Any, Any]:
        return np.frombuffer(value[0] if isinstance(value, list) else value, np.uint8)

    def _similar(self, distances: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return 1.0 - distances / self.dim


def _collection(engine: Milvus, name: str, metric: Metric, dim: int, kind: str, effort: int) -> MilvusCollection:
    return (MilvusBits if metric == "hamming" else MilvusFloats)(engine, name, dim, kind, effort)
