"""`simsearch evaluate methods`: every method of the paper, and the whole verification, on the same labelled pairs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError, SourceError, UsageError
from simsearch.core.types import Image, Progress, Refusal, SourceRow, silent
from simsearch.evaluation.intervals import Interval
from simsearch.evaluation.metrics import PairFigures, best_threshold, pair_figures, pair_intervals
from simsearch.evaluation.pairs import LabelledPairs, draw_pairs, given_pairs
from simsearch.evaluation.tables import machine, refusals_json
from simsearch.features.base import Method
from simsearch.ingest.sources import read_source, read_table

PAPER = (
    "The paper (Wang, Huang, Cai 2024) reports pair accuracy 93.09 % for ORB, 92.81 % for SIFT and 98.56 % at "
    "27.80 pairs/s for the improved Siamese network. Its photos are not public and its pairs were drawn otherwise: "
    "the order of the methods can be compared, the figures cannot be equated."
)
_TIMED_PAIRS = 60  # their files are read again to time a method from files
_BATCH = 32
_SAME, _DIFFERENT = {"1", "true", "yes", "same"}, {"0", "false", "no", "different"}


class MeasuredMethod(Protocol):
    """What is compared: a method, or anything else that describes photos and scores two descriptions."""

    def describe(self, images: Sequence[Image], /) -> Sequence[Any]:
        """One description an image."""

    def compare(self, query: Any, others: Sequence[Any], /) -> NDArray[np.floating]:
        """Similarity of each of `others`, (n,)."""


@dataclass(frozen=True)
class PairSource:
    """Where labelled pairs come from: a list of pairs, or labelled photos to draw pairs from; exactly one is given."""

    pairs: Path | None = None
    """CSV with the columns a, b and same."""
    manifest: Path | None = None
    """Table of photos (sku, image). A column `part` says which choose thresholds (`validation`) and which are measured
    on (`test`); without it products are divided."""
    split: str | None = None
    """Only rows of the manifest whose column `split` says so."""
    ambiguous: Path | None = None
    """Table (sku, image): photos that may show a product although labelled otherwise."""
    hard_share: float = 0.5
    """Share of the negatives that the embedding chooses, 0 to 1; the seed chooses the others."""
    seed: int = 0


@dataclass(frozen=True, eq=False)
class MethodRow:
    """One method on the test pairs."""

    name: str
    figures: PairFigures
    intervals: Mapping[str, Interval]
    """95 %, by field of `figures`."""
    pairs_per_s_files: float
    """Both files decoded and described, then compared, one pair at a time; 0 where no file could be read again."""
    pairs_per_s_cached: float
    """Compared only, from descriptors in memory."""
    scores: NDArray[np.float64]
    """(n,) of all pairs."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """All methods on one set of pairs."""

    pairs: LabelledPairs
    rows: tuple[MethodRow, ...]
    refusals: tuple[Refusal, ...]
    """Files that could no longer be read when the methods were timed."""

    def records(self) -> list[dict[str, Any]]:
        """One flat record a method, best accuracy first."""
        records = []
        for row in sorted(self.rows, key=lambda r: (-r.figures.accuracy, -r.figures.auc, r.name)):
            intervals = {f"{k}_95": [round(i.low, 4), round(i.high, 4)] for k, i in row.intervals.items()}
            rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(row.figures).items()}
            speeds = {f"pairs_per_s_{k}": round(getattr(row, f"pairs_per_s_{k}"), 1) for k in ("files", "cached")}
            records.append({"method": row.name, **rounded, **intervals, **speeds})
        return records


@dataclass(frozen=True, eq=False)
class MethodsReport:
    """A comparison and what it was made on."""

    comparison: Comparison
    facts: Mapping[str, Any]
    """Source, protocol, counts, machine."""
    refusals: tuple[Refusal, ...]
    """Rows, photos and methods that were left out."""

    def json(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        told = {"methods": self.comparison.records(), "note": PAPER, "negatives_note": self.negatives}
        return {**self.facts, **refusals_json(self.refusals), **told}

    @property
    def negatives(self) -> str:
        """Where the wrong pairs come from, and whom that handicaps."""
        share, embedder = self.facts["hard_share"], self.facts["embedder"]
        if share is None:
            return "All pairs were given."
        if not share:
            return "Wrong pairs were drawn at random: easier for every method than what a lookup brings up."
        return (
            f"{share:.0%} of the wrong pairs were chosen because {embedder} takes them for alike: {embedder} and what "
            "rests on it are measured on their own worst cases, the other methods are not (--negatives random chooses "
            "all of them by the seed alone)."
        )


def methods_report(
    methods: Mapping[str, MeasuredMethod],
    embedder: Method,
    settings: ImageSettings,
    source: PairSource,
    *,
    refusals: Sequence[Refusal] = (),
    progress: Progress = silent,
) -> MethodsReport:
    """Compare `methods` on the pairs of `source`; `embedder` chooses the hard negatives among drawn pairs.

    `refusals`: what was left out before, for the report.

    Raises:
        UsageError: not exactly one of `pairs` and `manifest`, or too little to measure on. SourceError: a table.
    """
    if (source.pairs is None) == (source.manifest is None):
        raise UsageError("give either --pairs FILE.csv (a, b, same) or --manifest FILE.csv (sku, image)")
    table = source.pairs or source.manifest
    try:
        if source.pairs is not None:
            photos, labelled, refused = _listed(source.pairs, settings)
        else:
            photos, labelled, refused = _drawn(source, embedder, settings)
    except ValueError as error:
        raise UsageError(f"{table}: {error}") from None
    comparison = compare_methods(methods, photos, labelled, settings, progress=progress)
    test = ~labelled.validation
    facts = {
        "source": str(table), "split": source.split, "seed": source.seed, "photos": len(photos),
        "validation_pairs": int(labelled.validation.sum()), "test_pairs": int(test.sum()),
        "test_positives": int(labelled.same[test].sum()), "machine": machine(),
        "hard_share": None if source.pairs else source.hard_share, "embedder": embedder.name,
    }  # fmt: skip
    return MethodsReport(comparison, facts, (*refusals, *refused, *comparison.refusals))


def _drawn(
    source: PairSource, embedder: Method, settings: ImageSettings
) -> tuple[list[Image], LabelledPairs, list[Refusal]]:
    assert source.manifest is not None
    read = read_source(source.manifest)
    doubted = read_source(source.ambiguous) if source.ambiguous else None
    rows = [r for r in read.rows if source.split is None or r.attributes.get("split") == source.split]
    if not rows:
        raise SourceError(f"{source.manifest}: has no row with split = {source.split!r}")
    photos, places, unreadable = load_photos([r.path for r in rows], settings)
    index = {os.path.realpath(rows[i].path): k for k, i in enumerate(places)}
    doubtful: dict[str, set[int]] = {}
    for row in doubted.rows if doubted else ():
        if (k := index.get(os.path.realpath(row.path))) is not None:
            doubtful.setdefault(row.sku, set()).add(k)
    if not photos:
        raise ValueError("no photo can be read")
    drawn = draw_pairs(
        [rows[i].sku for i in places], np.stack(_described(embedder, photos)).astype(np.float32), seed=source.seed,
        ambiguous={sku: frozenset(found) for sku, found in doubtful.items()}, hard_share=source.hard_share,
        validation=_validation([rows[i] for i in places]),
    )  # fmt: skip
    return photos, drawn, [*read.refusals, *(doubted.refusals if doubted else ()), *unreadable]


def _validation(rows: Sequence[SourceRow]) -> NDArray[np.bool_] | None:
    """(n,) whether the column `part` says so; None where there is no such column."""
    parts = [row.attributes.get("part", "").lower() for row in rows]
    if not any(parts):
        return None
    skus: dict[str, set[str]] = {"validation": set(), "test": set()}
    for row, part in zip(rows, parts, strict=True):
        if part not in skus:
            raise SourceError(f"{row.where}: part {part!r} is none of validation, test")
        skus[part].add(row.sku)
    if both := skus["validation"] & skus["test"]:
        raise SourceError(f"{rows[0].where.rsplit(' line', 1)[0]}: product {min(both)!r} is in both parts")
    return np.array([part == "validation" for part in parts])


def _listed(table: Path, settings: ImageSettings) -> tuple[list[Image], LabelledPairs, list[Refusal]]:
    records, refused = read_table(table, ("a", "b", "same"))
    listed: list[tuple[str, str, bool]] = []
    for where, record in records:
        a, b, said = (record.get(column, "").strip() for column in ("a", "b", "same"))
        if a and b and said.lower() in _SAME | _DIFFERENT:
            listed.append((str(table.parent / a), str(table.parent / b), said.lower() in _SAME))
        else:
            what = f"same must be 1 or 0, not {said!r}" if a and b else "needs a photo in each of the columns a and b"
            refused.append(Refusal(where, "bad_row", f"{where}: {what}"))
    paths = list(dict.fromkeys(p for a, b, _ in listed for p in (a, b)))
    photos, places, unreadable = load_photos(paths, settings)
    index = {paths[i]: k for k, i in enumerate(places)}
    kept = [(index[a], index[b], y) for a, b, y in listed if a in index and b in index]
    labelled = given_pairs([(a, b) for a, b, _ in kept], [y for _, _, y in kept])
    if between := len(kept) - len(labelled):
        text = f"{table}: {between} pairs join a product that chooses thresholds with one that is measured on"
        unreadable.append(Refusal(str(table), "between_parts", text))
    return photos, labelled, refused + unreadable


def load_photos(paths: Sequence[str], settings: ImageSettings) -> tuple[list[Image], list[int], list[Refusal]]:
    """Readable photos, their places in `paths`, and why the others could not be read."""
    found, places, refused = [], [], []
    for i, path in enumerate(paths):
        try:
            found.append(images.load(Path(path), settings, keep=False))
            places.append(i)
        except ImageError as error:
            refused.append(Refusal(path, error.code, str(error)))
    return found, places, refused


def compare_methods(
    methods: Mapping[str, MeasuredMethod],
    photos: Sequence[Image],
    pairs: LabelledPairs,
    settings: ImageSettings,
    *,
    bootstrap: int = 1000,
    progress: Progress = silent,
) -> Comparison:
    """Choose each method's threshold (best accuracy) on the validation pairs, and measure it on the test pairs."""
    rows: list[MethodRow] = []
    vanished: dict[str, Refusal] = {}
    for done, (name, method) in enumerate(methods.items()):
        progress(done, len(methods), name)
        descriptors, started = _described(method, photos), time.perf_counter()
        scores = scores_of(method, descriptors, pairs)
        cached = len(pairs) / max(time.perf_counter() - started, 1e-9)
        chosen, test = pairs.validation, ~pairs.validation
        threshold = best_threshold(scores[chosen], pairs.same[chosen])
        figures = pair_figures(scores[test], pairs.same[test], threshold)
        groups = pairs.product[test]
        intervals = pair_intervals(scores[test], pairs.same[test], threshold, groups=groups, samples=bootstrap)
        files, lost = _from_files(method, photos, pairs, settings)
        vanished |= {refusal.where: refusal for refusal in lost}
        rows.append(MethodRow(name, figures, intervals, files, cached, scores))
    progress(len(methods), len(methods), "")
    return Comparison(pairs, tuple(rows), tuple(vanished.values()))


