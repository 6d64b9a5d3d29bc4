"""The values that cross rooms. All frozen; shapes, units and ranges stand here once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from simsearch.core.answers import (
    Decision,
    Hit,
    LaneShare,
    LookAlike,
    Outcome,
    Package,
    PairVerdict,
    PhotoPrint,
    PrintAlone,
    PrintComparison,
    PrintedFact,
    PrintedLine,
    Verification,
)
from simsearch.core.seen import Corners, Outline, SeenPill

__all__ = [
    "Box",
    "Candidate",
    "Corners",
    "Decision",
    "Description",
    "Descriptor",
    "Elsewhere",
    "Hit",
    "Ids",
    "Image",
    "LaneShare",
    "LookAlike",
    "Metric",
    "Outcome",
    "Outline",
    "Package",
    "PairVerdict",
    "Photo",
    "PhotoLike",
    "PhotoPrint",
    "Pixels",
    "PrintAlone",
    "PrintComparison",
    "PrintedFact",
    "PrintedLine",
    "Progress",
    "Refusal",
    "SeenPill",
    "Similarities",
    "SourceRow",
    "Surface",
    "Verification",
    "_luma",
    "silent",
    "within",
]

Pixels: TypeAlias = NDArray[np.uint8]
"""Upright RGB, shape (height, width, 3), values 0 to 255."""

Descriptor: TypeAlias = NDArray[np.generic]
"""What a method computes from one image; dtype and shape are the method's (see `features.base.Method`)."""

Similarities: TypeAlias = NDArray[np.float32]
"""Shape (n,); higher is more alike. The range is the method's."""

Ids: TypeAlias = NDArray[np.int64]
"""Image ids of the catalog; -1 where a search found fewer than k."""

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom of an upright rectangle, in shares of the photo's width and height, 0 to 1."""

Metric: TypeAlias = Literal["cosine", "hamming"]
"""How descriptors that can be indexed are compared."""

Progress: TypeAlias = Callable[[int, int, str], None]
"""Called with units done, units in all and a short text."""


def silent(done: int, total: int, text: str) -> None:
    """The progress that shows nothing."""


class Surface(StrEnum):
    """Which face of the package, or what kind of thing, a photo shows."""

    FRONT = "front"
    BACK = "back"
    SIDE = "side"
    TOP = "top"
    PILLS = "pills"
    BOTTLE = "bottle"
    OTHER = "other"
    UNKNOWN = "unknown"


_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False)
class Image:
    """One decoded photo. All methods describe `pixels`, but those that read print or codes: they ask for `sharp`."""

    pixels: Pixels
    sha256: str
    """Of the file's bytes, in hex."""
    width: int
    """Width of the upright original in pixels; `pixels` may be smaller."""
    height: int
    name: str = ""
    """For messages: the path, or where the bytes came from."""
    larger: Callable[[], Pixels] | None = field(default=None, repr=False)
    """Gives `sharp`, and may be called by several threads; None where `pixels` is the sharpest there is."""
    nearer: Callable[[Sequence[Box]], list[Pixels]] | None = field(default=None, repr=False)
    """Gives `cut_outs`, and may be called by several threads; None where `sharp` has all that the original has."""

    @property
    def sharp(self) -> Pixels:
        """The photo at the resolution at which print can be read: longer side at most `images.reading_size`.

        It is decoded when it is first asked for, and kept.

        Raises:
            ImageError: it cannot be decoded at that size, for instance for want of memory. `pixels` is sound all the
                same, and the next call tries again.
        """
        return self.pixels if self.larger is None else self.larger()

    def cut_outs(self, boxes: Sequence[Box]) -> list[Pixels]:
        """What lies in each of `boxes` at the original's own pixels; longer side at most `images.reading_size`.

        One decode serves all of them, and nothing of it is kept.

        Raises:
            ImageError: as `sharp`.
        """
        return self.nearer(boxes) if self.nearer else [within(self.sharp, box).copy() for box in boxes]

    def once(self, make: Callable[[Pixels], _Made]) -> _Made:
        """What a function makes of `pixels`: made for the first method that asks, and kept for the others.

        Two threads that ask at once may both make it.
        """
        kept: dict[Callable[[Pixels], Any], Any] = self.__dict__.setdefault("_made", {})
        if make not in kept:
            kept[make] = make(self.pixels)
        made: _Made = kept[make]
        return made

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """(height, width) luma after ITU-R BT.601, shared by the hashes and the keypoint methods."""
        return _luma(self.pixels)

    @property
    def sharp_grey(self) -> NDArray[np.uint8]:
        """As `grey`, of `sharp`; not kept."""
        return self.grey if self.larger is None else _luma(self.larger())


