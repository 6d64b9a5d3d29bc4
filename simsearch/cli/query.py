"""`simsearch query`: which drug is this."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Context, Option

from simsearch.cli.context import Json, brief, note, opened_app, progress_bar, show_json
from simsearch.core.errors import ImageError, UsageError
from simsearch.views import json as shapes

if TYPE_CHECKING:
    from simsearch.app import App
    from simsearch.core.types import Progress
    from simsearch.views.html.answers import AnswerFiles

_BATCH = 32


def query(
    context: Context,
    photos: Annotated[
        list[str] | None, Argument(help="Photos to identify; - reads one from standard input.", metavar="PHOTO")
    ] = None,
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
    looks: Annotated[
        str | None,
        Option(
            help="No photo: list products whose pills look so: colours, shape, scored, size, imprint.",
            metavar="DESCRIPTION",
        ),
    ] = None,
    no_record: Annotated[bool, Option("--no-record", help="Leave no trace of the answer in the catalog.")] = False,
    explain: Annotated[bool, Option("--explain", help="Show what each lane of the lookup found and took.")] = False,
    as_json: Json = False,
) -> None:
    """Say which drug a photo shows: match, ambiguous or unknown."""
    if looks is not None:
        if photos or where or together or evidence or html or explain or no_record:
            raise UsageError("--looks searches without a photo: of the other arguments only -k and --json go with it")
        _by_looks(context, looks, k, as_json)
        return
    if not photos:
        raise UsageError("name a photo, or describe a pill: --looks 'white round scored L 9'")
    if photos.count("-") > 1:
        raise UsageError("- is given twice, but there is one standard input; name the other photos as files")
    with ExitStack() as stack:
        few = len(photos) <= _BATCH  # the more photos, the less loading matters
        if few:
            stack.enter_context(brief())
        app = stack.enter_context(opened_app(context, few_photos=few))
        progress = stack.enter_context(progress_bar(context, "asking"))
        pictures = _pictures(app, evidence, html, stack)
        asking = _Asking(app, k, where or (), not no_record, explain, as_json, pictures)
        failed = asking.together(photos) if together else asking.each(photos, progress)
        for written in pictures.finish() if pictures else ():
            note(f"{written} written")
    if failed:
        raise typer.Exit(ImageError.exit_code)


def _by_looks(context: Context, looks: str, k: int | None, as_json: bool) -> None:
    """Print the products whose pills fit a description."""
    with opened_app(context) as app:
        hits = app.by_looks(looks, k=k)
    if as_json:
        show_json([shapes.by_looks(looks, hits)])
        return
    from simsearch.views.text import answers as printing

    printing.by_looks(looks, hits)


@dataclass(frozen=True)
class _Asking:
    """The options of a call, and the two ways to ask: photo by photo, or for one package."""

    app: "App"
    k: int | None
    where: Sequence[str]
    record: bool
    explain: bool
    as_json: bool
    pictures: "AnswerFiles | None"

    def together(self, names: Sequence[str]) -> int:
        """Print one answer to all photos; return how many could not be read."""
        from simsearch.views.text import answers as printing

        photos = self._read(names)
        found, unreadable = self.app.query_together(photos, k=self.k, where=self.where, record=self.record)
        if self.as_json:
            show_json([shapes.together(names, found, unreadable, explain=self.explain)])
        else:
            printing.together(names, found, unreadable, explain=self.explain)
        if self.pictures and found:
            self.pictures.add_together(names, photos, found)
        return len(unreadable)

    def each(self, names: Sequence[str], progress: "Progress") -> int:
        """Print an answer to each photo; return how many could not be read."""
        failed = 0
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            failed += self._batch(batch)
            progress(start + len(batch), len(names), "")
        return failed

    def _batch(self, names: Sequence[str]) -> int:
        from simsearch.views.text import answers as printing

        photos = self._read(names)
        found = self.app.query(photos, k=self.k, where=self.where, record=self.record)
        for name, photo, one in zip(names, photos, found, strict=True):
            if self.as_json:
                show_json([shapes.answer(name, one, explain=self.explain)])
            else:
                printing.answer(name, one, explain=self.explain)
            if self.pictures:
                self.pictures.add(name, photo, one)
        return sum(isinstance(one, ImageError) for one in found)

    def _read(self, names: Sequence[str]) -> list[str | bytes]:
        """The names as they are, but for "-" the content of standard input."""
        most = self.app.config.images.max_bytes + 1
        return [sys.stdin.buffer.read(most) if name == "-" else name for name in names]


def _pictures(app: "App", evidence: Path | None, html: Path | None, stack: ExitStack) -> "AnswerFiles | None":
    """Where pictures of the answers go, closed with `stack`; None where none are wanted."""
    if evidence is None and html is None:
        return None
    from simsearch.views.html import Album
    from simsearch.views.html.answers import AnswerFiles

    _ = app.decisions  # raises CatalogError where there is no catalog, before a folder is made
    answers = AnswerFiles(
        Album(app.catalog, app.verifier, app.config.images, app.print_methods["reading"], app.methods.get("pills")),
        evidence,
        html,
    )
    stack.callback(answers.close)
    return answers
