"""A reading as bytes, for the catalog.

Little-endian. A head: "RDG2", width and height (uint32), number of lines (uint16), CRC-32 of all that follows. Then
each line: the quad (eight int16, in 1/16384 of the picture), confidence (uint8, in 255ths), length of the text in bytes
(uint8), number of cuts (uint8), the text in UTF-8. Of each cut follow its confidence and length (uint8) and its text,
which is left out (length 255) where it is the line's own.

"RDG1" was the same without cuts, and is still read. The next format gets another first word.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from simsearch.features.reading.types import Cut, Line, Reading

T = TypeVar("T")

_HEAD = struct.Struct("<4sIIHI")
_LINE = struct.Struct("<8hBBB")
_CUT = struct.Struct("<BB")
_FIRST_LINE = struct.Struct("<8hBB")
_FIRST = b"RDG1"
_MAGIC = b"RDG2"
_SAME = 255
_PLACE = 16384
"""Steps across the picture; corners may lie up to its size outside of it."""
MOST_LINES = 200
MOST_BYTES = 254
"""Of the text of one line or cut."""
MOST_CUTS = 2


def encode(reading: Reading) -> NDArray[np.uint8]:
    """The bytes of a reading, (n,). Lines beyond :data:`MOST_LINES`, and text beyond :data:`MOST_BYTES`, are cut off.

    Confidence keeps two decimals, and a corner 1/16384 of the picture's size.
    """
    lines = reading.lines[:MOST_LINES]
    body = b"".join(_packed(line) for line in lines)
    head = _HEAD.pack(_MAGIC, reading.width, reading.height, len(lines), zlib.crc32(body))
    return np.frombuffer(head + body, np.uint8)


def _packed(line: Line) -> bytes:
    text, cuts = _bytes(line.text), line.cuts[:MOST_CUTS]
    corners = np.clip(np.rint(line.quad * _PLACE), -2 * _PLACE, 2 * _PLACE - 1).astype(int).ravel()
    parts = [_LINE.pack(*corners.tolist(), _byte(line.confidence), len(text), len(cuts)), text]
    for cut in cuts:
        own = _bytes(cut.text)
        parts += [_CUT.pack(_byte(cut.confidence), _SAME if own == text else len(own)), b"" if own == text else own]
    return b"".join(parts)


def _bytes(text: str) -> bytes:
    # Cut at a byte, a character may be cut in two: what is left of it goes.
    return text.encode()[:MOST_BYTES].decode(errors="ignore").encode()


def _byte(share: float) -> int:
    return round(min(max(share, 0.0), 1.0) * 255)


def decode(data: NDArray[np.uint8]) -> Reading:
    """Inverse of :func:`encode`.

    Raises:
        ValueError: these are not the bytes of a reading, or not all of them.
    """
    lines, width, height = _decoded(data.tobytes(), _line)
    return Reading(tuple(lines), width, height)


def texts(packed: bytes) -> list[str]:
    """The text of each line of a reading, as `decode` has it, in a third of the time.

    Raises:
        ValueError: as `decode`.
    """
    return _decoded(packed, _text)[0]


def _decoded(packed: bytes, one: Callable[[bytes, int, bool], tuple[T, int]]) -> tuple[list[T], int, int]:
    """What `one` makes of each line, and the width and height of the picture."""
    try:
        magic, width, height, count, checksum = _HEAD.unpack_from(packed)
        if magic not in (_MAGIC, _FIRST) or zlib.crc32(packed[_HEAD.size :]) != checksum:
            raise ValueError("not a reading, or a damaged one")
        lines, at = [], _HEAD.size
        for _ in range(count):
            line, at = one(packed, at, magic == _MAGIC)
            lines.append(line)
    except struct.error as error:
        raise ValueError(f"not a reading: {error}") from None
    if at != len(packed):
        raise ValueError(f"a reading of {at} bytes has {len(packed)}")
    return lines, width, height


def _text(packed: bytes, at: int, with_cuts: bool) -> tuple[str, int]:
    """As `_line`, of its text alone."""
    layout = _LINE if with_cuts else _FIRST_LINE
    head = layout.unpack_from(packed, at)
    at += layout.size + head[9]
    text = packed[at - head[9] : at].decode()
    for _ in range(head[10] if with_cuts else 0):
        length = _CUT.unpack_from(packed, at)[1]
        at += _CUT.size + (0 if length == _SAME else length)
    return text, at


def _line(packed: bytes, at: int, with_cuts: bool) -> tuple[Line, int]:
    """The line that begins at `at`, and where the next one begins."""
    layout = _LINE if with_cuts else _FIRST_LINE
    *corners, confidence, length = layout.unpack_from(packed, at)[:10]
    count = layout.unpack_from(packed, at)[10] if with_cuts else 0
    at += layout.size
    text, at = packed[at : at + length].decode(), at + length
    quad = np.array(corners, np.float32).reshape(4, 2) / np.float32(_PLACE)
    cuts = []
    for _ in range(count):
        sure, length = _CUT.unpack_from(packed, at)
        at += _CUT.size
        own = text if length == _SAME else packed[at : at + length].decode()
        at += 0 if length == _SAME else length
        cuts.append(Cut(own, sure / 255))
    return Line(text, confidence / 255, quad, tuple(cuts)), at
