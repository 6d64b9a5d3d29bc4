"""Learn the names of colours and shapes of pills: simsearch/features/pills/names.json.

    PYTHONPATH=. python scripts/pills/fit_names.py ../shared/data/rximage.csv --work /tmp/looks \\
        --out simsearch/features/pills/names.json

Looks of the split train are learned from, a fifth of them is held out to choose by; `--eval` prints how many of the
split eval are named right.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import ImageSettings
from simsearch.core.images import load
from simsearch.features.base import NoSettings, pack, unpack
from simsearch.features.pills import PillLooks
from simsearch.features.pills.likeness import columns
from simsearch.features.pills.looks import LOOK
from simsearch.features.pills.names import Rule, colour_features, named, shape_features

Floats = NDArray[np.float64]
_STEPS, _RATE, _DECAY = 600, 0.5, 1e-4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studio", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps descriptors for the next call")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--eval", action="store_true")
    asked = parser.parse_args()
    with asked.studio.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] in ("train", "eval")]
    learned, held, judged = parts_of(rows)
    looks = {row["image"]: described(asked.studio, row, asked.work) for row in (*learned, *held, *judged * asked.eval)}
    rules = fit(learned, looks)
    report("held out", held, looks, rules)
    if asked.eval:
        report("eval", judged, looks, rules)
    if asked.out:
        asked.out.write_text(json.dumps({n: plain(r) for n, r in zip(("colour", "shape"), rules, strict=True)}) + "\n")


def parts_of(rows: Sequence[dict[str, str]]) -> tuple[list[dict[str, str]], ...]:
    """Rows to learn from, rows of a fifth of the looks held out, rows of the split eval."""
    train = [row for row in rows if row["split"] == "train"]
    held = set(sorted({row["look_id"] for row in train})[::5])
    return (
        [row for row in train if row["look_id"] not in held],
        [row for row in train if row["look_id"] in held],
        [row for row in rows if row["split"] == "eval"],
    )


def described(table: Path, row: Mapping[str, str], work: Path) -> NDArray[Any]:
    method = PillLooks(NoSettings())
    work.mkdir(parents=True, exist_ok=True)
    kept = work / f"{row['image'].replace('/', '-')}.{method.fingerprint}"
    if not kept.exists():
        kept.write_bytes(pack(method.describe([load(table.parent / row["image"], ImageSettings())])[0]))
    return unpack(method, kept.read_bytes())


def shape_name(row: Mapping[str, str]) -> str:
    return row["shape"].split(" (")[0].lower()


def colour_names(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in row["color"].lower().split("/") if name}))


def fit(rows: Sequence[Mapping[str, str]], looks: Mapping[str, NDArray[Any]]) -> tuple[Rule, Rule]:
    own = [(row, looks[row["image"]][:1]) for row in rows if len(looks[row["image"]])]
    shaped = [(shape_name(row), look) for row, look in own if shape_name(row)]
    shape = softmax([n for n, _ in shaped], shape_features(columns(np.concatenate([look for _, look in shaped]))))
    plain_ones = [(colour_names(row)[0], look) for row, look in own if len(colour_names(row)) == 1]
    lab = np.concatenate([look["colours"].astype(np.float64)[:, 0] for _, look in plain_ones])
    return softmax([n for n, _ in plain_ones], colour_features(lab)), shape


def softmax(names: Sequence[str], x: Floats) -> Rule:
    """Multinomial logistic regression by gradient descent with momentum."""
    known = tuple(sorted(set(names)))
    y = np.array([known.index(name) for name in names])
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    own = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    weights, speed, aim = (
        np.zeros((own.shape[1], len(known))),
        np.zeros((own.shape[1], len(known))),
        np.eye(len(known))[y],
    )
    for _ in range(_STEPS):
        shares = Rule(known, np.zeros(x.shape[1]), np.ones(x.shape[1]), weights).shares(own[:, :-1])
        speed = 0.9 * speed - _RATE * (own.T @ (shares - aim) / len(x) + _DECAY * weights)
        weights = weights + speed
    return Rule(known, mean, scale, weights)


def plain(rule: Rule) -> dict[str, Any]:
    return {
        "names": rule.names, "mean": np.round(rule.mean, 5).tolist(), "scale": np.round(rule.scale, 6).tolist(),
        "weights": np.round(rule.weights, 3).tolist(),
    }  # fmt: skip


def report(
    what: str, rows: Sequence[Mapping[str, str]], looks: Mapping[str, NDArray[Any]], by: tuple[Rule, Rule]
) -> None:
    found = [(row, (*named(looks[row["image"]][:1], by), None)[0]) for row in rows]
    coloured = [one is not None and one.colours == colour_names(row) for row, one in found if row["color"]]
    shaped = [one is not None and one.shape == shape_name(row) for row, one in found if row["shape"]]
    print(f"{what}: colour {np.mean(coloured):.3f} of {len(coloured)}, shape {np.mean(shaped):.3f} of {len(shaped)}")


if __name__ == "__main__":
    assert LOOK.names
    main()
