"""One photo in the light of another one: a white balance and a rising curve; what light explains is no difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Thumbnail: TypeAlias = NDArray[np.uint8]
"""(height, width, 3) RGB, `pixel_diff.SIDE` pixels on the longer side."""

_COLOUR, _COLOURLESS = 16.0, 0.002  # levels between two channels of a coloured pixel; share of these in a grey picture
_FLAT = 5.0  # grey levels of local contrast below which a pixel shows one surface and no edge
_BINS = 32  # of the curve of light
_STEEPEST, _SHALLOWEST = 1.8, 0.55  # slope of that curve; others are made by another object and not by another light
_CLIPPED = 4.0  # levels from the brightest and the darkest within which light was lost, and the curve may be level
_BURNT, _SUNK = 190.0, 60.0  # levels above and below which it may be lost
_GREY = 24.0  # levels between two channels of a surface that a white balance is read from
_BALANCE = 1.35  # most that a white balance lifts one channel above another
_SAMPLE, _LEAST_SAMPLE = 4000, 200  # pixels that the light is fitted on


def flat(here: Thumbnail, there: Thumbnail, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(height, width) where both show one surface and no edge, of what is `inside`."""
    return np.asarray(inside & (contrast(here) < _FLAT) & (contrast(there) < _FLAT))


def relit(
    here: Thumbnail, there: Thumbnail, inside: NDArray[np.bool_], surfaces: NDArray[np.bool_]
) -> Iterator[Thumbnail]:
    """`here` in the light of `there`, for surfaces and for edges: a white balance, then one rising curve a kind.

    A curve runs through the medians of what pixels of one level became. Beside an edge a pixel mixes two levels, and
    where light was not changed in proportion, as where it burnt out, mixtures became other levels than surfaces.

    `surfaces`: as `flat` gives them.
    """
    gain = _balance(here, there, inside)
    kinds = [kind for kind in (surfaces, inside & ~surfaces) if np.count_nonzero(kind) >= _LEAST_SAMPLE] or [inside]
    for kind in kinds:
        sample = np.flatnonzero(kind)
        sample = sample[:: max(1, len(sample) // _SAMPLE)]
        x, y = (side.reshape(-1, 3)[sample] for side in (here, there))
        levels, curve = _curve((x * gain).ravel(), y.ravel())
        lit = np.rint(np.interp(np.arange(256)[:, None] * gain, levels, curve)).clip(0, 255).astype(np.uint8)
        yield np.asarray(cv2.LUT(here, np.ascontiguousarray(lit[None])), np.uint8)


def _balance(here: Thumbnail, there: Thumbnail, inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(3,) what each channel of `here` is multiplied by, by what is grey in it; 1 where too little is."""
    here, there = (np.ascontiguousarray(side[::2, ::2]) for side in (here, there))
    means = [cv2.cvtColor(side, cv2.COLOR_RGB2GRAY) for side in (here, there)]
    grey = inside[::2, ::2] & (_tint(here) < _GREY) & (means[0] > 40) & (means[0] < 235) & (means[1] < 235)
    sample = np.flatnonzero(grey)
    if len(sample) < _LEAST_SAMPLE:
        return np.ones(3, np.float32)
    sample = sample[:: max(1, len(sample) // _SAMPLE)]
    x, y = (side.reshape(-1, 3)[sample].astype(np.float32) + 1 for side in (here, there))
    shares = [side / side.mean(axis=1, keepdims=True) for side in (x, y)]
    return np.asarray(np.clip(np.median(shares[1] / shares[0], axis=0), 1 / _BALANCE, _BALANCE), np.float32)


def _curve(x: NDArray[np.float32], y: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Levels, and what each becomes: medians by bin, made to rise as light makes them."""
    width = 256 / _BINS
    bins = np.clip(x / width, 0, _BINS - 1).astype(np.int64)
    counts = np.bincount(bins, minlength=_BINS)
    used = np.flatnonzero(counts >= max(5, len(x) // 2000))
    if not len(used):
        used = np.array([int(counts.argmax())])
    levels = _medians(bins, np.clip(np.rint(x), 0, 511).astype(np.int64), 512)[used]
    curve = _medians(bins, y.astype(np.int64), 256)[used]
    first = int(counts[used].argmax())  # the ground, mostly: what is seen most is right
    brightest, darkest = curve.max() - _CLIPPED, curve.min() + _CLIPPED
    at, to = levels.tolist(), curve.tolist()
    for step, places in ((1, range(first + 1, len(used))), (-1, range(first - 1, -1, -1))):
        for k in places:
            near, apart = to[k - step], abs(at[k] - at[k - step])
            burnt = near >= brightest and at[k] >= _BURNT
            lost = burnt or (near <= darkest and at[k] <= _SUNK)
            least, most = 0.0 if lost else _SHALLOWEST * apart, _STEEPEST * apart
            to[k] = near + step * min(max(step * (to[k] - near), least), most)
    ends = to[0] - at[0], to[-1] + 255 * _BALANCE - at[-1]
    return np.array([0.0, *at, 255 * _BALANCE]), np.array([ends[0], *to, ends[1]])


def _medians(bins: NDArray[np.int64], values: NDArray[np.int64], below: int) -> NDArray[np.float64]:
    """(bins,) the median of the values in each bin; `values` are whole and lie from 0 to `below` - 1."""
    table = np.bincount(bins * below + values, minlength=_BINS * below).reshape(_BINS, below).cumsum(axis=1)
    return np.asarray((2 * table >= table[:, -1:]).argmax(axis=1), np.float64)


def contrast(picture: Thumbnail, side: int = 5) -> NDArray[np.float32]:
    """(height, width) deviation of the grey levels in a square of `side` pixels around each pixel."""
    return deviation(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8), side)


def deviation(grey: NDArray[np.uint8] | NDArray[np.float32], side: int = 5) -> NDArray[np.float32]:
    """(height, width) deviation of grey levels in a square of `side` pixels around each pixel."""
    mean = np.asarray(cv2.boxFilter(grey, cv2.CV_32F, (side, side)), np.float32)
    spread = np.asarray(cv2.sqrBoxFilter(grey, cv2.CV_32F, (side, side)), np.float32)
    mean *= mean
    spread -= mean
    np.maximum(spread, 0.0, out=spread)
    return np.sqrt(spread, out=spread)


def entropy(picture: Thumbnail, inside: NDArray[np.bool_]) -> float:
    """Of the grey levels, in bits."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    counts = cv2.calcHist([grey], [0], inside.astype(np.uint8), [256], [0, 256]).ravel()
    share = counts[counts > 0] / max(1, counts.sum())
    return float(-(share * np.log2(share)).sum())


def is_grey(picture: Thumbnail) -> bool:
    """Whether it has no colour."""
    return float((_tint(picture) > _COLOUR).mean()) <= _COLOURLESS


def without_colour(picture: Thumbnail) -> Thumbnail:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.merge([grey, grey, grey]), np.uint8)


def _tint(picture: Thumbnail) -> NDArray[np.uint8]:
    """(height, width) levels between the highest and the lowest channel."""
    red, green, blue = cv2.split(picture)
    highest, lowest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return np.asarray(cv2.subtract(highest, lowest), np.uint8)
