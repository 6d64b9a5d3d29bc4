"""Atomic writes, output to wherever a caller points, and the lock that lets one process at a time write in a home."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast
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


# -- output to a path that a caller gave -------------------------------------------------------------------------------


class Output:
    """What a caller asked to be written to `path`, as a stream of bytes. Close or discard it.

    - Links are followed: their target is written, and they stay.
    - A regular file is replaced in one step when the stream is closed, and keeps its content until then. It is written
      in place where its folder cannot be written, or where it has a second name (a hard link).
    - A pipe, a device or an open descriptor (`/dev/stdout`, `/dev/fd/3`) is written directly.

    Raises:
        OSError: it cannot be written; a folder is never replaced.
    """

    def __init__(self, path: str | Path, *, whole: bool = True) -> None:
        """`whole`: False writes a file in place from the start, so that what an interrupted run found is kept."""
        self.stream: BinaryIO
        self._moves: tuple[Path, Path] | None = None
        self._copies: Path | None = None
        number, target = _descriptor(path), Path(os.path.realpath(path))
        if number is not None:
            for text in (sys.stdout, sys.stderr):
                text.flush()  # what was printed before comes before
            self.stream = os.fdopen(os.dup(number), "wb")
        elif not whole or os.path.islink(target) or (target.exists() and not target.is_file()):  # a link in a circle
            self.stream = _opened(path)
        elif target.exists() and (target.stat().st_nlink > 1 or not os.access(target.parent, os.W_OK)):
            import tempfile  # it loads random and hashes: 2 ms of `simsearch --help`

            with open(target, "r+b"):  # it can be written
                self.stream, self._copies = cast(BinaryIO, tempfile.TemporaryFile()), target  # noqa: SIM115
        else:
            part = unfinished(target)
            self.stream, self._moves = _opened(part), (part, target)
            if target.exists():
                os.chmod(part, stat.S_IMODE(target.stat().st_mode))

    def close(self) -> None:
        """Complete it."""
        if self._copies is not None:
            self.stream.seek(0)
            with open(self._copies, "wb") as into:
                shutil.copyfileobj(self.stream, into)
        self.stream.close()
        if self._moves is not None:
            put(*self._moves)

    def discard(self) -> None:
        """Forget what was written, where that is still possible."""
        with suppress(OSError):  # of a full disk, to which the rest cannot be written
            self.stream.close()
        if self._moves is not None:
            self._moves[0].unlink(missing_ok=True)


def write_output(path: str | Path, data: bytes | str) -> None:
    """Write `data`, text as UTF-8, to wherever `path` points; see :class:`Output`.

    Raises:
        OSError: it cannot be written.
    """
    output = Output(path)
    try:
        output.stream.write(data.encode() if isinstance(data, str) else data)
        output.close()
    except BaseException:
        output.discard()
        raise


def _opened(path: str | Path) -> BinaryIO:
    return open(path, "wb")


def _descriptor(path: str | Path) -> int | None:
    """Number of the open descriptor of this process that `path` names, also through links; None for a file."""
    place = os.path.abspath(path)
    for _ in range(40):
        if found := re.fullmatch(rf"/(?:dev|proc/(?:self|thread-self|{os.getpid()}))/fd/(\d+)", place):
            return int(found[1])
        if not os.path.islink(place):
            return None
        place = os.path.normpath(os.path.join(os.path.dirname(place), os.readlink(place)))
    return None  # links in a circle: opening it says so


# -- the lock of a home ------------------------------------------------------------------------------------------------


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
        with suppress(OSError):  # of a full disk: the lock holds without the name of its holder
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
