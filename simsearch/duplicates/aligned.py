"""One photo in the frame of another, and what pixel comparisons need of both, each part made once.

A map is tried as it is, refined, and tried again, by several questions; blurring and measuring the local contrast of
a photo takes longer than comparing it.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.duplicates.light import Thumbnail, contrast, flat, is_grey
from simsearch.duplicates.same_photo import Affine, moved

_RIM = np.ones((9, 9), np.uint8)  # four pixels at the border of the common part; interpolation and encoding blur them
_NOISE, _CONTRAST = 12.0, 0.3  # grey levels and share of local contrast by which encoding and scaling change a pixel
_WHOLE = 1.0  # pixels by which corners may miss those of the other frame where one frame lies on the other
_COVERED = 127  # opacity, 0 to 255, above which a photo covers a pixel
_MEAN = np.full((1, 3), 1 / 3, np.float32)  # of three channels
_SQUARES = (np.arange(256) ** 2).astype(np.uint16)


class Compared:
    """A photo that is compared under several maps."""

    def __init__(self, pixels: Thumbnail) -> None:
        self.pixels = pixels

    @cached_property
    def softened(self) -> Thumbnail:
        """The same without the grain of encoding."""
        return softened(self.pixels)

    @cached_property
    def allowed(self) -> NDArray[np.uint16]:
        """See `allowed`; of the softened photo."""
        return allowed(self.softened)

    @cached_property
    def grey(self) -> bool:
        """Whether it has no colour."""
        return is_grey(self.pixels)


class Aligned:
    """A photo in the frame of another one."""

    def __init__(self, photo: Compared, other: Compared, matrix: Affine) -> None:
        """`matrix`: from the first to the second, in pixels of the thumbnails; it shrinks."""
        self.photo, self.other = photo, other
        self._warped, self.inside = _warped(photo.pixels, other.pixels.shape[:2], matrix)
        self.shown = int(np.count_nonzero(self.inside))
        """Pixels of the common part."""

    @cached_property
    def here(self) -> Thumbnail:
        """The first photo there, softened."""
        return softened(self._warped)

    @property
    def there(self) -> Thumbnail:
        """The second photo, softened."""
        return self.other.softened

    @cached_property
    def bad(self) -> NDArray[np.bool_]:
        """(height, width) where the two differ as they are."""
        return np.asarray((missed(self.here, self.there, 1, 1) > self.other.allowed) & self.inside)

    @cached_property
    def flat(self) -> NDArray[np.bool_]:
        """(height, width) where both show one surface and no edge."""
        return flat(self.here, self.there, self.inside)


def _warped(pixels: Thumbnail, shape: tuple[int, int], matrix: Affine) -> tuple[Thumbnail, NDArray[np.bool_]]:
    """`pixels` in a frame of `shape` (height, width), and where they cover it, without a rim."""
    height, width = shape
    across, down = (float(np.hypot(matrix[0, k], matrix[1, k])) for k in (0, 1))
    blur = [0.5 * np.sqrt(1 / scale**2 - 1) if scale < 0.95 else 0.0 for scale in (across, down)]
    detailed = cv2.GaussianBlur(pixels, (0, 0), max(blur[0], 0.01), sigmaY=max(blur[1], 0.01)) if any(blur) else pixels
    if _frame_onto_frame(pixels.shape[:2], shape, matrix):  # in a third of the time
        warped, covered = cv2.resize(detailed, (width, height)), np.ones(shape, np.uint8)
    else:
        # OpenCV moves four channels in less than half of the time that it takes for three, and the fourth says what is
        # covered.
        opaque = cv2.cvtColor(detailed, cv2.COLOR_RGB2RGBA)
        there = cv2.warpAffine(opaque, matrix, (width, height), flags=cv2.INTER_LINEAR)
        warped = cv2.cvtColor(there, cv2.COLOR_RGBA2RGB)
        covered = np.asarray(cv2.extractChannel(there, 3) > _COVERED).view(np.uint8)
    inside = cv2.erode(covered, _RIM, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    return np.asarray(warped, np.uint8), inside.astype(bool)


def _frame_onto_frame(shape: tuple[int, ...], other: tuple[int, int], matrix: Affine) -> bool:
    """Whether the map brings the whole of a picture of `shape` (height, width) onto the whole of another one."""
    corners = np.array([[-0.5, -0.5], [shape[1] - 0.5, -0.5], [-0.5, shape[0] - 0.5]])
    wanted = np.array([[-0.5, -0.5], [other[1] - 0.5, -0.5], [-0.5, other[0] - 0.5]])
    return bool(np.abs(moved(matrix, corners) - wanted).max() < _WHOLE)


def softened(pixels: Thumbnail) -> Thumbnail:
    return np.asarray(cv2.GaussianBlur(pixels, (5, 5), 0.8), np.uint8)


def allowed(there: Thumbnail) -> NDArray[np.uint16]:
    """(height, width) mean square difference that encoding and scaling explain."""
    room = contrast(there, 9)
    room *= np.float32(_CONTRAST)
    room += np.float32(_NOISE)
    room *= room
    return room.astype(np.uint16)


def missed(here: Thumbnail, there: Thumbnail, y: int, x: int) -> NDArray[np.uint16]:
    """Mean square difference around each pixel, `here` moved by y - 1 and x - 1 pixels.

    In whole numbers, whose rounding is no matter beside `allowed`: a fifth of the time that floating point takes.
    """
    if (y, x) != (1, 1):
        height, width = there.shape[:2]
        framed = np.asarray(cv2.copyMakeBorder(here, 1, 1, 1, 1, cv2.BORDER_REPLICATE), np.uint8)
        here = framed[y : y + height, x : x + width]
    squared = cv2.LUT(cv2.absdiff(here, there), _SQUARES)
    return np.asarray(cv2.boxFilter(cv2.transform(squared, _MEAN), -1, (5, 5)), np.uint16)
