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

    BrokenPipeError passes: the reader of standard output went away, and `cli.main` ends quietly.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{where}: cannot be written ({error.strerror or error}); {remedy}") from None


class NewFile:
    """A text file that is written piece by piece under a temporary name, and gets its own when it is complete.

    As a context manager it closes the file at the end, or discards it on an exception.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._part = path, unfinished(path)
        self._stream = self._part.open("w", encoding="utf-8", errors="backslashreplace")  # names need not be UTF-8

    def write(self, pieces: Iterable[str]) -> None:
        """Write `pieces` one after the other."""
        self._stream.writelines(pieces)

    def close(self) -> None:
        """Give the complete file its name; an earlier file of that name is replaced."""
        self._stream.close()
        put(self._part, self.path)

    def discard(self) -> None:
        """Remove the temporary file; an earlier file of the name stays."""
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
