"""What the check of a pair of files found."""

from __future__ import annotations

from dataclasses import dataclass

from simsearch.core.types import PrintComparison, Verification
from simsearch.duplicates.pixel_diff import Box
from simsearch.duplicates.same_photo import Placement


@dataclass(frozen=True)
class PhotoEvidence:
    """What keypoints and pixels show about a pair."""

    photo: Placement | None = None
    """Where the first lies in the second, set only if both show one photo."""
    seen: bool = False
    """Whether pixels show that; else keypoints alone do, since a file could not be read."""
    place: tuple[Box, Box] | None = None
    """The box in the first photo and in the second that differ; set if the photos are equal everywhere else."""
    differing: float = 0.0
    """Total size of all places that differ, as a share of the common part."""
    printed: bool = False
    """Whether `place` lies among the keypoints that agree: another print, not a banner at the rim."""
    inliers: int = 0
    """Number of keypoint matches under one homography."""
    read: PrintComparison | None = None
    """What print and codes say; None where they were not compared."""
    remaining: float = 0.0
    """Grey levels by which the two differ on average; 0 where enough is left of both photos to be sure without."""
    overlaid: bool = False
    """Whether `photo` holds everywhere but in `place`, where something is drawn over one of the two."""


@dataclass(frozen=True)
class PairCheck:
    """The result of the check of a pair of files."""

    verification: Verification
    evidence: PhotoEvidence
    thorough: bool
    """Whether keypoints were compared or could not have changed the result."""
