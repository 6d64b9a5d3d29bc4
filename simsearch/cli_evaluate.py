"""`simsearch evaluate ...`: the commands that measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from simsearch.calls import Json, note, opened_app, progress_bar

commands = typer.Typer(help="Measure methods on labelled photos.", rich_markup_mode=None, no_args_is_help=False)


@commands.callback()
def _evaluate() -> None:
    """Measure methods on labelled photos."""


@commands.command()
def methods(
    pairs: Annotated[Path | None, Option(help="CSV with the columns a, b and same (1 or 0).")] = None,
    manifest: Annotated[Path | None, Option(help="Labelled photos to draw pairs from: CSV with sku and image.")] = None,
    split: Annotated[str | None, Option(help="Only rows of the manifest whose column `split` says so.")] = None,
    ambiguous: Annotated[
        Path | None, Option(help="CSV (sku, image): photos that may show a product although labelled otherwise.")
    ] = None,
    method: Annotated[list[str] | None, Option(help="Only this method; may be given several times.")] = None,
    seed: Annotated[int, Option(min=0, help="Another number draws other pairs.")] = 0,
    out: Annotated[Path | None, Option(help="Folder for table (JSON, Markdown, CSV) and plots (PNG).")] = None,
    as_json: Json = False,
) -> None:
    """Compare the methods of the paper on the same labelled pairs."""
    from simsearch import printing
    from simsearch.evaluation.run import write_methods

    with opened_app() as opened, progress_bar("comparing") as progress:
        report = opened.evaluate_methods(
            pairs=pairs, manifest=manifest, split=split, ambiguous=ambiguous, methods=method or (), seed=seed,
            progress=progress,
        )  # fmt: skip
    printing.comparison(report, as_json)
    if out is not None:
        for path in write_methods(report, out):
            note(f"{path}: written")
