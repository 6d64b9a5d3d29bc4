"""Planted errors of filing: what `simsearch check` lists of them, and what cleanlab and fastdup do on our embeddings.

    scripts/bench/check_peers HOME --seeds 3 --look-alikes boxes_lookalikes.csv [--peers VENV/bin/python]

HOME is described and read, and is not changed. Each seed plants its errors in a copy (`scripts/plant_errors.py`). VENV
has cleanlab and fastdup from PyPI; what is not installed there is left out. An error counts as found where its photo is
listed (of two SKUs: the pair or a photo of them; of a row: its SKU and column); a listed doubt is right where it names
any planted error, so that errors nobody knew of count against every tool alike. A doubt about the two photos of an SKU
names both: "simsearch, the first photo alone" counts it only where the one that it would leave out is the wrong one.

`--folds` names the folder that `scripts/fit_filing.py --folds` wrote: each part of the products is then measured with
the fit on the other parts. Without it the shipped fit is measured, on products that it has not seen.

cleanlab: `find_label_issues`, by normalised margin, on probabilities by five neighbours (cosine), as in the first try.
It has no probability of an error, so precision is that of all it flags. fastdup: outliers, and the pairs above 0.9 with
two SKUs. Neither looks at rows: they find no changed strength by what they are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from fit_filing import FOLDS, copied, fold_of, parts_of
from plant_errors import KINDS, Planted, look_alikes, plant

from simsearch import App, Doubt, open_app
from simsearch.filing import judging
from simsearch.filing.judging import Judge

SURE = 0.9


@dataclass(frozen=True)
class Listed:
    """One thing that a tool lists: photos by SKU and content, and what else it names."""

    photos: frozenset[tuple[str, str]]
    skus: frozenset[str] = frozenset()
    field: str = ""
    sure: bool = True


def of_doubt(doubt: Doubt, pairs: Collection[str]) -> Listed:
    """A doubt as it is scored. `pairs`: SKUs of whose two photos an odd one names both."""
    both = doubt.kind == "odd-photo" and doubt.sku in pairs
    shown = [doubt.photo, *([doubt.against] if both else [])]
    photos = frozenset((doubt.sku, photo.sha256) for photo in shown if photo is not None)
    skus = frozenset((doubt.sku, doubt.against_sku)) - {""} if doubt.kind == "one-product-twice" else frozenset()
    return Listed(photos, skus, f"{doubt.sku} {doubt.field}" if doubt.field else "", doubt.probability >= SURE)


def names(listed: Listed, error: Planted) -> bool:
    """Whether what is listed is this error."""
    if error.kind == "strength":
        return listed.field == f"{error.sku} strength"
    if error.kind == "twice" and {error.sku, error.right} <= listed.skus:
        return True
    return any((error.sku, content) in listed.photos for content in error.sha256)


def scores(listed: Sequence[Listed], planted: Sequence[Planted]) -> dict[str, tuple[int, int]]:
    """Kind of error -> found of planted; "precision": right of all that is listed surely; "listed": right of all."""
    found = {
        kind: (sum(any(names(one, e) for one in listed) for e in of), len(of))
        for kind in KINDS
        if (of := [e for e in planted if e.kind == kind])
    }
    for what, some in (("precision", [one for one in listed if one.sure]), ("listed", list(listed))):
        found[what] = sum(any(names(one, e) for e in planted) for one in some), len(some)
    return found


def exported(app: App, folder: Path) -> None:
    """Embeddings, SKUs and contents of all photos, for the peers."""
    network = app.methods["siamese"]
    filed = {f.id: f for f in app.catalog.selection.contents()}
    packed = app.catalog.descriptors.of(network.fingerprint, filed)
    ids = sorted(packed)
    vectors = np.stack([np.frombuffer(packed[i], network.dtype) for i in ids]).astype(np.float32)
    facts = app.catalog.images.facts(ids)
    np.save(folder / "vectors.npy", vectors)
    told = [{"sku": filed[i].sku, "sha256": filed[i].sha256, "path": facts[i].path} for i in ids]
    (folder / "photos.json").write_text(json.dumps(told), encoding="utf-8")


def by_peer(python: str, tool: str, folder: Path) -> list[Listed] | None:
    """What a peer lists; None where it is not installed."""
    done = subprocess.run(
        [python, str(Path(__file__).with_name("peer_labels.py")), tool, str(folder)],
        capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    if done.returncode:
        print(f"{tool}: left out ({done.stderr.strip().splitlines()[-1:] or done.returncode})")
        return None
    told = json.loads((folder / f"{tool}.json").read_text(encoding="utf-8"))
    return [Listed(frozenset(map(tuple, one["photos"])), frozenset(one["skus"])) for one in told]


def total(found: Collection[Mapping[str, tuple[int, int]]]) -> dict[str, str]:
    """Sums over seeds, in words: "0.95 (57 of 60)"."""
    keys = dict.fromkeys(key for one in found for key in one)
    out = {}
    for key in keys:
        right, all_ = (sum(one.get(key, (0, 0))[side] for one in found) for side in (0, 1))
        out[key] = f"{right / all_:.2f} ({right} of {all_})" if all_ else "none"
    return out


def checked(home: Path, folds: Path | None, parts: Mapping[str, str]) -> tuple[list[Doubt], set[str], float]:
    """The doubts, each by the fit that has not seen its SKU; SKUs of two photos; seconds of the first check."""
    judges = {None: judging.shipped()} if folds is None else {k: Judge.load(folds / f"{k}.json") for k in range(FOLDS)}
    found: list[Doubt] = []
    took = []
    with open_app(home) as app:
        sizes = Counter(filed.sku for filed in app.catalog.selection.contents())
        for fold, judge in judges.items():
            started = time.perf_counter()
            with patch.object(judging, "shipped", lambda of=judge: of):
                doubts = app.check().doubts
            took.append(time.perf_counter() - started)
            found += [d for d in doubts if fold is None or fold_of(d.sku, parts) == fold]
    return found, {sku for sku, size in sizes.items() if size == 2}, took[0]


def main() -> None:
    """Plant, check, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1000, help="Not one of those that were fitted on.")
    parser.add_argument("--look-alikes", type=Path)
    parser.add_argument("--folds", type=Path, help="Fits of parts of the products.")
    parser.add_argument("--peers", default="", help="Python that has cleanlab and fastdup.")
    parser.add_argument("--misses", type=Path, help="File for what was missed and what was wrong.")
    given = parser.parse_args()
    alike = look_alikes(given.look_alikes)
    found: dict[str, list[dict[str, tuple[int, int]]]] = defaultdict(list)
    odd: list[str] = []
    with copied(given.home) as base:
        checked(base, given.folds, parts_of(alike))
        for seed in range(given.first_seed, given.first_seed + given.seeds):
            with copied(base) as home, tempfile.TemporaryDirectory() as folder:
                planted = plant(home, seed, 0.05, alike)
                doubts, pairs, seconds = checked(home, given.folds, parts_of(alike))
                listed = [of_doubt(doubt, pairs) for doubt in doubts]
                found["simsearch"].append(scores(listed, planted))
                alone = [of_doubt(doubt, ()) for doubt in doubts]
                found["simsearch, the first photo alone"].append(scores(alone, planted))
                print(f"seed {seed}: {len(planted)} planted, {len(doubts)} listed, {seconds:.1f} s", flush=True)
                wrong = [d for d, one in zip(doubts, listed, strict=True) if not any(names(one, e) for e in planted)]
                odd += [f"{seed} wrong {d.kind} {d.probability:.2f} {d.sku} {d.reason}" for d in wrong]
                odd += [f"{seed} missed {e}" for e in planted if not any(names(one, e) for one in listed)]
                if given.peers:
                    with open_app(home) as app:
                        exported(app, Path(folder))
                for tool in ("cleanlab", "fastdup") if given.peers else ():
                    other = by_peer(given.peers, tool, Path(folder))
                    if other is not None:
                        found[tool].append(scores(other, planted))
    for tool, each in found.items():
        print(tool, json.dumps(total(each)))
    if given.misses:
        given.misses.write_text("\n".join(odd) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
