"""The plots of a measurement, as PNG files: of answers, of probabilities, and of methods side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from simsearch.evaluation.calibration_report import CalibrationReport
from simsearch.evaluation.evaluated_query import EvaluatedQuery
from simsearch.evaluation.intervals import Indices, bootstrap
from simsearch.evaluation.methods import Comparison
from simsearch.evaluation.metrics import roc
from simsearch.evaluation.recognition_report import OpenSetReport, RetrievalReport
from simsearch.evaluation.reliability import Reliability
from simsearch.evaluation.tables import Figure as Measured

_RIGHT, _WRONG, _ABSENT = "tab:green", "tab:red", "tab:purple"
_DEEPEST = 50


def draw_retrieval(report: RetrievalReport, folder: Path) -> list[Path]:
    """`recall.png` and `scores.png`."""
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    for name, colour, label in (("embedding_rank", "tab:blue", "embedding alone"), ("rank", "tab:orange", "verified")):
        _recall(axes, report.queries, name, colour, label)
    share = report.figures["fused_candidates"].value
    axes.axhline(share, color="grey", ls=":", lw=1.2, label=f"among the candidates: {share:.1%}")
    axes.set(
        xlabel="k", ylabel="share with the right product among the first k", ylim=(None, 1.005), xscale="log",
        title="Recall at k, with 95 % intervals over products",
    )  # fmt: skip
    axes.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return [_saved(figure, folder / "recall.png"), _scores(report.queries, folder / "scores.png")]


def _recall(axes: Axes, queries: Sequence[EvaluatedQuery], field: str, colour: str, label: str) -> None:
    ranks = np.array([getattr(q, field) for q in queries])
    ks = np.arange(1, _DEEPEST + 1)

    def values(i: Indices) -> dict[str, float]:
        r = ranks[i][~np.isnan(ranks[i])]
        return {str(k): float((r <= k).mean()) for k in ks}

    whole = values(np.arange(len(ranks)))
    spread = bootstrap(values, len(ranks), groups=np.array([q.sku for q in queries]), samples=300)
    axes.plot(ks, [whole[str(k)] for k in ks], color=colour, label=f"{label}: R@1 {whole['1']:.1%}")
    axes.fill_between(
        ks, [spread[str(k)].low for k in ks], [spread[str(k)].high for k in ks], color=colour, alpha=0.15, lw=0
    )


def _scores(queries: Sequence[EvaluatedQuery], path: Path) -> Path:
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    similarity = {
        "right product": (np.array([q.right_similarity for q in queries]), _RIGHT),
        "nearest other product": (np.array([q.wrong_similarity for q in queries]), _WRONG),
    }
    _histogram(left, similarity, "cosine of the embeddings", "Embedding alone")
    _histogram(right, _by_answer(queries), "probability of the first answer", "After verification", (0.0, 1.0))
    return _saved(figure, path)


def _by_answer(queries: Sequence[EvaluatedQuery]) -> dict[str, tuple[NDArray[np.float64], str]]:
    kinds = (
        ("right answer", _RIGHT, [q.probability for q in queries if q.known and q.first_right]),
        ("wrong answer", _WRONG, [q.probability for q in queries if q.known and not q.first_right]),
        ("product not in the catalog", _ABSENT, [q.probability for q in queries if not q.known]),
    )
    return {name: (np.array(p), colour) for name, colour, p in kinds if p}


def _histogram(
    axes: Axes,
    groups: dict[str, tuple[NDArray[np.float64], str]],
    label: str,
    title: str,
    ends: tuple[float, float] | None = None,
) -> None:
    finite = {name: (x[np.isfinite(x)], colour) for name, (x, colour) in groups.items()}
    every = np.concatenate([x for x, _ in finite.values()])
    low, high = ends or (float(every.min()), float(every.max()))
    bins = np.linspace(low, max(high, low + 1e-6), 31)
    for name, (x, colour) in finite.items():
        axes.hist(x, bins=bins.tolist(), color=colour, alpha=0.5, label=f"{name} ({len(x)})")
    axes.set(xlabel=label, ylabel="photos", title=title)
    axes.legend(fontsize=8, loc="upper center")


def draw_open_set(report: OpenSetReport, folder: Path) -> list[Path]:
    """`open_set.png`: ROC and DET of the best answer, and its probabilities."""
    figure = Figure(figsize=(15, 4.6), layout="constrained")
    roc, det, scores = figure.subplots(1, 3)
    known, absent = report.groups.values()
    p, right = np.array([q.probability for q in known]), np.array([q.first_right for q in known])
    outside = np.array([q.probability for q in absent])
    thresholds = np.unique(np.concatenate([[0.0], p, outside]))[::-1]
    accepts = np.array([0.0, *(float((right & (p >= t)).mean()) for t in thresholds)])
    false = np.array([0.0, *(float((outside >= t).mean()) for t in thresholds)])
    floor = 0.5 / len(absent)  # zero has no place on a logarithmic axis
    roc.plot(np.maximum(false, floor), accepts, drawstyle="steps-post")
    det.plot(np.maximum(false, floor), np.maximum(1 - accepts, 0.5 / len(known)), drawstyle="steps-post")
    # Several ways to choose a threshold may come to the same one.
    for marker, (name, at) in zip("osD", report.thresholds.items(), strict=True):
        if np.isnan(at):
            continue
        rates = report.rates[name]
        x, y = max(rates["false_accept_rate"].value, floor), rates["true_accept_rate"].value
        roc.plot(x, y, marker, label=name, ms=8, mfc="none", mew=1.6)
        det.plot(x, max(1 - y, 0.5 / len(known)), marker, label=name, ms=8, mfc="none", mew=1.6)
    x_label = "false accepts: share of photos of absent products"
    roc.set(xscale="log", xlabel=x_label, ylabel="right accepts: share of known", ylim=(0, 1.01), title="ROC")
    det.set(xscale="log", yscale="log", xlabel=x_label, ylabel="known that are not rightly accepted", title="DET")
    for axes in (roc, det):
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize=8, loc="lower right" if axes is roc else "upper right")
        axes.yaxis.set_minor_formatter(lambda y, place: f"{y:g}")
        axes.yaxis.set_major_formatter(lambda y, place: f"{y:g}")
    _histogram(scores, _by_answer(report.queries), "probability of the first answer", "Distribution", (0.0, 1.0))
    scores.axvline(next(iter(report.thresholds.values())), color="black", lw=1)
    scores.set_yscale("symlog", linthresh=1)
    return [_saved(figure, folder / "open_set.png")]


def draw_calibration(report: CalibrationReport, folder: Path) -> list[Path]:
    """`reliability.png`: one diagram a kind of probability, counts beneath."""
    count = max(1, len(report.diagrams))
    figure = Figure(figsize=(5.2 * count, 5.6), layout="constrained")
    panels = figure.subplots(2, count, squeeze=False, sharex="col", height_ratios=(3, 1))
    for (above, below), (name, (diagram, figures)) in zip(panels.T, report.diagrams.items(), strict=True):
        _reliability(above, below, diagram, f"{name}: ECE {_plain(figures['expected_error'])}")
    return [_saved(figure, folder / "reliability.png")]


def _plain(figure: Measured) -> str:
    return f"{figure.value:.3f}"


def _reliability(above: Axes, below: Axes, diagram: Reliability, title: str) -> None:
    width = float(diagram.edges[1] - diagram.edges[0])
    middle = (diagram.edges[:-1] + diagram.edges[1:]) / 2
    filled = diagram.counts > 0
    above.bar(middle[filled], diagram.frequency[filled], 0.92 * width, color="tab:blue", alpha=0.55, label="came true")
    above.plot([0, 1], [0, 1], color="grey", ls="--", lw=1, label="as promised")
    above.plot(diagram.confidence[filled], diagram.frequency[filled], "o", color="tab:red", ms=4, label="mean of a bin")
    above.set(ylabel="share of the same product", xlim=(0, 1), ylim=(0, 1.02), title=title)
    above.legend(fontsize=8, loc="upper left")
    below.bar(middle, diagram.counts, 0.92 * width, color="grey")
    below.set(xlabel="probability", ylabel="how many", yscale="symlog")
    below.yaxis.set_major_formatter(lambda x, pos: f"{x:g}")


def draw_roc(comparison: Comparison, path: Path) -> None:
    """ROC curves of all methods on the test pairs; low false accept rates, which matter most, on a logarithmic axis."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    test = ~comparison.pairs.validation
    negatives = max(1, int((~comparison.pairs.same[test]).sum()))
    best_first = sorted(comparison.rows, key=lambda r: -r.figures.auc)
    for number, row in enumerate(best_first):
        curve = roc(row.scores[test], comparison.pairs.same[test])
        x = np.maximum(curve.false_accept_rate, 0.5 / negatives)  # zero has no place on a logarithmic axis
        style = ("-", "--", ":")[number // 10 % 3]
        axes.plot(x, curve.true_accept_rate, style, label=f"{row.name}  {row.figures.auc:.3f}", drawstyle="steps-post")
    axes.set(
        xscale="log",
        xlabel="false accept rate",
        ylabel="true accept rate",
        ylim=(0, 1.01),
        title="method and area under ROC",
    )
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.grid(alpha=0.3, which="both")
    _saved(figure, path)


def draw_scores(comparison: Comparison, path: Path) -> None:
    """Histograms of the scores of right and wrong test pairs, one panel a method, with the threshold chosen."""
    columns = 4
    lines = -(-len(comparison.rows) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.4 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    test = ~comparison.pairs.validation
    same = comparison.pairs.same[test]
    for axes, row in zip(panels, comparison.rows, strict=False):
        scores = row.scores[test]
        low, high = np.percentile(scores, [0.5, 99.5])
        bins = np.linspace(low, max(high, low + 1e-6), 40)
        for kind, colour, label in ((same, "tab:green", "same"), (~same, "tab:red", "different")):
            axes.hist(np.clip(scores[kind], low, high), bins=bins, color=colour, alpha=0.55, label=label)
        axes.axvline(row.figures.threshold, color="black", lw=1)
        axes.set_title(f"{row.name}: {row.figures.accuracy:.1%}", fontsize=9)
        axes.tick_params(labelsize=7)
    for axes in panels[len(comparison.rows) :]:
        axes.set_visible(False)
    panels[0].legend(fontsize=7, loc="upper left")
    _saved(figure, path)


def _saved(figure: Figure, path: Path) -> Path:
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png", dpi=110)
    return path
