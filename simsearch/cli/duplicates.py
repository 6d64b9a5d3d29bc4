"""`simsearch duplicates` and `simsearch verify`: what shows the same product, in the catalog and in pairs of files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Context, Option

from simsearch.cli.context import Json, note, opened_app, progress_bar, show, show_json
from simsearch.core.errors import ImageError, RefusedError, UsageError
from simsearch.views import json as shapes
from simsearch.views.files import writable

if TYPE_CHECKING:
    from simsearch.app import App
    from simsearch.catalog.reviews import Side
    from simsearch.core.config import ImageSettings
    from simsearch.core.types import PairVerdict, Progress
    from simsearch.duplicates import Findings

commands = typer.Typer(rich_markup_mode=None, no_args_is_help=False, invoke_without_command=True)

Pair = Annotated[str, Argument(help="SKU, or a photo as `duplicates` lists it.", show_default=False)]
Note = Annotated[str, Option(help="Why, for those who ask later.")]
_BATCH = 32
KIND_NAMES = ("identical", "same-photo", "same-product", "look-alike")


@commands.callback()
def duplicates(
    context: Context,
    threshold: Annotated[
        float | None,
        Option(
            min=0.0,
            max=1.0,
            help="Least probability of two photos of one product; of copies of one photo pixels decide.",
            show_default="the match threshold",
        ),
    ] = None,
    conflicts: Annotated[bool, Option("--conflicts", help="Only groups that hold several SKUs.")] = False,
    kind: Annotated[
        list[str] | None,
        Option(
            help=f"Only this kind ({', '.join(KIND_NAMES)}); may be given several times.",
            show_default="all but look-alike",
        ),
    ] = None,
    since: Annotated[
        str | None, Option(help="Only what has a photo that came after this generation, for instance g000012.")
    ] = None,
    csv: Annotated[str | None, Option(help="Write the pairs as CSV to this file; - for standard output.")] = None,
    html: Annotated[Path | None, Option(help="Write a page with the pictures side by side.")] = None,
    limit: Annotated[int, Option(min=1, help="Groups, and pairs of look-alikes, on a page of --html.")] = 100,
    keep: Annotated[
        bool, Option("--keep", help="Keep what is found for reviewers, as `simsearch serve` shows it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List catalog photos that show the same product. Those under different SKUs come first."""
    if context.invoked_subcommand is not None:
        return
    unknown = [k for k in kind or () if k not in KIND_NAMES]
    if unknown:
        raise UsageError(f"--kind {unknown[0]}: is none of {', '.join(KIND_NAMES)}")
    _one_output(as_json, csv)
    if keep and (threshold is not None or since is not None):
        raise UsageError("--keep: reviewers see a whole search; leave out --threshold and --since")
    from simsearch.duplicates import DUPLICATES, PairKind

    with opened_app(context) as app, progress_bar(context, "comparing") as progress:
        every = (
            _kept(app, progress) if keep else app.find_duplicates(threshold=threshold, since=since, progress=progress)
        )
        found = every.only([PairKind(k) for k in kind] if kind else DUPLICATES, conflicts=conflicts)
        if html is not None:
            _write_page(html, found, app.config.images, limit)
    _print(found, every, csv, as_json)


def _kept(app: "App", progress: "Progress") -> "Findings":
    """What a whole search finds, kept in the home."""
    from simsearch.server.duplicate_runs import DuplicateRuns

    with DuplicateRuns(app.home).running() as run:

        def tell(done: int, total: int, text: str) -> None:
            run.progress(done, total, text)
            progress(done, total, text)

        found = app.find_duplicates(progress=tell)
        run.done(map(shapes.group, found.groups), map(shapes.look_alike, found.look_alikes))
    return found


def _one_output(as_json: bool, csv: str | None) -> None:
    if as_json and csv == "-":
        raise UsageError("--json and --csv - both want standard output; give --csv a file")


def _write_page(path: Path, found: "Findings", settings: "ImageSettings", limit: int) -> None:
    from simsearch.views.html.duplicates import write_sheet

    with writable(path):
        pages = write_sheet(path, found, settings, limit=limit)
    note(f"{path}: written" + (f", and {len(pages) - 1} further pages beside it" if len(pages) > 1 else ""))


def _print(found: "Findings", every: "Findings", csv: str | None, as_json: bool) -> None:
    from simsearch.views.text import duplicates as printing

    if csv == "-":
        return printing.print_csv(found)
    if csv is not None:
        with writable(csv):
            printing.write_csv(found, Path(csv))
        note(f"{csv}: written")
    if as_json:
        return show_json([*map(shapes.group, found.groups), *map(shapes.look_alike, found.look_alikes)])
    return printing.findings(found, every)


# -- reviews ---------------------------------------------------------------------------------------------------------


@commands.command()
def dismiss(context: Context, a: Pair, b: Pair, note: Note = "", as_json: Json = False) -> None:
    """Say that A and B are not the same product, or need no care. They are not asked again."""
    _say(context, a, b, "dismissed", note, as_json)


@commands.command()
def confirm(context: Context, a: Pair, b: Pair, note: Note = "", as_json: Json = False) -> None:
    """Say that A and B are duplicates. They are not asked again."""
    _say(context, a, b, "confirmed", note, as_json)


