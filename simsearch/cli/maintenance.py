"""`simsearch read`, `simsearch rebuild` and `simsearch status`: parse, call, print."""

from typing import Annotated

from typer import Argument, Context, Option

from simsearch.cli.context import Json, brief, opened_app, progress_bar, show, show_json
from simsearch.core.errors import GenerationError, UsageError
from simsearch.views import json as shapes


def read(
    context: Context,
    minutes: Annotated[float | None, Option(min=0.0, help="Stop after so many minutes.", show_default="none")] = None,
    as_json: Json = False,
) -> None:
    """Go on reading what is printed on the catalog's photos, where `index` was stopped or told not to."""
    from simsearch.views.text import indexing as printing

    with opened_app(context) as app, progress_bar(context, "reading") as progress:
        report = app.read_print(minutes=minutes, progress=progress)
    show(report, shapes.reading, printing.only_reading, as_json)


def rebuild(
    context: Context,
    sources: Annotated[
        list[str] | None, Argument(help="With --nightly: what to read into the catalog first.", metavar="SOURCE")
    ] = None,
    nightly: Annotated[
        bool,
        Option("--nightly", help="Read the sources, build if anything changed, back up the catalog, write a report."),
    ] = False,
    rollback: Annotated[bool, Option("--rollback", help="Go back to the generation before the current one.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would be built, how large, how long.")] = False,
    keep: Annotated[
        int | None, Option(min=1, help="Generations to keep.", show_default="generations.keep of the settings")
    ] = None,
    as_json: Json = False,
) -> None:
    """Build the search indexes anew from the catalog; they replace the old ones once they are checked.

    No photo is read, unless weights or settings changed: then the catalog's photos are described again first, while
    the old indexes go on answering.
    """
    from simsearch.views.text import maintenance as printing

    if nightly + rollback + dry_run > 1:
        raise UsageError("--nightly, --rollback and --dry-run exclude each other")
    if nightly != bool(sources):
        raise UsageError("--nightly needs a SOURCE" if nightly else "a SOURCE is for --nightly; without, none is read")
    if rollback and keep:
        raise UsageError("--keep is for a build; --rollback removes nothing")
    with opened_app(context) as app, progress_bar(context, "describing") as progress:
        if dry_run:
            show(app.plan(), shapes.plan, printing.plan, as_json)
        elif nightly:
            night = app.nightly(sources or [], keep=keep, progress=progress)
            show(night, shapes.nightly, printing.nightly, as_json)
        else:
            name = app.rollback() if rollback else app.rebuild(keep=keep, progress=progress)
            show(name, lambda name: shapes.serves(name, rolled_back=rollback), printing.serves, as_json)


def status(
    context: Context,
    refused: Annotated[bool, Option("--refused", help="List what could not be read, with reasons.")] = False,
    verify: Annotated[
        bool, Option("--verify", help="Read every byte of the catalog, all generations and all photos, and check them.")
    ] = False,
    max_age: Annotated[
        float | None,
        Option(min=0.0, help="For monitoring: hours that the last good nightly run may be old.", metavar="HOURS"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the catalog holds and whether it can be searched. Exits with 6 where it cannot, and says why."""
    with brief(), opened_app(context) as app:
        from simsearch.views.text import indexing
        from simsearch.views.text import maintenance as printing

        if refused:
            listed = app.refused()
            return show_json(map(shapes.refusal, listed)) if as_json else indexing.refusals(listed)
        with progress_bar(context, "reading photos") as progress:
            found = app.status(verify=verify, progress=progress)
        late = app.late(max_age) if max_age is not None else ""
    show(found, shapes.status, printing.status, as_json)
    changed = found.photos.problem if found.photos else ""
    if problem := found.problem or changed or late:
        raise GenerationError(problem)
    return None
