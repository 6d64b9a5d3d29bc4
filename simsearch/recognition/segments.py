"""The parts of a delta, each with an index of its own.

What was described since the generation was built lies in segments: the images in order of their ids, cut as the binary
digits of their number say, 64 images the smallest part. So a commit builds only the last segments anew, there are few
of them, and the cut follows from the catalog alone: another process makes the same segments, and the same answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Ids
from simsearch.indexes import VectorIndex
from simsearch.indexes.keypoint_votes import VoteIndex
from simsearch.indexes.pills import PillIndex
from simsearch.indexes.text import TextIndex

_LEAF = 64
"""Images of the smallest whole segment."""

Segment: TypeAlias = VectorIndex | VoteIndex | TextIndex | PillIndex
S = TypeVar("S", bound=Segment)


def segment_sizes(images: int) -> list[int]:
    """How many images lie in each segment of a delta, largest first: 64 times each binary digit, then the rest."""
    leaves, rest = divmod(images, _LEAF)
    whole = [_LEAF << bit for bit in reversed(range(leaves.bit_length())) if leaves >> bit & 1]
    return [*whole, *([rest] if rest else [])]


def segments_of(
    name: str,
    ids: Ids,
    revisions: NDArray[np.int64],
    make: Callable[[Ids], S],
    known: Mapping[bytes, Segment],
    segments: dict[bytes, Segment],
) -> list[S]:
    """The segments of a delta: those that are `known`, and the others made. All are entered into `segments`.

    Args:
        name: of what lies in them; of one name, all are of one kind of index.
        ids: (n,) ascending, of the images of the delta.
        revisions: (n,) of the change that brought each of them in.
        make: an index of some of the images.
        known: segments of an earlier snapshot, by what they hold.
        segments: of this one.
    """
    found = []
    for key, part in _parts(name, ids, revisions):
        segment = known[key] if key in known else make(part)
        segments[key] = segment
        found.append(cast("S", segment))  # the key is of this name alone, and so is the kind of index
    return found


def _parts(name: str, ids: Ids, revisions: NDArray[np.int64]) -> Iterator[tuple[bytes, Ids]]:
    """Key and image ids of each segment. The key changes with whatever the segment would hold."""
    start = 0
    for size in segment_sizes(len(ids)):
        part = slice(start, start + size)
        content = ids[part].tobytes() + revisions[part].tobytes()
        yield hashlib.blake2b(name.encode() + b"\0" + content, digest_size=16).digest(), ids[part]
        start += size
