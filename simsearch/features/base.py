"""The seam of every method: turn an image into a descriptor, score two descriptors.

A method is one class in one module of this package, listed in the module's `METHODS`. `features.discover()` finds it
there; nothing else needs to know of it. `simsearch.testing.MethodContract` holds it to what this module promises.
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
    """Settings of a method that has none."""


@runtime_checkable
class Method(Protocol):
    """Describes images and compares descriptors.

    Similarities: higher is more alike, in every method; `similarity_range` says between which values. A class whose
    compare(a, [b]) equals compare(b, [a]) may say `symmetric = True`, which the contract tests then check.

    Fingerprints: two descriptors may be compared only if they were made under equal fingerprints. A catalog keeps
    descriptors for years: whatever changes what `describe` computes (a setting, weights, code, a library) must change
    the fingerprint. Settings that change nothing (a device, a batch size) must leave it alone.

    Descriptors: a NumPy array of the method's `dtype` and `shape`. They may be read-only, as those from the catalog
    are. The caller owns them; a method never changes one.

    Soundness: a class whose descriptors can be damaged in other ways than by their size may have
    `is_sound(descriptor) -> bool`. Readers of the catalog then ask it.

    What is missing: a method whose library is an extra can be made without it, and compares stored descriptors. Its
    `missing` then says why it cannot describe, and what to install; `describe` raises ConfigError with that.

    Batches: a class that computes with PyTorch, and describes several images faster than one after the other, says
    `batched = True`. Callers hand it whole batches, after the other methods.

    Surfaces: a class that has nothing to say of most photos may name the `surface` that it is made for. Where another
    method tells what a photo shows, it then describes those photos alone; the others get an empty descriptor. It says
    `batched = True`, so that it follows the network, which tells it.

    Thread safety: `describe` and `compare` are called from several threads at once. A method keeps nothing between
    calls except what it loads once, under a lock.
    """

    name: ClassVar[str]
    Settings: ClassVar[type]
    """Frozen dataclass of the method's settings. An instance is the only argument of the constructor."""
    similarity_range: ClassVar[tuple[float, float]]
    """Lowest and highest similarity; infinite where it has no bound."""
    dtype: np.dtype[Any]
    """Type of a descriptor's numbers; structured for keypoints."""
    shape: tuple[int, ...]
    """Shape of a descriptor; -1 stands for a length that varies from image to image, also 0."""
    fingerprint: str
    """Name, settings, version and weights digest in one short string; see :func:`fingerprint`."""

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        """One descriptor an image, in order. Every image has one, also flat ones and those of a single pixel."""
        ...

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        """Similarity of `query` to each of `others`: float32 (len(others),), all finite."""
        ...


@runtime_checkable
class MetricMethod(Method, Protocol):
    """A method whose descriptors can be indexed: nearer in the metric means more alike by `compare`."""

    dim: int
    """Numbers of a descriptor (cosine), or its bits (hamming)."""
    metric: Metric
    """cosine: descriptors are float32 (dim,) of L2 length 1. hamming: uint8 (dim / 8,), eight bits packed to a byte."""


@runtime_checkable
class SurfaceMethod(Method, Protocol):
    """A method that also says which surface an image shows."""

    def describe_with_surface(self, images: Sequence[Image]) -> list[tuple[Descriptor, Surface, float]]:
        """For each image its descriptor, its most likely surface and the probability of that surface, 0 to 1."""
        ...


@runtime_checkable
class ExpectantMethod(Method, Protocol):
    """A method that starts otherwise for a few photos than for many."""

    def expect(self, photos: int) -> None:
        """Say how many photos will be described; without that they are many."""
        ...


@runtime_checkable
class PairNetwork(MetricMethod, SurfaceMethod, Protocol):
    """A trained network that verifies pairs: the paper's improved Siamese network, or another one in its place."""

    calibration_path: Path
    """File of the calibration that was fitted with these weights."""

    def pair_logits(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        """Output (n,) of the pair head before its sigmoid.

        `query` is one embedding (d,) against all of `others`, or one for each of them (n, d).
        """
        ...


def is_batched(method: Method) -> bool:
    """Whether the method describes several images faster than one after the other."""
    return bool(getattr(method, "batched", False))


def says_surface(method: Method) -> TypeGuard[SurfaceMethod]:
    """Whether the method also says which surface an image shows.

    Asked for each image. `isinstance` with a protocol takes fifty times as long (Python 3.11).
    """
    return hasattr(method, "describe_with_surface")


def only_surface(method: Method) -> Surface | None:
    """The surface of the only photos that the method has something to say of; None: it describes all photos."""
    return getattr(method, "surface", None)


def missing(method: object) -> str:
    """Why the method cannot describe on this machine, and the way out; "" where it can."""
    return str(getattr(method, "missing", ""))


def fingerprint(name: str, settings: Any, *, version: int = 1, digest: str = "") -> str:
    """`name-0123456789abcdef`: equal exactly when name, settings, version and weights digest are equal.

    `version` is raised by hand when a method, or a library below it, begins to compute something else. The golden
    values in tests/features show that.
    """
    parts = json.dumps([name, version, asdict(settings), digest], sort_keys=True, default=str)
    return f"{name}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def pack(descriptor: Descriptor) -> bytes:
    """The bytes that the catalog stores: C order, as in memory, which is little-endian on all supported machines."""
    return np.ascontiguousarray(descriptor).tobytes()


def unpack(method: Method, data: bytes, image_id: int | None = None) -> Descriptor:
    """Inverse of :func:`pack` for a descriptor of `method`.

    Raises:
        DamagedDescriptor: the size does not fit, or the method says that it is not sound. The message names `image_id`.
    """
    try:
        descriptor = np.frombuffer(data, dtype=method.dtype).reshape(method.shape)
    except ValueError:
        raise DamagedDescriptor(image_id, method.fingerprint) from None
    is_sound = getattr(method, "is_sound", None)
    if is_sound is not None and not is_sound(descriptor):
        raise DamagedDescriptor(image_id, method.fingerprint)
    return descriptor
