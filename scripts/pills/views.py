"""What the network of pills learns from, batch by batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from composites import composite
from cutouts import Face, cut_out, rows
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

PILLS, PEOPLES = 18, 10
"""Pills of a batch, each seen two or three times, and photos that people took."""
SEED = 11


def split_off(studio: Sequence[Mapping[str, str]], people: Sequence[Mapping[str, str]]) -> tuple[set[str], set[str]]:
    """Looks that are not learned from, and those whose photos by people are learned from, too.

    Not learned from are every 13th look of the split train, and all that people photographed but two thirds of those of
    the split train.
    """
    known = {row["look_id"] for row in studio if row["split"] == "train"}
    shown = {row["look_id"] for row in people}
    joining = {
        look for i, look in enumerate(sorted({r["look_id"] for r in people if r["split"] == "train"} & known)) if i % 3
    }
    return shown - joining | set(sorted(known - shown)[::13]), joining


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
    """Look, side, shape -> number."""
    people: list[Taken]
    joined: set[str]
    """Looks whose photos by people are learned from."""

    @classmethod
    def of(cls, studio: Path, people: Path) -> World:
        """All but people's photos, whose turns a network must see (`Trainer.join`)."""
        table = rows(studio)
        held, joined = split_off(table, rows(people))
        faces, stored = cut_out(studio, [r for r in table if r["split"] == "train" and r["look_id"] not in held])
        classes: dict[tuple[str, str, bool], int] = {}
        for face in faces:
            classes.setdefault(key(face), len(classes))
        return cls(faces, stored, classes, [], joined)


def key(face: Face) -> tuple[str, str, bool]:
    return face.row["look_id"], face.row["view"], face.wide


@dataclass(frozen=True)
class Batch:
    """Frames of one shape: n studio faces, two or three of each of PILLS pills, then people's photos."""

    frames: Tensor
    classes: Tensor
    """Number of the face that each shows."""
    upright: Tensor
    """(n,) whether it is the right way up."""


class Batches(Dataset[Batch]):
    """Batches from the step `first` on; each depends on its number alone, counted on from the steps of the start.

    So a training that goes on from another one's weights shows other views than that did.
    """

    def __init__(self, world: World, first: int, steps: int, before: int) -> None:
        self.world, self.first, self.steps, self.before = world, first, steps, before
        pills: dict[tuple[str, bool], list[Face]] = defaultdict(list)
        for face in world.faces:
            pills[face.row["sku"], face.wide].append(face)
        self.pills = {wide: [v for k, v in sorted(pills.items()) if k[1] == wide] for wide in (False, True)}

    def __len__(self) -> int:
        return self.steps - self.first

    def __getitem__(self, i: int) -> Batch:
        cv2.setNumThreads(1)
        step = self.first + i
        g, wide = np.random.default_rng([SEED, self.before + step]), bool(step % 2)
        pool = self.pills[wide]
        frames: list[NDArray[np.uint8]] = []
        classes, upright = [], []
        for pill in g.choice(len(pool), PILLS, replace=False):
            for face, up in self._views(pool[pill], g):
                printed = face.row["imprint_type"] == "PRINTED"
                frames.append(composite(self.world.stored[wide][face.at], wide, g, printed=printed, upright=up))
                classes.append(self.world.classes[key(face)])
                upright.append(up)
        own = [photo for photo in self.world.people if photo.wide == wide]
        for at in g.choice(len(own), PEOPLES, replace=False):
            frames.append(composite(own[at].stored, wide, g, printed=True))
            classes.append(own[at].klass)
        return Batch(*map(torch.from_numpy, (np.stack(frames), np.array(classes), np.array(upright))))

    @staticmethod
    def _views(faces: Sequence[Face], g: np.random.Generator) -> Iterator[tuple[Face, bool]]:
        """Both faces, and once more one that has much on it, perhaps the wrong way up."""
        for at in g.permutation(len(faces))[:2]:
            yield faces[at], True
        weights = np.array([face.detail for face in faces]) ** 2 + 1e-6
        yield faces[g.choice(len(faces), p=weights / weights.sum())], not g.random() < 0.45
