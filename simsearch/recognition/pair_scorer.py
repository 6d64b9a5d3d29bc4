"""The seams of `Verifier` and `PairPrint`: what query, calibration, `verify` and the search for duplicates need.

A test stands in for the part it needs. All methods are safe to call from several threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.types import Description, Elsewhere, Ids, Image, PrintComparison, Verification
from simsearch.features.orb import Geometry, Orb
from simsearch.recognition.print_pairs import PrintSide


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


class PrintComparer(Protocol):
    """Compares what was read on two photos."""

    def compare(self, a: PrintSide, b: PrintSide, geometry: Geometry | None) -> PrintComparison | None:
        """See `PairPrint.compare`."""
        ...


class PhotoReader(PrintComparer, Protocol):
    """Reads and compares photos: for `verify`."""

    def look(self, photo: Image) -> PrintSide:
        """See `PairPrint.look`."""
        ...


class StoredPrint(PrintComparer, Protocol):
    """Compares what the catalog keeps of print: for the search for duplicates."""

    def stored(self, catalog: Catalog, facts: Mapping[int, ImageFacts]) -> Mapping[int, PrintSide]:
        """See `PairPrint.stored`."""
        ...

    def unread(self, catalog: Catalog, ids: Ids) -> int:
        """See `PairPrint.unread`."""
        ...
