"""The command line: parse, call, print. Data on stdout, progress and messages on stderr."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option
from typer.exceptions import TyperException
from typer.main import get_command

from simsearch import __version__, cli_evaluate
from simsearch.calls import Choice, Json, note, opened_app, progress_bar
from simsearch.errors import GenerationError, ImageError, RefusedError, SimsearchError, UsageError

app = typer.Typer(
    name="simsearch", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Which drug does this photo show, and which catalog photos show the same product twice?",
    epilog="Exit codes: 0 done, 2 wrong call or setting, 3 a photo cannot be read, 4 source, 5 catalog, 6 indexes, "
    "7 weights, 8 something refused with --strict, 9 training, 130 interrupted.",
)  # fmt: skip
app.add_typer(cli_evaluate.commands, name="evaluate")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"simsearch {__version__}")
        raise typer.Exit


@app.callback()
def _global(
    home: Annotated[
        str | None,
        Option(help="Folder that holds catalog and indexes.", envvar="SIMSEARCH_HOME", show_default="simsearch-home"),
    ] = None,
    config: Annotated[
        str | None,
        Option(help="TOML file with settings.", envvar="SIMSEARCH_CONFIG"),
    ] = None,
    device: Annotated[str | None, Option(help="Where the network runs: auto, cpu or cuda.")] = None,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Show no progress.")] = False,
    version: Annotated[bool, Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    Choice.home, Choice.config, Choice.device, Choice.quiet = home, config, device, quiet


@app.command()
def index(
    sources: Annotated[
        list[str],
        Argument(help="Folders (one sub-folder per SKU), CSV or JSONL with sku and image.", metavar="SOURCE"),
    ],
    prune: Annotated[bool, Option("--prune", help="Take out images that these sources no longer list.")] = False,
    strict: Annotated[bool, Option("--strict", help="Exit with code 8 if a row or photo was refused.")] = False,
    rebuild: Annotated[
        bool | None,
        Option("--rebuild/--no-rebuild", help="Rebuild the indexes afterwards (default: when many images are new)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read product photos into the catalog. Run it again at any time: what has not changed is skipped."""
    from simsearch import printing

    with opened_app() as opened, progress_bar("indexing") as progress:
        report = opened.index(sources, prune=prune, rebuild=rebuild, progress=progress)
    printing.report(report, as_json)
    if strict and report.refused:
        raise RefusedError(f"rows or photos refused: {report.refused}; `simsearch status --refused` lists them")


@app.command()
def query(
    photos: Annotated[
        list[str], Argument(help="Photos to identify; - reads one from standard input.", metavar="PHOTO")
    ],
    k: Annotated[int | None, Option("-k", min=1, max=1000, help="How many products to list.", show_default="5")] = None,
    no_record: Annotated[bool, Option("--no-record", help="Leave no trace of the answer in the catalog.")] = False,
    as_json: Json = False,
) -> None:
    """Say which drug a photo shows: match, ambiguous or unknown."""
    from simsearch import printing

    failed = 0
    with opened_app() as opened, progress_bar("asking") as progress:
        for start in range(0, len(photos), 32):
            named = photos[start : start + 32]
            given = [sys.stdin.buffer.read(opened.config.images.max_bytes + 1) if p == "-" else p for p in named]
            for name, answer in zip(named, opened.query(given, k=k, record=not no_record), strict=True):
                failed += isinstance(answer, ImageError)
                printing.answer(name, answer, as_json)
            progress(start + len(named), len(photos), "")
    if failed:
        raise typer.Exit(ImageError.exit_code)


@app.command()
def verify(
    a: Annotated[str | None, Argument(help="First photo.")] = None,
    b: Annotated[str | None, Argument(help="Second photo.")] = None,
    pairs: Annotated[Path | None, Option(help="CSV with the columns a and b, relative to the file.")] = None,
    method: Annotated[str | None, Option(help="Only this method's similarity, for instance phash or orb.")] = None,
    as_json: Json = False,
) -> None:
    """Do two photos show the same product?"""
    from simsearch import printing
    from simsearch.catalog.manifest import read_pairs

    if (pairs is None) == (a is None) or (a is None) != (b is None):
        raise UsageError("give two photos, or --pairs FILE.csv with the columns a and b")
    listed, bad = read_pairs(pairs) if pairs else ([(str(a), str(b))], [])
    for refusal in bad:
        note(f"simsearch: {refusal.message}")
    failed = len(bad)
    with opened_app() as opened, progress_bar("verifying") as progress:
        for start in range(0, len(listed), 32):
            for verdict in opened.verify(listed[start : start + 32], method=method):
                failed += verdict.error is not None
                printing.verdict(verdict, as_json)
            progress(min(start + 32, len(listed)), len(listed), "")
    if failed:
        raise typer.Exit(ImageError.exit_code)


