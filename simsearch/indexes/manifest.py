"""The manifest of a generation, and how much of its files is read before they are trusted.

FAISS takes a file at its word: a damaged byte in a header or a graph can make it hang, crash or answer wrongly. So the
fast check, done on every opening, decides by what an index file is and how it changed:

- the manifest itself carries its digest, and every file must have the size that was written;
- files up to `WHOLE` bytes are read completely: all indexes of up to some ten thousand images;
- a larger one is read completely too unless its modification time is the one that was written: whatever a program,
  a copy or a restored backup did to it shows there;
- what is left has been written and never touched: its head, its tail and 64 blocks between are compared. A bit that
  flipped on the disk itself between these blocks is seen by the full check alone (`status --verify`, `rebuild
  --rollback`, every nightly run).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simsearch.core.errors import GenerationError

FORMAT = 2
REPAIR = "run `simsearch rebuild`"
WHOLE = 32 * 2**20
"""Bytes: 20 milliseconds of SHA-256."""
_BLOCK, _BLOCKS, _END = 4096, 64, 64 * 1024


def file_facts(path: Path) -> dict[str, Any]:
    """What the manifest says of a file."""
    found = path.stat()
    return {
        "file": path.name, "bytes": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": sha256(path),
        "sampled_sha256": sampled(path, found.st_size),
    }  # fmt: skip


def write(path: Path, body: Mapping[str, Any]) -> None:
    """The manifest with its digest."""
    path.write_text(json.dumps({**body, "digest": digest(body)}, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """The manifest, with its digest, as it was written.

    Raises:
        GenerationError: damaged, missing or of another format.
    """
    try:
        body = json.loads(path.read_bytes())
        said = body.pop("digest")
        sound = said == digest(body)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise GenerationError(f"{path}: is damaged ({type(error).__name__}); {REPAIR}") from None
    if not sound:
        raise GenerationError(f"{path}: does not have the content that was written; {REPAIR}")
    if body["format"] != FORMAT:
        raise GenerationError(f"{path}: is of format {body['format']}, this simsearch reads {FORMAT}; {REPAIR}")
    return {**body, "digest": said}


def check_file(path: Path, facts: Mapping[str, Any], *, full: bool) -> None:
    """GenerationError when a file is not the one that was written, as far as is looked."""
    try:
        found = path.stat()
        if not path.is_file() or found.st_size != facts["bytes"]:
            raise GenerationError(f"{path}: is missing or of another size than was written; {REPAIR}")
        if full or found.st_size <= WHOLE or found.st_mtime_ns != facts["mtime_ns"]:
            sound = sha256(path) == facts["sha256"]
        else:
            sound = sampled(path, found.st_size) == facts["sampled_sha256"]
    except FileNotFoundError:
        raise GenerationError(f"{path}: is missing or of another size than was written; {REPAIR}") from None
    except OSError as error:
        raise GenerationError(f"{path}: cannot be read ({error.strerror}); {REPAIR}") from None
    if not sound:
        raise GenerationError(f"{path}: does not have the content that was written; {REPAIR}")


def digest(body: Mapping[str, Any]) -> str:
    """Of everything a manifest says."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Of the whole file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sampled(path: Path, size: int) -> str:
    """Of head and tail, where FAISS keeps headers, and of blocks spread evenly between."""
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        sha.update(stream.read(_END))
        for number in range(_BLOCKS):
            stream.seek(size * (number + 1) // (_BLOCKS + 1))
            sha.update(stream.read(_BLOCK))
        stream.seek(max(0, size - _END))
        sha.update(stream.read(_END))
    return sha.hexdigest()
