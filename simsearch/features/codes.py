"""Codes: the barcodes of an image, compared by the product numbers in them.

The library is zxing-cpp (Apache-2.0), of the extra `read`. It looks along rows and columns, so a long code that lies
askew is sought again in turned copies; small photos are sought again enlarged. Among other print it passes codes over
that it reads in a cut-out of their package, so they are sought in overlapping parts of the photo, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.code_agreement import Relation, compare
from simsearch.core.codes import Codes, payload, read_codes
from simsearch.core.config import setting
from simsearch.core.errors import ConfigError
from simsearch.core.images import shrunk
from simsearch.core.types import Descriptor, Image, Similarities
from simsearch.features.base import fingerprint
from simsearch.features.code_records import MOST_BYTES, ReadCode, pack_codes, unpack_codes

if TYPE_CHECKING:
    import zxingcpp

Grey = NDArray[np.uint8]

_LINEAR = ("EANUPC", "Code128", "Code39", "ITF", "DataBar")
_MATRIX = ("DataMatrix", "QRCode")
_SMALL = 0.75
"""Share of `size` up to which a photo counts as small."""
_OVERLAP = 0.4
"""Share of a part that its neighbour shows too."""
_BUSY = 41, 10
"""Side of a square of pixels, and the mean step between neighbours (0 to 255) in it, below which it shows no code. Of
drawn codes with a contrast of 60 levels or more, blurred as photos are, none that could be read had less than 18."""

_SIMILARITY = {Relation.EQUAL: 1.0, Relation.CASE_OF: 0.75, Relation.NOTHING: 0.5, Relation.DIFFERENT: 0.0}


@dataclass(frozen=True)
class CodeSettings:
    """Settings of the reader. What it costs is in docs/codes.md.

    size: longer side in pixels to which a larger photo is scaled first.
    turns: turned copies in which long codes are sought where no product number was found: 2 are turned by 30 and 60
        degrees, which finds an EAN at any angle.
    enlarge: whether a photo of at most three quarters of `size` is looked at enlarged twice where no product number was
        found.
    parts: rows, and as many columns, of overlapping parts that are looked at by themselves where no product number was
        found, and half as many after them; those without steps from pixel to pixel are left out. 0: none.
    """

    size: int = setting(2000, low=64, high=4000)
    turns: int = setting(2, low=0, high=5)
    enlarge: bool = True
    parts: int = setting(4, low=0, high=8)


def available() -> bool:
    """Whether zxing-cpp is installed."""
    return bool(_version())


@cache
def _version() -> str:
    try:
        return version("zxing-cpp")
    except PackageNotFoundError:
        return ""


class CodeMethod:
    """1 for codes of one product, 0.75 for a case of it, 0.5 where codes say nothing, 0 for codes of two products.

    Descriptor: the bytes of :func:`code_records.pack_codes`, none where the image has no code. Equal descriptors that
    hold a code give 1.
    """

    name: ClassVar[str] = "codes"
    Settings: ClassVar[type] = CodeSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    symmetric = True
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    shape: tuple[int, ...] = (-1,)

    def __init__(
        self,
        settings: CodeSettings,
        *,
        grey: Callable[[Image], Grey] = lambda image: image.grey,
        resolution: str = "",
    ) -> None:
        """
        Args:
            settings: of the reader.
            grey: the picture (h, w) of an image that is read, where there is a larger one than `Image.pixels`.
            resolution: names what `grey` gives, because codes of other pictures are other descriptors.
        """
        self.settings = settings
        self._grey = grey
        self.missing = "" if available() else "reading codes needs zxing-cpp: pip install 'simsearch[read]'"
        # Another version may read other codes. Where there is none, nothing that is stored compares.
        self.fingerprint = fingerprint(self.name, settings, digest=f"{_version()} {resolution}".strip())

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        """One descriptor an image.

        Raises:
            ConfigError: zxing-cpp is not installed.
        """
        return [pack_codes(self.read(self._grey(image))) for image in images]

    def read(self, grey: Grey) -> list[ReadCode]:
        """The codes of a picture (h, w).

        Raises:
            ConfigError: zxing-cpp is not installed.
        """
        if self.missing:
            raise ConfigError(self.missing)
        return read(grey, self.settings)

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        own = codes_of(query)
        return np.array([_similarity(query, own, other) for other in others], np.float32)

    def is_sound(self, descriptor: Descriptor) -> bool:
        """Whether the bytes are those of a descriptor."""
        try:
            unpack_codes(descriptor)
        except ValueError:
            return False
        return True


def codes_of(descriptor: Descriptor) -> Codes:
    """The product numbers in a descriptor of :class:`CodeMethod`."""
    return read_codes(((code.text, code.symbology) for code in unpack_codes(descriptor)), date.today())


def _similarity(query: Descriptor, own: Codes, other: Descriptor) -> float:
    if len(query) and np.array_equal(query, other):
        return 1.0
    return _SIMILARITY[compare(own, codes_of(other)).relation]


# -- reading ---------------------------------------------------------------------------------------------------------


def read(grey: Grey, settings: CodeSettings) -> list[ReadCode]:
    """The codes of a picture (h, w), without those of :data:`MOST_BYTES` or more; needs zxing-cpp.

    May be called from several threads: the library keeps nothing, and releases the GIL while it works.
    """
    found: list[ReadCode] = []
    today = date.today()
    for look in _looks(shrunk(grey, settings.size), settings):
        known = {(code.text, code.symbology) for code in found}
        read_here = [_code(barcode, look.back, today) for barcode in _barcodes(look)]
        found += [code for code in read_here if (code.text, code.symbology) not in known]
        if read_codes(((code.text, code.symbology) for code in found), today).names_a_product:
            break
    return found


@dataclass(frozen=True, eq=False)
class _Look:
    """A picture to look at."""

    picture: Grey
    back: NDArray[np.float64]
    """Map (2, 3) of its pixels to 0 to 1 of the photo."""
    formats: tuple[str, ...] = _LINEAR + _MATRIX
    again: bool = False
    """Whether the same was looked at as part of a larger picture, where smaller copies and light codes on dark were
    sought, too."""


def _looks(grey: Grey, settings: CodeSettings) -> Iterator[_Look]:
    """Pictures to look at, in turn."""
    height, width = grey.shape
    whole = np.diag([1 / width, 1 / height, 1.0])
    yield _Look(grey, whole[:2])
    for turn in range(1, settings.turns + 1):
        picture, there = _turned(grey, 90 * turn / (settings.turns + 1))
        yield _Look(picture, (whole @ np.linalg.inv(there))[:2], _LINEAR)
    if settings.enlarge and max(height, width) <= _SMALL * settings.size:
        picture = np.asarray(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
        yield _Look(picture, (whole @ np.diag([0.5, 0.5, 1.0]))[:2])
    for top, left, part in itertools.chain(_parts(grey, settings.parts), _parts(grey, settings.parts // 2)):
        yield _Look(part, (whole @ np.array([[1.0, 0, left], [0, 1, top], [0, 0, 1]]))[:2], again=True)


def _parts(grey: Grey, count: int) -> Iterator[tuple[int, int, Grey]]:
    """Top, left and pixels of `count` by `count` overlapping parts, without those that show no code."""
    if count < 2:
        return
    height, width = (max(1, round(side / (1 + (count - 1) * (1 - _OVERLAP)))) for side in grey.shape)
    for top in np.linspace(0, grey.shape[0] - height, count).round().astype(int).tolist():
        for left in np.linspace(0, grey.shape[1] - width, count).round().astype(int).tolist():
            part = np.ascontiguousarray(grey[top : top + height, left : left + width])
            if _is_busy(part):
                yield top, left, part


def _is_busy(part: Grey) -> bool:
    side, least = _BUSY
    if min(part.shape) < 2:
        return False
    steps = cv2.max(cv2.absdiff(part[1:, 1:], part[1:, :-1]), cv2.absdiff(part[1:, 1:], part[:-1, 1:]))
    return int(cv2.blur(steps, (side, side)).max()) >= least


def _turned(grey: Grey, angle: float) -> tuple[Grey, NDArray[np.float64]]:
    """The picture turned by `angle` degrees on a ground that holds all of it, and the map (3, 3) to its pixels."""
    height, width = grey.shape
    turn = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0), np.float64)
    across, along = (max(1, round(float(side))) for side in np.abs(turn[:, :2]) @ (width, height))
    turn[:, 2] += (across - width) / 2, (along - height) / 2
    picture = cv2.warpAffine(
        grey, turn, (across, along), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=255
    )
    return np.asarray(picture, np.uint8), np.vstack([turn, [0.0, 0.0, 1.0]])


def _barcodes(look: _Look) -> list[zxingcpp.Barcode]:
    import zxingcpp

    chosen = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat[name] for name in look.formats])
    # Plain: FNC1 between elements stays as U+001D. With errors left out, a symbol whose own check fails is no code.
    found = zxingcpp.read_barcodes(
        look.picture, chosen, text_mode=zxingcpp.TextMode.Plain, return_errors=False,
        try_downscale=not look.again, try_invert=not look.again,
    )  # fmt: skip
    return [barcode for barcode in found if barcode.valid and 0 < len(barcode.text) <= MOST_BYTES]


def _code(barcode: zxingcpp.Barcode, back: NDArray[np.float64], today: date) -> ReadCode:
    at = barcode.position
    corners = np.array([(p.x, p.y, 1.0) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)])
    quad = tuple((float(x), float(y)) for x, y in np.clip(corners @ back.T, 0.0, 1.0))
    text, symbology = barcode.text, barcode.symbology_identifier
    return ReadCode(text, symbology, quad, not payload(text, symbology, today).problem)


METHODS = (CodeMethod,)
