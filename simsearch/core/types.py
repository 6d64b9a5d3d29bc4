"""The values that cross rooms. All frozen; shapes, units and ranges stand here once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import ImageError

Pixels: TypeAlias = NDArray[np.uint8]
"""Upright RGB, shape (height, width, 3), values 0 to 255."""

Descriptor: TypeAlias = NDArray[np.generic]
"""What a method computes from one image; dtype and shape are the method's (see `methods.base.Method`)."""

Similarities: TypeAlias = NDArray[np.float32]
"""Shape (n,); higher is more alike. The range is the method's."""

Ids: TypeAlias = NDArray[np.int64]
"""Image ids of the catalog; -1 where a search found fewer than k."""


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


@dataclass(frozen=True, eq=False)
class Image:
    """One decoded photo. All methods describe `pixels`; nobody decodes twice."""

    pixels: Pixels
    sha256: str
    """Of the file's bytes, hex."""
    width: int
    """Of the original, upright, in pixels; `pixels` may be smaller."""
    height: int
    name: str = ""
    """For messages: the path, or where the bytes came from."""

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        """(height, width) luma after ITU-R BT.601, shared by the hashes and the keypoint methods."""
        import cv2

        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


@dataclass(frozen=True)
class Photo:
    """The content of an image file under a name, for instance an upload.

    The name is never taken for a path: a server hands over uploads so, and no string of a client's.
    """

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
    """What the image shows; UNKNOWN where no method said it."""
    surface_probability: float | None = None
    """Of that surface, 0 to 1; None where it was stated by a source, or is not known."""

    def __getitem__(self, method: str) -> Descriptor:
        return self.descriptors[method]

    def __contains__(self, method: object) -> bool:
        return method in self.descriptors

    @property
    def loose_pills(self) -> bool:
        """Whether the image shows pills without a package: its keypoints are then those of a ruler or a table."""
        return self.surface is Surface.PILLS


@dataclass(frozen=True, eq=False)
class Elsewhere:
    """How near the keypoints of a photo come to those of other products' photos: a table, a ruler, "Tablets IP"."""

    asked: NDArray[np.int64]
    """(n,) which keypoints of the photo were looked up."""
    distances: NDArray[np.int32]
    """(n, k) Hamming, each to another photo; 256 where there is none."""


class Verdict(StrEnum):
    """What indexing said about an image."""

    OK = "ok"
    REFUSED = "refused"


@dataclass(frozen=True)
class Candidate:
    """An image that the coarse lookup returned."""

    image_id: int
    lanes: Mapping[str, float]
    """Lane name (method, or "votes") -> similarity there. An image found by one lane only has one entry."""
    ranks: Mapping[str, int] = field(default_factory=dict)
    """Lane name -> place there, from 1."""
    score: float = 0.0
    """Of all lanes together (see `lookup.fuse`); higher is more promising."""


@dataclass(frozen=True)
class LaneShare:
    """What one lane of the coarse lookup contributed to one answer."""

    name: str
    took_ms: float = field(compare=False)
    found: int
    """Images that it returned."""
    alone: int
    """Those of them that no other lane returned."""


@dataclass(frozen=True)
class Verification:
    """The pairwise look at two images."""

    probability: float
    """Calibrated probability that both show the same product, 0 to 1."""
    similarity: float
    """Cosine of the two embeddings, -1 to 1."""
    siamese: float
    """Output of the pair head after its sigmoid, 0 to 1; not calibrated."""
    inliers: int
    """ORB matches that agree with one sane homography, >= 0; 0 where there is none or none was looked for."""
    hash_similarity: float
    """pHash: share of equal bits, 0 to 1."""
    features: tuple[float, ...] = ()
    """What the probability was made of: the columns `verification.FEATURES`, before any rounding."""
    support: float = 0.0
    """Inliers weighted by how rare their keypoints are in the catalog, 0 to `inliers`; 0 where they lie at the same
    pixels of two photos that are not one. The probability rests on this."""


@dataclass(frozen=True)
class Hit:
    """One product of an answer, by its best image."""

    sku: str
    name: str
    """With the strength."""
    image_id: int
    image: str
    """The image as its source named it."""
    verification: Verification
    ranks: Mapping[str, int] = field(default_factory=dict)
    """Lane name -> place of the image in that lane of the lookup, from 1."""


