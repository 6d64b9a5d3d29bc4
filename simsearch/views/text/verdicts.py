"""What `simsearch verify` prints: one line a pair, and the same as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from simsearch.core.text import percent
from simsearch.core.types import PairVerdict, Refusal
from simsearch.views.files import NewFile, writable
from simsearch.views.text.output import OUT, text

COLUMNS = ("line", "a", "b", "verdict", "probability", "similarity", "inliers", "support", "reason")


def verdict(v: PairVerdict, where: str = "") -> None:
    """One pair, one line; `where` is the line of the list that named it."""
    names = f"{text(v.a)}  {text(v.b)}"
    if v.error is not None:
        line = f"{where}: " if where else ""
        OUT.print(f"[red]unreadable[/]  {names}  {text(line + str(v.error))}")
    elif v.verification is None:
        OUT.print(f"{v.similarity:.4f}  {names}")
    else:
        says = "[green]same[/]     " if v.same else "[red]different[/]"
        OUT.print(f"{says}  {percent(v.verification.probability):>7}  {text(v.reason)}  {names}")


class Table:
    """Verdicts as CSV. Without a stream nothing is written."""

    def __init__(self, stream: TextIO | None) -> None:
        self._rows = csv.writer(stream, lineterminator="\n") if stream else None
        self._write(COLUMNS)

    def _write(self, row: tuple[Any, ...]) -> None:
        if self._rows:
            self._rows.writerow([_plain(field) for field in row])

    def refused(self, refusal: Refusal) -> None:
        """A line of the list that names no pair."""
        self._write((refusal.where, "", "", "bad line", "", "", "", "", refusal.message))

    def add(self, where: str, v: PairVerdict) -> None:
        """The verdict on a pair."""
        if v.error is not None:
            self._write((where, v.a, v.b, "unreadable", "", "", "", "", str(v.error)))
        elif v.verification is None:
            self._write((where, v.a, v.b, "", "", f"{v.similarity:.6f}", "", "", ""))
        else:
            f = v.verification
            scores = f"{f.probability:.6f}", f"{f.similarity:.6f}", f.inliers, f"{f.support:.2f}"
            self._write((where, v.a, v.b, "same" if v.same else "different", *scores, v.reason))


def _plain(field: object) -> str:
    """A file name need not be UTF-8, but a table must be."""
    return str(field).encode(errors="backslashreplace").decode()


@contextmanager
def table(path: str | None) -> Iterator[Table]:
    """The table in a file, on standard output for "-", or nowhere for None.

    Raises:
        UsageError: the file cannot be written.
    """
    if path is None or path == "-":
        yield Table(None if path is None else sys.stdout)
        return
    with writable(path), NewFile(path, whole=False) as file:
        yield Table(file.stream)
