"""The command line: parse, call, print. Data on stdout, progress and messages on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from simsearch import __version__
from simsearch.errors import ImageError, SimsearchError, UsageError

if TYPE_CHECKING:
    from simsearch.app import App, Progress

app = typer.Typer(
    name="simsearch", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Which drug does this photo show, and which catalog photos show the same product twice?",
)  # fmt: skip


class _Choice:
    """The global options of this call."""

    home: str | None = None
    config: str | None = None
    device: str | None = None
    quiet: bool = False


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"simsearch {__version__}")
        raise typer.Exit


@app.callback()
def _global(
    home: Annotated[
        str | None,
        typer.Option(
            help="Folder that holds catalog and indexes.", envvar="SIMSEARCH_HOME", show_default="simsearch-home"
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(help="TOML file with settings; `simsearch config` shows them.", envvar="SIMSEARCH_CONFIG"),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    _Choice.home, _Choice.config, _Choice.device, _Choice.quiet = home, config, device, quiet


@contextmanager
def _app() -> Iterator[App]:
    from simsearch.app import open_app

    with open_app(_Choice.home, _Choice.config, device=_Choice.device) as opened:
        yield opened


@contextmanager
def _progress(label: str) -> Iterator[Progress]:
    """A progress bar on stderr; nothing where stderr is no terminal or --quiet was given."""
    from simsearch.app import silent

    if _Choice.quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, note="", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, note=text)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


def _note(text: str) -> None:
    typer.echo(text, err=True)


@app.command()
def index(
    sources: Annotated[
        list[str], typer.Argument(help="Folders (one sub-folder per SKU), CSV or JSONL files with sku and image.")
    ],
    prune: Annotated[bool, typer.Option("--prune", help="Retire images that these sources no longer list.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit non-zero if a row or photo was refused.")] = False,
    rebuild: Annotated[
        bool | None,
        typer.Option(
            "--rebuild/--no-rebuild", help="Rebuild the indexes afterwards (default: when many images are new)."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read product photos into the catalog. Run it again at any time: what has not changed is skipped."""
    from simsearch import printing

    with _app() as opened, _progress("indexing") as progress:
        report = opened.index(sources, prune=prune, rebuild=rebuild, progress=progress)
    if as_json:
        _print_json(printing.report_json(report))
    else:
        printing.report(report)
    if strict and report.refused:
        from simsearch.errors import RefusedError

        raise RefusedError(f"{report.refused} rows or photos were refused; `simsearch status --refused` lists them")


