"""What every command has in common: the global options, the application they open, progress and notes."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
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
    from simsearch.printing import output

    return output.progress_bar(label, quiet=Choice.quiet)


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
