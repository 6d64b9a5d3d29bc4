"""The rest of a photo beside its packages, in parts that are read by themselves: small print is lost in the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simsearch.core.images import shrunk
from simsearch.core.types import Image, Pixels
from simsearch.features.reading import Line, Reading
from simsearch.features.reading.quads import holds
from simsearch.recognition.packages.parts import Place
from simsearch.recognition.packages.shapes import Polygon, Size, area, covered, cut, paint

_SIDE, _OVERLAP = 2, 0.2
"""Rows and columns, and the share of a part that its neighbour shows too."""
_FREE = 0.15
"""Share of a part that packages must leave, or it is not read."""
_EDGE = 4
"""Pixels from the edge within which a line was cut off."""


def tiles(size: Size, taken: Sequence[Polygon]) -> list[Place]:
    """Overlapping parts of a photo that are not filled by the outlines `taken`."""
    places = [
        Place(left, top, right, bottom, size) for top, bottom in _spans(size[1]) for left, right in _spans(size[0])
    ]
    return [at for at in places if _free(at, taken) >= _FREE]


def rest_of(photo: Image, at: Place, taken: Sequence[Polygon], near: Pixels | None) -> Image:
    """What lies at a place, with packages painted over; `near` as for `parts.part`.

    Raises:
        ImageError: as `Image.sharp`.
    """
    pixels = at.of(photo.sharp) if near is None else near
    scale = pixels.shape[1] / at.own_size[0]
    over = covered(pixels, [(polygon - at.corner) * scale for polygon in taken])
    paint(pixels, over, ~over)
    height, width = pixels.shape[:2]
    name = f"{photo.sha256}:{at.left},{at.top},{at.right},{at.bottom}:rest"
    return Image(shrunk(pixels, max(photo.pixels.shape[:2])), name, width, height, photo.name, lambda: pixels)


def lines_on_photo(reading: Reading, at: Place) -> list[Line]:
    """The lines of a part, with places on the photo, without those that its inner edges cut off."""
    low, high = at.corner, at.corner + np.array(at.own_size)
    photo = np.array(at.size, np.float32)
    out = []
    for line in reading.lines:
        quad = line.quad * np.array(at.own_size, np.float32) + at.corner
        inner = ((quad < low + _EDGE) & (low > 0)) | ((quad > high - _EDGE) & (high < photo))
        if not inner.any():
            out.append(replace(line, quad=np.asarray(quad / photo, np.float32)))
    return out


def with_lines(reading: Reading, more: Sequence[Line]) -> Reading:
    """The reading with further lines where it has none; of two at one place the longer one stays."""
    size = reading.width, reading.height
    kept = list(reading.lines)
    for line in sorted(more, key=lambda line: -len(line.text)):
        if not any(_same_place(line.on(*size), other.on(*size)) for other in kept):
            kept.append(line)
    return replace(reading, lines=tuple(kept))


def _same_place(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    return any(holds(one.astype(np.float64), other.mean(axis=0).astype(np.float64)) for one, other in ((a, b), (b, a)))


def _spans(side: int) -> list[tuple[int, int]]:
    """Where the parts of a side begin and end."""
    length = max(1, round(side / (1 + (_SIDE - 1) * (1 - _OVERLAP))))
    starts = np.linspace(0, side - length, _SIDE).round().astype(int).tolist()
    return [(start, start + length) for start in starts]


def _free(at: Place, taken: Sequence[Polygon]) -> float:
    """The share of a place that outlines leave."""
    own = at.polygon
    shared = (cut(own, polygon) for polygon in taken)
    return 1.0 - sum(area(each) for each in shared if each is not None) / max(area(own), 1.0)
