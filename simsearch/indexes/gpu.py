"""FAISS on a GPU, where it sees one: training, adding and searching run there, files hold the CPU form.

Whatever the GPU cannot take (its memory is full, it does not know the kind of index) stays on the CPU, with a warning.
"""

from __future__ import annotations

import logging
from typing import Any

import faiss

from simsearch.core.errors import ConfigError

_LOG = logging.getLogger("simsearch")
_RESOURCES: dict[int, Any] = {}


def count() -> int:
    """GPUs that FAISS sees; 0 in a build without GPU code."""
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def wanted(device: str) -> bool:
    """Whether to use one, for generations.device = auto, cpu or cuda.

    Raises:
        ConfigError: cuda, and there is none.
    """
    if device == "cuda" and not count():
        raise ConfigError("generations.device: FAISS sees no GPU for 'cuda'; set it to 'auto' or 'cpu'")
    return device != "cpu" and count() > 0


def to_gpu(index: Any, *, float16: bool = False) -> Any | None:
    """A copy of a FAISS index on the first GPU; None, with a warning, where that is not possible."""
    try:
        if 0 not in _RESOURCES:
            _RESOURCES[0] = faiss.StandardGpuResources()
        options = faiss.GpuClonerOptions()
        options.useFloat16 = float16
        return faiss.index_cpu_to_gpu(_RESOURCES[0], 0, index, options)
    except (RuntimeError, MemoryError, AttributeError) as error:
        _warn("copied to", error)
        return None


def filled(index: Any, ids: Any, vectors: Any, training: Any, *, block: int, native: bool) -> Any | None:
    """`index`, trained and filled on the GPU, in its CPU form; None, with a warning, where that is not possible.

    `native`: whether the index keeps ids of its own (inverted lists) and is given them.
    """
    there = to_gpu(index)
    if there is None:
        return None
    try:
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
