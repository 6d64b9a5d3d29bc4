"""Fit the probabilities of `simsearch check` on planted errors, and write `simsearch/filing/fitted.json`.

    .venv/bin/python scripts/fit_filing.py HOME --look-alikes boxes_lookalikes.csv --seeds 8 --pills rximage.csv \\
        [--out FILE] [--folds FOLDER]

HOME holds training products alone, described and read; it is not changed: each seed plants its errors in a copy. Photos
and rows are as they were filed but for these, so that an error nobody knows of counts as none. Under every second seed
half of the rows say nothing, as in catalogs without a table. Under each seed the same is planted once more in a copy
from which all print and codes were taken, for what looks and keypoints say alone. `--folds` also writes one fit for
each of five parts of the products, on the other four: `scripts/bench/check_peers --folds` measures each on its own
part. Products that look alike are in one part.

Loose pills: the looks of rximage's split train that `scripts/pills/fit_names.py` did not learn names from.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import sqlalchemy as sa
from filing_pills import pill_rows
from plant_errors import EXTRA_KINDS, KINDS, ROW_KINDS, STRANGER, Planted, look_alikes, plant, without_rows

from simsearch import open_app
from simsearch.catalog.doubts import DoubtKind
from simsearch.catalog.tables import CodeRow, DescriptorRow, MethodRow
from simsearch.core.types import silent
from simsearch.filing import judging
from simsearch.filing.arbiter import judged
from simsearch.filing.cases import PhotoCase, TwiceCase, WordsCase
from simsearch.filing.evidence import APART, PAIR_FEATURES, ImageSeen
from simsearch.filing.filed import Filing
from simsearch.filing.judging import BY_LOOKS, LOOKS, NAMES, Judge
from simsearch.filing.keeping import Judged
from simsearch.recognition.score_fusion import Fusion

RISING = {
    "pair": ("look", "support", "likeness", "lines", "name", "amounts", "code", "unnamed"),
    "other-product": (
        "best",
        "against",
        "row",
        "other_name",
        "other_agrees",
        "mates_row",
        "row_lead",
        "differing",
        "in_view",
    ),
    "odd-photo": ("best", "against", "row", "mates_row", *APART),
    "one-product-twice": ("best", "mean", "least", "part", "names"),
    "words-differ": ("against", "unsure"),
    LOOKS: ("apart",),
}
RISING |= {kind + BY_LOOKS: names for kind, names in RISING.items() if kind + BY_LOOKS in NAMES}
"""Features that never make the answer less likely by growing."""
FALLING: Mapping[str, Collection[str]] = {
    "pair": ("against", "differing", "lacking", "both_lack", "in_view"),
    "other-product": ("own", "name", "other_row"),
    "odd-photo": ("own", "name"),
    "one-product-twice": ("strengths", "against", "apart", "rows"),
    "words-differ": ("agree",),
    LOOKS: (),
}
FALLING = {**FALLING, **{kind + BY_LOOKS: names for kind, names in FALLING.items() if kind + BY_LOOKS in NAMES}}
"""Features that never make it more likely: a photo that agrees more with its own SKU is not doubted more for it."""
FOLDS = 5
SEEN = ("look", "support", "own", "best", "alone", "two", "mean", "least", "part", "one")
"""Features of what is judged by looks. Without a name are SKUs of one photo here, so that it would stand for these."""
BARE = 0.5
"""Share of the SKUs whose rows say nothing under every second seed."""


@dataclass(frozen=True)
class Case:
    """A case, whether it is an error, and the SKU that it is about."""

    features: tuple[float, ...]
    error: bool
    sku: str


Rows = dict[str, list[Case]]


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


def watched(home: Path, judge: Judge, since: int | None = None) -> tuple[Filing, dict[int, ImageSeen], int]:
    """All that is seen of a home, and its revision. `since`: the revision as of which it was seen; None: it was not."""
    with open_app(home) as app, patch.object(judging, "shipped", lambda: judge):
        checker, now = app.checker, app.catalog.revision()
        filing = Filing.of(app.catalog, app.reading)
        due = app.catalog.checked.due(since, checker.stamp)
        checker.watcher.see(filing, due.images, due.mates, now, silent)
        kept = app.catalog.checked.seen(filing.images, checker.stamp)
    return filing, {i: ImageSeen.of(one.evidence) for i, one in kept.items()}, now


def without_print(home: Path) -> None:
    """Take away all that was read on the photos of a home, and their codes."""
    with open_app(home) as app, app.catalog.database.write() as c:
        gone = sa.select(MethodRow.id).where(
            MethodRow.fingerprint.in_([m.fingerprint for m in app.print_methods.values()])
        )
        c.execute(sa.delete(DescriptorRow).where(DescriptorRow.method_id.in_(gone)))
        c.execute(sa.delete(CodeRow).where(CodeRow.image_id.is_not(None)))


def fold_of(sku: str, parts: Mapping[str, str]) -> int:
    """The part of the products that an SKU is in. `parts`: SKU -> the first of those that look alike."""
    base = sku.removesuffix("-again")
    return int(sha256(parts.get(base, base).encode()).hexdigest(), 16) % FOLDS


def parts_of(alike: Sequence[tuple[str, str]]) -> dict[str, str]:
    """SKU -> the first SKU of all that are connected with it by looking alike."""
    first: dict[str, str] = {}
    for a, b in alike:
        roots = first.get(a, a), first.get(b, b)
        root = min(roots)
        for sku in [sku for sku, of in first.items() if of in roots] + [a, b]:
            first[sku] = root
    return first


def pairs(filing: Filing, seen: dict[int, ImageSeen]) -> list[Case]:
    """Features of each pair of photos, and whether both are filed under one SKU."""
    met: dict[tuple[int, int], Case] = {}
    for i, one in seen.items():
        for same, side in ((True, one.own), (False, one.others)):
            for pair in side:
                met[min(i, pair.other), max(i, pair.other)] = Case(pair.features, same, filing.images[i].sku)
    return [met[key] for key in sorted(met)]


def label(planted: Sequence[Planted], filing: Filing, seen: dict[int, ImageSeen], judge: Judge, rows: Rows) -> None:
    """Adds the cases of one planted catalog to `rows`, each with whether it is an error."""
    moved = {(p.sku, s) for p in planted if p.kind in ("random", "look-alike", STRANGER) for s in p.sha256}
    twice = {tuple(sorted((p.sku, p.right))) for p in planted if p.kind == "twice"}
    halves = {sku for pair in twice for sku in pair}
    changed = {(p.sku, p.kind) for p in planted if p.kind in ROW_KINDS}
    renamed = {p.sku for p in planted if p.kind == "name"}
    for one in judged(seen, filing, judge):
        case = one.case
        if isinstance(case, PhotoCase):
            filed = filing.images[case.image_id]
            if filed.sku not in halves | renamed:
                rows[of_fit(one)].append(Case(case.features, _is_wrong(one, case, filing, moved), filed.sku))
        elif isinstance(case, TwiceCase):
            rows[of_fit(one)].append(Case(case.features, tuple(case.pair) in twice, case.pair[0]))
        elif isinstance(case, WordsCase) and case.kind not in ("colour", "shape"):
            wrong = all((filing.images[i].sku, filing.images[i].sha256) in moved for i in case.said)
            if not wrong:  # else the photo is the error, and not the row
                rows[one.kind.value].append(Case(case.features, (case.sku, case.kind) in changed, case.sku))


def of_fit(one: Judged) -> str:
    """The fit that a case is judged by."""
    by_looks = not isinstance(one.case, WordsCase) and one.case.by_looks
    return one.kind.value + BY_LOOKS * by_looks


def _is_wrong(one: Judged, case: PhotoCase, filing: Filing, moved: Collection[tuple[str, str]]) -> bool:
    """Whether a photo was moved; of two that do not belong together, whether either was: the doubt is about both."""
    sku = filing.images[case.image_id].sku
    both = one.kind is DoubtKind.ODD_PHOTO and len(filing.groups[sku]) == 2
    return any((sku, filing.images[i].sha256) in moved for i in (filing.groups[sku] if both else [case.image_id]))


def fit(cases: Sequence[Case], kind: str) -> Fusion:
    """The fit of one kind: what may only lower it goes in turned round."""
    names = NAMES[kind]
    turn = np.array([-1.0 if name in FALLING[kind] else 1.0 for name in names])
    features = np.array([case.features for case in cases], np.float64) * turn
    if kind.endswith(BY_LOOKS):
        features[:, [name not in SEEN for name in names]] = 0.0
    errors = np.array([case.error for case in cases], np.bool_)
    found = Fusion.fit(features, errors, names, l2=1.0, nonnegative=(*RISING[kind], *FALLING[kind]))
    turned = ((np.array(values) * turn + 0.0).tolist() for values in (found.mean, found.weights))
    mean, weights = (tuple(values) for values in turned)
    return replace(found, mean=mean, weights=weights)


def main() -> None:
    """Plant, see, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--look-alikes", type=Path)
    parser.add_argument("--pills", type=Path, help="rximage.csv; without it loose pills keep the fit that is shipped.")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--out", type=Path, default=judging.FILE)
    parser.add_argument("--folds", type=Path, help="Folder for the fits of four parts of the products in five.")
    given = parser.parse_args()
    alike = look_alikes(given.look_alikes)
    judge, rows = empty(), defaultdict(list)
    rows[LOOKS] = [Case(*row) for row in pill_rows(given.pills)] if given.pills else []
    kinds = (*KINDS, STRANGER, *EXTRA_KINDS)
    with copied(given.home) as base, copied(given.home) as bare, copied(given.home) as blank:
        filing, seen, now = watched(base, judge)
        without_rows(bare, 0, BARE)
        also, seen_bare, now_bare = watched(bare, judge)
        without_print(blank)
        silent_, seen_blank, now_blank = watched(blank, judge)
        rows["pair"] = pairs(filing, seen) + pairs(also, seen_bare)
        rows["pair" + BY_LOOKS] = pairs(silent_, seen_blank)
        judge = Judge({**judge.fusions, **{kind: fit(rows[kind], kind) for kind in list(rows) if "pair" in kind}}, {})
        for seed in range(given.seeds):
            for of, since in ((bare, now_bare) if seed % 2 else (base, now), (blank, now_blank)):
                with copied(of) as home:
                    planted = plant(home, seed, 0.05 * len(kinds) / len(KINDS), alike, kinds)
                    label(planted, *watched(home, judge, since)[:2], judge, rows)
            print(f"seed {seed}: {len(planted)} errors planted", flush=True)
            save(filing, rows, seed + 1, given.out)  # a run that is cut short has fitted what it saw
            for fold in range(FOLDS) if given.folds else ():
                given.folds.mkdir(parents=True, exist_ok=True)
                others = {k: [c for c in of if fold_of(c.sku, parts_of(alike)) != fold] for k, of in rows.items()}
                save(filing, others, seed + 1, given.folds / f"{fold}.json", quiet=True)


