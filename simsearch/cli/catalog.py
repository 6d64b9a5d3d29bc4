"""`simsearch catalog`: parse, call, print."""

from contextlib import closing
from typing import Annotated

from typer import Argument, Context, Typer

from simsearch.cli.context import Json, opened_app, progress_bar, show
from simsearch.views import json as shapes

commands = Typer(no_args_is_help=True, help="Look after the catalog's database.")


@commands.callback()
def _group() -> None:
    """Keep `copy` a command of its own while it is the only one."""


@commands.command()
def copy(
    context: Context,
    source: Annotated[
        str, Argument(metavar="FROM", help="What is copied: a home, an SQLite file, or the URL of a database.")
    ],
    target: Annotated[str, Argument(metavar="TO", help="Where to: the same; it must hold nothing yet.")],
    as_json: Json = False,
) -> None:
    """Copy the catalog into another database: from SQLite to PostgreSQL, or back.

    The copy is exact and all or nothing, and images keep their numbers: the indexes of the home serve it as they are.
    Set `catalog.url` to use it.
    """
    from simsearch.catalog import Catalog
    from simsearch.catalog.copying import copy as copied
    from simsearch.catalog.copying import place
    from simsearch.views.text import maintenance as printing

    with opened_app(context) as app:
        settings = app.config.catalog
    with (
        closing(Catalog(place(source, there=True), settings)) as old,
        closing(Catalog(place(target), settings)) as new,
        progress_bar(context, "copying") as progress,
    ):
        report = copied(old.database, new.database, progress)
    show(report, shapes.catalog_copy, printing.catalog_copy, as_json)
