"""Learn how photos of one medicine's pills differ: simsearch/features/pills/likeness.json.

    PYTHONPATH=. python scripts/pills/fit_likeness.py ../shared/data/nlmphotos.csv ../shared/data/rximage.csv \\
        --work /tmp/looks --out simsearch/features/pills/likeness.json

Photos that people took (split train) are paired with the studio photos of the same look, and with those of any other.
`--folds 5` also asks each photo among all studio photos, by what was learned without its look, and prints how often the
right look is the first, among ten and among fifty. What colours and shape count beside the face is chosen from a grid,
by the likelihood of the right look among all. `--sample 2000` describes that many studio photos besides those of the
looks that people photographed, instead of all. Faces count, and are asked, only by photos of looks that the network has
not learned from (the card of its weights).
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import ImageSettings
from simsearch.core.images import load
from simsearch.features.base import NoSettings, pack, unpack
from simsearch.features.pills import PillLooks, likeness
from simsearch.features.pills.imprint_likeness import Imprints, agreement
from simsearch.features.pills.likeness import COLOURS, Pills, Weights, combined, cosines
from simsearch.features.pills.weights import open_pill_weights

Floats = NDArray[np.float64]
_ROUNDS = 10
_LOOKS, _FACE = (0.2, 0.3, 0.45, 0.65, 1.0), (8.0, 12.0, 16.0, 22.0, 30.0, 40.0)
_IMPRINT = (0.0, 0.15, 0.3, 0.45, 0.65, 0.9)
"""Weights that are tried."""
_SHRINK = 0.1  # towards a diagonal covariance: there are fewer than 200 photos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="table of people's photos, with look_id and split")
    parser.add_argument("studio", type=Path, help="table of studio photos, with look_id")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps descriptors for the next call")
    parser.add_argument("--out", type=Path, help="file to write; none: only measure")
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--sample", type=int, default=0, help="studio photos of other looks; 0: all")
    asked = parser.parse_args()
    photos = [row for row in rows(asked.photos) if row["split"] == "train"]
    studio = sampled(rows(asked.studio), {row["look_id"] for row in photos}, asked.sample)
    seen, known = described(asked.photos, photos, asked.work), described(asked.studio, studio, asked.work)
    if asked.folds:
        measure(photos, seen, studio, known, asked.folds)
    if asked.out:
        learned: dict[str, object] = {**fit(photos, seen, studio, known)}
        new = unlearned(photos)
        own = [photos[i] for i in new], [seen[i] for i in new]
        learned["weights"] = asdict(weigh(*own, studio, known, parts_of(learned)))
        asked.out.write_text(json.dumps(learned) + "\n", encoding="utf-8")


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sampled(studio: list[dict[str, str]], shown: set[str], wanted: int) -> list[dict[str, str]]:
    """The studio photos of the looks `shown`, and `wanted` others; 0: all."""
    others = [i for i, row in enumerate(studio) if row["look_id"] not in shown]
    kept = set(np.random.default_rng(0).permutation(others)[: wanted or None].tolist())
    return [row for i, row in enumerate(studio) if row["look_id"] in shown or i in kept]


def unlearned(photos: Sequence[Mapping[str, str]]) -> list[int]:
    """Numbers of the photos of looks that the network has not learned from, as its card says."""
    joined = set(open_pill_weights().card["joined"])
    return [i for i, row in enumerate(photos) if row["look_id"] not in joined]


def described(table: Path, wanted: Sequence[Mapping[str, str]], work: Path) -> list[Pills]:
    """The pills of each photo."""
    method, found = PillLooks(NoSettings()), []
    work.mkdir(parents=True, exist_ok=True)
    for row in wanted:
        kept = work / f"{row['image'].replace('/', '-')}.{method.fingerprint}"
        if not kept.exists():
            kept.write_bytes(pack(method.describe([load(table.parent / row["image"], ImageSettings())])[0]))
        found.append(Pills.of(unpack(method, kept.read_bytes())))
    return found


def fit(
    photos: Sequence[Mapping[str, str]],
    seen: Sequence[Pills],
    studio: Sequence[Mapping[str, str]],
    known: Sequence[Pills],
) -> dict[str, dict[str, list[list[float]]]]:
    """Covariances of differences; each photo counts by the face and the half that fit best, found in turns."""
    faces: dict[str, list[Floats]] = {}
    for row, looks in zip(studio, known, strict=True):
        faces.setdefault(row["look_id"], []).extend(looks.table[:, None])
    pairs = [
        (look, np.concatenate(faces[row["look_id"]]))
        for row, looks in zip(photos, seen, strict=True)
        if len(looks) and row["look_id"] in faces
        for look in looks.table[:1, None]
    ]
    every = np.concatenate([looks.table for looks in known])
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


def parts_of(learned: Mapping[str, Any]) -> tuple[likeness.Part, likeness.Part]:
    colour, shape = (
        likeness.Part(likeness.Normal.of(learned[n]["same"]), likeness.Normal.of(learned[n]["other"]))
        for n in ("colour", "shape")
    )
    return colour, shape


class Known:
    """All studio photos' pills, and whose looks they are."""

    def __init__(self, studio: Sequence[Mapping[str, str]], known: Sequence[Pills]) -> None:
        of = np.repeat(np.arange(len(known)), [len(one) for one in known])
        self.names, self.look = np.unique([row["look_id"] for row in studio], return_inverse=True)
        self.look = self.look[of]
        imprints = (np.concatenate([getattr(k.imprints, f.name) for k in known], axis=-1) for f in fields(Imprints))
        table, faces = (np.concatenate([getattr(k, name) for k in known]) for name in ("table", "faces"))
        sizes = np.concatenate([k.sizes for k in known])
        self.pills = Pills(table, faces, Imprints(*imprints), sizes)

    def asked(self, mine: Pills, by: tuple[likeness.Part, likeness.Part]) -> tuple[Floats, Floats, Floats]:
        """Likelihoods by looks, cosines and what imprints say, each (n, m) of a photo's pills."""
        read = agreement(mine.imprints, self.pills.imprints).astype(np.float64)
        return likeness.by_looks(mine.table, self.pills.table, by), cosines(mine.faces, self.pills.faces), read

    def best(self, scores: Floats) -> Floats:
        """(looks,) the best of the scores (m,) of each look."""
        found = np.full(len(self.names), -np.inf)
        np.maximum.at(found, self.look, scores)
        return found


