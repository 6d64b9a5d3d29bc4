"""FAISS factory strings from the settings, checked before FAISS builds them: on some it crashes or never returns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from simsearch.core.errors import ConfigError, GenerationError, SimsearchError

_SMALLEST = {"IVF": 1, "RR": 1, "HNSW": 2, "NSG": 8}
"""Least number behind each name. With less, FAISS 1.15 fails (IVF), crashes the process (HNSW, RR) or hangs (NSG)."""
_ADVICE = "write it as FAISS does, for instance 'IVF4096,SQfp16' or 'HNSW32', or leave it empty"
_KEY = "generations.factory"


def check_factory(factory: str, dim: int, images: int) -> None:
    """Raise unless `factory` can be built from so many images.

    Raises:
        ConfigError: it describes no index of inner products of `dim` dimensions, or one that needs more images.
    """
    for name, number in re.findall(r"(IVF|RR|HNSW|NSG)(\d+)", factory):
        if int(number) < _SMALLEST[name]:
            raise ConfigError(f"{_KEY}: {factory!r}: {name} needs a number of {_SMALLEST[name]} or more; {_ADVICE}")
    need = images_needed(factory)
    if 0 < images < need:  # of no images, an index is saved untrained
        raise ConfigError(f"{_KEY}: {factory!r} needs {need} images, there are {images}; leave it empty")
    if reason := _parsed(factory, dim):
        raise ConfigError(f"{_KEY}: {factory!r} makes no index of {dim} dimensions ({reason}); {_ADVICE}")


def images_needed(factory: str) -> int:
    """How many vectors FAISS needs to train what `factory` describes: one for each centroid of each k-means, and so on.

    It is a lower bound: FAISS itself may refuse more (see :func:`named`).
    """
    lists = [int(number) for number in re.findall(r"IVF(\d+)", factory)]
    codes = [1 << min(64, int(bits or 8)) for bits in re.findall(r"PQ\d+(?:x(\d+))?", factory)]
    axes = [int(number) for number in re.findall(r"(?:PCA[RW]*|ITQ)(\d+)", factory)]
    graph = [101] * bool(re.search(r"(?<!_)NSG", factory))  # NNDescent.build refuses 100
    return max([1, *lists, *codes, *axes, *graph])


def _parsed(factory: str, dim: int) -> str:
    """Why FAISS makes no index of inner products of it; empty where it does."""
    import faiss

    try:
        made = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
    except (RuntimeError, MemoryError) as error:
        return _reason(error)
    return "" if made.metric_type == faiss.METRIC_INNER_PRODUCT else "it would not compare by inner product"


@contextmanager
def named(factory: str, images: int, *, chosen: bool) -> Iterator[None]:
    """Turn whatever FAISS raises while it trains and fills an index into an error that names the factory string.

    `chosen`: whether the string stands in the settings.

    Raises:
        ConfigError: it does.
        GenerationError: it does not.
    """
    try:
        yield
    except (SimsearchError, OSError):
        raise
    except Exception as error:
        text = f"{factory!r} cannot be built from {images} images ({_reason(error)})"
        if chosen:
            raise ConfigError(f"{_KEY}: {text}; leave it empty") from error
        raise GenerationError(f"{text}; the old generation goes on serving") from error


def _reason(error: Exception) -> str:
    """FAISS's messages read "Error in <signature> at <file>.cpp:<line>: <reason>"."""
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    said = re.split(r"\.(?:cpp|h):\d+: ", str(error))[-1]
    return " ".join(said.split())[:200] or "FAISS refuses it"
