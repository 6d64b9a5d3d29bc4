"""TIFF: which page is the picture, what its values mean, and what libtiff said about it.

Tags and their values: TIFF 6.0 and its supplements; BigTIFF as libtiff writes it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import TiffImagePlugin

from simsearch.core.formats import Unfit

_REDUCED, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_SAMPLES, _SAMPLE_FORMAT, _CAMERA_RAW = 277, 339, 50706
_PAGES = 16
_SIZES = {1: 1, 3: 2, 4: 4, 16: 8}  # bytes of BYTE, SHORT, LONG and LONG8
_FORMATS = {1: "uint", 2: "int", 3: "float", 5: "complex int", 6: "complex float"}


@dataclass(frozen=True)
class Page:
    """The tags of one page that say what its pixels are."""

    tags: dict[int, tuple[int, ...]]
    places: dict[int, int]
    """Where in the file the lowest byte of each tag's first value stands."""

    def value(self, tag: int, default: int) -> int:
        return self.tags.get(tag, (default,))[0]

    @property
    def size(self) -> tuple[int, int]:
        return self.value(_WIDTH, 0), self.value(_HEIGHT, 0)

    @property
    def reduced(self) -> bool:
        """Whether it is a thumbnail or a mask of another page."""
        return bool(self.value(_REDUCED, 0) & 5)

    @property
    def signed(self) -> int:
        """Bits of a value that has a sign; 0 where values have none."""
        return self.value(_BITS, 1) if self.value(_SAMPLE_FORMAT, 1) == 2 else 0

    @property
    def white_is_zero(self) -> bool:
        """Of more than 8 bits; fewer are turned round by Pillow."""
        return self.value(_PHOTOMETRIC, 1) == 0 and self.value(_BITS, 1) > 8

    @property
    def kind(self) -> str:
        """Such as `3 x float32`."""
        samples, bits = self.value(_SAMPLES, 1), self.value(_BITS, 1)
        named = f"{samples} x {_FORMATS.get(self.value(_SAMPLE_FORMAT, 1), 'unknown ')}{bits}"
        return named if self.known_compression else f"{named}, compression {self.value(_COMPRESSION, 1)}"

    @property
    def known_compression(self) -> bool:
        return self.value(_COMPRESSION, 1) in TiffImagePlugin.COMPRESSION_INFO


def opened(data: bytes) -> tuple[TiffImagePlugin.TiffImageFile, Page]:
    """The page that is the picture.

    Raises:
        Unfit: it is of a kind that Pillow does not read; named.
        SyntaxError: the header is damaged.
    """
    found = list(_pages(data))
    if not found:
        raise SyntaxError("its first directory cannot be read")
    chosen = _full_page(found)
    page = found[chosen]
    if page.value(_PHOTOMETRIC, 1) == 32803 or _CAMERA_RAW in found[0].tags:
        raise Unfit("unreadable", "is a camera's raw file; save it as JPEG")
    unread = Unfit("unreadable", f"is a TIFF of a kind that is not read ({page.kind}); save it as 8 bit")
    if not page.known_compression:
        raise unread
    if page.white_is_zero:
        data = _black_is_zero(data, page)
    try:
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(data), "")
        image.seek(chosen)
    except SyntaxError as error:
        if str(error) in ("unknown pixel mode", "unknown data organization"):
            raise unread from None
        raise
    return image, page


def _full_page(pages: list[Page]) -> int:
    """The first page that is not said to be a thumbnail, or a later one that shows the same at twice its size."""
    first = next((i for i, page in enumerate(pages) if not page.reduced), 0)
    width, height = pages[first].size
    for i, page in enumerate(pages[first + 1 :], first + 1):
        wide, high = page.size
        if not page.reduced and wide >= 2 * width and abs(wide * height - high * width) <= 0.02 * wide * height:
            return i
    return first


def _black_is_zero(data: bytes, page: Page) -> bytes:
    """Pillow reads some kinds only as black-is-zero, and turns no deep ones round. The caller does it afterwards."""
    changed = bytearray(data)
    changed[page.places[_PHOTOMETRIC]] = 1
    return bytes(changed)


def _pages(data: bytes) -> Iterator[Page]:
    order = "<" if data[:1] == b"I" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    head, count, entry, pointer = (8, "Q", 20, "Q") if big else (4, "H", 12, "I")
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(order + pointer, data, head)
        while at and at not in seen and len(seen) < _PAGES:
            seen.add(at)
            (entries,) = struct.unpack_from(order + count, data, at)
            start = at + struct.calcsize(order + count)
            yield _page(data, order, start, min(entries, 1000), entry)
            (at,) = struct.unpack_from(order + pointer, data, start + entries * entry)
    except struct.error:
        return


def _page(data: bytes, order: str, start: int, entries: int, entry: int) -> Page:
    width = 8 if entry == 20 else 4  # bytes of a value or offset
    tags, places = {}, {}
    for at in range(start, start + entries * entry, entry):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        (number,) = struct.unpack_from(order + ("Q" if width == 8 else "I"), data, at + 4)
        if kind not in _SIZES or not number:
            continue
        number = min(number, 8)
        place = at + 4 + width
        if number * _SIZES[kind] > width:
            (place,) = struct.unpack_from(order + ("Q" if width == 8 else "I"), data, place)
        code = {1: "B", 2: "H", 4: "I", 8: "Q"}[_SIZES[kind]]
        if place + number * _SIZES[kind] <= len(data):
            tags[tag] = struct.unpack_from(f"{order}{number}{code}", data, place)
            places[tag] = place if order == "<" else place + _SIZES[kind] - 1
    return Page(tags, places)