def _described(method: MeasuredMethod, photos: Sequence[Image]) -> list[Any]:
    return [d for i in range(0, len(photos), _BATCH) for d in method.describe(photos[i : i + _BATCH])]


def scores_of(method: MeasuredMethod, descriptors: Sequence[Any], pairs: LabelledPairs) -> NDArray[np.float64]:
    """Similarity of each pair (n,); pairs that share their first photo are compared at once, as in a lookup."""
    scores = np.empty(len(pairs))
    order = np.argsort(pairs.a, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(pairs.a[order])) + 1):
        first = descriptors[int(pairs.a[group[0]])]
        scores[group] = method.compare(first, [descriptors[int(b)] for b in pairs.b[group]])
    return scores


def _from_files(
    method: MeasuredMethod, photos: Sequence[Image], pairs: LabelledPairs, settings: ImageSettings
) -> tuple[float, list[Refusal]]:
    """Pairs a second from files, and the files that have become unreadable since: their pairs are not timed."""
    spent, timed = 0.0, 0
    lost: list[Refusal] = []
    for i in np.linspace(0, len(pairs) - 1, min(_TIMED_PAIRS, len(pairs))).astype(int):
        started = time.perf_counter()
        both, _, refused = load_photos([photos[int(k)].name for k in (pairs.a[i], pairs.b[i])], settings)
        lost += refused
        if len(both) == 2:
            a, b = method.describe(both)
            method.compare(a, [b])
            spent, timed = spent + time.perf_counter() - started, timed + 1
    return timed / max(spent, 1e-9), lost
