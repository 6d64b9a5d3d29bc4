"""A measurement of answers on disk: JSON, Markdown, and a line for each photo."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from simsearch.evaluation.evaluated_query import Asked
from simsearch.evaluation.tables import Sheet


class Report(Protocol):
    """What is written."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Source, counts, machine."""

    def json(self) -> dict[str, Any]:
        """All figures."""

    def sheets(self) -> list[Sheet]:
        """The tables."""


def write_answers(name: str, report: Report, folder: Path, asked: Sequence[Asked] = ()) -> list[Path]:
    """`name.json`, `name.md` and, where there are `asked` photos, `name.csv` with one line for each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.json", folder / f"{name}.md"]
    paths[0].write_text(json.dumps(report.json(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    paths[1].write_text(markdown(report), encoding="utf-8")
    if asked:
        paths.append(folder / f"{name}.csv")
        with paths[-1].open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream:
            writer = csv.DictWriter(stream, list(asked[0].record))
            writer.writeheader()
            writer.writerows(a.record for a in asked)
    return paths


def markdown(report: Report) -> str:
    """The tables for a document."""
    f = report.facts
    counted = (
        f"{f['queries']} photos asked, {f['queries_known']} of products in the catalog, which holds "
        f"{f['catalog_images']} images, {f['distractors']} of them distractors. Intervals: 95 %, bootstrap over "
        f"products (Wilson's, of as many trials as products, where a rate is 0 or 1). {f['machine']}."
    )
    if f["queries_hidden"]:
        counted += f" {f['queries_hidden']} photos can only be missed: every reference of theirs is listed as doubtful."
    return "\n\n".join([*(sheet.markdown for sheet in report.sheets()), counted]) + "\n"
