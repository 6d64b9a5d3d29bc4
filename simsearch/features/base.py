"""The seam of every method: turn an image into a descriptor, score two descriptors.

A method is one class in one module of this package. `methods.discover()` finds every class that a module lists
in its `METHODS`; nothing else needs to know of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import DamagedDescriptor
from simsearch.core.types import Descriptor, Image, Metric, Similarities, Surface


@dataclass(frozen=True)
class NoSettings:
    """For a method that has nothing to set."""


@runtime_checkable
class Method(Protocol):
    """Describes images and compares descriptors.

    Two descriptors may be compared only if they were made under equal fingerprints. Every similarity is higher for
    more alike images; `similarity_range` says between which values. A class whose compare(a, [b]) is compare(b, [a])
    may say so with `symmetric = True`; the contract tests then hold it to that. A class that describes several images
    faster than one after the other says so with `batched = True`: callers hand it whole batches, after the other
    methods, and it computes with PyTorch.

    Thread safety: `describe` and `compare` are called from several threads at once. A method keeps no state between
    calls but what it loads once, under a lock. Descriptors belong to the caller and are never changed afterwards.
    """

    name: ClassVar[str]
    Settings: ClassVar[type]
    """Frozen dataclass of the method's settings; its instance is the only argument of the constructor."""
    similarity_range: ClassVar[tuple[float, float]]
    """Lowest and highest similarity; infinities where it is not bounded."""
    dtype: np.dtype[Any]
    """Of a descriptor."""
    shape: tuple[int, ...]
    """Of a descriptor; -1 where the length varies from image to image."""
    fingerprint: str
    """Name, settings and weights digest in one short string."""

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        """One descriptor an image, in order. Defined for every image, also flat and one-pixel ones."""
        ...

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        """Similarity of `query` to each of `others`, shape (len(others),)."""
        ...


@runtime_checkable
class MetricMethod(Method, Protocol):
    """A method whose descriptors live in a metric space, and so can be indexed.

    cosine: descriptors are float32, L2-normalised, `dim` numbers. hamming: uint8, `dim` bits packed eight to a byte.
    """

    dim: int
    metric: Metric


@runtime_checkable
class SurfaceMethod(Method, Protocol):
    """A method that also says which surface an image shows."""

    def describe_with_surface(self, images: Sequence[Image]) -> list[tuple[Descriptor, Surface, float]]:
        """Of each image its descriptor, its most likely surface and the probability of that, 0 to 1."""
        ...


@runtime_checkable
class PairNetwork(MetricMethod, SurfaceMethod, Protocol):
    """A trained network that verifies pairs: the paper's improved Siamese network, or another one in its place."""

    calibration_path: Path
    """Where the calibration lies that was fitted with these weights."""

    def pair_logits(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        """Pair head before its sigmoid, (n,): of one embedding (d,), or of one for each (n, d), against `others`."""
        ...


def is_batched(method: Method) -> bool:
    """Whether the method describes several images faster than one after the other."""
    return bool(getattr(method, "batched", False))


def says_surface(method: Method) -> TypeGuard[SurfaceMethod]:
    """Whether the method also says which surface an image shows.

    Asked for each image. `isinstance` with a protocol takes fifty times as long (Python 3.11).
    """
    return hasattr(method, "describe_with_surface")


def fingerprint(name: str, settings: Any, *, version: int = 1, digest: str = "") -> str:
    """`name-0123456789abcdef`: equal exactly when name, settings, version and weights digest are equal.

    `version` is raised by hand when the code of a method changes what it computes.
    """
    parts = json.dumps([name, version, asdict(settings), digest], sort_keys=True, default=str)
    return f"{name}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def pack(descriptor: Descriptor) -> bytes:
    """The bytes that the catalog stores; little-endian C order."""
    return np.ascontiguousarray(descriptor).tobytes()


def unpack(method: Method, data: bytes, image_id: int | None = None) -> Descriptor:
    """Inverse of :func:`pack` for a descriptor of `method`.

    Raises:
        DamagedDescriptor: the size does not fit; `image_id` is named in the message.
    """
    try:
        return np.frombuffer(data, dtype=method.dtype).reshape(method.shape)
    except ValueError:
        raise DamagedDescriptor(image_id, method.fingerprint) from None
