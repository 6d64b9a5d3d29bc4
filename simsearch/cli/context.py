"""What every command has in common: the global options, the application they open, progress and notes."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

if TYPE_CHECKING:
    from simsearch.app import App, Progress

Json = Annotated[bool, Option("--json", help="Print JSON instead of text.")]


class Choice:
    """The global options of this call."""

    home: str | None = None
    config: str | None = None
    device: str | None = None
    quiet: bool = False


def opened_app() -> App:
    """The application on the home and settings of this call, to be used as a context manager."""
    from simsearch.app import open_app

    return open_app(Choice.home, Choice.config, device=Choice.device)


def progress_bar(label: str) -> AbstractContextManager[Progress]:
    """A progress bar on stderr, unless --quiet."""
    from simsearch.views.text import output

    return output.progress_bar(label, quiet=Choice.quiet)


@contextmanager
def brief() -> Iterator[None]:
    """For calls on a few photos, which mostly load libraries; to be entered before these are.

    The libraries make half a million objects, which all stay, and Python would look through them again and again for
    garbage. NumPy, OpenCV and FAISS each bring an OpenBLAS, whose threads spin while they wait for work: it is told as
    it loads that there is none for them.
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


_THREADS = "OPENBLAS_NUM_THREADS"


def leave_quickly() -> None:
    """At the end of the process nothing is looked through for garbage: it took a third of a second after an answer."""
    atexit.unregister(_keep_garbage)  # once, however often this is called
    atexit.register(_keep_garbage)


def _keep_garbage() -> None:
    if "triton" not in sys.modules:  # that part of PyTorch counts what is left of it, and says so on stderr
        gc.freeze()


class _Notes(logging.Handler):
    """Warnings of simsearch itself, one line each on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        note(f"simsearch: {record.getMessage()}")


def show_warnings() -> None:
    """From now on, once."""
    logger = logging.getLogger("simsearch")
    if not any(isinstance(handler, _Notes) for handler in logger.handlers):
        logger.addHandler(_Notes(logging.WARNING))


def note(text: str) -> None:
    """One line on stderr."""
    typer.echo(text, err=True)
