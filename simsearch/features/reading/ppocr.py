"""The reader of this project: PP-OCRv6 small in two looks, at any turn of the package.

First look: lines are found at a moderate size, cut out of the picture at its full resolution, and recognised. Second
look: lines that hold a digit and are small or unsure are looked at once more from near, because strengths and pack
sizes decide between siblings. docs/reading.md has the measurements behind every figure here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import setting
from simsearch.core.threads import in_threads
from simsearch.core.types import Pixels
from simsearch.features.base import fingerprint
from simsearch.features.reading.detection import detect
from simsearch.features.reading.models import DIGESTS
from simsearch.features.reading.quads import Quad, cut, direction, grown, holds, size, turned, upright
from simsearch.features.reading.recognition import recognise
from simsearch.features.reading.types import Line, Reading

_SURE = 0.9
"""Confidence from which a line is not read the other way round as well."""
_CLEAR = 0.93
"""Confidence from which a large line gets no second look."""
_FOUND_AGAIN = 0.6
"""Share of a line's letters that the second look must find, or the first one stands."""
_ELONGATED = 1.5
"""Length over height from which the text is known to run along a line, and not across it."""
_NEAR_HEIGHT, _NEAR_SIDE = 40, 1600
"""Pixels of a line in the second look, and at most of the strip around it."""


@dataclass(frozen=True)
class ReaderSettings:
    """Settings of the reader; all change what is read.

    size: longer side in pixels at which lines are found.
    lines: at most this many are read, the largest ones.
    confidence: what is read with less is left out.
    second_look: height in pixels, at `size`, below which a line that holds a digit is looked at from near; 0: never.
    cuts: at most this many lines of a catalog's photo, those that can decide between siblings, are read twice more, the
        way aligned reading compares them; 0: none.
    """

    size: int = setting(960, low=320, high=2048)
    lines: int = setting(60, low=1, high=200)
    confidence: float = setting(0.6, low=0.0, high=1.0)
    second_look: int = setting(16, low=0, high=200)
    cuts: int = setting(8, low=0, high=200)


@dataclass(frozen=True, eq=False)
class _Read:
    """A line in work."""

    quad: Quad
    text: str = ""
    confidence: float = 0.0

    @property
    def has_digit(self) -> bool:
        return any(character.isdigit() for character in self.text)


