"""`simsearch duplicates` and `simsearch verify`: what shows the same product, in the catalog and in pairs of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Context, Option

from simsearch.cli.context import Json, note, opened_app, progress_bar
from simsearch.core.errors import ImageError, UsageError

commands = typer.Typer(rich_markup_mode=None, no_args_is_help=False, invoke_without_command=True)

Pair = Annotated[str, Argument(help="SKU, or a photo as `duplicates` lists it.", show_default=False)]
Note = Annotated[str, Option(help="Why, for those who ask later.")]
KIND_NAMES = ("identical", "same-photo", "same-product", "look-alike")


@commands.callback()
def duplicates(
    context: Context,
    threshold: Annotated[
        float | None,
        Option(min=0.0, max=1.0, help="Least probability of a pair.", show_default="the match threshold"),
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
    limit: Annotated[int, Option(min=1, help="Groups, and pairs of look-alikes, on the page.")] = 200,
    as_json: Json = False,
) -> None:
    """List catalog photos that show the same product. Those under different SKUs come first."""
    if context.invoked_subcommand is not None:
        return
    from simsearch.duplicates import DUPLICATES, KINDS, Kind
    from simsearch.views.text import duplicates as printing

    unknown = [k for k in kind or () if k not in KIND_NAMES]
    if unknown:
        raise UsageError(f"--kind {unknown[0]}: is none of {', '.join(KIND_NAMES)}")
    if as_json and csv == "-":
        raise UsageError("--json and --csv - both want standard output; give --csv a file")
    kinds = [Kind(k) for k in kind] if kind else DUPLICATES
    assert tuple(KINDS) == KIND_NAMES
    with opened_app() as opened, progress_bar("comparing") as progress:
        every = opened.find_duplicates(threshold=threshold, since=since, progress=progress)
        found = every.only(kinds, conflicts=conflicts)
        if html is not None:
            from simsearch.views.html.duplicates import write_sheet

            with _writing(html):
                write_sheet(html, found, opened.config.images, limit=limit)
            note(f"{html}: written")
    if csv is not None and csv != "-":
        with _writing(Path(csv)):
            printing.write_csv(found, Path(csv))
        note(f"{csv}: written")
    elif csv is not None:
        printing.print_csv(found)
        return
    printing.findings(found, every, as_json)


@commands.command()
def dismiss(a: Pair, b: Pair, note: Note = "", as_json: Json = False) -> None:
    """Say that A and B are not the same product, or need no care. They are not asked again."""
    _say(a, b, "dismissed", note, as_json)


@commands.command()
def confirm(a: Pair, b: Pair, note: Note = "", as_json: Json = False) -> None:
    """Say that A and B are duplicates. They are not asked again."""
    _say(a, b, "confirmed", note, as_json)


@commands.command()
def forget(a: Pair, b: Pair, as_json: Json = False) -> None:
    """Take back what was said of A and B, so that they are asked again."""
    from simsearch.views.text import duplicates as printing

    with opened_app() as opened:
        pair = opened.review_duplicates().forget(a, b)
    printing.said(pair, "forgotten", as_json)


@commands.command()
def reviews(as_json: Json = False) -> None:
    """List what people said of pairs, oldest first."""
    from simsearch.views.text import duplicates as printing

    with opened_app() as opened:
        printing.reviews(opened.review_duplicates().reviews(), as_json)


def _say(a: str, b: str, verdict: str, note: str, as_json: bool) -> None:
    from simsearch.catalog.reviews import ReviewVerdict
    from simsearch.views.text import duplicates as printing

    with opened_app() as opened:
        pair = opened.review_duplicates().say(a, b, ReviewVerdict(verdict), note)
    printing.said(pair, verdict, as_json)


class _writing:  # noqa: N801, a context manager that reads as a verb
    """A file that cannot be written is an error of the call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise UsageError(f"{self.path}: cannot be written ({error.strerror or error}); name another file") from None


# -- verify ----------------------------------------------------------------------------------------------------------


def verify(
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
    if as_json and csv == "-":
        raise UsageError("--json and --csv - both want standard output; give --csv a file")
    listed, bad = read_pairs(pairs) if pairs else ([("", str(a), str(b))], [])
    for refusal in bad:
        note(f"simsearch: {refusal.message}")
    failed = len(bad)
    with _writing(Path(csv or ".")), printing.table(csv) as table:
        for refusal in bad:
            table.refused(refusal)
        with opened_app() as opened, progress_bar("verifying") as progress:
            for start in range(0, len(listed), 32):
                part = listed[start : start + 32]
                found = opened.verify([(x, y) for _, x, y in part], method=method)
                for (where, _, _), verdict in zip(part, found, strict=True):
                    failed += verdict.error is not None
                    table.add(where, verdict)
                    if csv != "-":
                        printing.verdict(verdict, as_json, where=where)
                progress(min(start + 32, len(listed)), len(listed), "")
    if csv is not None and csv != "-":
        note(f"{csv}: written")
    if failed:
        raise typer.Exit(ImageError.exit_code)