def save(filing: Filing, rows: Rows, seeds: int, out: Path, *, quiet: bool = False) -> None:
    """Fit what there is, tell it, and write it."""
    # The shipped fit may be of other features: it is asked for nothing but what there are no cases of.
    before = judging.shipped() if any(not rows.get(kind) for kind in NAMES) else None
    fusions = {kind: before.fusions[kind] if before and not rows[kind] else fit(rows[kind], kind) for kind in NAMES}
    counts: dict[str, Any] = {kind: [len(of), sum(case.error for case in of)] for kind, of in rows.items() if of}
    counts |= {k: before.made_from["cases and errors"].get(k) for k in NAMES if before and not rows[k]}
    for kind, fusion in fusions.items() if not quiet else ():
        shown = dict(zip(NAMES[kind], (round(w, 2) for w in fusion.weights), strict=True))
        print(kind, "cases and errors", counts[kind], shown, "bias", round(fusion.bias, 2))
    made_from = {
        "command": f"scripts/fit_filing.py --seeds {seeds}",
        "data": "boxes and packs, split train, and look-alikes of the boxes; pill-differs: rximage, split train",
        "photos": len(filing.images), "products": len(filing.groups), "read": len(filing.read),
        "cases and errors": counts, "share of errors": 0.05, "pair features": list(PAIR_FEATURES),
    }  # fmt: skip
    Judge(fusions, made_from).save(out)


if __name__ == "__main__":
    main()
