"""Label generation: which photos form a pair or a batch.

The paper draws training pairs in two ways (Wang, Huang, Cai 2024, section on label generation):

- algorithm 1 draws a first image and a wanted label from {0, 1}, then draws from the whole set until the second image
  has that label. For label 1 it needs about as many draws as there are classes.
- algorithm 2 chooses the second image directly: from the first one's own class, or from the images outside it. Its cost
  does not depend on the number of classes.

Every draw is a function of (seed, step): data-loader workers share no state, and a resumed run draws the pairs that it
would have drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pairs:
    """n pairs of image indices. Where a[i] == b[i], the pair is two views of one image."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    same: NDArray[np.bool_]


class LabelledImages:
    """Image indices ordered by class: an image of a class, or of any other class, is one draw.

    `classes` (n,): the class of each image, integers. Raises ValueError for fewer than two classes.
    """

    def __init__(self, classes: Sequence[int] | NDArray[np.int64]) -> None:
        values = np.asarray(classes, dtype=np.int64)
        _, self.classes = np.unique(values, return_inverse=True)
        self.order = np.argsort(self.classes, kind="stable")
        self.counts = np.bincount(self.classes)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        self.place = np.empty_like(self.order)
        """(n,) place of each image among the images of its class, in `order`."""
        self.place[self.order] = np.arange(len(self.order)) - self.starts[self.classes[self.order]]
        if len(self.counts) < 2:
            raise ValueError("pairs need at least two classes")

    def __len__(self) -> int:
        return len(self.classes)

    def another(self, images: NDArray[np.int64], rng: Generator) -> NDArray[np.int64]:
        """For each image another image of its class, all equally likely; itself where it is alone. (n,) -> (n,)."""
        own = self.classes[images]
        k = rng.integers(np.maximum(self.counts[own] - 1, 1))
        k += (k >= self.place[images]) & (self.counts[own] > 1)
        return self.order[self.starts[own] + k]

    def outside(self, images: NDArray[np.int64], rng: Generator) -> NDArray[np.int64]:
        """For each image an image of another class, all equally likely. (n,) -> (n,)."""
        own = self.classes[images]
        k = rng.integers(len(self) - self.counts[own])
        return self.order[np.where(k < self.starts[own], k, k + self.counts[own])]


def algorithm_1(images: LabelledImages, count: int, rng: Generator) -> Pairs:
    """`count` pairs by rejection: the paper's first algorithm, kept to compare with."""
    a, b, same = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.bool_)
    for i in range(count):
        first, wanted = int(rng.integers(len(images))), bool(rng.integers(2))
        while True:
            second = int(rng.integers(len(images)))
            if (images.classes[first] == images.classes[second]) == wanted:
                break
        a[i], b[i], same[i] = first, second, wanted
    return Pairs(a, b, same)


def algorithm_2(images: LabelledImages, count: int, rng: Generator) -> Pairs:
    """`count` pairs by direct choice: the paper's second algorithm. Half of them, rounded up, are positive."""
    same = rng.permutation(count) < (count + 1) // 2
    a = rng.integers(len(images), size=count)
    b = np.where(same, images.another(a, rng), images.outside(a, rng))
    return Pairs(a, b, same)


ALGORITHMS = {"algorithm-1": algorithm_1, "algorithm-2": algorithm_2}


@dataclass(frozen=True)
class ClassBatches:
    """Batches of `classes` classes with two images each, for losses that compare all with all.

    Images are grouped into sets (phone photos, official photos, renderings...). `weights` sets the share of classes
    that comes from each set, so that a small set that matters is not drowned.
    """

    images: LabelledImages
    sets: Sequence[str]
    """Each image's set, shape (n,)."""
    weights: Mapping[str, float]
    """Set -> weight; a set without one has the weight 1."""
    classes: int

    def __post_init__(self) -> None:
        _ = self.shares  # invalid weights raise here, not in the first batch

    @cached_property
    def pools(self) -> list[list[NDArray[np.int64]]]:
        """For each set, by name: the images of each of its classes."""
        sets = np.asarray(self.sets)
        out = []
        for name in sorted(set(self.sets)):
            members = self.images.order[sets[self.images.order] == name]
            out.append(np.split(members, np.flatnonzero(np.diff(self.images.classes[members])) + 1))
        return out

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Share of each set, by name; they sum to 1."""
        weights = np.array([self.weights.get(name, 1.0) for name in sorted(set(self.sets))], np.float64)
        if not (weights >= 0).all() or not weights.any():
            raise ValueError("the weights of the sets must not be negative, and one must be above 0")
        return np.asarray(weights / weights.sum(), np.float64)

    def draw(
        self, rng: Generator, neighbours: NDArray[np.int32] | None = None, hard_share: float = 0.0
    ) -> NDArray[np.int64]:
        """Image indices, shape (2 * classes,); fewer where there are not so many classes.

        The two images of a class stand side by side; no class comes twice. With `neighbours` (number of classes, k), -1
        where there is none, about `hard_share` of the batch are classes that look like a class drawn before
        (hard-negative mining: Harwood et al. 2017, "Smart Mining for Deep Metric Learning").
        """
        wanted = self.classes if neighbours is None else max(1, round(self.classes * (1 - hard_share)))
        chosen = self._drawn(rng, wanted)
        if neighbours is not None:
            self._add_neighbours(chosen, neighbours, rng)
        first = np.array(list(chosen.values()), np.int64)
        return np.stack([first, self.images.another(first, rng)], axis=1).reshape(-1)

    def _add_neighbours(self, chosen: dict[int, int], neighbours: NDArray[np.int32], rng: Generator) -> None:
        """Fill up a batch (class -> image) with classes that look like those in it."""
        seeds = list(chosen)
        for _ in range(4 * self.classes):  # a draw may meet a class that is in already, or -1
            if len(chosen) >= self.classes:
                break
            near = int(rng.choice(neighbours[seeds[int(rng.integers(len(seeds)))]]))
            if near >= 0 and near not in chosen:
                place = int(self.images.starts[near] + rng.integers(self.images.counts[near]))
                chosen[near] = int(self.images.order[place])

    def _drawn(self, rng: Generator, wanted: int) -> dict[int, int]:
        """Class -> image of at most `wanted` classes; sets are drawn by their weights."""
        orders = [rng.permutation(len(pool)).tolist() for pool in self.pools]
        chosen: dict[int, int] = {}
        while len(chosen) < wanted:
            # Where a set has fewer classes than its share asks for, the other sets fill the batch.
            left = self.shares * [bool(order) for order in orders]
            if not left.any():
                break
            place = int(rng.choice(len(left), p=left / left.sum()))
            # Class first, image second: a class with many photos is not drawn more often.
            members = self.pools[place][orders[place].pop()]
            image = int(members[int(rng.integers(len(members)))])
            chosen.setdefault(int(self.images.classes[image]), image)
        return chosen
