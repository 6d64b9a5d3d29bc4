"""Files that a caller asks for: tables, pages and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Self

from simsearch.core.errors import UsageError
from simsearch.core.files import Output


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
    """Text that is written piece by piece to wherever a caller points; see `core.files.Output`.

    As a context manager it completes the output at the end, or discards it on an exception.
    """

    def __init__(self, path: str | Path, *, whole: bool = True) -> None:
        """`whole`: as of `core.files.Output`.

        Raises:
            OSError: it cannot be written.
        """
        self._output = Output(path, whole=whole)
        # Names need not be UTF-8. Lines end as they are given: csv.writer ends them itself.
        self.stream = TextIOWrapper(self._output.stream, "utf-8", "backslashreplace", newline="")
        if not whole:
            self.stream.reconfigure(line_buffering=True)

    def write(self, pieces: Iterable[str]) -> None:
        """Write `pieces` one after the other."""
        self.stream.writelines(pieces)

    def close(self) -> None:
        """Complete it."""
        self.stream.flush()
        self.stream.detach()
        self._output.close()

    def discard(self) -> None:
        """Forget what was written, where that is still possible."""
        self._output.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return self.discard()
        try:
            self.close()
        except BaseException:
            self.discard()
            raise
