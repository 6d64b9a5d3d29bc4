"""A reading as bytes, for the catalog.

Little-endian. A head: "RDG1", width and height (uint32), number of lines (uint16), CRC-32 of all that follows. Then
each line: the quad (eight int16, in 1/16384 of the picture), confidence (uint8, in 255ths), length of the text in bytes
(uint8), the text in UTF-8. The next format gets another first word.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from simsearch.features.reading.types import Line, Reading

_HEAD = struct.Struct("<4sIIHI")
_LINE = struct.Struct("<8hBB")
_MAGIC = b"RDG1"
_PLACE = 16384
"""Steps across the picture; corners may lie up to its size outside of it."""
MOST_LINES = 200
MOST_BYTES = 255
"""Of the text of one line. So a reading has at most 54,618 bytes; one of twenty lines has about 800."""


def encode(reading: Reading) -> NDArray[np.uint8]:
    """The bytes of a reading, (n,). Lines beyond :data:`MOST_LINES`, and text beyond :data:`MOST_BYTES`, are cut off.

    Confidence keeps two decimals, and a corner 1/16384 of the picture's size.
    """
    lines = reading.lines[:MOST_LINES]
    body = b"".join(_packed(line) for line in lines)
    head = _HEAD.pack(_MAGIC, reading.width, reading.height, len(lines), zlib.crc32(body))
    return np.frombuffer(head + body, np.uint8)


def _packed(line: Line) -> bytes:
    # Cut at a byte, a character may be cut in two: what is left of it goes.
    text = line.text.encode()[:MOST_BYTES].decode(errors="ignore").encode()
    corners = np.clip(np.rint(line.quad * _PLACE), -2 * _PLACE, 2 * _PLACE - 1).astype(int).ravel()
    return _LINE.pack(*corners.tolist(), round(min(max(line.confidence, 0.0), 1.0) * 255), len(text)) + text


def decode(data: NDArray[np.uint8]) -> Reading:
    """Inverse of :func:`encode`.

    Raises:
        ValueError: these are not the bytes of a reading, or not all of them.
    """
    packed = data.tobytes()
    try:
        magic, width, height, count, checksum = _HEAD.unpack_from(packed)
        if magic != _MAGIC or zlib.crc32(packed[_HEAD.size :]) != checksum:
            raise ValueError("not a reading, or a damaged one")
        lines, at = [], _HEAD.size
        for _ in range(count):
            *corners, confidence, length = _LINE.unpack_from(packed, at)
            at += _LINE.size
            text = packed[at : at + length].decode()
            at += length
            quad = np.array(corners, np.float32).reshape(4, 2) / np.float32(_PLACE)
            lines.append(Line(text, confidence / 255, quad))
    except struct.error as error:
        raise ValueError(f"not a reading: {error}") from None
    if at != len(packed):
        raise ValueError(f"a reading of {at} bytes has {len(packed)}")
    return Reading(tuple(lines), width, height)
