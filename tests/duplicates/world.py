"""A small catalog whose descriptors and probabilities come from the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.catalog.tables import DescriptorRow, MethodRow
from simsearch.core.config import CatalogSettings, DuplicateSettings, ImageSettings
from simsearch.core.stamps import Stamp
from simsearch.core.types import Description, Descriptor, Image, Metric, SourceRow, Verification
from simsearch.duplicates import DuplicateFinder, DuplicateGroup, Findings
from simsearch.features.base import NoSettings
from simsearch.features.orb import Geometry, Orb, OrbSettings
from simsearch.recognition.pair_scorer import StoredPrint
from simsearch.recognition.verification import FEATURES

_SMALL = 1e6
SETTINGS = DuplicateSettings(
    neighbours=4, geometry=4, least_similarity=0.6, least_hash_similarity=0.85, vote_keypoints=0
)


class Stub:
    """Descriptors come from the test; only their kind is needed."""

    Settings: ClassVar[type] = NoSettings
    similarity_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(self, name: str, dtype: Any, size: int) -> None:
        self.name, self.dtype, self.shape, self.fingerprint = name, np.dtype(dtype), (size,), f"{name}-of-the-test"

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        raise AssertionError("duplicates never read a photo")

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        raise AssertionError("duplicates compare through the verifier")


class MetricStub(Stub):
    """One that can be indexed."""

    def __init__(self, name: str, dtype: Any, size: int, metric: Metric, dim: int) -> None:
        super().__init__(name, dtype, size)
        self.metric, self.dim = metric, dim


class StubScorer:
    """The probability of a pair of images, by their marks; 0.1 where the test says nothing of it.

    The embedding's last number holds the mark, the first feature the probability; with all keypoints it would be 1. A
    capital is a mark of loose pills.
    """

    def __init__(self, probabilities: Mapping[str, float]) -> None:
        self.probabilities = {frozenset(pair): p for pair, p in probabilities.items()}
        self.asked: list[str] = []
        self.orb = Orb(OrbSettings())
        self.on_compare: Callable[[], object] = lambda: None

    def quick_pairs(self, left: Sequence[Description], right: Sequence[Description]) -> NDArray[np.float64]:
        out = np.zeros((len(right), len(FEATURES)))
        marks = [_marks(*pair) for pair in zip(left, right, strict=True)]
        out[:, 0] = [self.probabilities.get(frozenset(pair), 0.1) for pair in marks]
        out[:, FEATURES.index("pills")] = [any(map(str.isupper, pair)) for pair in marks]
        return out

    def compare_keypoints(self, row: NDArray[np.float64], query: Description, other: Description) -> Geometry | None:
        self.asked.append(_marks(query, other))
        self.on_compare()
        return None

    def geometry(self, query: Description, other: Description) -> Geometry:
        raise AssertionError("no pair of the stub may be one photo")

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(features[:, 2] > 0, 1.0, features[:, 0])

    def verdicts(self, features: NDArray[np.float64], inliers: Sequence[int]) -> list[Verification]:
        pills = features[:, FEATURES.index("pills")] > 0
        found = zip(self.probability(features).tolist(), pills.tolist(), strict=True)
        return [Verification(p, 0.9, 0.9, 9, 0.9, loose_pills=loose) for p, loose in found]


def _marks(a: Description, b: Description) -> str:
    return "".join(sorted(chr(round(float(side["siamese"][7]) * _SMALL)) for side in (a, b)))


class World:
    """Images with one-letter marks: which angle their embedding has, which SKU, which file."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.db'}", CatalogSettings())
        self.methods: dict[str, Any] = {
            "phash": MetricStub("phash", np.uint8, 8, "hamming", 64),
            "orb": Stub("orb", np.float64, 1),
            "siamese": MetricStub("siamese", np.float32, 8, "cosine", 8),
        }

    def add(
        self,
        marks: str,
        *,
        angle: float = 0,
        sku: str = "",
        sha: str = "",
        lacks: str = "",
        strength: str = "",
        orb: NDArray[Any] | None = None,
    ) -> None:
        """An image a mark; the embeddings begin at `angle` degrees and lie a tenth of a degree apart."""
        new = []
        for number, mark in enumerate(marks):
            turn = np.deg2rad(angle + number / 10)
            described: dict[str, NDArray[Any]] = {
                "siamese": np.array([np.cos(turn), np.sin(turn), *[0.0] * 5, ord(mark) / _SMALL], np.float32),
                "phash": np.random.default_rng(ord(mark)).integers(0, 256, 8).astype(np.uint8),
                "orb": np.array([ord(mark)], np.float64) if orb is None else orb,
            }
            data = {self.methods[n].fingerprint: d.tobytes() for n, d in described.items() if n != lacks}
            row = SourceRow(sku or mark, f"/{mark}", mark, mark, name=f"Product {sku or mark}", strength=strength)
            new.append(NewImage(row, "/", Stamp(1, 1), sha or mark * 64, 1, 1, descriptors=data))
        self.catalog.images.apply(add=new)

    def damage(self, image_id: int, method: str) -> None:
        """Cut a byte off a stored descriptor."""
        used = sa.select(MethodRow.id).where(MethodRow.fingerprint == self.methods[method].fingerprint)
        row = sa.and_(DescriptorRow.image_id == image_id, DescriptorRow.method_id == used.scalar_subquery())
        with self.catalog.database.write() as c:
            data = c.scalar(sa.select(DescriptorRow.data).where(row))
            assert data
            c.execute(sa.update(DescriptorRow).where(row).values(data=data[:-1]))

    def findings(
        self,
        probabilities: Mapping[str, float],
        settings: DuplicateSettings = SETTINGS,
        threshold: float = 0.9,
        since: datetime | None = None,
        on_compare: Callable[[], object] = lambda: None,
        prints: StoredPrint | None = None,
        pills_threshold: float | None = None,
    ) -> tuple[Findings, list[str]]:
        """What is found, and whose keypoints were compared. `on_compare` runs at each comparison."""
        scorer = StubScorer(probabilities)
        scorer.on_compare = on_compare
        reading = ImageSettings()
        finder = DuplicateFinder(
            self.catalog, self.methods, scorer, settings, threshold, reading, prints, pills_threshold
        )  # fmt: skip
        return finder.find(since=since), scorer.asked

    def find(
        self, probabilities: Mapping[str, float], settings: DuplicateSettings = SETTINGS, threshold: float = 0.9
    ) -> tuple[list[DuplicateGroup], list[str]]:
        found, asked = self.findings(probabilities, settings, threshold)
        return list(found.groups), asked


def marks(groups: Sequence[DuplicateGroup]) -> list[str]:
    return ["".join(image.image for image in group.images) for group in groups]