class PpOcr:
    """Reads with PP-OCRv6 small. Models are loaded when the first picture is read, once a process.

    It keeps nothing between calls, so that any number of threads may call one reader.

    Raises:
        ConfigError: from `read` and `recognise`, where the models are not installed.
    """

    def __init__(self, settings: ReaderSettings | None = None) -> None:
        self.settings = settings or ReaderSettings()
        # The runtime's version stays out, as OpenCV's and PyTorch's do elsewhere: an upgrade must not cost a catalog
        # its readings. `version` is raised when the golden test shows that something else is read.
        digest = " ".join(["onnx float32", *DIGESTS.values()])
        self.fingerprint = fingerprint("ppocr", self.settings, version=1, digest=digest)

    def read(self, pixels: Pixels) -> Reading:
        """The lines of a picture; see `reading.types.Reader`."""
        height, width = pixels.shape[:2]
        found = detect(pixels, self.settings.size)
        found = sorted(found, key=lambda quad: -float(np.prod(size(quad))))[: self.settings.lines]
        right, lines = _directed(pixels, found)
        if self.settings.second_look:
            least = self.settings.second_look * max(width, height) / self.settings.size
            looks = in_threads(lambda line: _second_look(pixels, line, least), lines)
            lines = [near for look in looks for near in look]
        kept = [line for line in lines if line.confidence >= self.settings.confidence and _says_something(line.text)]
        share = np.array([width, height], np.float64)
        return Reading(
            tuple(
                Line(line.text.strip(), line.confidence, (line.quad / share).astype(np.float32))
                for line in _in_order(kept, right)
            ),
            width,
            height,
        )

    def recognise(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and confidence of each crop; see `reading.types.Reader`."""
        return in_threads(recognise, crops)


def _directed(pixels: Pixels, quads: Sequence[Quad]) -> tuple[NDArray[np.float64], list[_Read]]:
    """The lines in `quads`, largest first, each read the right way round; and the direction (2,) of most writing.

    Nobody knows beforehand which way round a package lies. The first lines are read both ways: upside down, letters are
    recognised with far less confidence. The others are read the way that those before them say, and both ways only
    where that leaves a doubt. (The classifier of the models' publisher takes one line in eight for upside down that is
    not.)
    """
    right, lines = np.zeros(2), []
    ahead: list[_Read] = []
    for number, quad in enumerate(quads):
        ways = _by_likelihood(quad, right)
        if number == 0:
            read = _recognised(pixels, ways)
        else:
            if not ahead:  # on all cores; a line that is read another way round after all costs one reading more
                ahead = _recognised(pixels, [_by_likelihood(other, right)[0] for other in quads[1:]])
            read = []
            for way in ways:
                known = np.array_equal(ahead[number - 1].quad, way)
                read += [ahead[number - 1]] if known else _recognised(pixels, [way])
                if np.linalg.norm(right) > 0 and read[0].confidence >= _SURE:
                    break
        best = max(read, key=lambda line: line.confidence)
        lead = best.confidence - max((line.confidence for line in read if line is not best), default=_SURE / 2)
        right = right + direction(best.quad) * size(best.quad)[0] * lead
        lines.append(best)
    return right, lines


def _recognised(pixels: Pixels, quads: Sequence[Quad]) -> list[_Read]:
    return in_threads(lambda quad: _Read(quad, *recognise(upright(pixels, quad))), quads)


def _by_likelihood(quad: Quad, right: NDArray[np.float64]) -> list[Quad]:
    """The ways in which the line may be turned, those first whose writing runs along `right` (2,)."""
    return sorted(_ways(quad), key=lambda way: -float(direction(way) @ right))


def _ways(quad: Quad) -> list[Quad]:
    """The ways in which the line may be turned: two, or four where its rectangle is nearly square."""
    along, across = size(quad)
    return [turned(quad, quarters) for quarters in ((0, 2) if along >= _ELONGATED * across else (0, 1, 2, 3))]


def _second_look(pixels: Pixels, line: _Read, least: float) -> list[_Read]:
    """The line, or what a look from near makes of it, if that is read with more confidence.

    Near, the line may fall into several, or lose what belongs to its neighbours. `least`: height in pixels from which a
    line is large enough.
    """
    if not line.has_digit or (line.confidence >= _CLEAR and size(line.quad)[1] >= least):
        return [line]
    around = grown(line.quad, 1.0, 0.6)
    along, across = size(around)
    scale = min(_NEAR_HEIGHT / size(line.quad)[1], _NEAR_SIDE / along)
    strip, back = cut(pixels, around, max(1, round(across * scale)), max(1, round(along * scale)))
    near = [cv2.perspectiveTransform(quad[None], back)[0] for quad in detect(strip, max(strip.shape[:2]))]
    near = [np.asarray(quad, np.float64) for quad in near if holds(line.quad, quad.mean(axis=0))]
    read = [_Read(quad, *recognise(upright(pixels, quad))) for quad in near]
    letters = sum(len(other.text) for other in read)
    together = sum(other.confidence * len(other.text) for other in read) / max(letters, 1)
    return read if together > line.confidence and letters >= len(line.text) * _FOUND_AGAIN else [line]


def _says_something(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _in_order(lines: Sequence[_Read], right: NDArray[np.float64]) -> list[_Read]:
    """From top to bottom and from left to right, seen upright: rows as high as the middle one of all lines."""
    if not lines:
        return []
    along = right / max(float(np.linalg.norm(right)), 1e-9)
    row = float(np.median([size(line.quad)[1] for line in lines]))
    places = [line.quad.mean(axis=0) @ np.array([[along[0], -along[1]], [along[1], along[0]]]) for line in lines]
    order = sorted(range(len(lines)), key=lambda i: (round(places[i][1] / row), places[i][0]))
    return [lines[i] for i in order]
