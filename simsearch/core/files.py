"""Atomic writes, and the lock that lets one process at a time write in a home."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from simsearch.core.errors import CatalogError

_LOG = logging.getLogger("simsearch")


def sync(path: Path) -> None:
    """Wait until the file or folder `path` is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(path: Path, data: bytes | str, *, durable: bool = True) -> None:
    """Write `data` to `path` in one step: a reader sees the old content or the new, and a failure leaves the old.

    Text is written as UTF-8. With `durable`, the new content survives a loss of power once this returns.

    Raises:
        OSError: the folder is not there or cannot be written, or the disk is full.
    """
    with replacing(path, durable=durable) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """As :func:`replace`, for content that another library writes: yields the temporary file to write to."""
    part = unfinished(path)
    try:
        yield part
        put(part, path, durable=durable)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def put(part: Path, path: Path, *, durable: bool = True) -> None:
    """Move the complete file `part` to `path`, in the same folder."""
    if durable:
        sync(part)
    os.replace(part, path)
    if durable:
        sync(path.parent)


def unfinished(path: Path) -> Path:
    """A temporary name beside `path`. No two are equal, so that two writers cannot mix their content."""
    return path.with_name(f".{uuid4().hex}.part")


def remove_unfinished(folder: Path) -> None:
    """Remove the temporary files that killed writers left below `folder`. Nobody may be writing there meanwhile."""
    for part in folder.rglob(".*.part*"):  # SQLite keeps a journal beside the copy that it writes
        part.unlink(missing_ok=True)


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """Hold the lock of `home`.

    The lock belongs to the process (flock) and ends with it, also when it is killed. The file names the holder for
    people. A name in a file that is not locked was left by a killed process.

    Raises:
        CatalogError: another process holds the lock, or the home cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise CatalogError(f"{home}: cannot be written ({error.strerror}); choose another --home") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(handle)
        os.close(handle)
        who = f" ({holder})" if holder else ""
        raise CatalogError(f"{home}: another simsearch is writing there{who}; wait for it to end") from None
    try:
        if left := _holder(handle):
            _LOG.info("the lock of %s was left by a run that did not end (%s)", home, left)
        os.truncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}".encode(), 0)
        yield
    finally:
        with suppress(OSError):
            os.truncate(handle, 0)
        os.close(handle)


def _holder(handle: int) -> str:
    with suppress(OSError):
        return os.pread(handle, 100, 0).decode("ascii", "replace").strip()
    return ""
