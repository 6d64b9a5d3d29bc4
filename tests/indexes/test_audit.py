"""What the audit finds, and how far tuning goes. What a failed audit leads to is in test_generations.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import GenerationSettings
from simsearch.indexes.audit import audit, tune
from simsearch.indexes.factory import FactoryIndex
from simsearch.indexes.flat import FlatIndex
from simsearch.indexes.manifest import Audit

DIM = 16
SETTINGS = GenerationSettings(audit_sample=20, audit_k=5)


def drawn(count: int) -> NDArray[np.float32]:
    found = np.random.default_rng(0).normal(size=(count, DIM)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def test_a_sound_index_passes_with_full_recall() -> None:
    index, ids, vectors = FlatIndex(DIM), np.arange(3, 103), drawn(100)
    index.add(ids, vectors)
    assert audit(index, ids, vectors, ids, SETTINGS) == Audit(True, "", 20, 5, 1.0)


def test_ids_are_compared_before_anything_is_measured() -> None:
    index, ids, vectors = FlatIndex(DIM), np.arange(100), drawn(100)
    index.add(ids, vectors)
    expected = np.append(ids[3:], [200])
    found = audit(index, ids, vectors, expected, SETTINGS)
    assert found == Audit(False, "1 images of the catalog are missing, 3 are not in it")


def test_an_empty_index_of_an_empty_catalog_passes() -> None:
    none = np.zeros(0, np.int64)
    assert audit(FlatIndex(DIM), none, drawn(0), none, SETTINGS) == Audit(True, recall=1.0)


def test_vectors_under_swapped_ids_fail() -> None:
    index, ids, vectors = FlatIndex(DIM), np.arange(100), drawn(100)
    index.add(ids[::-1], vectors)
    found = audit(index, ids, vectors, ids, SETTINGS)
    assert not found.passed
    assert found.recall is not None
    assert found.recall < 0.5


def test_tuning_raises_the_effort_until_recall_suffices() -> None:
    ids, vectors = np.arange(2000), drawn(2000)
    index = FactoryIndex(DIM, "IVF64,Flat")
    index.build(ids, vectors, training=2000)
    before = audit(index, ids, vectors, ids, SETTINGS).recall
    assert (index.effort, before is not None and before < 0.9) == (1, True)
    tune(index, index, ids, vectors, GenerationSettings(audit_sample=400, audit_k=5))
    assert 1 < index.effort <= 64
    assert audit(index, ids, vectors, ids, GenerationSettings(audit_sample=400, audit_k=5)).passed
