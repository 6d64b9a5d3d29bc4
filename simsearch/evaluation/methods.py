"""From tables of pairs or photos to the comparison of methods: what `simsearch evaluate methods` does."""

from __future__ import annotations

import csv
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import ImageSettings
from simsearch.core.errors import SourceError, UsageError
from simsearch.core.types import Image, SourceRow
from simsearch.evaluation.compare_methods import PAPER, Comparison, Rival, compare_methods, load_photos
from simsearch.evaluation.pairs import LabelledPairs, draw_pairs, given_pairs
from simsearch.evaluation.plots import draw_roc, draw_scores
from simsearch.features.base import Method
from simsearch.ingest.sources import read_source, read_table

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class MethodsReport:
    """A comparison and what it was made on."""

    comparison: Comparison
    facts: Mapping[str, Any]
    """Source, protocol, counts, machine."""

    def json(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {**self.facts, "methods": self.comparison.table(), "note": PAPER, "negatives_note": self.negatives}

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


def evaluate_methods(
    methods: Mapping[str, Rival],
    embedder: Method,
    settings: ImageSettings,
    *,
    pairs: Path | None,
    manifest: Path | None,
    split: str | None,
    ambiguous: Path | None,
    seed: int,
    progress: Progress,
    hard_share: float = 0.5,
) -> MethodsReport:
    """Compare `methods` on a list of pairs (a, b, same) or on pairs drawn from a manifest (sku, image).

    Of the wrong pairs of a manifest a share `hard_share` is chosen by `embedder`. A column `part` in it says which
    photos choose thresholds (`validation`) and which are measured on (`test`); without it products are divided.

    Raises:
        UsageError: not exactly one of `pairs` and `manifest`, or too little to measure on. SourceError: a table.
    """
    if (pairs is None) == (manifest is None):
        raise UsageError("give either --pairs FILE.csv (a, b, same) or --manifest FILE.csv (sku, image)")
    try:
        if pairs is not None:
            photos, labelled, refused = _listed(pairs, settings)
        else:
            assert manifest is not None
            photos, labelled, refused = _drawn(manifest, split, ambiguous, embedder, settings, seed, hard_share)
    except ValueError as error:
        raise UsageError(f"{pairs or manifest}: {error}") from None
    comparison = compare_methods(methods, photos, labelled, settings, progress=progress)
    test = ~labelled.validation
    facts = {
        "source": str(pairs or manifest), "split": split, "seed": seed, "photos": len(photos), "refused": refused,
        "validation_pairs": int(labelled.validation.sum()), "test_pairs": int(test.sum()),
        "test_positives": int(labelled.same[test].sum()), "machine": machine(),
        "hard_share": None if pairs else hard_share, "embedder": embedder.name,
    }  # fmt: skip
    return MethodsReport(comparison, facts)


def _drawn(
    manifest: Path,
    split: str | None,
    ambiguous: Path | None,
    embedder: Method,
    settings: ImageSettings,
    seed: int,
    hard_share: float,
) -> tuple[list[Image], LabelledPairs, list[str]]:
    rows = [r for r in read_source(manifest).rows if split is None or r.attributes.get("split") == split]
    if not rows:
        raise SourceError(f"{manifest}: has no row with split = {split!r}")
    photos, places, refused = load_photos([r.path for r in rows], settings)
    skus = [rows[i].sku for i in places]
    index = {os.path.realpath(rows[i].path): k for k, i in enumerate(places)}
    doubtful: dict[str, set[int]] = {}
    for r in read_source(ambiguous).rows if ambiguous else ():
        if (k := index.get(os.path.realpath(r.path))) is not None:
            doubtful.setdefault(r.sku, set()).add(k)
    embeddings = np.stack([d for i in range(0, len(photos), 32) for d in embedder.describe(photos[i : i + 32])])
    frozen = {sku: frozenset(photos_) for sku, photos_ in doubtful.items()}
    drawn = draw_pairs(
        skus, embeddings.astype(np.float32), seed=seed, ambiguous=frozen, hard_share=hard_share,
        validation=_validation([rows[i] for i in places]),
    )  # fmt: skip
    return photos, drawn, refused


def _validation(rows: Sequence[SourceRow]) -> NDArray[np.bool_] | None:
    """What the column `part` says; None where there is none."""
    parts = [row.attributes.get("part", "").lower() for row in rows]
    if not any(parts):
        return None
    for row, part in zip(rows, parts, strict=True):
        if part not in ("validation", "test"):
            raise SourceError(f"{row.where}: part {part!r} is none of validation, test")
    both = {row.sku for row, part in zip(rows, parts, strict=True) if part == "test"} & {
        row.sku for row, part in zip(rows, parts, strict=True) if part == "validation"
    }
    if both:
        raise SourceError(f"{rows[0].where.rsplit(' line', 1)[0]}: product {min(both)!r} is in both parts")
    return np.array([part == "validation" for part in parts])


def _listed(table: Path, settings: ImageSettings) -> tuple[list[Image], LabelledPairs, list[str]]:
    records, refusals = read_table(table, ("a", "b", "same"))
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "same": True,
        "0": False,
        "false": False,
        "no": False,
        "different": False,
    }
    listed: list[tuple[str, str, bool]] = []
    refused = [r.message for r in refusals]
    for where, record in records:
        said = words.get(record.get("same", "").strip().lower())
        if said is None:
            refused.append(f"{where}: same must be 1 or 0, not {record.get('same')!r}")
        else:
            listed.append((str(table.parent / record["a"]), str(table.parent / record["b"]), said))
    paths = list(dict.fromkeys(p for a, b, _ in listed for p in (a, b)))
    photos, places, unreadable = load_photos(paths, settings)
    index = {paths[i]: k for k, i in enumerate(places)}
    kept = [(index[a], index[b], y) for a, b, y in listed if a in index and b in index]
    return photos, given_pairs([(a, b) for a, b, _ in kept], [y for _, _, y in kept]), refused + unreadable


