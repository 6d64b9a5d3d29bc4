"""How things reach the screen: a console that cuts nothing, literal text, one JSON object a line, a progress bar."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleDimensions
from rich.markup import escape
from rich.table import Column, Table

from simsearch.core.types import Progress, Refusal, silent

_SHOWN = 10
_NUMBERS = ("group", "probability", "least probability", "similarity", "inliers", "support")


class _Output(Console):
    """Standard output. A terminal folds what is too wide; in a pipe every path and SKU stays whole, on one line."""

    @property
    def size(self) -> ConsoleDimensions:
        return super().size if self.is_terminal else ConsoleDimensions(100_000, 25)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        raise AssertionError("the size is the terminal's")

    def on_broken_pipe(self) -> None:
        raise  # called from rich's except clause; cli.main handles it


OUT = _Output(highlight=False, soft_wrap=True, emoji=False)


def print_json(value: Mapping[str, Any]) -> None:
    """One object, one line."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # the output is not UTF-8, or a file name in it is not
        line = json.dumps(value, allow_nan=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def say(words: str) -> None:
    """One line, literally."""
    OUT.print(text(words))


@contextmanager
def progress_bar(label: str, *, quiet: bool) -> Iterator[Progress]:
    """A progress bar on stderr; nothing where stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    # rich would redirect standard output through the console of the bar, which is stderr: wrong for a pipe or file.
    shared = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=shared) as bar:
        task = bar.add_task(label, note="", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, note=text)


def text(data: str) -> str:
    """`data` escaped for rich: markup is printed literally, control characters as escape sequences."""
    odd = {c for c in data if unicodedata.category(c) in ("Cc", "Cs")}
    for c in odd:
        data = data.replace(c, c.encode("unicode_escape").decode())
    return escape(data)


def left_out(refusals: Sequence[Refusal]) -> None:
    """The first reasons, and how many rows and photos were left out; nothing where none were."""
    for refusal in refusals[:_SHOWN]:
        OUT.print(f"[red]left out[/]  {refusal.code}  {text(refusal.message)}")
    if refusals:
        more = "; --json lists all of them" if len(refusals) > _SHOWN else ""
        OUT.print(f"{len(refusals)} left out in all{more}")


def table(*headers: str) -> Table:
    columns = [Column(h, overflow="fold", no_wrap=h in _NUMBERS) for h in headers]
    return Table(*columns, box=None, pad_edge=False)
