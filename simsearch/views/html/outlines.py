"""The packages of a photo: outlined and numbered on it, and cut out of it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from simsearch.core.images import shrunk
from simsearch.core.types import Decision, Outcome, Package, Pixels
from simsearch.core.types import Image as Photo
from simsearch.recognition.packages import moved, place
from simsearch.views.html.evidence import lettering

_COLOURS = {Outcome.MATCH: (26, 127, 55), Outcome.AMBIGUOUS: (154, 103, 0), Outcome.UNKNOWN: (92, 99, 106)}
"""As the badges of the page. The number and the word say it, too."""
_SHIFT = 4  # fractional bits of OpenCV's coordinates
_ROOM = 0.03
"""Room around a package that is cut out, in shares of its longer side."""
_LETTERS = 1 / 28
"""Height of a number, in shares of the photo's longer side."""


def outlined(photo: Pixels, packages: Sequence[Package]) -> Pixels:
    """A copy of the photo, with the outline of each package and its number and answer within it."""
    sheet = np.ascontiguousarray(photo.copy())
    height, width = sheet.shape[:2]
    thick = max(2, round(max(height, width) / 240))
    drawn = [(package, np.array(package.outline) * (width, height)) for package in packages if package.outline]
    for package, corners in drawn:
        points = [np.rint(corners * 2**_SHIFT).astype(np.int32)]
        cv2.polylines(sheet, points, True, (255, 255, 255), 2 * thick, cv2.LINE_AA, _SHIFT)
        cv2.polylines(sheet, points, True, _COLOURS[package.answer.outcome], thick, cv2.LINE_AA, _SHIFT)
    picture = Image.fromarray(sheet)
    pen, letters = ImageDraw.Draw(picture), lettering(max(11, round(max(height, width) * _LETTERS)))
    for number, package in enumerate(packages, 1):
        for x, y in [corners.mean(axis=0) for own, corners in drawn if own is package]:
            said = f" {number} {package.answer.outcome.value.upper()} "
            wide, high = letters.getlength(said), sum(letters.getmetrics())
            left = min(max(0.0, float(x) - wide / 2), max(0.0, width - wide))
            top = min(max(0.0, float(y) - high / 2), max(0.0, height - float(high)))
            pen.rectangle((left, top, left + wide, top + high), fill=_COLOURS[package.answer.outcome])
            pen.text((left, top), said, fill=(255, 255, 255), font=letters)
    return np.asarray(picture, np.uint8)


def cut_out(photo: Photo, package: Package) -> tuple[Photo, Decision]:
    """The package as a picture of its own, and its answer with places on that; the whole photo where it has no outline.

    Raises:
        ImageError: as `Image.sharp`.
    """
    if package.outline is None:
        return photo, package.answer
    sharp = photo.sharp
    size = sharp.shape[1], sharp.shape[0]
    at = place((np.array(package.outline) * size).astype(np.float32), size, _ROOM)
    pixels = at.of(sharp)
    working = shrunk(pixels, max(photo.pixels.shape[:2]))
    own = Photo(working, photo.sha256, *at.own_size, photo.name, lambda: pixels)
    return own, moved(package.answer, at.part_of)
