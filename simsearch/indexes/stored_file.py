"""A file of a generation as it was written, and how much of it is read before it is trusted.

FAISS trusts a file: one damaged byte in a header or a graph can make it hang, crash or answer wrongly. So every opening
makes a fast check:

- The file must have the size that was written.
- A file of up to `WHOLE` bytes is read completely. That covers all indexes of up to some ten thousand images.
- A larger file is read completely if its modification time is not the one that was written. That covers every change
  by a program, a copy or a restored backup.
- Of a large file that was never touched, the head, the tail and 64 blocks between them are compared. Only the full
  check (`status --verify`, `rebuild --rollback`, every nightly run) finds a bit that flipped on the disk itself
  between these blocks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsearch.core.errors import GenerationError

REPAIR = "run `simsearch rebuild`"
WHOLE = 32 * 2**20
"""Bytes that SHA-256 reads in about 20 milliseconds."""
_BLOCK, _BLOCKS, _END = 4096, 64, 64 * 1024


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """What a manifest says of one file."""

    file: str
    """Name within the folder of the generation."""
    bytes: int
    mtime_ns: int
    sha256: str
    sampled_sha256: str
    """SHA-256 of the head, the tail and the blocks that the fast check reads."""

    def check(self, folder: Path, *, full: bool) -> None:
        """Compare the file in `folder` with what was written; `full` reads every byte.

        Raises:
            GenerationError: it differs, is missing or cannot be read.
        """
        path = folder / self.file
        try:
            found = path.stat()
            if not path.is_file() or found.st_size != self.bytes:
                raise GenerationError(f"{path}: is missing or of another size than was written; {REPAIR}")
            if full or found.st_size <= WHOLE or found.st_mtime_ns != self.mtime_ns:
                sound = sha256(path) == self.sha256
            else:
                sound = sampled(path, found.st_size) == self.sampled_sha256
        except FileNotFoundError:
            raise GenerationError(f"{path}: is missing or of another size than was written; {REPAIR}") from None
        except OSError as error:
            raise GenerationError(f"{path}: cannot be read ({error.strerror}); {REPAIR}") from None
        if not sound:
            raise GenerationError(f"{path}: does not have the content that was written; {REPAIR}")


def describe_file(path: Path) -> dict[str, Any]:
    """The fields of a `StoredFile`, read from the file at `path`."""
    found = path.stat()
    return {
        "file": path.name, "bytes": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": sha256(path),
        "sampled_sha256": sampled(path, found.st_size),
    }  # fmt: skip


def sha256(path: Path) -> str:
    """SHA-256 of the whole file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sampled(path: Path, size: int) -> str:
    """SHA-256 of head and tail, where FAISS keeps headers, and of blocks spread evenly between them."""
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        sha.update(stream.read(_END))
        for number in range(_BLOCKS):
            stream.seek(size * (number + 1) // (_BLOCKS + 1))
            sha.update(stream.read(_BLOCK))
        stream.seek(max(0, size - _END))
        sha.update(stream.read(_END))
    return sha.hexdigest()
