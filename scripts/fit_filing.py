"""Fit the probabilities of `simsearch check` on planted errors, and write `simsearch/filing/fitted.json`.

    .venv/bin/python scripts/fit_filing.py HOME --look-alikes boxes_lookalikes.csv --seeds 20 --out FILE

HOME holds training products alone, described and read; it is not changed: each seed plants its errors in a copy. Photos
and rows are as they were filed but for these, so that an error nobody knows of counts as none.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
from plant_errors import KINDS, ROW_KINDS, STRANGER, Planted, look_alikes, plant

from simsearch import open_app
from simsearch.core.types import silent
from simsearch.filing import judging
from simsearch.filing.arbiter import judged
from simsearch.filing.cases import PhotoCase, TwiceCase, WordsCase
from simsearch.filing.evidence import PAIR_FEATURES, ImageSeen
from simsearch.filing.judging import NAMES, Judge
from simsearch.filing.seeing import Filing
from simsearch.recognition.score_fusion import Fusion

RISING = {
    "pair": ("look", "support", "likeness", "lines", "name", "amounts", "code"),
    "other-product": ("best", "against", "row", "other_name", "other_agrees"),
    "odd-photo": ("best", "against", "row"),
    "one-product-twice": ("best", "mean", "least", "part", "names"),
    "words-differ": ("against",),
}
"""Features that never make the answer less likely by growing."""
Rows = dict[str, list[tuple[tuple[float, ...], bool]]]


def empty() -> Judge:
    """A judge that knows nothing: to see, and to make pairs."""
    nothing = {
        kind: Fusion(names, (0.0,) * len(names), (1.0,) * len(names), (0.0,) * len(names), 0.0)
        for kind, names in NAMES.items()
    }
    return Judge(nothing, {})


@contextmanager
def copied(home: Path) -> Iterator[Path]:
    """A copy of a home that goes with the block."""
    with tempfile.TemporaryDirectory(prefix="filing-") as folder:
        copy = Path(folder) / "home"
        copy.mkdir()
        with closing(sqlite3.connect(home / "catalog.db")) as a, closing(sqlite3.connect(copy / "catalog.db")) as b:
            a.backup(b)
        shutil.copytree(home / "generations", copy / "generations")
        yield copy


def watched(home: Path, judge: Judge) -> tuple[Filing, dict[int, ImageSeen]]:
    """All that is seen of a home."""
    with open_app(home) as app, patch.object(judging, "shipped", lambda: judge):
        checker = app.checker
        filing = Filing.of(app.catalog, app.reading)
        seen, _ = checker.watcher.see(filing, None, silent)
    return filing, seen


def pairs(filing: Filing, seen: dict[int, ImageSeen]) -> list[tuple[tuple[float, ...], bool]]:
    """Features of each pair of photos, and whether both are filed under one SKU."""
    met: dict[tuple[int, int], tuple[tuple[float, ...], bool]] = {}
    for i, one in seen.items():
        for same, side in ((True, one.own), (False, one.others)):
            for pair in side:
                met[min(i, pair.other), max(i, pair.other)] = (pair.features, same)
    return [met[key] for key in sorted(met)]


def label(planted: Sequence[Planted], filing: Filing, seen: dict[int, ImageSeen], judge: Judge, rows: Rows) -> None:
    """Adds the cases of one planted catalog to `rows`, each with whether it is an error."""
    moved = {(p.sku, s) for p in planted if p.kind in ("random", "look-alike", STRANGER) for s in p.sha256}
    twice = {tuple(sorted((p.sku, p.right))) for p in planted if p.kind == "twice"}
    halves = {sku for pair in twice for sku in pair}
    changed = {(p.sku, p.kind) for p in planted if p.kind in ROW_KINDS}
    for one in judged(seen, filing, judge):
        case = one.case
        if isinstance(case, PhotoCase):
            filed = filing.images[case.image_id]
            if filed.sku not in halves:
                rows[one.kind.value].append((case.features, (filed.sku, filed.sha256) in moved))
        elif isinstance(case, TwiceCase):
            rows[one.kind.value].append((case.features, tuple(case.skus) in twice))
        elif isinstance(case, WordsCase):
            wrong = all((filing.images[i].sku, filing.images[i].sha256) in moved for i in case.said)
            if not wrong:  # else the photo is the error, and not the row
                rows[one.kind.value].append((case.features, (case.sku, case.kind) in changed))


def fit(rows: Rows, kind: str) -> Fusion:
    """The fit of one kind."""
    features = np.array([row for row, _ in rows[kind]], np.float64)
    same = np.array([said for _, said in rows[kind]], np.bool_)
    return Fusion.fit(features, same, NAMES[kind], l2=1.0, nonnegative=RISING[kind])


def main() -> None:
    """Plant, see, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--look-alikes", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=judging.FILE)
    given = parser.parse_args()
    alike = look_alikes(given.look_alikes)
    judge, rows = empty(), defaultdict(list)
    with copied(given.home) as base:
        filing, seen = watched(base, judge)
        rows["pair"] = pairs(filing, seen)
        fusions = {**judge.fusions, "pair": fit(rows, "pair")}
        judge = Judge(fusions, {})
        for seed in range(given.seeds):
            with copied(base) as home:
                kinds = (*KINDS, STRANGER, *(kind for kind in ROW_KINDS if kind not in KINDS))
                planted = plant(home, seed, 0.05 * len(kinds) / len(KINDS), alike, kinds)
                label(planted, *watched(home, judge), judge, rows)
                print(f"seed {seed}: {len(planted)} errors planted", flush=True)
            save(filing, rows, dict(fusions), seed + 1, given.out)  # a run that is cut short has fitted what it saw


def save(filing: Filing, rows: Rows, fusions: dict[str, Fusion], seeds: int, out: Path) -> None:
    """Fit what there is, tell it, and write it."""
    for kind in NAMES:
        fusions[kind] = fit(rows, kind)
        shown = dict(zip(NAMES[kind], (round(w, 2) for w in fusions[kind].weights), strict=True))
        print(kind, len(rows[kind]), "cases,", sum(said for _, said in rows[kind]), "errors", shown)
    counts = {kind: [len(rows[kind]), sum(said for _, said in rows[kind])] for kind in NAMES}
    made_from = {
        "command": f"scripts/fit_filing.py --seeds {seeds}", "data": "boxes, split train, and their look-alikes",
        "photos": len(filing.images), "products": len(filing.groups), "read": len(filing.read),
        "cases and errors": counts, "share of errors": 0.05, "pair features": list(PAIR_FEATURES),
    }  # fmt: skip
    Judge(fusions, made_from).save(out)


if __name__ == "__main__":
    main()
