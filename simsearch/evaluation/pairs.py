"""Labelled pairs to measure on: read as given, or drawn from labelled photos by a fixed protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simsearch.core.numbers import stable_share
from simsearch.training.pairs import LabelledImages


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """n pairs of photos; photos are named by index."""

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    same: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    """Pairs that thresholds are chosen on; they share no product with the other pairs, the test part."""
    product: NDArray[np.int64]
    """Product of the first photo: pairs of one product are not independent."""

    def __len__(self) -> int:
        return len(self.same)


def of_validation(product: str, share: float = 0.4) -> bool:
    """Whether thresholds are chosen on this product: a fixed function of its name."""
    return stable_share(f"threshold/{product}", share)


def draw_pairs(
    skus: Sequence[str],
    embeddings: NDArray[np.float32],
    *,
    seed: int = 0,
    ambiguous: Mapping[str, frozenset[int]] | None = None,
    hard_share: float = 0.5,
    validation: NDArray[np.bool_] | None = None,
) -> LabelledPairs:
    """All positive pairs of n photos, and as many negatives: a share `hard_share` hard, the others at random.

    A hard negative takes one photo of a positive pair and the most similar photo of another product that was not taken
    yet. Both photos of a negative belong to the same part (validation or test).

    Args:
        skus: (n,) the product of each photo.
        embeddings: (n, d), unit length; they choose the hard negatives.
        seed: of the random negatives.
        ambiguous: SKU -> photos that may show it although labelled otherwise; they make no negatives with it.
        hard_share: 0 to 1.
        validation: (n,) whether the photo is of the validation part. None: `of_validation` of its product. All False:
            there is the test part alone.

    Raises:
        ValueError: a part has no positive pair, or fewer than two products.
    """
    part = np.array([of_validation(sku) for sku in skus], bool) if validation is None else validation
    rng = np.random.default_rng(seed)
    pool = _Pool(skus, embeddings, ambiguous or {}, hard_share)
    columns: list[tuple[int, int, bool]] = []
    for chosen in (True, False) if validation is None or validation.any() else (False,):
        columns += _part(pool, np.flatnonzero(part == chosen), rng)
    a, b, same = (np.array(c) for c in zip(*columns, strict=True))
    _, product = np.unique(np.array(skus), return_inverse=True)
    return LabelledPairs(
        a.astype(np.int64), b.astype(np.int64), same.astype(bool), part[a], product[a].astype(np.int64)
    )


@dataclass(frozen=True, eq=False)
class _Pool:
    """What `draw_pairs` was given, for both parts."""

    skus: Sequence[str]
    embeddings: NDArray[np.float32]
    ambiguous: Mapping[str, frozenset[int]]
    hard_share: float


def _part(pool: _Pool, own: NDArray[np.int64], rng: np.random.Generator) -> list[tuple[int, int, bool]]:
    """Pairs (photo, photo, same) among the photos `own`."""
    names, codes = np.unique(np.array([pool.skus[int(i)] for i in own]), return_inverse=True)
    if len(names) < 2:
        raise ValueError("each part needs photos of two products or more")
    same = codes[:, None] == codes[None, :]
    positives = [(int(own[i]), int(own[j]), True) for i, j in np.argwhere(np.triu(same, 1))]
    if not positives:
        raise ValueError("each part needs a product with several photos")
    allowed = ~same
    for k, i in enumerate(own):
        barred = pool.ambiguous.get(pool.skus[int(i)], frozenset())
        allowed[k, [m for m, j in enumerate(own) if int(j) in barred]] = False
    allowed &= allowed.T
    similarity = np.where(allowed, pool.embeddings[own] @ pool.embeddings[own].T, -np.inf)
    place = {int(i): k for k, i in enumerate(own)}
    taken: set[tuple[int, int]] = set()
    for first, _, _ in positives[: math.ceil(pool.hard_share * len(positives))]:
        _take(place[first], np.argsort(-similarity[place[first]], kind="stable"), allowed, taken)
    photos = LabelledImages(codes)
    tries = 0
    while len(taken) < len(positives) and tries < 100 * len(positives):
        tries += 1
        k = int(rng.integers(len(own)))
        _take(k, photos.outside(np.array([k]), rng), allowed, taken)
    return positives + [(int(own[i]), int(own[j]), False) for i, j in sorted(taken)]


def _take(k: int, others: NDArray[np.int64], allowed: NDArray[np.bool_], taken: set[tuple[int, int]]) -> None:
    """Add the pair of `k` with the first of `others` that is allowed and was not taken; nothing where none is."""
    for m in others:
        pair = (min(k, int(m)), max(k, int(m)))
        if allowed[k, m] and pair not in taken:
            taken.add(pair)
            return


def given_pairs(pairs: Sequence[tuple[int, int]], same: Sequence[bool]) -> LabelledPairs:
    """Pairs from a list, less those whose photos fall into different parts.

    Photos that positive pairs connect are one product. Each product validates or tests, by a fixed function of its
    number.

    Raises:
        ValueError: a part lacks positive or negative pairs.
    """
    parent: dict[int, int] = {}

    def root(x: int) -> int:
        while parent.setdefault(x, x) != x:
            x = parent[x]
        return x

    for (a, b), y in zip(pairs, same, strict=True):
        if y:
            parent[root(a)] = root(b)
    product = {x: root(x) for pair in pairs for x in pair}
    chosen = {r: of_validation(str(r)) for r in product.values()}
    kept = [i for i, (a, b) in enumerate(pairs) if chosen[product[a]] == chosen[product[b]]]
    first, second = (np.array([pairs[i][k] for i in kept], np.int64) for k in (0, 1))
    y_kept = np.array([same[i] for i in kept], bool)
    validation = np.array([chosen[product[int(a)]] for a in first], bool)
    for part in (validation, ~validation):
        if not y_kept[part].any() or y_kept[part].all():
            raise ValueError("the list is too short to choose thresholds on some products and to measure on others")
    return LabelledPairs(first, second, y_kept, validation, np.array([product[int(a)] for a in first], np.int64))
