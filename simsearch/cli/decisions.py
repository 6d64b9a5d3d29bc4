"""`simsearch decisions`: what was answered, and what people found out about it."""

from typing import Annotated

import typer
from typer import Argument, Context, Option

from simsearch.cli.context import Json, note, opened_app, show, show_json
from simsearch.views import json as shapes
from simsearch.views.files import writable

commands = typer.Typer(rich_markup_mode=None, no_args_is_help=False, invoke_without_command=True)

Id = Annotated[int, Argument(help="As `decisions` and the answer give it.", metavar="ID")]
Note = Annotated[str, Option(help="Why, for those who ask later.")]
Face = Annotated[
    str | None,
    Option(help="The photo that was asked: it becomes another image of the product, until `forget`.", metavar="PHOTO"),
]
LIMIT = 50


@commands.callback()
def decisions(
    context: Context,
    since: Annotated[str | None, Option(help="Only from this day or time (UTC) on, or the last 12h, 7d, 2w.")] = None,
    outcome: Annotated[str | None, Option(help="Only match, ambiguous or unknown.")] = None,
    sku: Annotated[
        str | None, Option(help="Only those that name this product, or had it among the candidates.")
    ] = None,
    reviewed: Annotated[
        bool | None, Option("--reviewed/--not-reviewed", help="Only those of which a person said something, or not.")
    ] = None,
    limit: Annotated[
        int | None, Option(min=1, help="At most so many, the newest.", show_default=f"{LIMIT}; all with --export")
    ] = None,
    export: Annotated[
        str | None, Option(help="Write the complete records as JSONL to this file; - for standard output.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List recorded answers, newest first. The photos themselves are not kept."""
    if context.invoked_subcommand is not None:
        return None
    from simsearch.views.text import decisions as printing

    with opened_app(context) as app:
        most = limit or (None if export else LIMIT)
        found = app.decisions.listed(since=since, outcome=outcome, sku=sku, reviewed=reviewed, limit=most)
        if export is None:
            return show_json(map(shapes.decision, found)) if as_json else printing.decisions(found, most or 0)
        with writable(f"--export {export}"):
            count = printing.export(found, export)
    if export != "-":
        note(f"{export}: {count} decisions written")
    return None


@commands.command("show")
def show_one(context: Context, decision: Id, as_json: Json = False) -> None:
    """Everything that was recorded of one answer."""
    from simsearch.views.text import decisions as printing

    with opened_app(context) as app:
        show(app.decisions.get(decision), shapes.decision, printing.one, as_json)


@commands.command()
def confirm(
    context: Context,
    decision: Id,
    sku: Annotated[str | None, Argument(help="Of an ambiguous answer: which of the named it is.")] = None,
    note: Note = "",
    face: Face = None,
    as_json: Json = False,
) -> None:
    """Say that an answer was right."""
    from simsearch.views.text import decisions as printing

    with opened_app(context) as app:
        show(app.decisions.confirm(decision, sku, note, face), shapes.decision, printing.said, as_json)


@commands.command()
def correct(
    context: Context,
    decision: Id,
    sku: Annotated[str | None, Argument(help="What the photo shows.", show_default="none of the catalog")] = None,
    note: Note = "",
    face: Face = None,
    as_json: Json = False,
) -> None:
    """Say that an answer was wrong, and which product it is, or without SKU that the catalog has none of it."""
    from simsearch.views.text import decisions as printing

    with opened_app(context) as app:
        show(app.decisions.correct(decision, sku, note, face), shapes.decision, printing.said, as_json)


@commands.command()
def forget(context: Context, decision: Id, as_json: Json = False) -> None:
    """Take back what was said of an answer, and the face that was added with it."""
    from simsearch.views.text import decisions as printing

    with opened_app(context) as app:
        show(app.decisions.forget(decision), shapes.decision, printing.said, as_json)
