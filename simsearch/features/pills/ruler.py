"""Millimetres of a photo, by the ruler that lies in it: its ticks come at one distance, every fifth of them longer.

    grey -> thin dark strokes -> rows whose strokes come back at one distance -> their lengths, folded by fives -> scale

A ruler may run along the photo or up it; official sheets have both. It is sought along the photo's sides alone, since
those who lay a ruler into a photo mostly lay it straight. Ticks of centimetres alone, of inches, letters and grids
have no longer fifth tick, and say nothing.

Source: a period by autocorrelation, which a Fourier transform gives for all lags at once (Wiener-Khinchin theorem).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import resized
from simsearch.core.types import Pixels
from simsearch.features.pills.outlines import Outline

Floats = NDArray[np.float32]

_SIDE = 640
"""Longest side of the picture in which rulers are sought, pixels: a millimetre on a sheet of 15 cm is four of them."""
_LEAST, _MOST = 2.2, 40.0
"""Distance of ticks, pixels of that picture."""
_STEP, _HIGH = 4, 5
"""Every so many rows one band of so many is looked at."""
_ROWS = 24
"""Bands that are looked at: those with most strokes."""
_TRIED = 10
"""Bands of which it is asked whether their ticks are millimetres, the clearest first."""
_LAGS = 6
"""Multiples of the distance at which ticks must come back."""
_CLEAR = 0.55
"""How much better strokes agree at multiples of the distance than between them, -2 to 2."""
_TICKS = 11
"""Ticks of a ruler at least: a centimetre."""
_LONGER = 1.2
"""How much longer every fifth tick is than the others, at least."""
_SHORT = 8.0
"""Length of most ticks over their distance, at most: longer ones are a grid's."""
_AGREE = 0.35
"""How far the logarithms of the scales along and up a photo may differ."""
_DOUBTED = 0.8
"""How much less clear than the other a ruler is that does not count where they differ by more."""
_DARK = 80.0
"""A stroke this much darker than what is beside it, of 255, is as clear as any."""

_PERIODS: Floats = np.exp(np.arange(np.log(_LEAST), np.log(_MOST), 0.006)).astype(np.float32)

SMALLEST, LARGEST = 2.0, 40.0
"""Millimetres of a pill's shorter side at least, and of its longer one at most: else the ruler was misread."""


@dataclass(frozen=True)
class Ticks:
    """A row of ticks."""

    period: float
    """Distance between two of them, pixels."""
    clear: float
    """See `_CLEAR`."""


def scale(pixels: Pixels) -> tuple[float, float]:
    """Pixels (h, w, 3) of a photo -> how many of them a millimetre has along it and up it; 0, 0 where none is read.

    They differ where the photo was taken aslant or squeezed. Where one ruler is read, it counts for both.
    """
    shrunk = min(1.0, _SIDE / max(pixels.shape[:2]))
    if min(pixels.shape[:2]) * shrunk < 2 * _TICKS:  # too narrow for ticks either way
        return 0.0, 0.0
    grey = cv2.cvtColor(resized(pixels, _SIDE) if shrunk < 1 else pixels, cv2.COLOR_RGB2GRAY)
    along, up = ruler(grey), ruler(grey.T)
    if along and up and abs(np.log(along.period / up.period)) > _AGREE:
        # One of them has other ticks than millimetres.
        less, more = sorted((along, up), key=lambda ticks: ticks.clear)
        along = up = more if less.clear < _DOUBTED * more.clear else None
    along, up = along or up, up or along
    return (along.period / shrunk, up.period / shrunk) if along and up else (0.0, 0.0)


def size(outline: Outline, scale: tuple[float, float]) -> tuple[float, float]:
    """Longer and shorter side of an outline, in millimetres by the `scale` of its photo; 0, 0 where that tells none."""
    if not scale[0]:
        return 0.0, 0.0
    placed = np.asarray(outline / np.array(scale), np.float32)
    short, long = sorted(cv2.minAreaRect(placed)[1])
    return (long, short) if short >= SMALLEST and long <= LARGEST else (0.0, 0.0)