def weigh(
    photos: Sequence[Mapping[str, str]],
    seen: Sequence[Pills],
    studio: Sequence[Mapping[str, str]],
    known: Sequence[Pills],
    by: tuple[likeness.Part, likeness.Part],
) -> Weights:
    """The weights with which the right looks are likeliest among all."""
    every = Known(studio, known)
    asked = [(row["look_id"], *every.asked(mine, by)) for row, mine in zip(photos, seen, strict=True) if len(mine)]
    found = {}
    for weights in (Weights(*one) for one in product(_LOOKS, _FACE, _IMPRINT)):
        sizes = []
        for name, looks, cosine, read in asked:
            best = every.best(combined(looks, cosine, read, weights).max(axis=0))
            at = int(np.searchsorted(every.names, name))
            sizes.append(max(-15.0, best[at] - np.logaddexp.reduce(best)))
        found[weights] = float(np.mean(sizes))
    return max(found, key=lambda weights: found[weights])


def measure(
    photos: Sequence[Mapping[str, str]],
    seen: Sequence[Pills],
    studio: Sequence[Mapping[str, str]],
    known: Sequence[Pills],
    folds: int,
) -> None:
    """Print recall among all looks; each photo by what was learned from the looks of the other folds."""
    new = {photos[i]["look_id"] for i in unlearned(photos)}
    looks, every = sorted(new), Known(studio, known)
    ranks: dict[str, list[int]] = {"colours and shape": [], "face": [], "imprint": [], "without imprint": [], "all": []}
    for fold in range(folds):
        held = set(looks[fold::folds])
        rest = [i for i, row in enumerate(photos) if row["look_id"] not in held]
        by = parts_of(fit([photos[i] for i in rest], [seen[i] for i in rest], studio, known))
        rest = [i for i in rest if photos[i]["look_id"] in new]
        weights = weigh([photos[i] for i in rest], [seen[i] for i in rest], studio, known, by)
        print("fold", fold, weights, flush=True)
        for row, mine in zip(photos, seen, strict=True):
            if row["look_id"] not in held:
                continue
            alone, cosine, read = every.asked(mine, by) if len(mine) else (np.full((1, len(every.look)), -np.inf),) * 3
            scored = (
                alone,
                cosine,
                read,
                combined(alone, cosine, read, replace(weights, imprint=0.0)),
                combined(alone, cosine, read, weights),
            )
            for what, scores in zip(ranks, scored, strict=True):
                best = every.best(scores.max(axis=0))
                at = int(np.searchsorted(every.names, row["look_id"]))
                ranks[what].append(1 + int((best >= best[at]).sum()) - 1 if len(mine) else 10**6)
    for what, found in ranks.items():
        print(
            what, {f"R@{k}": round(float((np.array(found) <= k).mean()), 3) for k in (1, 10, 50)}, len(found), "photos"
        )


if __name__ == "__main__":
    main()
