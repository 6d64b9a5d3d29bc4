"""What every command shares: the global options, the application they open, progress, output and notes."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer import Context, Option

if TYPE_CHECKING:
    from simsearch.app import App
    from simsearch.core.types import Progress

Json = Annotated[bool, Option("--json", help="Print JSON instead of text.")]
LeaveOutDoubted = Annotated[
    bool, Option("--leave-out-doubted", help="Leave out photos with an open doubt of `check`; else they are listed.")
]
_Result = TypeVar("_Result")
_DOUBTED = 10
"""Doubted photos that are listed."""


@dataclass(frozen=True)
class GlobalOptions:
    """The options before the command's name. They travel as `Context.obj`."""

    home: str | None
    config: str | None
    device: str | None
    quiet: bool


def global_options(context: Context) -> GlobalOptions:
    """The global options of this call."""
    if not isinstance(context.obj, GlobalOptions):
        raise TypeError("the command was called without the program's global options")
    return context.obj


def opened_app(context: Context, *, few_photos: bool = False) -> App:
    """The application on the home and settings of this call, to be used as a context manager."""
    from simsearch.app import open_app

    options = global_options(context)
    return open_app(options.home, options.config, device=options.device, few_photos=few_photos)


def progress_bar(context: Context, label: str) -> AbstractContextManager[Progress]:
    """A progress bar on stderr, unless --quiet."""
    from simsearch.views.text import output

    return output.progress_bar(label, quiet=global_options(context).quiet)


def doubted(app: App, tables: Iterable[Path | None], *, leave_out: bool) -> frozenset[str]:
    """List the photos of labelled tables that the catalog has open doubts about; the paths of those to leave out."""
    found = app.doubted([table for table in tables if table is not None])
    for doubt in found[:_DOUBTED]:
        assert doubt.photo is not None
        note(f"in doubt: {doubt.photo.path}, as doubt {doubt.id} of {doubt.sku}: {doubt.reason}")
    if found:
        rest = "left out" if leave_out else "used all the same; --leave-out-doubted leaves them out"
        note(f"photos with an open doubt about how they are filed: {len(found)}, {rest}")
    return frozenset(doubt.photo.path for doubt in found if doubt.photo) if leave_out else frozenset()


# -- output ----------------------------------------------------------------------------------------------------------


def show(
    result: _Result,
    shape: Callable[[_Result], Mapping[str, Any]],
    words: Callable[[_Result], None],
    as_json: bool,
) -> None:
    """Print one result: `shape` of it as one line of JSON, or its `words`."""
    if as_json:
        show_json([shape(result)])
    else:
        words(result)


def show_json(objects: Iterable[Mapping[str, Any]]) -> None:
    """Print one JSON object a line."""
    from simsearch.views.text.output import print_json

    for value in objects:
        print_json(value)


def note(text: str) -> None:
    """Print one line on stderr."""
    typer.echo(text, err=True)


class _Notes(logging.Handler):
    """Warnings of simsearch itself, one line each on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        note(f"simsearch: {self.format(record)}")


def show_warnings() -> None:
    """Attach a handler that prints simsearch's warnings to stderr. Safe to call twice.

    With SIMSEARCH_DEBUG it prints everything that is logged, and tracebacks.
    """
    logger = logging.getLogger("simsearch")
    if os.environ.get("SIMSEARCH_DEBUG"):
        logger.setLevel(logging.DEBUG)
    if not any(isinstance(handler, _Notes) for handler in logger.handlers):
        logger.addHandler(_Notes(logger.level or logging.WARNING))


def silence_pillow() -> None:
    """Drop Pillow's warnings: they are on odd metadata of photos that it reads all the same."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


# -- start and end of the process: for the command line only, never for a server --------------------------------------


@contextmanager
def brief() -> Iterator[None]:
    """Save time in calls on a few photos, which mostly load libraries. Enter it before these are imported.

    The garbage collector is off: the libraries create half a million objects that all stay, and every collection would
    walk through them. OpenBLAS is told to use one thread: NumPy, OpenCV and FAISS each bring a copy of it, and their
    idle threads spin.
    """
    collects, told = gc.isenabled(), _THREADS in os.environ
    gc.disable()
    os.environ.setdefault(_THREADS, "1")
    try:
        yield
    finally:
        if not told:
            del os.environ[_THREADS]
        if collects:
            gc.enable()


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Save time in calls that may be brief and may be long: a tenth of one that mostly loads libraries.

    The youngest objects are collected after every 50,000 of them instead of after 700.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


_THREADS = "OPENBLAS_NUM_THREADS"


def leave_quickly() -> None:
    """Skip the last garbage collection of the process, which took a third of a second. Safe to call twice."""
    atexit.unregister(_keep_garbage)
    atexit.register(_keep_garbage)


def _keep_garbage() -> None:
    if "triton" not in sys.modules:  # PyTorch's triton counts what is left of it at exit, and complains on stderr
        gc.freeze()
