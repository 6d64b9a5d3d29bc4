"""What a build would make of each lane: how large, and how long it takes."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class PlannedLane:
    """What a build would make of one lane."""

    name: str
    images: int
    factory: str
    """FAISS factory string."""
    bytes: int
    seconds: float | None
    """At the rate of the last build of that kind; None where there was none."""


@dataclass(frozen=True)
class Plan:
    """What a rebuild would do."""

    name: str
    """Of the generation."""
    images: int
    stale: int
    """Images that would be described again first, from their files."""
    lanes: tuple[PlannedLane, ...]
    free_bytes: int
    """On the disk of the generations."""
    changed: bool
    """Whether it would differ from the generation that serves."""

    @property
    def bytes(self) -> int:
        """Of all lanes."""
        return sum(lane.bytes for lane in self.lanes)

    @property
    def seconds(self) -> float | None:
        """Of all lanes; None where one is not known."""
        known = [lane.seconds for lane in self.lanes if lane.seconds is not None]
        return sum(known) if len(known) == len(self.lanes) else None


@dataclass(frozen=True)
class LastBuild:
    """What the newest build of a lane took."""

    images: int
    factory: str
    bytes: int
    seconds: float


def planned(name: str, images: int, factory: str, width: float, last: LastBuild | None) -> PlannedLane:
    """One lane of a plan, scaled from the last build if that was of the same kind, whatever its number of lists.

    `width`: estimated bytes per image, where there was no such build.
    """
    if last and last.images and _kind_of(last.factory) == _kind_of(factory):
        share = images / last.images
        return PlannedLane(name, images, factory, round(last.bytes * share), last.seconds * share)
    return PlannedLane(name, images, factory, round(width * images), None)


def _kind_of(factory: str) -> str:
    """A factory string without the numbers that follow the number of images: `IVF4096,SQfp16` -> `IVF,SQfp16`."""
    return re.sub(r"(IVF|HNSW)\d+", r"\1", factory)
