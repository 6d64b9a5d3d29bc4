#!/usr/bin/env python3
"""Compare the methods on every set, and write tables and plots into a document.

usage: measure_methods.py DATA_DIR WORK_DIR [--doc docs/methods.md] [--only SET ...] [--products N]

Sets: boxes, strips, tfda (of DATA_DIR, see evaluation_manifests.py) and rendered. The text of the document between
`<!-- SET -->` and `<!-- end of SET -->` is replaced. Plots go beside it as methods_SET_roc.png and
methods_SET_scores.png, all figures to WORK_DIR/SET. `--products N`: only so many products of each set, as a trial.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

from evaluation_manifests import manifests, records, write

from simsearch import open_app
from simsearch.evaluation.export import methods_markdown, write_methods
from simsearch.evaluation.methods import PairSource
from simsearch.evaluation.rendered_set import write_rendered_set
from simsearch.evaluation.run import evaluate_methods

SETS = ("boxes", "strips", "tfda", "rendered")
RENDERED = {"products": 120, "photos": 2, "seed": 21}
PLOTS = {"roc": "ROC curves", "scores": "scores of right and wrong pairs"}


def table_of(name: str, data: Path, work: Path) -> Path:
    """The manifest of a set."""
    if name != "rendered":
        manifests(data, work / "manifests")
        return work / "manifests" / f"{name}_pairs.csv"
    return write_rendered_set(work / "rendered_set", severity=0.5, absent=0.0, family_share=0.0, **RENDERED)


def shortened(table: Path, products: int) -> Path:
    """A table with the first `products` products of each part; its path."""
    rows = records(table)
    kept: dict[str, list[str]] = {}
    for row in rows:
        skus = kept.setdefault(row.get("part", ""), [])
        if row["sku"] not in skus and len(skus) < products:
            skus.append(row["sku"])
    chosen = [list(r.values()) for r in rows if r["sku"] in kept[r.get("part", "")]]
    return Path(write(table.with_name(f"{table.stem}_short.csv"), list(rows[0]), chosen))


def replaced(text: str, name: str, block: str) -> str:
    """`text` with `block` between the marks of `name`."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if text.count(first) != 1 or text.count(last) != 1:
        sys.exit(f"the document needs the marks {first} and {last}, once each")
    return re.sub(f"(?s){first}.*{last}", lambda _: f"{first}\n{block}\n{last}", text)


def main(data: Path, work: Path, doc: Path, only: list[str], products: int | None) -> None:
    """Measure the sets and write after each of them, so that an interrupted run keeps what it measured."""
    for name in only:
        table = table_of(name, data, work)
        if products is not None:
            table = shortened(table, products)
        ambiguous = data / "boxes_ambiguous.csv" if name in ("boxes", "strips") else None
        with open_app(work / "home") as app:
            report = evaluate_methods(app, PairSource(manifest=table, ambiguous=ambiguous))
        write_methods(report, work / name)
        plots = []
        for plot, words in PLOTS.items():
            beside = doc.with_name(f"{doc.stem}_{name}_{plot}.png")
            shutil.copyfile(work / name / f"{plot}.png", beside)
            plots.append(f"![{words}, {name}]({beside.name})")
        # The paper's own figures stand once in the document.
        block = methods_markdown(report).rpartition("\n\n")[0]
        doc.write_text(replaced(doc.read_text(encoding="utf-8"), name, "\n\n".join([block, *plots])), encoding="utf-8")
        print(f"{name}: {work / name}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--doc", type=Path, default=Path("docs/methods.md"))
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--products", type=int)
    given = parser.parse_args()
    main(given.data, given.work, given.doc, given.only, given.products)
