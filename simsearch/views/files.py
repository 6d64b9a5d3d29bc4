"""Files that a caller asks for: tables, pages and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from simsearch.core.errors import UsageError
from simsearch.core.files import put, unfinished


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


class NewFile:
    """A text file that is written piece by piece beside its place, and moved there when it is whole.

    As a context manager it is closed at the end, and discarded where something went wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._part = path, unfinished(path)
        self._stream = self._part.open("w", encoding="utf-8", errors="backslashreplace")  # names need not be UTF-8

    def write(self, pieces: Iterable[str]) -> None:
        """Write `pieces` one after the other."""
        self._stream.writelines(pieces)

    def close(self) -> None:
        """Put the file in its place, over what was there."""
        self._stream.close()
        put(self._part, self.path)

    def discard(self) -> None:
        """Leave nothing of it, and what was there as it is."""
        self._stream.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