@dataclass(frozen=True)
class LookAlike:
    """A product that is easily taken for the one an answer names."""

    sku: str
    name: str
    kind: str
    """strength, form, name, maker or appearance: in what they are alike or differ (see `lookalikes`)."""
    differences: tuple[tuple[str, str, str], ...]
    """(field, of the named product, of this one), as far as the catalog's data say."""
    warning: str
    """In words."""


class Outcome(StrEnum):
    """The three things an answer can say."""

    MATCH = "match"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Decision:
    """The answer to one photo."""

    query: str
    outcome: Outcome
    sku: str | None
    """The product of a MATCH, the first of an AMBIGUOUS; None when UNKNOWN."""
    name: str | None
    probability: float
    """Of the best hit, 0 to 1; 0 when there is none."""
    hits: tuple[Hit, ...]
    """One per product, best first; of an UNKNOWN all but the first as probability and lookup together rank them."""
    generation: str
    """Name of the indexes that answered."""
    took_ms: float
    reason: str = ""
    """In words, why this outcome."""
    lanes: tuple[LaneShare, ...] = ()
    """What each lane of the lookup contributed, for explanation."""
    stages_ms: Mapping[str, float] = field(default_factory=dict, compare=False)
    """describe (share of the batch), lookup, verify: milliseconds that add up to about `took_ms`."""
    considered: tuple[Hit, ...] = ()
    """The best products, also beyond those that `hits` shows; for the record."""
    named: tuple[str, ...] = ()
    """SKUs that the answer names: one of a MATCH, all that an AMBIGUOUS cannot tell apart, none of an UNKNOWN."""
    compared: int = 0
    """Images of the catalog that were looked at in pairs."""
    look_alikes: tuple[LookAlike, ...] = ()
    """Products of `hits` that are easily taken for the named one, most probable first."""
    photos: tuple[str, ...] = ()
    """Names of all photos, where several were answered as one; else empty."""
    record_id: int | None = None
    """Under which `simsearch decisions` knows it; None where it was not recorded."""


@dataclass(frozen=True)
class SourceRow:
    """One image that a source lists."""

    sku: str
    path: str
    """Absolute."""
    image: str
    """As the source names it: relative to the source where it can be."""
    where: str
    """For messages: `catalog.csv line 7`, or the path."""
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
    code: str
    message: str
    path: str = ""
    """Absolute path of the refused photo or folder; empty where the row does not say which photo it means."""


def refused_in_words(refusals: Sequence[Refusal]) -> str:
    """How many were left out and the first reason, to end an error message; empty where none were."""
    return f"; {len(refusals)} were left out, the first: {refusals[0].message}" if refusals else ""


@dataclass(frozen=True)
class Status:
    """What there is, for people and for monitoring."""

    home: str
    counts: Mapping[str, int]
    """products, images_ok, images_refused, images_retired."""
    undescribed: Mapping[str, int]
    """Method -> active images that lack its descriptor under the fingerprint in force."""
    generation: str
    """Name of the one that serves; empty when there is none."""
    generations: tuple[Mapping[str, Any], ...]
    problem: str
    """Why queries cannot be answered from the indexes; empty when they can."""
    disk_bytes: Mapping[str, int]
    """catalog, generations, backups."""
    fingerprints: Mapping[str, str]
    stale: Mapping[str, int] = field(default_factory=dict)
    """Method -> active images with a descriptor of it under another fingerprint; not compared with any of today's."""
    kept: tuple[str, ...] = ()
    """Generations on disk, oldest first."""
    gpus: int = 0
    """That FAISS sees."""
    nightly: Mapping[str, Any] | None = None
    """The report of the last night; None before the first."""
    verified: bool = False
    """Whether every byte was read."""

    @property
    def sound(self) -> bool:
        """Whether a query would be answered from complete indexes."""
        return not self.problem and not any(self.undescribed.values())


@dataclass(frozen=True)
class Readiness:
    """What `App.prepare` loaded: from now on a query waits for nothing but its own work."""

    generation: str
    """Name of the generation that answers; "none" where none was built."""
    images: int
    """Active images of the catalog."""
    revision: int
    """Of the catalog."""
    seconds: float
    """That loading took."""


@dataclass(frozen=True)
class PairVerdict:
    """The verdict on one pair of files."""

    a: str
    b: str
    same: bool | None = None
    verification: Verification | None = None
    similarity: float | None = None
    """By the one method that was asked for, instead of a verification."""
    error: ImageError | None = None
    reason: str = ""
    """In words, what the verdict rests on."""
