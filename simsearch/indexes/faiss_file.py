"""FAISS indexes in files, with FAISS's errors turned into GenerationErrors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss

from simsearch.core.errors import GenerationError


def write(index: Any, path: Path) -> None:
    """Write a FAISS index, float or binary.

    Raises:
        GenerationError: it cannot be written.
    """
    writer = faiss.write_index_binary if isinstance(index, faiss.IndexBinary) else faiss.write_index
    try:
        writer(index, str(path))
    except RuntimeError as error:
        raise unwritable(path) from error


def read(path: Path, *, binary: bool, flags: int = 0) -> Any:
    """Read a FAISS index. `flags`: FAISS's IO_FLAG constants, for instance to map the file.

    Raises:
        GenerationError: FAISS does not recognise the file.
    """
    reader = faiss.read_index_binary if binary else faiss.read_index
    try:
        return reader(str(path), flags)
    except (RuntimeError, MemoryError) as error:
        raise unreadable(path) from error


def unwritable(path: Path) -> GenerationError:
    """The error for a file that cannot be written."""
    return GenerationError(f"{path}: FAISS cannot write it; check the folder and the free disk space")


def unreadable(path: Path) -> GenerationError:
    """The error for a file that FAISS does not recognise."""
    return GenerationError(f"{path}: FAISS cannot read it; run `simsearch rebuild`")


def foreign(path: Path, wanted: str) -> GenerationError:
    """The error for an index of another kind than `wanted`."""
    return GenerationError(f"{path}: is not {wanted}; run `simsearch rebuild`")