def write_methods(report: MethodsReport, folder: Path) -> list[Path]:
    """`methods.json`, `methods.md`, `methods.csv`, `roc.png` and `scores.png` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    table = report.comparison.table()
    (folder / "methods.json").write_text(json.dumps(report.json(), indent=1) + "\n", encoding="utf-8")
    (folder / "methods.md").write_text(markdown(report), encoding="utf-8")
    with (folder / "methods.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    draw_roc(report.comparison, folder / "roc.png")
    draw_scores(report.comparison, folder / "scores.png")
    return [*sorted(folder.glob("methods.*")), folder / "roc.png", folder / "scores.png"]


def markdown(report: MethodsReport) -> str:
    """The table for a document."""
    f = report.facts
    head = (
        "method",
        "accuracy (95 %)",
        "precision",
        "recall",
        "F1",
        "ROC AUC",
        "FPR at 95 % TPR",
        "pairs/s files",
        "cached",
    )
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for r in report.comparison.table():
        low, high = r["accuracy_95"]
        cells = (
            r["method"],
            f"{r['accuracy']:.2%} ({low:.1%} to {high:.1%})",
            *(f"{r[key]:.3f}" for key in ("precision", "recall", "f1", "auc", "fpr_at_95_tpr")),
            f"{r['pairs_per_s_files']:.0f}",
            f"{r['pairs_per_s_cached']:,.0f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    counted = (
        f"{f['test_pairs']} test pairs, {f['test_positives']} of them right; "
        f"thresholds from {f['validation_pairs']} pairs of other products"
    )
    return "\n".join([*lines, "", f"{counted}. {report.negatives} {f['machine']}.", "", PAPER, ""])


def machine() -> str:
    """Processor, cores and operating system, for the line under a figure."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            model = next((line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux: the name from `platform` has to do
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
