"""`simsearch evaluate ...`: the commands that measure."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol

import typer
from typer import Argument, Context, Option

from simsearch.cli.context import Json, LeaveOutDoubted, doubted, note, opened_app, progress_bar, show
from simsearch.views import json as shapes
from simsearch.views.files import writable

if TYPE_CHECKING:
    from simsearch.app import App
    from simsearch.core.types import Progress
    from simsearch.evaluation.protocol import Protocol as EvaluationProtocol
    from simsearch.evaluation.tables import Report

commands = typer.Typer(
    help="Measure recognition, probabilities and methods on labelled photos.",
    rich_markup_mode=None, no_args_is_help=False,
)  # fmt: skip


@commands.callback()
def _evaluate() -> None:
    """Measure recognition, probabilities and methods on labelled photos."""


class Negatives(StrEnum):
    """How wrong pairs are drawn."""

    HARD = "hard"
    RANDOM = "random"


Ambiguous = Annotated[
    Path | None, Option(help="CSV (sku, image): photos that may show a product although labelled otherwise.")
]
Split = Annotated[str | None, Option(help="Only rows of the manifest whose column `split` says so.")]
Seed = Annotated[int, Option(min=0, help="Another number draws other pairs and resamples.")]
Manifest = Annotated[
    Path,
    Option(
        help="CSV with sku and image, and a column role (reference, distractor, query); without it the first photo of "
        "a product is its reference and the others ask."
    ),
]
Distractors = Annotated[
    list[Path] | None, Option(help="Folder or CSV of photos that join the catalog; may be given several times.")
]
Same = Annotated[Path | None, Option(help="CSV whose column skus lists SKUs that are one product: A|B.")]
Work = Annotated[
    Path | None,
    Option(help="Home for the measured catalog, kept: a second run is quicker.", show_default="one that is deleted"),
]
Out = Annotated[Path | None, Option(help="Folder for the tables (JSON, Markdown, CSV) and plots (PNG).")]


@commands.command()
def methods(
    context: Context,
    pairs: Annotated[Path | None, Option(help="CSV with the columns a, b and same (1 or 0).")] = None,
    manifest: Annotated[Path | None, Option(help="Labelled photos to draw pairs from: CSV with sku and image.")] = None,
    split: Split = None,
    ambiguous: Ambiguous = None,
    method: Annotated[list[str] | None, Option(help="Only this method; may be given several times.")] = None,
    negatives: Annotated[
        Negatives, Option(help="hard: half of the wrong pairs are the most similar by the embedding.")
    ] = Negatives.HARD,
    seed: Seed = 0,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Compare the methods of the paper, and the whole verification, on the same labelled pairs."""
    from simsearch.evaluation.export import write_methods
    from simsearch.evaluation.methods import PairSource
    from simsearch.evaluation.run import evaluate_methods
    from simsearch.views.text import evaluation

    with opened_app(context) as app, progress_bar(context, "comparing") as progress:
        hard_share = 0.5 if negatives is Negatives.HARD else 0.0
        source = PairSource(pairs, manifest, split, ambiguous, hard_share, seed)
        report = evaluate_methods(app, source, methods=method or (), progress=progress)
    show(report, shapes.measurement, evaluation.comparison, as_json)
    if out is not None:
        for path in write_methods(report, out):
            note(f"{path}: written")


# -- measurements of answers: three commands with the same options -----------------------------------------------------


class _Measure(Protocol):
    """Asks the photos of a protocol and reports on the answers."""

    def __call__(
        self, app: "App", protocol: "EvaluationProtocol", *, work: Path | None, seed: int, facts: Mapping[str, Any],
        progress: "Progress",
    ) -> "Report": ...  # fmt: skip


class _Measurement(NamedTuple):
    """What one command does with its report. Loaded when the command runs."""

    measure: _Measure
    draw: Callable[[Any, Path], Sequence[Path]]


def _measuring(name: str, load: Callable[[], _Measurement], help_text: str) -> None:
    """Add a command that measures answers to labelled photos."""

    @commands.command(name, help=help_text)
    def command(
        context: Context,
        manifest: Manifest,
        split: Split = None,
        distractors: Distractors = None,
        ambiguous: Ambiguous = None,
        same: Same = None,
        work: Work = None,
        seed: Seed = 0,
        out: Out = None,
        leave_out_doubted: LeaveOutDoubted = False,
        as_json: Json = False,
    ) -> None:
        from simsearch.evaluation.export import write_answers
        from simsearch.evaluation.protocol import read_protocol
        from simsearch.views.text import evaluation

        measurement = load()
        facts = {"source": str(manifest), "split": split}
        with opened_app(context) as app, progress_bar(context, "evaluating") as progress:
            without = doubted(app, [manifest], leave_out=leave_out_doubted)
            protocol = read_protocol(
                manifest, split=split, distractors=distractors or (), ambiguous=ambiguous, same=same, without=without
            )
            report = measurement.measure(app, protocol, work=work, seed=seed, facts=facts, progress=progress)
        show(report, shapes.measurement, evaluation.recognition, as_json)
        if out is not None:
            queries = getattr(report, "queries", ())  # a report on probabilities has no line for each photo
            for path in [*write_answers(name.replace("-", "_"), report, out, queries), *measurement.draw(report, out)]:
                note(f"{path}: written")


def _retrieval() -> _Measurement:
    from simsearch.evaluation.plots import draw_retrieval
    from simsearch.evaluation.run import evaluate_retrieval

    return _Measurement(evaluate_retrieval, draw_retrieval)


def _open_set() -> _Measurement:
    from simsearch.evaluation.plots import draw_open_set
    from simsearch.evaluation.run import evaluate_open_set

    return _Measurement(evaluate_open_set, draw_open_set)


def _calibration() -> _Measurement:
    from simsearch.evaluation.plots import draw_calibration
    from simsearch.evaluation.run import evaluate_calibration

    return _Measurement(evaluate_calibration, draw_calibration)


_measuring(
    "retrieval", _retrieval,
    "How often the right product comes first: in each lane of the lookup, fused, and after verification.",
)  # fmt: skip
_measuring(
    "open-set", _open_set,
    "What is said of photos whose product is not in the catalog.\n\n"
    "Where all products that ask are in the catalog, every second one is taken out of it.",
)  # fmt: skip
_measuring(
    "calibration", _calibration, "Whether probabilities come true: of pairs, and of the first answer to each photo."
)


@commands.command()
def render(
    folder: Annotated[Path, Argument(help="Folder for the pictures and manifest.csv.")],
    products: Annotated[int, Option(min=4, max=5000, help="How many packages.")] = 60,
    photos: Annotated[int, Option(min=1, max=50, help="Simulated phone photos of each.")] = 3,
    severity: Annotated[float, Option(min=0.0, max=1.0, help="How bad the phone photos get.")] = 0.5,
    absent: Annotated[float, Option(min=0.0, max=0.9, help="Share of products that the catalog lacks.")] = 0.25,
    families: Annotated[float, Option(min=0.0, max=1.0, help="Share of products in look-alike families.")] = 0.0,
    seed: Annotated[int, Option(min=0, help="Another number renders other packages.")] = 21,
    as_json: Json = False,
) -> None:
    """Render packages with simulated phone photos, and the manifest that the other commands measure on."""
    from simsearch.evaluation.rendered_set import write_rendered_set
    from simsearch.views.text.output import say

    with writable(folder, "name another folder"):
        path = write_rendered_set(
            folder, products=products, photos=photos, seed=seed, severity=severity, absent=absent, family_share=families
        )
    show(path, lambda path: shapes.rendered(path, products), lambda path: say(f"{path}: written"), as_json)
