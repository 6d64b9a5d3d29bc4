"""FAISS on a GPU, where it sees one: training, adding and searching run there, files hold the CPU form.

What the GPU cannot hold (its memory is full, it does not know the kind of index) stays on the CPU, with a warning.

FAISS's GPU indexes and StandardGpuResources are not thread-safe, not even for searching (FAISS wiki, "Threads and
asynchronous calls"). So one lock guards every use of the GPU: searches wait for each other.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import faiss
import numpy as np

from simsearch.core.errors import ConfigError
from simsearch.core.types import Ids

_LOG = logging.getLogger("simsearch")
_RESOURCES: dict[int, Any] = {}
_LOCK = threading.RLock()


def count() -> int:
    """Number of GPUs that FAISS sees; 0 in a build without GPU code."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def wanted(device: str) -> bool:
    """Whether to use a GPU, for generations.device = auto, cpu or cuda.

    Raises:
        ConfigError: cuda is set and there is no GPU.
    """
    if device == "cuda" and not count():
        raise ConfigError("generations.device: FAISS sees no GPU for 'cuda'; set it to 'auto' or 'cpu'")
    return device != "cpu" and count() > 0


def to_gpu(index: Any, *, float16: bool = False) -> Any | None:
    """Copy a FAISS index to the first GPU; None, with a warning, where that is not possible."""
    try:
        with _LOCK:
            if 0 not in _RESOURCES:
                _RESOURCES[0] = faiss.StandardGpuResources()
            options = faiss.GpuClonerOptions()
            options.useFloat16 = float16
            return faiss.index_cpu_to_gpu(_RESOURCES[0], 0, index, options)
    except (RuntimeError, MemoryError, AttributeError) as error:
        _warn("copied to", error)
        return None


def search(index: Any, vectors: np.ndarray[Any, Any], k: int) -> tuple[np.ndarray[Any, Any], Ids]:
    """Similarities (m, k) and ids (m, k) from an index of `to_gpu`. Any thread may call it: they take turns."""
    with _LOCK:
        similarities, ids = index.search(vectors, k)
        return similarities, ids


def filled(index: Any, ids: Any, vectors: Any, training: Any, *, block: int, native: bool) -> Any | None:
    """Train and fill `index` on the GPU and return its CPU form; None, with a warning, where that is not possible.

    Args:
        index: an empty FAISS index.
        ids: (n,) given to the index if it is `native`.
        vectors: (n, dim) float32, added `block` at a time.
        training: (m, dim) float32 sample that an untrained index is trained on.
        block: vectors.
        native: whether the index stores ids itself, as inverted lists do.
    """
    there = to_gpu(index)
    if there is None:
        return None
    try:
        with _LOCK:
            if not there.is_trained:
                there.train(training)
            for start in range(0, len(ids), block):
                part = slice(start, start + block)
                if native:
                    there.add_with_ids(vectors[part], ids[part])
                else:
                    there.add(vectors[part])
            return faiss.index_gpu_to_cpu(there)
    except (RuntimeError, MemoryError) as error:
        _warn("built on", error)
        return None


def _warn(what: str, error: BaseException) -> None:
    full = "memory" in str(error).lower()
    reason = "its memory is full" if full else " ".join(str(error).split())[-200:]
    _LOG.warning("an index cannot be %s the GPU (%s); the CPU does it", what, reason)
