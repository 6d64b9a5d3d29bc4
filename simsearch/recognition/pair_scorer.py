"""The seams of `Verifier`: what the query, the calibration and the search for duplicates each need of it.

A test stands in for the part it needs. All methods are safe to call from several threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Description, Elsewhere, Verification
from simsearch.features.orb import Geometry, Orb


class CandidateScorer(Protocol):
    """Verifies a photo against its candidates: for queries."""

    def verify(
        self,
        query: Description,
        others: Sequence[Description],
        *,
        geometry: int,
        elsewhere: Sequence[Elsewhere] | None = None,
        votes: Sequence[float] | None = None,
    ) -> list[Verification]:
        """See `Verifier.verify`."""
        ...


class FeatureScorer(Protocol):
    """Computes the features of a photo against its candidates: for calibration."""

    def features(
        self,
        query: Description,
        others: Sequence[Description],
        *,
        geometry: int,
        elsewhere: Sequence[Elsewhere] | None = None,
        votes: Sequence[float] | None = None,
    ) -> NDArray[np.float64]:
        """See `Verifier.features`."""
        ...


class PairScorer(Protocol):
    """Scores many pairs at once, and compares keypoints where that matters: for the search for duplicates."""

    @property
    def orb(self) -> Orb:
        """The method whose keypoints are compared."""
        ...

    def quick_pairs(self, left: Sequence[Description], right: Sequence[Description]) -> NDArray[np.float64]:
        """See `Verifier.quick_pairs`."""
        ...

    def compare_keypoints(self, row: NDArray[np.float64], query: Description, other: Description) -> Geometry | None:
        """See `Verifier.compare_keypoints`."""
        ...

    def geometry(self, query: Description, other: Description) -> Geometry:
        """See `Verifier.geometry`."""
        ...

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Verifier.probability`."""
        ...

    def verdicts(self, features: NDArray[np.float64], inliers: Sequence[int]) -> list[Verification]:
        """See `Verifier.verdicts`."""
        ...
