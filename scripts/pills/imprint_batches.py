"""What the network of imprints learns from, batch by batch: frames, and what lies in each of their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import atan2, cos, hypot, log, sin
from typing import Any

import cv2
import numpy as np
import torch
from composites import SEEN, plain, plain_matrix, sized, viewed
from imprint_drawn import Bank, Character, blank, imprinted
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from simsearch.features.pills.frames import FINER
from simsearch.features.pills.imprint_network_plan import CELL, CHARACTERS, HEIGHT

SIZE = {False: 32, True: 16}
"""Frames of a batch, by whether they are oblong."""
NONE, UNKNOWN = len(CHARACTERS), -1
"""What lies in a cell beside characters: none, or what is not to be learned from."""
STUDIO = 0.2
"""Share of the frames that are as a studio lit them."""
EASY = 800
"""Steps over which drawn imprints go from clear ones in a studio's light to all kinds, where nothing is known yet."""
SEED = 29


@dataclass(frozen=True)
class Labelled:
    """A real face whose characters are known, by its cut-out's shape and place."""

    wide: bool
    at: int
    printed: bool
    characters: tuple[Character, ...]


@dataclass(frozen=True)
class Batch:
    """Frames (n, h, w, 3) of one shape; of their cells what lies there (n, h / 4, w / 4), and height, cosine and sine
    of the characters' middles (n, 3, h / 4, w / 4)."""

    frames: Tensor
    classes: Tensor
    measures: Tensor


@dataclass(eq=False)
class ImprintWorld:
    """What is learned from."""

    stored: Mapping[bool, NDArray[np.uint8]]
    """Cut-outs of real faces (n, h, w, 4)."""
    parts: Sequence[str]
    """Parts of real imprints."""
    bank: Bank
    labelled: Sequence[Labelled]
    share: float
    """Of the frames that show real imprints."""


class ImprintBatches(Dataset[Batch]):
    """Batches from the step `first` on; each depends on its number alone."""

    def __init__(self, world: ImprintWorld, first: int, steps: int, seed: int, before: int = 0) -> None:
        """`before`: steps that the start has learned."""
        self.world, self.first, self.steps, self.seed, self.before = world, first, steps, seed, before
        self.labelled = {wide: [one for one in world.labelled if one.wide == wide] for wide in (False, True)}

    def __len__(self) -> int:
        return self.steps - self.first

    def __getitem__(self, i: int) -> Batch:
        cv2.setNumThreads(1)
        step = self.first + i
        g, wide = np.random.default_rng([self.seed, step]), bool(step % 2)
        made = [self.one(wide, g, max(0.0, 1 - (self.before + step) / EASY)) for _ in range(SIZE[wide])]
        return Batch(*(torch.from_numpy(np.stack(some)) for some in zip(*made, strict=True)))

    def one(
        self, wide: bool, g: np.random.Generator, ease: float = 0.0
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """A frame and its cells. `ease`: 0, or up to 1 for clear imprints."""
        own = self.labelled[wide]
        if own and g.random() < self.world.share:
            face = own[int(g.integers(len(own)))]
            stored, characters, printed = self.world.stored[wide][face.at], list(face.characters), face.printed
        else:
            base = blank(self.world.stored[wide][int(g.integers(len(self.world.stored[wide])))], g)
            stored, characters, printed = imprinted(base, wide, self.world.bank, self.world.parts, g, ease)
        finer = FINER[wide]
        if g.random() < max(STUDIO, ease):
            frame, matrix = plain(stored, wide, finer), plain_matrix(wide, finer)
        else:
            frame, matrix = viewed(stored, wide, g, printed=printed, finer=finer)
        return frame, *cells(characters, matrix, sized(SEEN[wide], finer))


def cells(
    characters: Sequence[Character], matrix: NDArray[np.float64], frame: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """What lies in each cell of a frame, and the measures of the characters, which `matrix` takes there."""
    h, w = frame[0] // CELL, frame[1] // CELL
    classes, measures = np.full((h, w), NONE, np.int64), np.zeros((3, h, w), np.float32)
    y, x = (np.mgrid[0:h, 0:w] + 0.5) * CELL
    for one in characters:
        middle, height, width, angle = _taken(one, matrix)
        dx, dy = x - middle[0], y - middle[1]
        along, down = dx * cos(angle) + dy * sin(angle), dy * cos(angle) - dx * sin(angle)
        if one.klass == UNKNOWN:
            classes[(np.abs(along) < 0.6 * width + 1) & (np.abs(down) < 0.6 * height)] = UNKNOWN
            continue
        core = (along / (0.3 * max(width, 0.4 * height))) ** 2 + (down / (0.28 * height)) ** 2 < 1
        core[np.unravel_index(int(np.argmin(dx**2 + dy**2)), core.shape)] = True
        classes[core] = one.klass
        measures[:, core] = np.array([log(max(height, 2.0) / HEIGHT), cos(angle), sin(angle)])[:, None]
    return classes, measures


def _taken(one: Character, matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float, float]:
    """Middle, height, width and angle of a character in the frame."""
    c, s = cos(one.angle), sin(one.angle)
    points = np.array([
        [one.x, one.y], [one.x + 5 * c, one.y + 5 * s], [one.x - 5 * s, one.y + 5 * c],
    ])  # fmt: skip
    there = cv2.perspectiveTransform(points[None], matrix)[0]
    (ax, ay), (dx, dy) = there[1] - there[0], there[2] - there[0]
    return there[0], one.height * hypot(dx, dy) / 5, one.width * hypot(ax, ay) / 5, atan2(ay, ax)


def drawn_sheet(world: ImprintWorld, count: int) -> NDArray[np.uint8]:
    """Frames with the middles of their characters marked, to be looked at."""
    batches, rows = ImprintBatches(world, 0, 2, SEED), []
    for wide in (False, True):
        g = np.random.default_rng([SEED, int(wide)])
        row = []
        for _ in range(count):
            frame, classes, _ = batches.one(wide, g)
            shown = cv2.resize(frame, None, fx=2, fy=2)
            for y, x in zip(*np.nonzero((classes >= 0) & (classes < NONE)), strict=True):
                cv2.putText(
                    shown, CHARACTERS[classes[y, x]], (8 * x, 8 * y + 8), cv2.FONT_HERSHEY_PLAIN, 0.7, (255, 0, 0)
                )
            row.append(shown)
        per = 6 if not wide else 4
        rows += [np.hstack(row[i : i + per]) for i in range(0, count - per + 1, per)]
    width = max(row.shape[1] for row in rows)
    return np.vstack([cv2.copyMakeBorder(r, 0, 0, 0, width - r.shape[1], cv2.BORDER_CONSTANT) for r in rows])