@commands.command()
def forget(context: Context, a: Pair, b: Pair, as_json: Json = False) -> None:
    """Take back what was said of A and B, so that they are asked again."""
    with opened_app(context) as app:
        pair = app.review_duplicates().forget(a, b)
    _said(pair, "forgotten", as_json)


@commands.command()
def reviews(context: Context, as_json: Json = False) -> None:
    """List what people said of pairs, oldest first."""
    from simsearch.views.text import duplicates as printing

    with opened_app(context) as app:
        found = app.review_duplicates().reviews()
    if as_json:
        show_json(map(shapes.review, found))
    else:
        printing.reviews(found)


@commands.command("export")
def export_reviews(
    context: Context, file: Annotated[Path, Argument(help="JSON lines; - for standard output.", show_default=False)]
) -> None:
    """Write what people said of pairs to a file that `duplicates import` reads."""
    import json

    from simsearch.views.files import NewFile, writable

    with opened_app(context) as app:
        found = app.review_duplicates().reviews()
    if str(file) == "-":
        show_json(map(shapes.review, found))
        return
    with writable(file), NewFile(file) as out:
        out.write(json.dumps(shapes.review(r), ensure_ascii=False) + "\n" for r in found)
    note(f"{file}: {len(found)} reviews written")


@commands.command("import")
def import_reviews(
    context: Context,
    file: Annotated[Path, Argument(help="JSON lines of `duplicates export` or of the sheet.", show_default=False)],
    overwrite: Annotated[bool, Option("--overwrite", help="Replace earlier words that say otherwise.")] = False,
    as_json: Json = False,
) -> None:
    """Take in what was said of pairs on a sheet or in another catalog. An earlier word that says otherwise stays."""
    from simsearch.duplicates.review_file import read_reviews
    from simsearch.views.text import duplicates as printing

    listed, bad = read_reviews(file)
    for reason in bad:
        note(f"simsearch: {reason}")
    with opened_app(context) as app:
        taken = app.review_duplicates().take_in(listed, overwrite=overwrite)
    show(taken, lambda t: shapes.taken_in(t, bad), lambda t: printing.taken_in(t, len(bad)), as_json)
    if bad or taken.conflicts:
        raise typer.Exit(RefusedError.exit_code)


def _say(context: Context, a: str, b: str, verdict: str, note: str, as_json: bool) -> None:
    from simsearch.catalog.reviews import ReviewVerdict

    with opened_app(context) as app:
        pair = app.review_duplicates().say(a, b, ReviewVerdict(verdict), note)
    _said(pair, verdict, as_json)


def _said(pair: "tuple[Side, Side]", verdict: str, as_json: bool) -> None:
    from simsearch.views.text import duplicates as printing

    show(pair, lambda pair: shapes.said(pair, verdict), lambda pair: printing.said(pair, verdict), as_json)


# -- verify ----------------------------------------------------------------------------------------------------------


def verify(
    context: Context,
    a: Annotated[str | None, Argument(help="First photo.")] = None,
    b: Annotated[str | None, Argument(help="Second photo.")] = None,
    pairs: Annotated[Path | None, Option(help="CSV with the columns a and b, relative to the file.")] = None,
    method: Annotated[str | None, Option(help="Only this method's similarity, for instance phash or orb.")] = None,
    csv: Annotated[str | None, Option(help="Write the verdicts as CSV to this file; - for standard output.")] = None,
    as_json: Json = False,
) -> None:
    """Do two photos show the same product?"""
    from simsearch.recognition.pairs import read_pairs
    from simsearch.views.text import verdicts as printing

    if (pairs is None) == (a is None) or (a is None) != (b is None):
        raise UsageError("give two photos, or --pairs FILE.csv with the columns a and b")
    _one_output(as_json, csv)
    listed, bad = read_pairs(pairs) if pairs else ([("", str(a), str(b))], [])
    for refusal in bad:
        note(f"simsearch: {refusal.message}")
    failed = len(bad)
    with printing.table(csv) as table, opened_app(context) as app, progress_bar(context, "verifying") as progress:
        for refusal in bad:
            table.refused(refusal)
        for where, verdict in _verdicts(app, listed, method, progress):
            failed += verdict.error is not None
            table.add(where, verdict)
            if csv != "-":
                _print_verdict(where, verdict, as_json)
    if csv is not None and csv != "-":
        note(f"{csv}: written")
    if failed:
        raise typer.Exit(ImageError.exit_code)


def _verdicts(
    app: "App", listed: Sequence[tuple[str, str, str]], method: str | None, progress: "Progress"
) -> "Iterator[tuple[str, PairVerdict]]":
    """(line, verdict) of each pair, as they are found."""
    for start in range(0, len(listed), _BATCH):
        part = listed[start : start + _BATCH]
        found = app.verify([(a, b) for _, a, b in part], method=method)
        yield from ((where, verdict) for (where, _, _), verdict in zip(part, found, strict=True))
        progress(start + len(part), len(listed), "")


def _print_verdict(where: str, verdict: "PairVerdict", as_json: bool) -> None:
    from simsearch.views.text import verdicts as printing

    show(verdict, lambda v: shapes.verdict(v, where), lambda v: printing.verdict(v, where), as_json)