@app.command()
def duplicates(
    threshold: Annotated[
        float | None,
        Option(min=0.0, max=1.0, help="Least probability of a pair.", show_default="the match threshold"),
    ] = None,
    conflicts: Annotated[bool, Option("--conflicts", help="Only groups that hold several SKUs.")] = False,
    as_json: Json = False,
) -> None:
    """List catalog photos that show the same product. Those under different SKUs come first."""
    from simsearch import printing

    with opened_app() as opened, progress_bar("comparing") as progress:
        groups = opened.duplicates(threshold=threshold, progress=progress)
    printing.groups([g for g in groups if g.conflict or not conflicts], as_json)


@app.command()
def rebuild(
    rollback: Annotated[bool, Option("--rollback", help="Go back to the generation before the current one.")] = False,
    as_json: Json = False,
) -> None:
    """Build the search indexes anew. No photo is read; they replace the old ones once they are checked."""
    from simsearch import printing

    with opened_app() as opened:
        name = opened.rollback() if rollback else opened.rebuild()
    printing.fact({"generation": name, "rolled_back": rollback}, f"generation {name} serves now", as_json)


@app.command()
def status(
    refused: Annotated[bool, Option("--refused", help="List what could not be read, with reasons.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the catalog holds and whether it can be searched. Exits with 6 where it cannot, and says why."""
    from simsearch import printing

    with opened_app() as opened:
        if refused:
            printing.refusals(opened.refused(), as_json)
            return
        found = opened.status()
    printing.status(found, as_json)
    if found.problem:
        raise GenerationError(found.problem)


@app.command("config")
def show_config(as_json: Json = False) -> None:
    """Show every setting in force and where it comes from."""
    from simsearch import printing

    with opened_app() as opened:
        opened.check_settings()
        printing.settings(opened.config, opened.origin, as_json)


@app.command()
def train(
    config: Annotated[Path, Argument(help="Training settings, for instance configs/siamese.toml.")],
    data: Annotated[Path | None, Option(help="Photos to train on: folder, CSV or JSONL with sku and image.")] = None,
    run: Annotated[Path, Option(help="Folder for what comes of it; a second call goes on there.")] = Path(
        "runs/siamese"
    ),
    as_json: Json = False,
) -> None:
    """Train the Siamese network on your own catalog. Set methods.siamese.weights to the result to use it."""
    from simsearch import printing

    with opened_app() as opened, progress_bar("training") as progress:
        result = opened.train(config, data, run, device=Choice.device or "auto", progress=progress)
    printing.trained(result, as_json)


@app.command()
def calibrate(
    table: Annotated[Path, Argument(help="Photos, two or more a product: folder, CSV or JSONL with sku and image.")],
    target_far: Annotated[float, Option(help="Share of photos of unknown products that may be matched.")] = 0.001,
    out: Annotated[Path | None, Option(help="File to write.", show_default="calibration.json in the home")] = None,
    as_json: Json = False,
) -> None:
    """Refit probabilities on labelled photos of your own. The threshold of a match is chosen anew with them."""
    from simsearch import printing

    with opened_app() as opened, progress_bar("calibrating") as progress:
        path = opened.calibrate(table, target_far=target_far, out=out, progress=progress)
    printing.fact({"calibration": str(path)}, f"{path}: written", as_json)


@app.command()
def demo(
    folder: Annotated[Path, Argument(help="Folder for the rendered catalog, the answers and the page.")] = Path(
        "simsearch-demo"
    ),
    products: Annotated[int, Option(min=20, max=5000, help="How many products to render.")] = 160,
    seed: Annotated[int, Option(min=0, help="Another number renders other packages.")] = 7,
) -> None:
    """Try it all on drawn packages: index, ask for five photos, find duplicates. Leaves a page with pictures."""
    from simsearch.demo import run_demo

    with progress_bar("demo") as progress:
        run_demo(folder, products=products, seed=seed, config=Choice.config, progress=progress, device=Choice.device)


def main() -> None:
    """The console script. The one place that turns an error into a line and an exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no defect
    code = 0
    try:
        # Not app(): typer would swallow Ctrl-C and a closed pipe.
        with get_command(app).make_context("simsearch", sys.argv[1:] or ["--help"]) as context:
            context.command.invoke(context)
        sys.stdout.flush()
    except SimsearchError as error:
        note(f"simsearch: {error}")
        code = error.exit_code
    except KeyboardInterrupt:
        note("simsearch: interrupted; what was committed is kept, run it again to go on")
        code = 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing to say, and nothing may be flushed any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except typer.Exit as leaving:
        code = leaving.exit_code
    except TyperException as error:
        call = getattr(getattr(error, "ctx", None), "command_path", "simsearch")
        note(f"simsearch: {' '.join(error.format_message().split())} (see `{call} --help`)")
        code = error.exit_code
    except OSError as error:
        note(f"simsearch: {error.filename or 'input or output'}: {error.strerror or error}")
        code = SimsearchError.exit_code
    except Exception as error:
        if os.environ.get("SIMSEARCH_DEBUG"):
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())
        note(f"simsearch: unexpected {text} (a defect; SIMSEARCH_DEBUG=1 shows where)")
        code = SimsearchError.exit_code
    sys.exit(code)
