"""What `simsearch evaluate` prints: the tables of a report."""

from __future__ import annotations

from simsearch.evaluation.methods import MethodsReport
from simsearch.evaluation.tables import Report
from simsearch.views.text.output import OUT, left_out, table, text


def comparison(r: MethodsReport) -> None:
    """Every method on the same pairs, best accuracy first."""
    shown = table("method", "accuracy", "95 %", "precision", "recall", "F1", "AUC", "FPR95", "files/s", "cached/s")
    for row in r.comparison.records():
        low, high = row["accuracy_95"]
        shares = (f"{row[key]:.3f}" for key in ("precision", "recall", "f1", "auc", "fpr_at_95_tpr"))
        interval = f"{low:.1%} to {high:.1%}"
        speeds = f"{row['pairs_per_s_files']:.0f}", f"{row['pairs_per_s_cached']:,.0f}"
        shown.add_row(row["method"], f"{row['accuracy']:.2%}", interval, *shares, *speeds)
    OUT.print(shown)
    f = r.facts
    OUT.print(
        f"{f['test_pairs']} test pairs ({f['test_positives']} of the same product); thresholds from "
        f"{f['validation_pairs']} pairs of other products; FPR95: wrong pairs accepted where 95 % of the right ones are"
    )
    OUT.print(f"speeds: pairs a second from files, and on cached descriptors; {text(f['machine'])}")
    left_out(r.refusals)
    OUT.print(r.negatives)
    OUT.print(r.json()["note"])


def recognition(r: Report) -> None:
    """The tables of a measurement, and what it was made on."""
    for one in r.tables():
        OUT.print(f"[bold]{text(one.title)}[/]")
        shown = table(*one.columns)
        for row in one.rows:
            shown.add_row(*map(text, row))
        OUT.print(shown)
        OUT.print()
    f = r.facts
    OUT.print(
        f"{f['queries']} photos asked, {f['queries_known']} of products in the catalog; {f['catalog_images']} images "
        f"there, {f['distractors']} of them distractors; 95 % intervals by bootstrap over products"
    )
    if f["queries_hidden"]:
        OUT.print(f"{f['queries_hidden']} photos can only be missed: every reference of theirs is listed as doubtful")
    OUT.print(text(f["machine"]))
    left_out(r.refusals)
    if "pairs_not_measured" in f:
        OUT.print(f"no pairs were measured: {text(f['pairs_not_measured'])}")
