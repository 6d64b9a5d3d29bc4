"""What the network of pills learns from, batch by batch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

import cv2
import numpy as np
import torch
from composites import SEEN, composite
from cutouts import Face, cut_out, rows
from lettering import lettered
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

PILLS, PEOPLES = 12, 6
"""Pills of a batch, each seen three times, and photos that people took, once they have joined."""
LETTERED, LATE = 16, 2
"""Faces of a batch with another imprint, before and after people's photos have joined."""
SEED = 11
_LETTERS = "0123456789" * 3 + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 2 + "abdegmnpr"


def split_off(studio: Sequence[Mapping[str, str]], people: Sequence[Mapping[str, str]]) -> tuple[set[str], set[str]]:
    """Looks that are not learned from, and those that join late.

    Not learned from are every 13th look of the split train, and all that people photographed but two thirds of those of
    the split train, which join with people's photos.
    """
    known = {row["look_id"] for row in studio if row["split"] == "train"}
    shown = {row["look_id"] for row in people}
    joining = {
        look for i, look in enumerate(sorted({r["look_id"] for r in people if r["split"] == "train"} & known)) if i % 3
    }
    return shown - joining | set(sorted(known - shown)[::13]), joining


def marks_of(imprint: str) -> set[str]:
    """Characters of an imprint, and pairs that follow each other in one of its parts."""
    parts = ["".join(c for c in part.upper() if c.isalnum() or c in ".-/") for part in imprint.split(";")]
    return {mark for part in parts for mark in (*part, *(part[i : i + 2] for i in range(len(part) - 1)))}


@dataclass(frozen=True)
class Taken:
    """A photo that somebody took."""

    stored: NDArray[np.uint8]
    """Its cut-out, turned as the studio's face lies."""
    wide: bool
    klass: int
    """Number of the face."""


@dataclass(eq=False)
class World:
    """What is learned from."""

    faces: list[Face]
    stored: dict[bool, NDArray[np.uint8]]
    classes: dict[tuple[str, str, bool], int]
    """Look, side, shape -> number; those that join late come last."""
    marks: list[str]
    people: list[Taken]
    """None before they have joined."""
    joined: set[str]
    """Their looks."""

    @classmethod
    def of(cls, studio: Path, people: Path, *, joined: bool) -> World:
        table = rows(studio)
        held, joining = split_off(table, rows(people))
        own = [row for row in table if row["split"] == "train" and row["look_id"] not in held]
        early, late = ([row for row in own if (row["look_id"] in joining) == so] for so in (False, True))
        faces, stored = cut_out(studio, [*early, *(late if joined else [])])
        classes: dict[tuple[str, str, bool], int] = {}
        for face in faces:
            classes.setdefault(key(face), len(classes))
        imprints = {row["sku"]: row["imprint"] for row in early}
        counts = Counter(mark for imprint in imprints.values() for mark in marks_of(imprint))
        marks = sorted(mark for mark, n in counts.items() if n >= (8 if len(mark) == 1 else 7))
        return cls(faces, stored, classes, marks, [], joining if joined else set())


def key(face: Face) -> tuple[str, str, bool]:
    return face.row["look_id"], face.row["view"], face.wide


@dataclass(frozen=True)
class Batch:
    """Frames of one shape: first 3 x PILLS faces, then lettered ones, then people's photos."""

    frames: Tensor
    classes: Tensor
    """(3 x PILLS,), then those of people's photos."""
    pills: Tensor
    """(3 x PILLS,) number of the pill, 0 to PILLS - 1."""
    upright: Tensor
    """(all but people's photos,) whether it is the right way up."""
    imprints: Tensor
    """(PILLS, marks) 1 where the register says that the pill has the mark on one of its faces."""
    places: Tensor
    """(lettered, marks, rows, columns) 1 in the cells near a mark that was written."""


