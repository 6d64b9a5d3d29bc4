"""Files that a caller asks for: tables, pages and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simsearch.core.errors import UsageError


@contextmanager
def writable(where: object, remedy: str = "name another file") -> Iterator[None]:
    """Turn an OSError into a UsageError that names `where`: an option, a path, or both.

    A reader of standard output that went away is no such error.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{where}: cannot be written ({error.strerror or error}); {remedy}") from None
