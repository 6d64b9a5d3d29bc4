"""JPEG: decoding that notices where a picture ends too early or too late.

libjpeg repairs damage without an error: where data are missing it paints grey, where data are left over it skips them,
and it only counts warnings, which Pillow does not pass on. But a sequential JPEG has a checksum of a kind: its last
block ends with its last byte. A damaged Huffman code shifts all that follow, so the two seldom still meet.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import JpegImagePlugin

from simsearch.core.formats import Unfit

_END = b"\xff\xd9"
_BLOCK = 1 << 20
"""Bytes that are searched for markers at once, so that a file of nothing but markers takes no memory to speak of."""
_SPARE = 64
"""Bytes left over that are still taken for the carelessness of an encoder. libjpeg tells of 1 to 18 from webcams."""
_LOOKAHEAD = 8
"""Bytes that libjpeg reads ahead of the code it decodes; without them it waits for more."""
_NOISE = random.Random(0).randbytes(4099)


@dataclass(frozen=True)
class _Scan:
    """Where the first scan's data start, and whether they are the whole picture in Huffman codes."""

    start: int
    whole: bool


def holds_all(data: bytes) -> bool:
    """Whether libjpeg holds the coefficients of the whole picture, at any scale: 3 to 6 bytes a pixel."""
    scan = _first_scan(data)
    return scan is None or not scan.whole


def load(opened: JpegImagePlugin.JpegImageFile, data: bytes) -> Pillow.Image:
    """The first picture of `data`, at the scale that `opened.draft` has chosen.

    Raises:
        Unfit: the data end before the picture does, or hold more or other things than the picture.
    """
    scan = _first_scan(data)
    if scan is None or opened.size[0] < 8:  # so narrow that _Feed might mistake a row
        opened.load()
        return opened
    end, ordered = _scanned(data, scan.start)
    if end < 0:
        return _without_end(opened, data)
    if not scan.whole:
        opened.load()
        return opened
    if not ordered:
        raise Unfit("unreadable", "the image data is damaged (markers where there should be none)")
    feed = _Feed(opened)
    with feed:
        almost = max(scan.start, _stripped(data, scan.start, end) - _SPARE)
        if feed.push(memoryview(data)[:almost]):
            raise Unfit("unreadable", "the image data is damaged (more of it than the picture has)")
        if not feed.push(data[almost:end] + bytes(_LOOKAHEAD)):
            raise Unfit("truncated", "the image data ends before the picture does")
    return feed.picture


def _without_end(opened: JpegImagePlugin.JpegImageFile, data: bytes) -> Pillow.Image:
    """The picture of a file that lacks its end marker. It is whole if it does not depend on what is put behind it."""
    if not _has_all_scans(opened, data):
        raise Unfit("truncated", "the file ends before the picture does")
    pictures = []
    for filler in (b"\0", b"\x55", b"\xaa"):
        feed = _Feed(opened)
        with feed:
            if not feed.push(data.rstrip(b"\xff") + filler * 4 * _LOOKAHEAD + _END):
                raise Unfit("truncated", "the file ends before the picture does")
        pictures.append(feed.picture)
    if any(picture.tobytes() != pictures[0].tobytes() for picture in pictures[1:]):
        raise Unfit("truncated", "the file ends before the picture does")
    return pictures[0]


def _has_all_scans(opened: JpegImagePlugin.JpegImageFile, data: bytes) -> bool:
    """Whether a scan with the last bit of each of the 64 coefficients has begun for all components."""
    begun = set()
    for scan in re.finditer(rb"\xff\xda\0.([\x01-\x04])", data, re.DOTALL):
        components = scan.end() + 2 * scan.group(1)[0]
        names = data[scan.end() : components : 2]
        first, last, bits = data[components : components + 3].ljust(3, b"\xff")
        if bits & 0xF == 0:
            begun |= {(name, k) for name in names for k in range(first, min(last, 63) + 1)}
    return len(begun) >= 64 * opened.layers


class _Feed:
    """Pillow's decoder, fed piece by piece. Used in a `with` statement."""

    def __init__(self, opened: JpegImagePlugin.JpegImageFile) -> None:
        codec, extents, _, args = opened.tile[0]
        width, height = opened.size
        self.picture = Pillow.new(opened.mode, opened.size)
        # The last row holds noise until the decoder writes it.
        length = width * len(opened.getbands())
        self._last = Pillow.frombytes(opened.mode, (width, 1), (_NOISE * (length // len(_NOISE) + 1))[:length])
        self.picture.paste(self._last, (0, height - 1))
        self._decoder = Pillow._getdecoder(opened.mode, codec, args, opened.decoderconfig)
        self._decoder.setimage(self.picture.im, extents)
        self._rest = b""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._decoder.cleanup()

    def push(self, data: bytes | memoryview) -> bool:
        """Decode on; whether the last row has been written."""
        data = self._rest + bytes(data) if self._rest else data
        used, error = self._decoder.decode(data)
        if error < 0:
            raise OSError(f"JPEG decoder error {error}")
        self._rest = b"" if used < 0 else bytes(data[used:])
        width, height = self.picture.size
        return self.picture.crop((0, height - 1, width, height)).tobytes() != self._last.tobytes()


def _first_scan(data: bytes) -> _Scan | None:
    """None where the segments before the first scan are out of order."""
    at, frame, components = 2, 0, 0
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame, components = marker, data[at + 9]
        if marker == 0xDA:
            return _Scan(at + 2 + length, frame in (0xC0, 0xC1) and components == data[at + 4])
        at += 2 + length
    return None


def _scanned(data: bytes, start: int) -> tuple[int, bool]:
    """Where the end marker stands behind `start`, -1 where there is none; and whether all before it are restarts that
    count up."""
    values = np.frombuffer(data, np.uint8)
    ordered, restarts = True, 0
    for at in range(start, len(data) - 1, _BLOCK):
        block = values[at : at + _BLOCK + 1]
        places = np.flatnonzero(block[:-1] == 0xFF)
        after = block[places + 1]
        ends = np.flatnonzero(after == _END[1])
        after = after[: ends[0]] if len(ends) else after
        found = after[(after != 0) & (after != 0xFF)]
        ordered = ordered and np.array_equal(found, 0xD0 + (restarts + np.arange(len(found))) % 8)
        restarts += len(found)
        if len(ends):
            return at + int(places[ends[0]]), ordered
    return -1, ordered


def _stripped(data: bytes, start: int, end: int) -> int:
    """Where the zeros begin with which `data[start:end]` ends; `end` where it ends otherwise."""
    while end > start and data[end - 1] == 0:
        tail = max(start, end - _BLOCK)
        end = tail + len(data[tail:end].rstrip(b"\0"))
    return end
