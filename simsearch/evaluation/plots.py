"""The plots of an evaluation, as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from simsearch.evaluation.compare_methods import Comparison
from simsearch.evaluation.metrics import roc


def draw_roc(comparison: Comparison, path: Path) -> None:
    """ROC curves of all methods on the test pairs; the false accept rate on a logarithmic axis, where the work is."""
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
    FigureCanvasAgg(figure)
    figure.savefig(path)


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
    panels[0].legend(fontsize=7)
    FigureCanvasAgg(figure)
    figure.savefig(path)