def within(pixels: Pixels, box: Box) -> Pixels:
    """What lies in a box, as a view: all pixels that it touches, at least one."""
    height, width = pixels.shape[:2]
    left, top = (min(math.floor(round(at * of, 4)), of - 1) for at, of in zip(box[:2], (width, height), strict=True))
    right, bottom = (math.ceil(round(at * of, 4)) for at, of in zip(box[2:], (width, height), strict=True))
    return pixels[top : max(bottom, top + 1), left : max(right, left + 1)]


def _luma(pixels: Pixels) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


@dataclass(frozen=True)
class Photo:
    """The content of an image file under a name that is never taken for a path, for instance an upload."""

    name: str
    """For messages, answers and records."""
    data: bytes = field(repr=False)
    """Encoded, as in the file."""


PhotoLike: TypeAlias = str | Path | bytes | Photo
"""A photo as callers hand it over: the path of a file, its content, or its content under a name."""


@dataclass(frozen=True, eq=False)
class Description:
    """Everything that the methods computed from one image."""

    descriptors: Mapping[str, Descriptor]
    """Method name -> descriptor."""
    surface: Surface = Surface.UNKNOWN
    """What the image shows; UNKNOWN where no method says it."""
    surface_probability: float | None = None
    """Probability of that surface, 0 to 1; None where a source stated it, or nobody did."""

    def __getitem__(self, method: str) -> Descriptor:
        return self.descriptors[method]

    def __contains__(self, method: object) -> bool:
        return method in self.descriptors

    @property
    def loose_pills(self) -> bool:
        """Whether the image shows pills without a package: its keypoints are then those of a ruler or a table.

        Of a surface that the network only guesses, more likely wrong than right, nothing follows.
        """
        sure = self.surface_probability is None or self.surface_probability >= 0.5
        return self.surface is Surface.PILLS and sure


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """How near the keypoints of a query come to keypoints in photos of *other* products than the one compared.

    A keypoint that many products share (on a table, on a ruler, in "Tablets IP") says little about this one.
    """

    asked: NDArray[np.int64]
    """(n,) which keypoints of the query were looked up."""
    distances: NDArray[np.int32]
    """(n, k) Hamming distances, each to the nearest keypoint of another photo; 256 where there is no such photo."""


@dataclass(frozen=True)
class Candidate:
    """An image that retrieval returned."""

    image_id: int
    lanes: Mapping[str, float]
    """Name of each lane that found it (a method, or "votes") -> similarity in that lane."""
    ranks: Mapping[str, int] = field(default_factory=dict)
    """Lane name -> place in that lane, from 1."""
    score: float = 0.0
    """Reciprocal rank fusion of all lanes (`recognition.rank_fusion`); higher is more promising."""


@dataclass(frozen=True)
class SourceRow:
    """One image that a source lists."""

    sku: str
    path: str
    """Absolute path of the file."""
    image: str
    """The file as the source names it: relative to the source where possible."""
    where: str
    """Where the source lists it, for messages: `catalog.csv line 7`, or the path."""
    name: str = ""
    strength: str = ""
    form: str = ""
    manufacturer: str = ""
    surface: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """A row or photo that was not taken, and why."""

    where: str
    """As in :class:`SourceRow`."""
    code: str
    """Short name of the reason; for a photo one of `core.errors.REFUSALS`."""
    message: str
    """One line for people; it begins with `where`."""
    path: str = ""
    """Absolute path of the refused photo or folder; empty where the row does not say which photo it means."""
