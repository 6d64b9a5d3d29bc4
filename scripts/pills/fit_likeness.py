"""Learn how photos of one medicine's pills differ: simsearch/features/pills/likeness.json.

    PYTHONPATH=. python scripts/pills/fit_likeness.py ../shared/data/nlmphotos.csv ../shared/data/rximage.csv \\
        --work /tmp/looks --out simsearch/features/pills/likeness.json

Photos that people took (split train) are paired with the studio photos of the same look, and with those of any other.
`--folds 5` also asks each photo among all studio photos, by what was learned without its look, and prints how often the
right look is the first, among ten and among fifty.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import ImageSettings
from simsearch.core.images import load
from simsearch.features.base import NoSettings, pack, unpack
from simsearch.features.pills import PillLooks, likeness
from simsearch.features.pills.likeness import COLOURS, columns

Floats = NDArray[np.float64]
_ROUNDS = 10
_SHRINK = 0.1  # towards a diagonal covariance: there are fewer than 200 photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="table of people's photos, with look_id and split")
    parser.add_argument("studio", type=Path, help="table of studio photos, with look_id")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps descriptors for the next call")
    parser.add_argument("--out", type=Path, help="file to write; none: only measure")
    parser.add_argument("--folds", type=int, default=0)
    asked = parser.parse_args()
    photos = [row for row in rows(asked.photos) if row["split"] == "train"]
    seen, known = described(asked.photos, photos, asked.work), described(asked.studio, rows(asked.studio), asked.work)
    if asked.folds:
        measure(photos, seen, rows(asked.studio), known, asked.folds)
    if asked.out:
        learned = fit(photos, seen, rows(asked.studio), known)
        asked.out.write_text(json.dumps(learned, indent=1) + "\n", encoding="utf-8")


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def described(table: Path, wanted: Sequence[Mapping[str, str]], work: Path) -> list[Floats]:
    """Columns (n, 17) of the pills of each photo."""
    method, found = PillLooks(NoSettings()), []
    work.mkdir(parents=True, exist_ok=True)
    for row in wanted:
        kept = work / f"{row['image'].replace('/', '-')}.{method.fingerprint}"
        if not kept.exists():
            kept.write_bytes(pack(method.describe([load(table.parent / row["image"], ImageSettings())])[0]))
        found.append(columns(unpack(method, kept.read_bytes())))
    return found


def fit(
    photos: Sequence[Mapping[str, str]],
    seen: Sequence[Floats],
    studio: Sequence[Mapping[str, str]],
    known: Sequence[Floats],
) -> dict[str, dict[str, list[list[float]]]]:
    """Covariances of differences; each photo counts by the face and the half that fit best, found in turns."""
    faces: dict[str, list[Floats]] = {}
    for row, looks in zip(studio, known, strict=True):
        faces.setdefault(row["look_id"], []).extend(looks[:, None])
    pairs = [
        (look, np.concatenate(faces[row["look_id"]]))
        for row, looks in zip(photos, seen, strict=True)
        if len(looks) and row["look_id"] in faces
        for look in looks[:1, None]
    ]
    every = np.concatenate([looks for looks in known if len(looks)])
    drawn = np.random.default_rng(0).integers(0, len(every), (20000, 2))
    far = every[drawn[:, 0]] - every[drawn[:, 1]]
    start = np.concatenate([look for look, _ in pairs]) - np.stack([own.mean(axis=0) for _, own in pairs])
    learned = table(start, far)
    for _ in range(_ROUNDS):
        best = [_nearest(look, own, learned) for look, own in pairs]
        learned = table(np.stack(best), far)
    return learned


def _nearest(look: Floats, own: Floats, learned: Mapping[str, Mapping[str, list[list[float]]]]) -> Floats:
    """The smallest of the differences (17,) from the faces `own` (n, 17), either way round."""
    both = np.concatenate([look - own, likeness.swapped(look) - own])
    sizes = [
        np.einsum("ni,ij,nj->n", off, np.linalg.inv(np.array(learned[name]["same"])), off)
        for name, off in (("colour", both[:, :COLOURS]), ("shape", both[:, COLOURS:]))
    ]
    return np.asarray(both[int(np.argmin(sizes[0] + sizes[1]))])


def table(near: Floats, far: Floats) -> dict[str, dict[str, list[list[float]]]]:
    """Covariances of colour and shape of differences `near` (n, 17), outliers left out, and `far`."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    for name, part in (("colour", slice(COLOURS)), ("shape", slice(COLOURS, None))):
        same, other = _covariance(near[:, part], trim=0.05), _covariance(far[:, part], trim=0.0)
        if name == "colour":
            same, other = _either_way(same), _either_way(other)
        found[name] = {"same": np.round(same, 7).tolist(), "other": np.round(other, 7).tolist()}
    return found


def _covariance(off: Floats, *, trim: float) -> Floats:
    """Around 0, of all but the share `trim` that lies farthest off; shrunk towards its diagonal."""
    kept = off
    for _ in range(3):
        whole = kept.T @ kept / len(kept)
        whole = (1 - _SHRINK) * whole + _SHRINK * np.diag(np.diag(whole)) + 1e-6 * np.eye(len(whole))
        far = np.einsum("ni,ij,nj->n", off, np.linalg.inv(whole), off)
        kept = off[far <= np.quantile(far, 1 - trim)]
    return np.asarray(whole)


def _either_way(covariance: Floats) -> Floats:
    """The mean of a covariance of two halves, and of the same with the halves exchanged."""
    order = [3, 4, 5, 0, 1, 2]
    return (covariance + covariance[np.ix_(order, order)]) / 2


def measure(
    photos: Sequence[Mapping[str, str]],
    seen: Sequence[Floats],
    studio: Sequence[Mapping[str, str]],
    known: Sequence[Floats],
    folds: int,
) -> None:
    """Print recall among all looks; each photo by what was learned from the looks of the other folds."""
    looks = sorted({row["look_id"] for row in photos})
    of = np.concatenate([[i] * len(one) for i, one in enumerate(known)]).astype(int)
    ids, every = np.array([row["look_id"] for row in studio])[of], np.concatenate(known)
    ranks = []
    for fold in range(folds):
        held = set(looks[fold::folds])
        rest = [i for i, row in enumerate(photos) if row["look_id"] not in held]
        learned = fit([photos[i] for i in rest], [seen[i] for i in rest], studio, known)
        colour, shape = (
            likeness.Part(likeness.Normal.of(learned[n]["same"]), likeness.Normal.of(learned[n]["other"]))
            for n in ("colour", "shape")
        )
        for row, mine in zip(photos, seen, strict=True):
            if row["look_id"] not in held:
                continue
            if not len(mine):
                ranks.append(10**6)
                continue
            scores = likeness.log_likelihoods(mine, every, (colour, shape)).max(axis=0)
            best: dict[str, float] = {}
            for name, score in zip(ids.tolist(), scores.tolist(), strict=True):
                best[name] = max(best.get(name, -1e9), score)
            ranks.append(1 + sum(score > best[row["look_id"]] for score in best.values()))
    found = np.array(ranks)
    print({f"R@{k}": round(float((found <= k).mean()), 3) for k in (1, 10, 50)}, len(found), "photos")


if __name__ == "__main__":
    main()
