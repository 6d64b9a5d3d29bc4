"""WebP: the length in the file's head may be wrong where all chunks are there; viewers go by the chunks."""

from __future__ import annotations


def with_true_length(data: bytes) -> bytes:
    """`data` with the length of its whole chunks, where its head says another; unchanged where a chunk is cut."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            return data
        at += 8 + size + size % 2
        if at - 8 == int.from_bytes(data[4:8], "little"):
            return data  # the head is right; what follows is not the picture's
    return data[:4] + (min(at, len(data)) - 8).to_bytes(4, "little") + data[8:]
