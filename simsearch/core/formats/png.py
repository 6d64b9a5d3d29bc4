"""PNG: only the chunks that make the picture reach the decoder.

Pillow refuses a file for a comment of more than 1 MB or with a wrong checksum, whose picture is sound. libpng, and with
it every browser, drops such chunks. Names and layouts: the W3C's PNG specification, third edition.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from simsearch.core.formats import colour

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")  # Pillow checks them itself
_NEEDED = (*_CRITICAL, *_ANIMATION, b"tRNS", b"eXIf")


def without_extras(data: bytes) -> tuple[bytes, bytes]:
    """`data` with only the chunks that make the picture, and its colour profile, empty where it has none that holds."""
    kept, said = [data[:8]], dict[bytes, bytes]()
    depth = data[24] if len(data) > 25 else 8
    for name, chunk, sound in _chunks(data):
        body = chunk[8:-4]
        if name == b"tRNS" and sound and depth != 8:
            chunk = _transparent_value(body, depth, data[25])
        if name in _NEEDED and (sound or name in (*_CRITICAL, *_ANIMATION)):
            kept.append(chunk)
        elif sound and not said.get(name):
            said[name] = body
    return b"".join(kept), _profile(said)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Name, all bytes, and whether the checksum is right; what follows a cut chunk comes with it, under no name."""
    at = 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if end > len(data):
            yield b"IDAT", data[at:], False  # the decoder says how far it came
            return
        # IDAT is the bulk of a file, and Pillow checks it while decoding.
        checked = name not in _CRITICAL and zlib.crc32(data[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end])
        yield name, data[at:end], checked
        at = end
        if name == b"IEND":
            return


def _transparent_value(body: bytes, depth: int, colour_type: int) -> bytes:
    """A tRNS chunk whose colour is scaled to 8 bits as Pillow scales the pixels; 16-bit grey stays as it is."""
    if colour_type not in (0, 2) or (depth == 16 and colour_type == 0) or len(body) % 2:
        scaled = body
    else:
        values = struct.unpack(f">{len(body) // 2}H", body)
        scaled = struct.pack(f">{len(values)}H", *(value * 255 // (2**depth - 1) & 0xFF for value in values))
    head = b"tRNS" + scaled
    return struct.pack(">I", len(scaled)) + head + struct.pack(">I", zlib.crc32(head))


def _profile(said: dict[bytes, bytes]) -> bytes:
    """By the first of cICP, iCCP, sRGB, and gAMA with cHRM, as the specification ranks them."""
    if len(said.get(b"cICP", b"")) == 4:
        return colour.of_code_points(said[b"cICP"][0], said[b"cICP"][1])
    if b"iCCP" in said:
        return _unpacked(said[b"iCCP"].partition(b"\0")[2][1:])
    gamma, primaries = said.get(b"gAMA", b""), said.get(b"cHRM", b"")
    if b"sRGB" in said or len(gamma) != 4:  # primaries alone are ignored, as browsers do
        return b""
    corners = struct.unpack(">8I", primaries) if len(primaries) == 32 else ()
    return colour.of_gamma(int.from_bytes(gamma) / 1e5, tuple(value / 1e5 for value in corners) or colour.BT709)


def _unpacked(packed: bytes) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        profile = unpacker.decompress(packed, colour.LARGEST)
    except zlib.error:
        return b""
    return profile if unpacker.eof else b""