@app.command()
def query(
    photos: Annotated[list[str], typer.Argument(help="Photos to name; - reads one from standard input.")],
    k: Annotated[
        int | None, typer.Option("-k", min=1, max=1000, help="How many products to list.", show_default="5")
    ] = None,
    no_record: Annotated[
        bool, typer.Option("--no-record", help="Leave no trace of the answer in the catalog.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Which drug is this? One answer a photo: match, ambiguous or unknown."""
    from simsearch import printing

    failed = 0
    with _app() as opened, _progress("asking") as progress:
        for start in range(0, len(photos), 32):
            named = photos[start : start + 32]
            given = [sys.stdin.buffer.read(opened.config.images.max_bytes + 1) if p == "-" else p for p in named]
            for name, answer in zip(named, opened.query(given, k=k, record=not no_record), strict=True):
                failed += isinstance(answer, ImageError)
                if as_json:
                    _print_json(printing.answer_json(name, answer))
                else:
                    printing.answer(name, answer)
            progress(start + len(named), len(photos), "")
    if failed:
        raise typer.Exit(ImageError.exit_code)


@app.command()
def verify(
    a: Annotated[str | None, typer.Argument(help="First photo.")] = None,
    b: Annotated[str | None, typer.Argument(help="Second photo.")] = None,
    pairs: Annotated[Path | None, typer.Option(help="CSV with the columns a and b, relative to the file.")] = None,
    method: Annotated[
        str | None, typer.Option(help="Only this method's similarity, for instance phash or orb.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Do two photos show the same product?"""
    from simsearch import printing
    from simsearch.catalog.manifest import read_pairs

    if (pairs is None) == (a is None) or (a is None) != (b is None):
        raise UsageError("give two photos, or --pairs FILE.csv with the columns a and b")
    listed, bad = read_pairs(pairs) if pairs else ([(str(a), str(b))], [])
    for refusal in bad:
        _note(f"simsearch: {refusal.message}")
    failed = len(bad)
    with _app() as opened, _progress("verifying") as progress:
        for start in range(0, len(listed), 32):
            for verdict in opened.verify(listed[start : start + 32], method=method):
                failed += verdict.error is not None
                if as_json:
                    _print_json(printing.verdict_json(verdict))
                else:
                    printing.verdict(verdict)
            progress(min(start + 32, len(listed)), len(listed), "")
    if failed:
        raise typer.Exit(ImageError.exit_code)


@app.command()
def duplicates(
    threshold: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Least probability of a pair.", show_default="the match threshold"),
    ] = None,
    conflicts: Annotated[bool, typer.Option("--conflicts", help="Only groups that hold several SKUs.")] = False,
    as_json: Json = False,
) -> None:
    """List catalog photos that show the same product, those under different SKUs first."""
    from simsearch import printing

    with _app() as opened, _progress("comparing") as progress:
        groups = opened.duplicates(threshold=threshold, progress=progress)
    chosen = [g for g in groups if g.conflict or not conflicts]
    if as_json:
        for group in chosen:
            _print_json(printing.group_json(group))
    else:
        printing.groups(chosen)


@app.command()
def rebuild(
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Go back to the generation before the current one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build new indexes from the catalog (no photo is read), check them, and swap them in."""
    with _app() as opened:
        name = opened.rollback() if rollback else opened.rebuild()
    if as_json:
        _print_json({"generation": name, "rolled_back": rollback})
    else:
        typer.echo(f"generation {name} serves now")


@app.command()
def status(
    refused: Annotated[bool, typer.Option("--refused", help="List what could not be read, with reasons.")] = False,
    as_json: Json = False,
) -> None:
    """What the catalog holds and whether the indexes fit it. Exits with 6 when queries lack sound indexes."""
    from simsearch import printing
    from simsearch.errors import GenerationError

    with _app() as opened:
        if refused:
            printing.refusals(opened.refused(), as_json)
            return
        found = opened.status()
    if as_json:
        _print_json(printing.status_json(found))
    else:
        printing.status(found)
    if found.problem:
        raise GenerationError(found.problem)


@app.command("config")
def show_config(as_json: Json = False) -> None:
    """Print every setting in force and where it comes from."""
    from simsearch import printing

    with _app() as opened:
        opened.check_settings()
        printing.settings(opened.config, opened.origin, as_json)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="Training settings, for instance configs/siamese.toml.")],
    data: Annotated[
        Path | None, typer.Option(help="Photos to train on: folder, CSV or JSONL with sku and image.")
    ] = None,
    run: Annotated[
        Path, typer.Option(help="Folder for weights, card, curves and checkpoint; a second call goes on there.")
    ] = Path("runs/siamese"),
    as_json: Json = False,
) -> None:
    """Train the Siamese network on your own catalog. Set methods.siamese.weights to the result to use it."""
    with _app() as opened, _progress("training") as progress:
        result = opened.train(config, data, run, device=_Choice.device or "auto", progress=progress)
    if as_json:
        _print_json({"weights": str(result.weights), "steps": result.steps, "best_r1": result.best_r1})
    else:
        typer.echo(f"{result.weights}: {result.steps} steps, R@1 {result.best_r1:.3f} on held-out products")


@app.command()
def calibrate(
    table: Annotated[
        Path, typer.Argument(help="Labelled photos, two or more a product: folder, CSV or JSONL with sku and image.")
    ],
    target_far: Annotated[float, typer.Option(help="Share of photos of unknown products that may be matched.")] = 0.001,
    out: Annotated[
        Path | None, typer.Option(help="File to write.", show_default="calibration.json in the home")
    ] = None,
) -> None:
    """Refit probabilities and the match threshold on your own labelled photos."""
    with _app() as opened, _progress("calibrating") as progress:
        path = opened.calibrate(table, target_far=target_far, out=out, progress=progress)
    typer.echo(f"{path}: written")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the rendered catalog, the answers and the page.")] = Path(
        "simsearch-demo"
    ),
    products: Annotated[int, typer.Option(min=20, max=5000, help="How many products to render.")] = 160,
    seed: Annotated[int, typer.Option(min=0, help="Another number renders other packages.")] = 7,
) -> None:
    """Render a catalog, index it, ask for five photos, find the planted duplicates, and leave a page with pictures."""
    from simsearch.demo import run_demo

    with _progress("demo") as progress:
        run_demo(folder, products=products, seed=seed, config=_Choice.config, progress=progress)


def main() -> None:
    """The console script. The one place that turns an error into a line and an exit code."""
    try:
        code = app(args=sys.argv[1:] or ["--help"], prog_name="simsearch", standalone_mode=False)
    except SimsearchError as error:
        _note(f"simsearch: {error}")
        code = error.exit_code
    except typer.Abort:
        code = 130
    except KeyboardInterrupt:
        _note("simsearch: interrupted; what was committed is kept, run it again to go on")
        code = 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing to say, and nothing may be flushed any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except typer.Exit as leaving:
        code = leaving.exit_code
    except TyperException as error:
        _note(f"simsearch: {error.format_message()} (`simsearch --help`, `simsearch COMMAND --help`)")
        code = error.exit_code
    except Exception as error:
        if os.environ.get("SIMSEARCH_DEBUG"):
            raise
        _note(f"simsearch: unexpected {type(error).__name__}: {error} (a defect; SIMSEARCH_DEBUG=1 shows where)")
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
