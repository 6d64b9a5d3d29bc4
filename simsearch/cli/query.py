"""`simsearch query`: which drug is this."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from simsearch.cli.context import Json, brief, note, opened_app, progress_bar
from simsearch.core.errors import ImageError, UsageError

if TYPE_CHECKING:
    from simsearch.app import App
    from simsearch.views.html.answers import Answers

_BATCH = 32


def query(
    photos: Annotated[
        list[str], Argument(help="Photos to identify; - reads one from standard input.", metavar="PHOTO")
    ],
    k: Annotated[int | None, Option("-k", min=1, max=1000, help="How many products to list.", show_default="5")] = None,
    where: Annotated[
        list[str] | None,
        Option(
            help="Only products with this data: FIELD=VALUE, FIELD!=VALUE or FIELD~PART; may be given several times.",
            metavar="CONDITION",
        ),
    ] = None,
    together: Annotated[bool, Option("--together", help="All photos show one package: give one answer.")] = False,
    evidence: Annotated[
        Path | None, Option(help="Write a picture an answer to this folder: photo and catalog side by side.")
    ] = None,
    html: Annotated[Path | None, Option(help="Write all answers as one page with pictures.")] = None,
    no_record: Annotated[bool, Option("--no-record", help="Leave no trace of the answer in the catalog.")] = False,
    explain: Annotated[bool, Option("--explain", help="Show what each lane of the lookup found and took.")] = False,
    as_json: Json = False,
) -> None:
    """Say which drug a photo shows: match, ambiguous or unknown."""
    if photos.count("-") > 1:
        raise UsageError("- is given twice, but there is one standard input; name the other photos as files")
    failed = 0
    with ExitStack() as stack:
        if len(photos) <= _BATCH:  # of more photos, loading takes a small part of the time
            stack.enter_context(brief())
        from simsearch.views import text as printing

        opened, progress = stack.enter_context(opened_app()), stack.enter_context(progress_bar("asking"))
        kept = _kept(opened, evidence, html)
        if kept:
            stack.callback(kept.close)
        if together:
            given = _read(opened, photos)
            answer, unreadable = opened.query_together(given, k=k, where=where or (), record=not no_record)
            failed = len(unreadable)
            printing.together(photos, answer, unreadable, as_json, explain)
            if kept and answer:
                kept.add_together(photos, given, answer)
        for start in range(0, 0 if together else len(photos), _BATCH):
            named = photos[start : start + _BATCH]
            read = _read(opened, named)
            found = opened.query(read, k=k, where=where or (), record=not no_record)
            for name, photo, one in zip(named, read, found, strict=True):
                failed += isinstance(one, ImageError)
                printing.answer(name, one, as_json, explain=explain)
                if kept:
                    kept.add(name, photo, one)
            progress(start + len(named), len(photos), "")
        if kept:
            for written in kept.finish():
                note(f"{written} written")
    if failed:
        raise typer.Exit(ImageError.exit_code)


def _read(opened: App, photos: list[str]) -> list[str | bytes]:
    """Names of files, and the content of standard input where that is named."""
    return [sys.stdin.buffer.read(opened.config.images.max_bytes + 1) if p == "-" else p for p in photos]


def _kept(opened: App, evidence: Path | None, html: Path | None) -> Answers | None:
    """Where pictures of the answers go; None where none are wanted."""
    if evidence is None and html is None:
        return None
    from simsearch.views.html import Album
    from simsearch.views.html.answers import Answers

    assert opened.decisions  # a home without a catalog is told before a folder is made
    return Answers(Album(opened.catalog, opened.verifier, opened.config.images), evidence, html)
