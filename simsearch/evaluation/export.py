"""A measurement on disk: JSON, Markdown, plots, and a CSV line for each photo or method."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from simsearch.evaluation.evaluated_query import EvaluatedQuery
from simsearch.evaluation.methods import PAPER, MethodsReport
from simsearch.evaluation.plots import draw_roc, draw_scores
from simsearch.evaluation.tables import Report


def write_answers(name: str, report: Report, folder: Path, queries: Sequence[EvaluatedQuery] = ()) -> list[Path]:
    """`name.json`, `name.md` and, where there are `queries`, `name.csv` with one line for each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.json", folder / f"{name}.md"]
    paths[0].write_text(json.dumps(report.json(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    paths[1].write_text(answers_markdown(report), encoding="utf-8")
    if queries:
        paths.append(folder / f"{name}.csv")
        with paths[-1].open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream:
            writer = csv.DictWriter(stream, list(queries[0].record))
            writer.writeheader()
            writer.writerows(q.record for q in queries)
    return paths


def answers_markdown(report: Report) -> str:
    """The tables for a document, with a line on what they were measured on."""
    f = report.facts
    counted = (
        f"{f['queries']} photos asked, {f['queries_known']} of products in the catalog, which holds "
        f"{f['catalog_images']} images, {f['distractors']} of them distractors. Intervals: 95 %, bootstrap over "
        f"products (Wilson's, of as many trials as products, where a rate is 0 or 1). {f['machine']}."
    )
    if f["queries_hidden"]:
        counted += f" {f['queries_hidden']} photos can only be missed: every reference of theirs is listed as doubtful."
    return "\n\n".join([*(table.markdown for table in report.tables()), counted]) + "\n"


def write_methods(report: MethodsReport, folder: Path) -> list[Path]:
    """`methods.json`, `methods.md`, `methods.csv`, `roc.png` and `scores.png` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    records = report.comparison.records()
    (folder / "methods.json").write_text(json.dumps(report.json(), indent=1) + "\n", encoding="utf-8")
    (folder / "methods.md").write_text(methods_markdown(report), encoding="utf-8")
    with (folder / "methods.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    draw_roc(report.comparison, folder / "roc.png")
    draw_scores(report.comparison, folder / "scores.png")
    return [*sorted(folder.glob("methods.*")), folder / "roc.png", folder / "scores.png"]


_COLUMNS = (
    "method", "accuracy (95 %)", "precision", "recall", "F1", "ROC AUC", "FPR at 95 % TPR", "pairs/s files", "cached",
)  # fmt: skip


def methods_markdown(report: MethodsReport) -> str:
    """The table for a document."""
    f = report.facts
    lines = ["| " + " | ".join(_COLUMNS) + " |", "|" + " --- |" * len(_COLUMNS)]
    for r in report.comparison.records():
        low, high = r["accuracy_95"]
        cells = (
            r["method"],
            f"{r['accuracy']:.2%} ({low:.1%} to {high:.1%})",
            *(f"{r[key]:.3f}" for key in ("precision", "recall", "f1", "auc", "fpr_at_95_tpr")),
            f"{r['pairs_per_s_files']:.0f}",
            f"{r['pairs_per_s_cached']:,.0f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    counted = (
        f"{f['test_pairs']} test pairs, {f['test_positives']} of them right; "
        f"thresholds from {f['validation_pairs']} pairs of other products"
    )
    return "\n".join([*lines, "", f"{counted}. {report.negatives} {f['machine']}.", "", PAPER, ""])
