"""Characters of real studio faces, by place: what a network of imprints reads, beside what the table states.

    PYTHONPATH=. python scripts/pills/label_imprints.py ../shared/data/rximage.csv \\
        --people ../shared/data/nlmphotos.csv --weights FILE --out LABELS.json

Taken are faces on which most of the stated characters are read at their place. One that is read as another gets the
stated one; one that is not read, between two that are, the place between them. Where something else is seen, nothing
is learned. Of looks that are kept out of the training, it is told how often every character is read (`--measure`, and
`--split eval` for those of the evaluation).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import torch
from composites import plain, plain_matrix
from cutouts import Face, cut_out, rows
from imprint_drawn import Character
from imprint_match import Side, fitted, once, right
from numpy.typing import NDArray
from train_imprint import parts_of
from views import split_off

from simsearch.features.network.network import normalise
from simsearch.features.pills.frames import FINER
from simsearch.features.pills.imprint import Mark, marks
from simsearch.features.pills.imprint import rows as rows_of
from simsearch.features.pills.imprint_network import restore
from simsearch.features.pills.imprint_network_plan import CHARACTERS, LOOK_ALIKE
from simsearch.features.pills.weights import open_pill_weights

READ = 0.6
"""Share of the stated characters that must be read as they are stated."""
SEEN = 0.5
"""Probability from which what is seen beside them may be anything."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studio", type=Path)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", action="store_true", help="of the looks that are kept out")
    parser.add_argument("--split", default="train")
    parser.add_argument("--errors", type=int, default=0, help="tell so many pills that are not read right")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    table = rows(asked.studio)
    held, _ = split_off(table, rows(asked.people))
    wanted = [row for row in table if row["split"] == asked.split]
    if asked.split == "train":
        wanted = [row for row in wanted if (row["look_id"] in held) == asked.measure]
    faces, stored = cut_out(asked.studio, wanted, FINER)
    read = readings(faces, stored, asked.weights)
    if asked.measure:
        measure(faces, read, asked.errors)
    if asked.out:
        labels = labelled(faces, read)
        asked.out.write_text(json.dumps(labels), encoding="utf-8")
        count = sum(len(one["characters"]) for one in labels.values())
        print(f"{len(labels)} of {len(faces)} faces labelled, {count} characters")


def readings(faces: Sequence[Face], stored: dict[bool, NDArray[np.uint8]], weights: Path) -> list[list[Mark]]:
    """What is read on each face, upright as the studio laid it: marks in the order of reading."""
    network = restore(open_pill_weights(weights)).to(memory_format=torch.channels_last)
    found: list[list[Mark]] = [[] for _ in faces]
    for wide in (False, True):
        own = [i for i, face in enumerate(faces) if face.wide == wide]
        for part in (own[i : i + 16] for i in range(0, len(own), 16)):
            frames = np.stack([plain(stored[wide][faces[i].at], wide, FINER[wide]) for i in part])
            with torch.inference_mode():
                maps = network(normalise(torch.from_numpy(frames).permute(0, 3, 1, 2))).numpy()
            for i, one in zip(part, maps, strict=True):
                found[i] = [mark for row in rows_of(marks(one)) for mark in row]
    return found


def _by_pill(faces: Sequence[Face]) -> dict[str, list[int]]:
    found = defaultdict(list)
    for i, face in enumerate(faces):
        found[face.row["sku"]].append(i)
    return found


