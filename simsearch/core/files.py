"""One writer in a home at a time."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from simsearch.core.errors import CatalogError

_LOG = logging.getLogger("simsearch")


@contextmanager
def writing(home: Path) -> Iterator[None]:
    """Hold the lock of `home`.

    The lock is the process's (flock): it ends with it, however it ends, so that none can be left behind. Who holds it
    stands in the file, for people; what a killed process wrote there is recognised by the lock being free.

    Raises:
        CatalogError: another process holds it, or the home cannot be written.
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
