"""One file of keypoint votes out of several that were written one after the other.

An index of keypoints takes 8 KB an image, and FAISS holds it in memory while it is filled. So a large one is filled in
parts, each of which is written and forgotten, and joined list by list as the bytes of a file. What comes out is the
file that one index of all would have been written to.

Layout (FAISS 1.15, `write_index_binary` of an IndexBinaryIVF, little endian): the kind, four bytes; the bits and the
bytes of a code, four each; the number of codes, eight; more of the index, and its centres; then the inverted lists:
"ilar", their number and the bytes of a code, eight each; "full" and the length of every list, or "sprs" and the number
and length of those that are not empty, either after their count; then of every list its codes, and their ids of eight
bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import GenerationError
from simsearch.indexes import faiss_file

_COUNT_AT = 12
"""Where the number of codes stands."""
_EMPTY_LISTS = 32
"""Bytes of inverted lists that are all empty: the last ones of an empty index."""
_ID = 8


def join(empty: Path, parts: Sequence[Path], path: Path) -> None:
    """Write to `path` what the indexes at `parts` hold, those of the first part first in every list.

    Args:
        empty: an index with the same centres that holds nothing.
        parts: at least one.
        path: is written anew.

    Raises:
        GenerationError: a part cannot be read or does not belong to `empty`, or `path` cannot be written.
    """
    head = empty.read_bytes()[:-_EMPTY_LISTS]
    with ExitStack() as stack:
        streams = [stack.enter_context(part.open("rb")) for part in parts]
        lengths, widths = zip(
            *(_lengths(stream, part, head) for stream, part in zip(streams, parts, strict=True)), strict=True
        )
        whole, width = np.sum(lengths, axis=0), widths[0]
        try:
            with path.open("wb") as out:
                out.write(head[:_COUNT_AT] + int(whole.sum()).to_bytes(8, "little") + head[_COUNT_AT + 8 :])
                out.write(b"ilar" + np.array([len(whole), width], "<u8").tobytes() + b"full")
                out.write(np.array([len(whole), *whole], "<u8").data)
                for of_list in np.transpose(lengths).tolist():
                    for size in (width, _ID):
                        for stream, length in zip(streams, of_list, strict=True):
                            out.write(stream.read(length * size))
                if out.tell() != len(head) + _EMPTY_LISTS + 8 * len(whole) + int(whole.sum()) * (width + _ID):
                    raise faiss_file.unreadable(parts[0])
        except OSError as error:
            raise faiss_file.unwritable(path) from error


def _lengths(stream: BinaryIO, part: Path, head: bytes) -> tuple[NDArray[np.int64], int]:
    """The length of every list of a part, and the bytes of a code; the stream then stands before the first list."""
    if not _alike(stream.read(len(head)), head) or stream.read(4) != b"ilar":
        raise _foreign(part)
    count, width = (int(n) for n in np.frombuffer(stream.read(16), "<u8"))
    kind, said = stream.read(4), int.from_bytes(stream.read(8), "little")
    if said > 2 * count:
        raise _foreign(part)
    numbers = np.frombuffer(stream.read(8 * said), "<u8").astype(np.int64)
    if kind == b"full" and len(numbers) == count:
        return numbers, width
    lengths = np.zeros(count, np.int64)
    if kind != b"sprs" or len(numbers) % 2 or (numbers[::2] >= count).any():
        raise _foreign(part)
    lengths[numbers[::2]] = numbers[1::2]
    return lengths, width


def _alike(one: bytes, other: bytes) -> bool:
    """Whether two heads are equal but for the number of codes."""
    return one[:_COUNT_AT] == other[:_COUNT_AT] and one[_COUNT_AT + 8 :] == other[_COUNT_AT + 8 :]


def _foreign(part: Path) -> GenerationError:
    return faiss_file.foreign(part, "a part of an index of keypoints")
