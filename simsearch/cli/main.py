"""The command line: parse, call, print. Data on stdout, progress and messages on stderr.

Modules that hold commands do without `from __future__ import annotations`: Typer looks at the parameters of all
commands before it shows any help, and to compile their annotations from text would take a fifth of that time.
"""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Context, Option
from typer.exceptions import TyperException
from typer.main import get_command

from simsearch import __version__
from simsearch.cli import augment as cli_augment
from simsearch.cli import catalog as cli_catalog
from simsearch.cli import check as cli_check
from simsearch.cli import decisions as cli_decisions
from simsearch.cli import duplicates as cli_duplicates
from simsearch.cli import evaluate as cli_evaluate
from simsearch.cli import maintenance as cli_maintenance
from simsearch.cli import query as cli_query
from simsearch.cli import serve as cli_serve
from simsearch.cli.context import (
    GlobalOptions,
    Json,
    LeaveOutDoubted,
    collecting_seldom,
    doubted,
    global_options,
    leave_quickly,
    note,
    opened_app,
    progress_bar,
    show,
    show_warnings,
    silence_pillow,
)
from simsearch.core.errors import RefusedError, SimsearchError, UsageError
from simsearch.views import json as shapes

commands = typer.Typer(
    name="simsearch", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Which drug does this photo show, and which catalog photos show the same product twice?",
    epilog="Exit codes: 0 done, 2 wrong call or setting, 3 a photo cannot be read, 4 source, 5 catalog, 6 indexes, "
    "7 weights, 8 something refused with --strict, 9 training, 130 interrupted.",
)  # fmt: skip
commands.add_typer(cli_evaluate.commands, name="evaluate")
commands.add_typer(cli_duplicates.commands, name="duplicates")
commands.add_typer(cli_check.commands, name="check")
commands.add_typer(cli_decisions.commands, name="decisions")
commands.add_typer(cli_serve.tokens, name="token", help="Say who may use the server: tokens, and their roles.")
commands.add_typer(cli_catalog.commands, name="catalog")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"simsearch {__version__}")
        raise typer.Exit


