"""Where the lines of a catalog's photo lie in a photo, by the lines that both say: what aligns two photos of bent foil.

Foil has few keypoints that two photos share, and many lines. A line that both sides say is a correspondence of two
points, its ends. Lines that repeat correspond many times over, so a map is proposed by pairs of correspondences and
judged by how many others it explains, as by RANSAC (Fischler, Bolles, 1981), but over all pairs in a fixed order.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.features.orb import Geometry
from simsearch.features.reading.quads import size
from simsearch.features.reading.text import normalised
from simsearch.features.reading.types import Reading
from simsearch.recognition.printed.alignment import Points, scaled
from simsearch.recognition.printed.spelling import Beside, likeness, within

LEAST_LINES = 4
"""Lines that must agree: fewer do so by chance, or are a maker's block that stands on all of its packages."""
_LETTERS = 4
_ALIKE = 0.85
_ROUNDING = 1e-6
_LINES = 24
"""Lines of a side that are looked at, the largest ones."""
_PAIRS = 48
"""Correspondences that are looked at, those of the largest lines."""
_APART = 1.0
"""Heights of a line by which a map may miss its ends: foil bends."""
_PROJECTIVE = 8
"""Lines from which a homography is fitted; fewer, along one edge, would bend it."""

_SANE = 1e-6
"""Determinant below which a map folds the picture to a line."""


def by_lines(photo: Reading, catalog: Reading, side: int) -> Geometry | None:
    """The map of one photo onto the other that most common lines agree with; None where fewer than `LEAST_LINES` do.

    `side`: longer side in pixels to which both are scaled at most, as for keypoints. The points of the result are the
    middles of the lines.
    """
    ours, theirs = (_ends(reading, side) for reading in (photo, catalog))
    pairs = _common(photo, catalog, side)
    if len(pairs) < LEAST_LINES:
        return None
    a, b = ours[0][pairs[:, 0]], theirs[0][pairs[:, 1]]
    reach = _APART * theirs[1][pairs[:, 1]]
    map_ = _proposed(a, b, reach, pairs)
    best = _agreeing(map_, a, b, reach, pairs)
    if len(best) < LEAST_LINES:
        return None
    map_ = _fitted(a[best].reshape(-1, 2), b[best].reshape(-1, 2), len(best))
    best = _agreeing(map_, a, b, reach, pairs)
    if len(best) < LEAST_LINES or abs(np.linalg.det(map_)) < _SANE:
        return None
    middles = [ends[best].mean(axis=1).astype(np.float32) for ends in (a, b)]
    return Geometry(middles[0], middles[1], len(pairs), map_)


def _proposed(a: Points, b: Points, reach: Points, pairs: NDArray[np.intp]) -> Points:
    """The turn, scale and shift (3, 3) by two correspondences that explains most lines.

    Least squares over the four ends in complex numbers (Umeyama, 1991).
    """
    x, y = (ends[..., 0] + 1j * ends[..., 1] for ends in (a, b))
    first, second = np.array(list(combinations(range(len(pairs)), 2))).T
    two = [np.concatenate([ends[first], ends[second]], axis=1) for ends in (x, y)]
    means = [ends.mean(axis=1, keepdims=True) for ends in two]
    centred = two[0] - means[0]
    spread = np.maximum((centred * centred.conj()).real.sum(axis=1), 1e-9)
    factor = (centred.conj() * (two[1] - means[1])).sum(axis=1) / spread
    shift = means[1][:, 0] - factor * means[0][:, 0]
    apart = np.abs(factor[:, None, None] * x + shift[:, None, None] - y).max(axis=2)
    near = (apart <= reach).astype(np.float32)
    # A line that corresponds to several others counts once.
    lines = [(near @ (pairs[:, [side]] == np.unique(pairs[:, side]))) > 0 for side in (0, 1)]
    best = int(np.argmax(np.minimum(lines[0].sum(axis=1), lines[1].sum(axis=1))))
    f, s = factor[best], shift[best]
    return np.array([[f.real, -f.imag, s.real], [f.imag, f.real, s.imag], [0.0, 0.0, 1.0]])