class Batches(Dataset[Batch]):
    """Batches from the step `first` on; each depends on its number alone."""

    def __init__(self, world: World, first: int, steps: int) -> None:
        self.world, self.first, self.steps = world, first, steps
        self.at = {mark: i for i, mark in enumerate(world.marks)}
        pills: dict[tuple[str, bool], list[Face]] = defaultdict(list)
        for face in world.faces:
            pills[face.row["sku"], face.wide].append(face)
        self.pills = {wide: [v for k, v in sorted(pills.items()) if k[1] == wide] for wide in (False, True)}
        parts = {part.strip() for face in world.faces for part in face.row["imprint"].split(";")}
        self.texts = sorted(part for part in parts if 0 < len(part) < 9)

    def __len__(self) -> int:
        return self.steps - self.first

    def __getitem__(self, i: int) -> Batch:
        cv2.setNumThreads(1)
        step = self.first + i
        g, wide = np.random.default_rng([SEED, step]), bool(step % 2)
        pool = self.pills[wide]
        frames: list[NDArray[np.uint8]] = []
        classes, numbers, upright = [], [], []
        imprints = np.zeros((PILLS, len(self.at)), np.float32)
        for number, pill in enumerate(g.choice(len(pool), PILLS, replace=False)):
            for face, up in self._views(pool[pill], g):
                printed = face.row["imprint_type"] == "PRINTED"
                stored = self.world.stored[wide][face.at]
                frames.append(composite(stored, wide, g, printed=printed, upright=up).pixels)
                classes.append(self.world.classes[key(face)])
                numbers.append(number)
                upright.append(up)
            known = [self.at[mark] for mark in marks_of(pool[pill][0].row["imprint"]) if mark in self.at]
            imprints[number, known] = 1
        height, width = SEEN[wide]
        places = np.zeros(
            (LATE if self.world.people else LETTERED, len(self.at), height // 16, width // 16), np.float32
        )
        for cells in places:
            up = bool(g.random() > 0.2)
            frames.append(self._written(pool[g.integers(len(pool))][0], up, cells, g))
            upright.append(up)
        own = [photo for photo in self.world.people if photo.wide == wide]
        for at in g.choice(len(own), PEOPLES, replace=False) if own else ():
            frames.append(composite(own[at].stored, wide, g, printed=True).pixels)
            classes.append(own[at].klass)
        found = (np.stack(frames), np.array(classes), np.array(numbers), np.array(upright), imprints, places)
        return Batch(*map(torch.from_numpy, found))

    @staticmethod
    def _views(faces: Sequence[Face], g: np.random.Generator) -> Iterator[tuple[Face, bool]]:
        """Both faces, and once more one that has much on it, perhaps the wrong way up."""
        for at in g.permutation(len(faces))[:2]:
            yield faces[at], True
        weights = np.array([face.detail for face in faces]) ** 2 + 1e-6
        yield faces[g.choice(len(faces), p=weights / weights.sum())], not g.random() < 0.45

    def _written(
        self, face: Face, upright: bool, cells: NDArray[np.float32], g: np.random.Generator
    ) -> NDArray[np.uint8]:
        """A face with another imprint; sets the `cells` (marks, rows, columns) around each of its marks."""
        lines = [self._text(g) for _ in range(int(g.choice([1, 2, 3], p=[0.45, 0.45, 0.1])))]
        stored, marks = lettered(self.world.stored[face.wide][face.at], face.wide, lines, g)
        view = composite(stored, face.wide, g, upright=upright, marks=marks)
        for text, *place in view.marks:
            if text in self.at:
                x, y = (at / 16 - 0.5 for at in place)
                down, along = (slice(max(0, ceil(v - 1.01)), max(0, floor(v + 1.01) + 1)) for v in (y, x))
                cells[self.at[text], down, along] = 1
        return view.pixels

    def _text(self, g: np.random.Generator) -> str:
        if g.random() < 0.7:
            return str(self.texts[g.integers(len(self.texts))])
        return "".join(_LETTERS[g.integers(len(_LETTERS))] for _ in range(int(g.integers(1, 6))))
