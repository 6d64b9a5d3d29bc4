#!/usr/bin/env python3
"""What each part of print adds: the photos of a labelled table ask, with parts left out of the fit.

    python scripts/measure_print.py TABLE [--pairs FILE.npz] [--config FILE] [--far 0.001]

TABLE is what `simsearch calibrate` takes: sku, image, role. Every photo with print asks all others; its contenders are
compared by print as in a query. Then, for each set of columns, a fusion is fitted in five folds by product, and the
threshold is chosen that holds the false-accept rate as if the asking product were absent. Printed are the shares of
asking photos (of products with several photos) whose best right contender is first and above it. `--pairs` keeps the
comparisons, which take nearly all of the time.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsearch import App, open_app
from simsearch.recognition.calibration import LOGIT, threshold_for_far
from simsearch.recognition.printed import PRINT_FEATURES
from simsearch.recognition.score_fusion import Floats
from simsearch.training.calibrate import Sample, folds
from simsearch.training.calibrate_print import COLUMNS, PrintPairs, fit
from simsearch.training.run import print_pairs_of_table

PARTS = {
    "appearance alone": (LOGIT,),
    "all": COLUMNS,
    "without the text of the whole photo": tuple(c for c in COLUMNS if c != "text_likeness"),
    "without aligned reading": tuple(c for c in COLUMNS if not c.startswith("aligned") and c != "unread"),
    "without quantities": tuple(c for c in COLUMNS if c != "quantities"),
    "without codes": tuple(c for c in COLUMNS if c != "code"),
    "print alone": PRINT_FEATURES,
}


def shares(pairs: PrintPairs, sample: Sample, columns: tuple[str, ...], *, contradict: bool, far: float) -> str:
    """A row of the table: photos first, matched, and the threshold, by a fit on `columns`."""
    kept = ~pairs.contradicted if contradict else np.ones(len(pairs.same), bool)
    places = [COLUMNS.index(c) for c in columns]
    p: Floats = np.zeros(len(pairs.same))
    fold = folds(sample)[pairs.query]
    for number in np.unique(fold):
        learn, out = kept & (fold != number), kept & (fold == number)
        p[out] = fit(pairs.rows[learn][:, places], pairs.same[learn], columns).probability(pairs.rows[out][:, places])
    several = set(sample.several)
    asking = np.unique(pairs.query)
    sure = ~pairs.doubted if contradict else np.ones(len(pairs.same), bool)

    def best(of: NDArray[np.bool_]) -> Floats:
        return np.array([p[(pairs.query == q) & of].max(initial=0.0) for q in asking])

    threshold = threshold_for_far(best(~pairs.same & sure), np.zeros(len(asking), bool), far).threshold
    right, worst = best(pairs.same), best(~pairs.same)
    known = np.array([sample.skus[q] in several for q in asking])
    first = (right > worst)[known].mean()
    matched = ((right > worst) & (best(pairs.same & sure) >= threshold))[known].mean()
    return f"{first:.3f} | {matched:.3f} | {threshold:.4f}"


def kept(app: App, table: Path, file: Path | None) -> tuple[PrintPairs, Sample]:
    """The comparisons of `table`, from `file` where it is there; the sample has no descriptions then."""
    names = [field.name for field in fields(PrintPairs)]
    if file is not None and file.is_file():
        with np.load(file, allow_pickle=False) as data:
            pairs = PrintPairs(**{name: data[name] for name in names})
            return pairs, Sample(data["skus"].tolist(), [], frozenset(data["distractors"].tolist()))
    parts = app.config, app.methods, app.print_methods, app.calibration
    pairs, sample = print_pairs_of_table(
        *parts, table, lambda done, of, what: print(f"\r{what} {done} of {of}", end="")
    )
    print()
    if file is not None:
        skus, distractors = np.array(sample.skus), np.array(sorted(sample.distractors), np.int64)
        np.savez(file, skus=skus, distractors=distractors, **{name: getattr(pairs, name) for name in names})
    return pairs, sample


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what each part of print adds.")
    parser.add_argument("table", type=Path)
    parser.add_argument("--pairs", type=Path, help="file that keeps the comparisons")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--far", type=float, default=0.001)
    options = parser.parse_args()
    with open_app(None, options.config) as app:
        pairs, sample = kept(app, options.table, options.pairs)
    print(f"{len(np.unique(pairs.query))} photos ask; {len(pairs.same)} pairs, {int(pairs.same.sum())} of one product")
    for name, of in (("one product", pairs.same), ("two products", ~pairs.same)):
        counts = [int((of & which).sum()) for which in (pairs.contradicted, pairs.doubted, of)]
        print(f"{name}: contradicted {counts[0]}, in doubt {counts[1]}, of {counts[2]}")
    print("\n| fitted on | first | first and above the threshold | threshold |\n| --- | ---: | ---: | ---: |")
    for name, columns in PARTS.items():
        print(f"| {name} | {shares(pairs, sample, columns, contradict=True, far=options.far)} |", flush=True)
    print(f"| all, contradictions ignored | {shares(pairs, sample, COLUMNS, contradict=False, far=options.far)} |")
    print(
        f"| appearance, contradictions ignored | {shares(pairs, sample, (LOGIT,), contradict=False, far=options.far)} |"
    )


if __name__ == "__main__":
    main()