def ruler(grey: NDArray[Any]) -> Ticks | None:
    """The clearest ruler that runs from left to right in a grey picture (h, w), 0 to 255; None where there is none."""
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (9, 1))
    strokes = cv2.morphologyEx(np.ascontiguousarray(grey), cv2.MORPH_BLACKHAT, kernel).astype(np.float32)
    bands = np.minimum(cv2.blur(strokes, (1, _HIGH))[::_STEP], _DARK)
    bands -= cv2.blur(bands, (21, 1))
    rows = np.sort(np.argsort(-(bands**2).sum(axis=1), kind="stable")[:_ROWS])
    clear = _clearness(bands[rows])
    best = clear.max(axis=0)
    for at in np.argsort(-best, kind="stable")[:_TRIED]:
        if best[at] < _CLEAR:
            return None
        period = float(_PERIODS[clear[:, at].argmax()])
        if _is_metric(strokes, int(rows[at]) * _STEP, period):
            return Ticks(period, float(best[at]))
    return None


def _clearness(bands: Floats) -> Floats:
    """(periods, n) of bands (n, w): how much better their strokes agree at multiples of a period than between them."""
    width = bands.shape[1]
    size = cv2.getOptimalDFTSize(2 * width)
    spectrum = np.fft.rfft(bands, size, axis=1)
    alike: Any = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size, axis=1)[:, :width].astype(np.float32).T
    # Faint noise agrees with itself, too, by chance: it must not look as clear as ink does.
    alike = np.ascontiguousarray(alike / (alike[0] + 3000.0))

    def at(multiple: float) -> Floats:
        lags = multiple * _PERIODS[:, None]
        places = np.minimum(lags.astype(int), width - 2)
        share = lags - places
        found = alike[places[:, 0]] * (1 - share) + alike[places[:, 0] + 1] * share
        return np.asarray(np.where(lags < width - 2, found, 0), np.float32)

    multiples = [at(k) for k in range(1, _LAGS + 1)]
    between = sum(at(k - 0.5) for k in range(1, _LAGS + 1)) / _LAGS
    every = np.minimum.reduce(multiples[:4]) > 0.1
    return np.asarray((sum(multiples) / _LAGS - between) * every, np.float32)


def _is_metric(strokes: Floats, row: int, period: float) -> bool:
    """Whether every fifth of the ticks that cross a row is longer than the others."""
    band = strokes[max(0, row - 2) : row + 3].mean(axis=0)
    xs = _places(band, period)
    dark = np.array([band[max(0, x - 1) : x + 2].max() for x in xs])
    there = dark > 0.35 * np.percentile(dark, 75)
    first, last = _longest_run(there)
    if last - first < _TICKS:
        return False
    lengths = np.array([_length(strokes, x, row) for x in xs[first:last]], np.float64)
    other, more = sorted(float(np.median(lengths[i::2])) for i in range(2))
    if more >= _LONGER * other:  # marks of half centimetres and of whole ones in turn
        return False
    by_fifth = [lengths[i::5] for i in range(5)]
    means = np.array([some.mean() for some in by_fifth])
    long = int(means.argmax())
    others = np.concatenate([some for i, some in enumerate(by_fifth) if i != long])
    short = float(np.median(others))
    return short <= _SHORT * period and bool(np.median(by_fifth[long]) >= _LONGER * max(short, 1.0))


def _places(band: Floats, period: float) -> list[int]:
    """Where ticks of this distance lie that fit a row best."""
    ways = np.arange(0, period, 0.25)
    count = int((len(band) - 1 - period) / period) + 1
    grid = ways[:, None] + period * np.arange(count)
    best = band[np.rint(grid).astype(int)].sum(axis=1).argmax()
    return [int(x) for x in np.rint(grid[best])]


def _longest_run(there: NDArray[np.bool_]) -> tuple[int, int]:
    """First and last + 1 of the longest run; one that is missing does not end it."""
    best, start, missing = (0, 0), 0, 0
    for i, is_there in enumerate(there):
        missing = 0 if is_there else missing + 1
        if missing > 1:
            start = i + 1
        elif i + 1 - missing - start > best[1] - best[0]:
            best = (start, i + 1 - missing)
    return best


def _length(strokes: Floats, x: int, row: int) -> int:
    """How many pixels up and down a stroke goes on from where it crosses a row."""
    column = strokes[:, max(0, x - 1) : x + 2].max(axis=1)
    dark = column > 0.4 * max(float(column[row]), 8.0)
    below = np.flatnonzero(~dark[row:])
    above = np.flatnonzero(~dark[row::-1])
    return int((below[0] if len(below) else len(dark) - row) + (above[0] if len(above) else row + 1))