@lru_cache(maxsize=1024)
def _ends(reading: Reading, side: int) -> tuple[Points, NDArray[np.float64]]:
    """Left and right end (n, 2, 2) of each line, and its height (n,), in pixels of the scaled picture."""
    share = scaled((reading.width, reading.height), side)
    quads = np.array([line.quad for line in reading.lines], np.float64).reshape(-1, 4, 2) * share - 0.5
    ends = np.stack([(quads[:, 0] + quads[:, 3]) / 2, (quads[:, 1] + quads[:, 2]) / 2], axis=1)
    return ends, np.array([size(quad)[1] for quad in quads])


def _common(photo: Reading, catalog: Reading, side: int) -> NDArray[np.intp]:
    """Places (n, 2) of lines that say the same, those of the largest first; fewer where too few can be found."""
    (at, ours, lengths), (other_at, theirs, other_lengths) = (_chosen(reading, side) for reading in (photo, catalog))
    long, short = (which.outer(lengths, other_lengths) for which in (np.maximum, np.minimum))
    near = ours.may_be(theirs, (1 - _ALIKE) * long + _ROUNDING) & (short >= _ALIKE * long)
    found: list[tuple[int, int]] = []
    left = int(np.count_nonzero(near))
    for i, j in zip(*np.nonzero(near), strict=True):
        if len(found) + left < LEAST_LINES or len(found) == _PAIRS:
            break
        left -= 1
        if _are_alike(ours.texts[i], theirs.texts[j], long[i, j]):
            found.append((at[i], other_at[j]))
    return np.array(found, np.intp).reshape(-1, 2)


@lru_cache(maxsize=1024)
def _chosen(reading: Reading, side: int) -> tuple[list[int], Beside, NDArray[np.intp]]:
    """Places and texts of the lines that are looked at, and the lengths of these."""
    heights = _ends(reading, side)[1]
    texts = [(i, normalised(line.text).replace(" ", "")) for i, line in enumerate(reading.lines)]
    long = [(i, text) for i, text in texts if len(text) >= _LETTERS]
    kept = sorted(long, key=lambda one: (-heights[one[0]] * len(one[1]), one[0]))[:_LINES]
    return [i for i, _ in kept], Beside(text for _, text in kept), np.array([len(text) for _, text in kept], np.intp)


def _are_alike(a: str, b: str, long: int) -> bool:
    if a == b:
        return True
    ours, theirs = {*a}, {*b}
    shared = len(ours & theirs) >= 0.6 * max(len(ours), len(theirs))
    return shared and within(a, b, (1 - _ALIKE) * long + _ROUNDING) and likeness(a, b) >= _ALIKE


def _fitted(a: Points, b: Points, lines: int) -> NDArray[np.float64]:
    """The map (3, 3) of points (n, 2) to others by least squares: affine, or of many lines a homography."""
    if lines >= _PROJECTIVE:
        found, _ = cv2.findHomography(a, b, 0)
        if found is not None:
            return np.asarray(found, np.float64)
    solved, *_ = np.linalg.lstsq(np.column_stack([a, np.ones(len(a))]), b, rcond=None)
    return np.vstack([solved.T, [0.0, 0.0, 1.0]])


def _agreeing(
    map_: NDArray[np.float64], a: Points, b: Points, reach: NDArray[np.float64], pairs: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Places of the correspondences whose both ends the map takes near enough; of each line one at most."""
    there = np.concatenate([a, np.ones((*a.shape[:2], 1))], axis=2) @ map_.T
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.linalg.norm(there[..., :2] / there[..., 2:] - b, axis=2).max(axis=1) / reach
    taken: tuple[set[int], set[int]] = (set(), set())
    found = []
    for k in np.argsort(apart, kind="stable"):
        if not apart[k] <= 1.0:
            break
        if pairs[k, 0] not in taken[0] and pairs[k, 1] not in taken[1]:
            taken[0].add(int(pairs[k, 0]))
            taken[1].add(int(pairs[k, 1]))
            found.append(int(k))
    return np.array(sorted(found), np.intp)