def measure(faces: Sequence[Face], read: Sequence[Sequence[Mark]], errors: int) -> None:
    """Print how many pills, faces and characters are read right."""
    pills = characters = hits = stated = extra = 0
    whole = folded = 0
    kinds: dict[str, list[int]] = defaultdict(list)
    for sku, own in _by_pill(faces).items():
        parts = parts_of(faces[own[0]].row["imprint"])
        seen = [[m for m in read[i] if m.sure >= SEEN] for i in own]
        sides = fitted(seen, parts) if parts else None
        if not sides:
            continue
        texts = ["".join(m.text for m in some) for some in seen]
        used = sum(len(side.text) for side in sides) >= sum(map(len, once(parts)))
        is_right = used and all(t == s.text.upper() for t, s in zip(texts, sides, strict=True))
        is_folded = used and all(
            text.translate(LOOK_ALIKE) == side.text.upper().translate(LOOK_ALIKE)
            for text, side in zip(texts, sides, strict=True)
        )
        pills, whole, folded = pills + 1, whole + is_right, folded + is_folded
        kinds[faces[own[0]].row["imprint_type"]].append(is_folded)
        characters += sum(len(side.text) for side in sides)
        stated += max(sum(map(len, once(parts))), sum(len(side.text) for side in sides))
        hits += sum(right(m, s) for m, s in zip(seen, sides, strict=True))
        extra += sum(1 for s in sides for i, j in s.pairs if j is None)
        if not is_folded and errors > 0:
            errors -= 1
            print(sku, faces[own[0]].row["imprint"], "read", texts)
    print(f"{pills} pills: every character {whole / pills:.3f}, O as 0 and I as 1 {folded / pills:.3f}")
    print(f"characters right {hits / stated:.3f} of {stated}, beside them {extra}")
    print({kind: f"{np.mean(some):.3f} of {len(some)}" for kind, some in kinds.items()})


def labelled(faces: Sequence[Face], read: Sequence[Sequence[Mark]]) -> dict[str, Any]:
    """Image -> whether it is printed, and its characters in pixels of the cut-out."""
    found = {}
    for own in _by_pill(faces).values():
        parts = parts_of(faces[own[0]].row["imprint"])
        sides = (
            fitted([read[i] for i in own], parts)
            if parts
            else [Side("", 0, tuple((k, None) for k in range(len(read[i])))) for i in own]
        )
        for i, side in zip(own, sides or (), strict=False):
            if (characters := _placed(read[i], side, faces[i].wide)) is not None:
                found[faces[i].row["image"]] = {
                    "printed": faces[i].row["imprint_type"] == "PRINTED",
                    "characters": [astuple(one) for one in characters],
                }  # fmt: skip
    return found


def _placed(read: Sequence[Mark], side: Side, wide: bool) -> list[Character] | None:
    """The characters of one side; None where too few of them are read."""
    if side.text and right(read, side) < READ * len(side.text):
        return None
    matrix = plain_matrix(wide, FINER[wide])
    scale, off = matrix[0, 0], matrix[:2, 2]
    found = []
    for at, (i, j) in enumerate(side.pairs):
        mark = read[i] if i is not None else _between(read, side, at)
        if mark is None:
            return None
        if j is None and mark.sure < SEEN:
            continue
        text = side.text[j].upper() if j is not None else ""
        width = mark.height * (0.3 if text in ("1", "I") else 0.68)
        x, y = (mark.x - off[0]) / scale, (mark.y - off[1]) / scale
        klass = CHARACTERS.index(text) if text else -1
        found.append(Character(x, y, mark.height / scale, width / scale, mark.angle, klass))
    return found


def _between(read: Sequence[Mark], side: Side, at: int) -> Mark | None:
    """Where a character lies that was not read: between the two that were; None where that cannot be told."""
    if not 0 < at < len(side.pairs) - 1:
        return None
    before, after = side.pairs[at - 1], side.pairs[at + 1]
    if None in (*before, *after):
        return None
    one, other = read[before[0]], read[after[0]]  # type: ignore[index]
    height = (one.height + other.height) / 2
    dx, dy = other.x - one.x, other.y - one.y
    if abs(dy * np.cos(one.angle) - dx * np.sin(one.angle)) > 0.4 * height or np.hypot(dx, dy) > 3 * height:
        return None
    return Mark((one.x + other.x) / 2, (one.y + other.y) / 2, height, one.angle, 0.0, one.shares)


if __name__ == "__main__":
    main()
