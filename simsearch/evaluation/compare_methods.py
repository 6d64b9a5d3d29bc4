"""`simsearch evaluate methods`: every method of the paper on the same labelled pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.types import Image
from simsearch.evaluation.intervals import Interval
from simsearch.evaluation.metrics import PairFigures, best_threshold, pair_figures, pair_intervals
from simsearch.evaluation.pairs import LabelledPairs

Progress = Callable[[int, int, str], None]

PAPER = (
    "The paper (Wang, Huang, Cai 2024) reports pair accuracy 93.09 % for ORB, 92.81 % for SIFT and 98.56 % at "
    "27.80 pairs/s for the improved Siamese network. Its photos are not public and its pairs were drawn otherwise: "
    "the order of the methods can be compared, the figures cannot be equated."
)
_TIMED_PAIRS = 60
"""Pairs whose files are read again to time a method from files."""


class Rival(Protocol):
    """What is compared: a method, or anything else that describes photos and scores two descriptions."""

    def describe(self, images: Sequence[Image], /) -> Sequence[Any]:
        """One description an image."""

    def compare(self, query: Any, others: Sequence[Any], /) -> NDArray[np.floating]:
        """Similarity of each of `others`, (n,)."""


@dataclass(frozen=True, eq=False)
class MethodRow:
    """One method on the test pairs."""

    name: str
    figures: PairFigures
    intervals: Mapping[str, Interval]
    """95 %, by field of `figures`."""
    pairs_per_s_files: float
    """Both files decoded and described, then compared; one core's worth of calls, one pair at a time."""
    pairs_per_s_cached: float
    """Compared only, from descriptors in memory."""
    scores: NDArray[np.float64]
    """(n,) of all pairs."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """All methods on one set of pairs."""

    pairs: LabelledPairs
    rows: tuple[MethodRow, ...]

    def table(self) -> list[dict[str, Any]]:
        """One flat record a method, best accuracy first."""
        records = []
        for row in sorted(self.rows, key=lambda r: (-r.figures.accuracy, -r.figures.auc, r.name)):
            intervals = {f"{k}_95": [round(i.low, 4), round(i.high, 4)] for k, i in row.intervals.items()}
            rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(row.figures).items()}
            speeds = {"pairs_per_s_files": row.pairs_per_s_files, "pairs_per_s_cached": row.pairs_per_s_cached}
            records.append({"method": row.name, **rounded, **intervals, **{k: round(v, 1) for k, v in speeds.items()}})
        return records


def load_photos(paths: Sequence[str], settings: ImageSettings) -> tuple[list[Image], list[int], list[str]]:
    """Readable photos, their places in `paths`, and why the others could not be read."""
    found, places, refused = [], [], []
    for i, path in enumerate(paths):
        try:
            found.append(images.load(Path(path), settings))
            places.append(i)
        except ImageError as error:
            refused.append(str(error))
    return found, places, refused


def compare_methods(
    methods: Mapping[str, Rival],
    photos: Sequence[Image],
    pairs: LabelledPairs,
    settings: ImageSettings,
    *,
    bootstrap: int = 1000,
    progress: Progress = lambda done, total, text: None,
) -> Comparison:
    """Thresholds of best accuracy are chosen on the validation pairs, figures are of the others."""
    rows = []
    for done, (name, method) in enumerate(methods.items()):
        progress(done, len(methods), name)
        descriptors = [d for i in range(0, len(photos), 32) for d in method.describe(photos[i : i + 32])]
        started = time.perf_counter()
        scores = scores_of(method, descriptors, pairs)
        cached = len(pairs) / max(time.perf_counter() - started, 1e-9)
        chosen, test = pairs.validation, ~pairs.validation
        threshold = best_threshold(scores[chosen], pairs.same[chosen])
        figures = pair_figures(scores[test], pairs.same[test], threshold)
        intervals = pair_intervals(
            scores[test], pairs.same[test], threshold, groups=pairs.product[test], samples=bootstrap
        )
        files = _from_files(method, photos, pairs, settings)
        rows.append(MethodRow(name, figures, intervals, files, cached, scores))
    progress(len(methods), len(methods), "")
    return Comparison(pairs, tuple(rows))


def scores_of(method: Rival, descriptors: Sequence[Any], pairs: LabelledPairs) -> NDArray[np.float64]:
    """Similarity of each pair (n,); pairs that share their first photo are compared at once, as in a lookup."""
    scores = np.empty(len(pairs))
    order = np.argsort(pairs.a, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(pairs.a[order])) + 1):
        first = descriptors[int(pairs.a[group[0]])]
        scores[group] = method.compare(first, [descriptors[int(b)] for b in pairs.b[group]])
    return scores


def _from_files(method: Rival, photos: Sequence[Image], pairs: LabelledPairs, settings: ImageSettings) -> float:
    chosen = np.linspace(0, len(pairs) - 1, min(_TIMED_PAIRS, len(pairs))).astype(int)
    started = time.perf_counter()
    for i in chosen:
        both = [images.load(Path(photos[int(k)].name), settings) for k in (pairs.a[i], pairs.b[i])]
        a, b = method.describe(both)
        method.compare(a, [b])
    return len(chosen) / max(time.perf_counter() - started, 1e-9)
