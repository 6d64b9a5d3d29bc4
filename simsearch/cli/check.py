"""`simsearch check`: doubts about how the catalog is filed, and what people decide."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Context, Option

from simsearch.cli.context import Json, note, opened_app, progress_bar, show, show_json
from simsearch.core.errors import RefusedError, UsageError
from simsearch.views import check_json as shapes
from simsearch.views.files import writable

if TYPE_CHECKING:
    from simsearch.app import App
    from simsearch.catalog.doubts import Doubt

commands = typer.Typer(rich_markup_mode=None, no_args_is_help=False, invoke_without_command=True)

Number = Annotated[int, Argument(help="As `check` lists it.", metavar="DOUBT")]
Note = Annotated[str, Option(help="Why, for those who ask later.")]


@commands.callback()
def check(
    context: Context,
    since: Annotated[
        str | None, Option(help="Only photos that came after this generation, for instance g000012.")
    ] = None,
    sku: Annotated[str | None, Option(help="Only this product.")] = None,
    csv: Annotated[
        str | None,
        Option(help="Write what was accepted, for the table's owner, and the open doubts to this file; - for output."),
    ] = None,
    html: Annotated[Path | None, Option(help="Write a page with the pictures side by side.")] = None,
    limit: Annotated[int, Option(min=1, help="Doubts on a page of --html.")] = 100,
    as_json: Json = False,
) -> None:
    """List doubts about how photos and rows are filed, surest first. What was seen before is not looked at again."""
    if context.invoked_subcommand is not None:
        return None
    if as_json and csv == "-":
        raise UsageError("--json and --csv - both want standard output; give --csv a file")
    from simsearch.views.text import check as printing

    with opened_app(context) as app, progress_bar(context, "checking") as progress:
        report = app.check(since=since, sku=sku, progress=progress)
        changes = app.filing.changes() if csv is not None else []
        if html is not None:
            _write_page(html, report.doubts, app, limit)
    if csv == "-":
        return printing.print_csv(report.doubts, changes)
    if csv is not None:
        with writable(csv):
            printing.write_csv(report.doubts, changes, Path(csv))
        note(f"{csv}: written")
    if as_json:
        return show_json(map(shapes.doubt, report.doubts))
    return printing.report(report)


def _write_page(path: Path, doubts: "Sequence[Doubt]", app: "App", limit: int) -> None:
    from simsearch.views.html.check import write_sheet

    facts = app.catalog.images.facts({p.image_id for d in doubts for p in (d.photo, d.against) if p is not None})
    with writable(path):
        pages = write_sheet(path, doubts, facts, app.config.images, limit=limit)
    note(f"{path}: written" + (f", and {len(pages) - 1} further pages beside it" if len(pages) > 1 else ""))


@commands.command()
def accept(
    context: Context,
    doubt: Number,
    to: Annotated[str | None, Option(help="The SKU that it belongs to, in place of the proposed one.")] = None,
    leave_out: Annotated[bool, Option("--leave-out", help="Leave the photo out of the catalog instead.")] = False,
    other: Annotated[bool, Option("--other", help="Of the two photos of the doubt the other one is wrong.")] = False,
    note: Note = "",
    as_json: Json = False,
) -> None:
    """Say that a doubt is right: the photo is moved, merged or left out. The source's table stays as it is."""
    from simsearch.views.text import check as printing

    with opened_app(context) as app:
        done = app.filing.accept(doubt, to=to, leave_out=leave_out, other=other, note=note)
        show(done, shapes.decided, printing.decided, as_json)


@commands.command()
def dismiss(context: Context, doubt: Number, note: Note = "", as_json: Json = False) -> None:
    """Say that a doubt is none. It is not listed again."""
    from simsearch.views.text import check as printing

    with opened_app(context) as app:
        show(app.filing.dismiss(doubt, note=note), shapes.decided, printing.decided, as_json)


@commands.command()
def forget(context: Context, doubt: Number, as_json: Json = False) -> None:
    """Take back what was said of a doubt; what was accepted is undone."""
    from simsearch.views.text import check as printing

    with opened_app(context) as app:
        show(app.filing.forget(doubt), shapes.decided, printing.decided, as_json)


@commands.command("import")
def import_words(
    context: Context,
    file: Annotated[Path, Argument(help="JSON lines that the sheet of --html saved.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Carry out what was decided on a sheet. What cannot be done is told, and the rest is done."""
    from simsearch.filing.sheet_file import read_words
    from simsearch.views.text import check as printing

    words, bad = read_words(file)
    with opened_app(context) as app:
        done, refused = app.filing.take_in(words)
    for reason in [*bad, *refused]:
        note(f"simsearch: {reason}")
    for one in done:
        show(one, shapes.decided, printing.decided, as_json)
    if bad or refused:
        raise typer.Exit(RefusedError.exit_code)


@commands.command()
def said(context: Context, as_json: Json = False) -> None:
    """List what people said of doubts, oldest first."""
    from simsearch.views.text import check as printing

    with opened_app(context) as app:
        found = app.filing.said()
    if as_json:
        show_json(map(shapes.doubt, found))
    else:
        printing.said(found)
