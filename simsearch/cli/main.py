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

from simsearch import __version__
from simsearch.cli import augment as cli_augment
from simsearch.cli import decisions as cli_decisions
from simsearch.cli import duplicates as cli_duplicates
from simsearch.cli import evaluate as cli_evaluate
from simsearch.cli import maintenance as cli_maintenance
from simsearch.cli import query as cli_query
from simsearch.cli.context import Choice, Json, leave_quickly, note, opened_app, progress_bar, show_warnings
from simsearch.core.errors import RefusedError, SimsearchError, UsageError

app = typer.Typer(
    name="simsearch", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Which drug does this photo show, and which catalog photos show the same product twice?",
    epilog="Exit codes: 0 done, 2 wrong call or setting, 3 a photo cannot be read, 4 source, 5 catalog, 6 indexes, "
    "7 weights, 8 something refused with --strict, 9 training, 130 interrupted.",
)  # fmt: skip
app.add_typer(cli_evaluate.commands, name="evaluate")
app.add_typer(cli_duplicates.commands, name="duplicates")
app.add_typer(cli_decisions.commands, name="decisions")


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
    from simsearch.views import text as printing

    with opened_app() as opened, progress_bar("indexing") as progress:
        report = opened.index(sources, prune=prune, rebuild=rebuild, progress=progress)
    printing.report(report, as_json)
    if strict and report.refused:
        raise RefusedError(f"rows or photos refused: {report.refused}; `simsearch status --refused` lists them")


app.command()(cli_query.query)
app.command()(cli_duplicates.verify)
app.command()(cli_maintenance.rebuild)
app.command()(cli_maintenance.status)


@app.command("config")
def show_config(as_json: Json = False) -> None:
    """Show every setting in force and where it comes from."""
    from simsearch.views import text as printing

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
    from simsearch.views import text as printing

    with opened_app() as opened, progress_bar("training") as progress:
        result = opened.train(config, data, run, device=Choice.device or "auto", progress=progress)
    printing.trained(result, as_json)


@app.command()
def calibrate(
    table: Annotated[
        Path | None, Argument(help="Photos, two or more a product: folder, CSV or JSONL with sku and image.")
    ] = None,
    from_decisions: Annotated[
        bool, Option("--from-decisions", help="Learn from answers that were confirmed or corrected, not from a table.")
    ] = False,
    target_far: Annotated[float, Option(help="Share of photos of unknown products that may be matched.")] = 0.001,
    out: Annotated[Path | None, Option(help="File to write.", show_default="calibration.json in the home")] = None,
    as_json: Json = False,
) -> None:
    """Refit probabilities on labelled photos of your own. The threshold of a match is chosen anew with them."""
    from simsearch.views import text as printing

    if (table is None) != from_decisions:
        raise UsageError("give either a table of labelled photos or --from-decisions")
    with opened_app() as opened, progress_bar("calibrating") as progress:
        result = opened.calibrate(table, target_far=target_far, out=out, progress=progress)
    printing.calibrated(result, as_json)


app.command()(cli_augment.augmentations)


@app.command()
def demo(
    folder: Annotated[Path, Argument(help="Folder for the rendered catalog, the answers and the page.")] = Path(
        "simsearch-demo"
    ),
    products: Annotated[int, Option(min=20, max=5000, help="How many products to render.")] = 160,
    seed: Annotated[int, Option(min=0, help="Another number renders other packages.")] = 7,
) -> None:
    """Try it all on drawn packages: index, ask for five photos, find duplicates. Leaves a page with pictures."""
    from simsearch.cli.demo import run_demo

    with progress_bar("demo") as progress:
        run_demo(folder, products=products, seed=seed, config=Choice.config, progress=progress, device=Choice.device)


def main() -> None:
    """The console script. The one place that turns an error into a line and an exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no defect
    show_warnings()
    leave_quickly()
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
