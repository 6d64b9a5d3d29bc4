"""What the file system says of a file. It shows, without a reading, that the content may have changed."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Stamp:
    """Facts of one file. A database stores each in 64 bits with a sign."""

    size: int
    """In bytes; -1 where there is no file."""
    mtime_ns: int
    """When the content changed, in nanoseconds since 1970. Programs may set it to any time."""
    ctime_ns: int | None = None
    """When content, name or rights changed. The kernel sets it. None where it was not noted."""
    inode: int | None = None
    """Number of the file in its file system: it shows that a folder was put in the place of another. None as above."""

    @classmethod
    def of(cls, path: str | Path) -> Stamp:
        """The stamp of the file at `path`, behind links; :data:`NO_FILE` where there is none."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return NO_FILE
        return cls(*map(_folded, (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)))

    def agrees(self, other: Stamp) -> bool:
        """Whether the content is probably the same. What one of them did not note is not compared."""
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return all(ours is None or theirs is None or ours == theirs for ours, theirs in pairs)


NO_FILE = Stamp(-1, -1)


def _folded(number: int) -> int:
    """`number` as a signed integer of 64 bits. Two numbers that differ do so afterwards, unlike clamped ones.

    Times beyond the year 2262 have more bits, and so have the inodes of some file systems.
    """
    return (number + 2**63) % 2**64 - 2**63