@commands.callback()
def _global(
    context: Context,
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
    context.obj = GlobalOptions(home, config, device, quiet)


@commands.command()
def index(
    context: Context,
    sources: Annotated[
        list[str] | None,
        Argument(help="Folders (one sub-folder per SKU), CSV or JSONL with sku and image.", metavar="SOURCE"),
    ] = None,
    prune: Annotated[bool, Option("--prune", help="Take out images that these sources no longer list.")] = False,
    prune_all: Annotated[
        bool, Option("--prune-all", help="The same, also if they are more than nightly.retire_share allows.")
    ] = False,
    forget_source: Annotated[
        list[str] | None,
        Option(help="Take out all images of this source, also where it is gone (see `status`).", metavar="SOURCE"),
    ] = None,
    reread: Annotated[
        bool,
        Option("--reread", help="Read every photo again, also those that look unchanged."),
    ] = False,
    strict: Annotated[bool, Option("--strict", help="Exit with code 8 if a row or photo was refused.")] = False,
    rebuild: Annotated[
        bool | None,
        Option("--rebuild/--no-rebuild", help="Rebuild the indexes afterwards (default: when many images are new)."),
    ] = None,
    no_reading: Annotated[
        bool, Option("--no-reading", help="Do not read what is printed on the photos; `simsearch read` does it later.")
    ] = False,
    workers: Annotated[
        str | None,
        Option(
            help="Describe in processes: local, local:N, ray or ray://HOST:PORT (default: indexing.describe_on).",
            metavar="WHERE",
        ),
    ] = None,
    no_check: Annotated[
        bool, Option("--no-check", help="Do not look for photos that are filed wrong; `simsearch check` does it later.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read product photos into the catalog. Run it again at any time: what has not changed is skipped."""
    if not (sources or forget_source):
        raise UsageError("give a SOURCE to read, or --forget-source and one to let go of")
    with collecting_seldom(), opened_app(context) as app, progress_bar(context, "indexing") as progress:
        from simsearch.ingest.index_report import check_usable
        from simsearch.views.text import indexing as printing

        report = app.index(
            sources or [], prune=prune, prune_all=prune_all, forget=forget_source or [], reread=reread,
            rebuild=rebuild, reading=False if no_reading else None, workers=workers, check=not no_check,
            progress=progress,
        )  # fmt: skip
    show(report, shapes.report, printing.report, as_json)
    if strict and report.refused:
        raise RefusedError(f"rows or photos refused: {report.refused}; `simsearch status --refused` lists them")
    check_usable(report)


commands.command()(cli_query.query)
commands.command()(cli_duplicates.verify)
commands.command()(cli_maintenance.read)
commands.command()(cli_maintenance.rebuild)
commands.command()(cli_maintenance.status)
commands.command()(cli_serve.serve)


@commands.command("config")
def show_config(context: Context, as_json: Json = False) -> None:
    """Show every setting in force and where it comes from."""
    from simsearch.views.text import settings as printing

    with opened_app(context) as app:
        app.check_settings()
        config, origin = app.config, app.origin
    show(config, lambda c: shapes.settings(c, origin), lambda c: printing.settings(c, origin), as_json)


@commands.command()
def train(
    context: Context,
    config: Annotated[Path, Argument(help="Training settings, for instance configs/siamese.toml.")],
    data: Annotated[Path | None, Option(help="Photos to train on: folder, CSV or JSONL with sku and image.")] = None,
    run: Annotated[Path, Option(help="Folder for what comes of it; a second call goes on there.")] = Path(
        "runs/siamese"
    ),
    leave_out_doubted: LeaveOutDoubted = False,
    as_json: Json = False,
) -> None:
    """Train the Siamese network on your own catalog. Set methods.siamese.weights to the result to use it."""
    from simsearch.views.text.training import trained

    with opened_app(context) as app, progress_bar(context, "training") as progress:
        without, device = doubted(app, [data], leave_out=leave_out_doubted), global_options(context).device or "auto"
        result = app.train(config, data, run, device=device, without=without, progress=progress)
    show(result, shapes.trained, trained, as_json)


@commands.command()
def calibrate(
    context: Context,
    table: Annotated[
        Path | None,
        Argument(
            help="Photos, two or more a product: folder, CSV or JSONL with sku and image. A column role says which are "
            "a distractor (does not ask), or a face that only its print can tell (a strip beside its carton)."
        ),
    ] = None,
    from_decisions: Annotated[
        bool, Option("--from-decisions", help="Learn from answers that were confirmed or corrected, not from a table.")
    ] = False,
    print_only: Annotated[
        bool, Option("--print-only", help="Fit what print adds, and keep what was fitted of appearance.")
    ] = False,
    target_far: Annotated[float, Option(help="Share of photos of unknown products that may be matched.")] = 0.001,
    out: Annotated[Path | None, Option(help="File to write.", show_default="calibration.json in the home")] = None,
    leave_out_doubted: LeaveOutDoubted = False,
    as_json: Json = False,
) -> None:
    """Refit probabilities on labelled photos of your own. The threshold of a match is chosen anew with them."""
    from simsearch.views.text.training import calibrated

    if (table is None) != from_decisions:
        raise UsageError("give either a table of labelled photos or --from-decisions")
    if print_only and from_decisions:
        raise UsageError("--print-only needs a table of labelled photos")
    with opened_app(context) as app, progress_bar(context, "calibrating") as progress:
        without = doubted(app, [table], leave_out=leave_out_doubted)
        result = app.calibrate(
            table, target_far=target_far, print_only=print_only, out=out, without=without, progress=progress
        )
    show(result, shapes.calibrated, calibrated, as_json)


commands.command()(cli_augment.augmentations)


@commands.command()
def demo(
    context: Context,
    folder: Annotated[Path, Argument(help="Folder for the rendered catalog, the answers and the page.")] = Path(
        "simsearch-demo"
    ),
    products: Annotated[int, Option(min=20, max=5000, help="How many products to render.")] = 160,
    seed: Annotated[int, Option(min=0, help="Another number renders other packages.")] = 7,
) -> None:
    """Try it all on drawn packages: index, ask for five photos, find duplicates. Leaves a page with pictures."""
    from simsearch.cli.demo import run_demo

    options = global_options(context)
    with progress_bar(context, "demo") as progress:
        run_demo(folder, products=products, seed=seed, config=options.config, progress=progress, device=options.device)


def main() -> None:
    """The console script. The one place that turns an error into a line and an exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal need not be able to show every name
    show_warnings()
    silence_pillow()
    leave_quickly()
    code = 0
    try:
        # Not commands(): typer would swallow Ctrl-C and a closed pipe.
        with get_command(commands).make_context("simsearch", sys.argv[1:] or ["--help"]) as context:
            context.command.invoke(context)
        sys.stdout.flush()
    except SimsearchError as error:
        note(f"simsearch: {error}")
        code = error.exit_code
    except KeyboardInterrupt:
        note("simsearch: interrupted; what was committed is kept, run it again to go on")
        code = 130
    except BrokenPipeError:
        _discard_output()  # its reader went away (`| head`)
        code = 141
    except typer.Exit as leaving:
        code = leaving.exit_code
    except TyperException as error:
        call = getattr(getattr(error, "ctx", None), "command_path", "simsearch")
        note(f"simsearch: {' '.join(error.format_message().split())} (see `{call} --help`)")
        code = error.exit_code
    except OSError as error:
        note(f"simsearch: {error.filename or 'standard output'}: {error.strerror or error}")
        _discard_output()
        code = SimsearchError.exit_code
    except Exception as error:
        if os.environ.get("SIMSEARCH_DEBUG"):
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())
        note(f"simsearch: unexpected {text} (a defect; SIMSEARCH_DEBUG=1 shows where)")
        code = SimsearchError.exit_code
    sys.exit(code)


def _discard_output() -> None:
    """Send to nowhere what could not be printed: Python would try again at its end, and replace the exit code."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
