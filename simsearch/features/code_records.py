"""Codes as they were read on an image, and the bytes in which the catalog stores them."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_CODES = 32
"""Codes of one image that are kept."""
MOST_BYTES = 2048
"""UTF-8 bytes of one code's text. A longer code is left out: no product number needs them."""

_VERSION = 1
_HEAD = struct.Struct("<BB")  # version, number of codes
_RECORD = struct.Struct("<2sB8HH")  # symbology, valid, corners, bytes of the text behind it
_WHOLE = 65535
_SYMBOLOGY = re.compile(r"\][A-Za-z][0-9A-Za-z]")

Quad = tuple[tuple[float, float], ...]
"""Corners (x, y) in order around."""


@dataclass(frozen=True, order=True)
class ReadCode:
    """One code on an image."""

    text: str
    """As encoded, without check or start symbols of the symbology; FNC1 between elements is U+001D. Untrusted."""
    symbology: str
    """Identifier after ISO/IEC 15424: "]E0" EAN-13 and UPC, "]E4" EAN-8, "]C1" GS1-128, "]d2" GS1 DataMatrix, ..."""
    quad: Quad
    """Four corners, 0 to 1 of width and height: top left, top right, bottom right, bottom left of the upright code."""
    valid: bool
    """Whether the check digits of the numbers in it are sound. A code that fails its own symbology's is never read."""

    def lies_in(self, outline: Sequence[tuple[float, float]]) -> bool:
        """Whether it belongs to the package with this outline (convex): its centre and most corners lie in it."""
        centre = (sum(x for x, _ in self.quad) / 4, sum(y for _, y in self.quad) / 4)
        return _inside(centre, outline) and sum(_inside(corner, outline) for corner in self.quad) > 2


def _inside(point: tuple[float, float], outline: Sequence[tuple[float, float]]) -> bool:
    x, y = point
    turns = [
        (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        for (ax, ay), (bx, by) in zip(outline, [*outline[1:], *outline[:1]], strict=True)
    ]
    return all(turn >= 0 for turn in turns) or all(turn <= 0 for turn in turns)


def pack_codes(codes: Sequence[ReadCode]) -> NDArray[np.uint8]:
    """The descriptor (n,) of an image with these codes; n is 0 where there are none. Longer texts are left out.

    Layout, little-endian: a head (version, number of codes), then for each code its symbology (2 characters), whether
    it is valid, its corners in 65535ths, the length of its text, and the text in UTF-8.
    """
    kept = [code for code in sorted(codes) if 0 < len(code.text.encode(errors="replace")) <= MOST_BYTES][:MOST_CODES]
    if not kept:
        return np.zeros(0, np.uint8)
    data = bytearray(_HEAD.pack(_VERSION, len(kept)))
    for code in kept:
        text = code.text.encode(errors="replace")
        corners = (round(min(max(part, 0.0), 1.0) * _WHOLE) for corner in code.quad for part in corner)
        data += _RECORD.pack(code.symbology[1:].encode(), code.valid, *corners, len(text)) + text
    return np.frombuffer(bytes(data), np.uint8)


def unpack_codes(descriptor: NDArray[np.generic]) -> tuple[ReadCode, ...]:
    """Inverse of :func:`pack_codes`.

    Raises:
        ValueError: these are no such bytes.
    """
    data = descriptor.tobytes()
    if not data:
        return ()
    try:
        version, count = _HEAD.unpack_from(data)
        if version != _VERSION or not 0 < count <= MOST_CODES:
            raise ValueError(f"version {version} with {count} codes")
        at, codes = _HEAD.size, []
        for _ in range(count):
            code, at = _unpack(data, at)
            codes.append(code)
    except struct.error as error:
        raise ValueError(str(error)) from None
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes behind the last code")
    return tuple(codes)


def _unpack(data: bytes, at: int) -> tuple[ReadCode, int]:
    """The code that begins at byte `at`, and where it ends."""
    symbology, valid, *corners, length = _RECORD.unpack_from(data, at)
    begin = at + _RECORD.size
    end = begin + length
    name = "]" + symbology.decode("ascii")
    if not 0 < length <= MOST_BYTES or end > len(data) or valid > 1 or not _SYMBOLOGY.fullmatch(name):
        raise ValueError(f"damaged at byte {at}")
    quad = tuple((corners[i] / _WHOLE, corners[i + 1] / _WHOLE) for i in range(0, 8, 2))
    return ReadCode(data[begin:end].decode(), name, quad, bool(valid)), end
