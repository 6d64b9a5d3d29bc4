"""What `simsearch decisions` prints: a line or JSON object a recorded answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TextIO

from rich.padding import Padding

from simsearch.catalog.decisions import RecordedDecision
from simsearch.recognition.engine import percent
from simsearch.views.text.output import OUT, print_json, table, text


def decision_json(d: RecordedDecision) -> dict[str, Any]:
    """Everything that was recorded, and what a person says of it."""
    review = d.review and {
        "verdict": d.review.verdict.value, "sku": d.review.sku, "note": d.review.note, "at": _time(d.review.at)
    }  # fmt: skip
    return {
        "id": d.id, "at": _time(d.at), "query": d.query, "query_sha256": d.query_sha256, "decision": d.outcome,
        "sku": d.sku, "probability": round(d.probability, 6), "generation": d.generation, **d.evidence,
        "review": review,
    }  # fmt: skip


def _time(at: datetime) -> str:
    return f"{at.isoformat(timespec='seconds')}Z"


def decisions(found: Iterable[RecordedDecision], as_json: bool, limit: int) -> None:
    """A table, or an object a line."""
    if as_json:
        for decision in found:
            print_json(decision_json(decision))
        return
    lines = table("decision", "when (UTC)", "photo", "says", "SKU", "probability", "found out")
    for d in found:
        row = (str(d.id), _time(d.at), d.query, d.outcome, d.sku or "", percent(d.probability), _found_out(d))
        lines.add_row(*map(text, row))
    if lines.row_count:
        OUT.print(lines)
        if lines.row_count == limit:
            OUT.print(f"the newest {limit}; --limit shows more")
    else:
        OUT.print("no decision is recorded that fits")


def _found_out(d: RecordedDecision) -> str:
    if d.review is None:
        return ""
    shows = d.review.sku or "none of the catalog"
    words = "right" if d.review.verdict.value == "confirmed" else f"wrong: {shows}"
    if d.review.verdict.value == "confirmed" and d.review.sku != d.sku:
        words = f"right: {shows}"
    return f"{words} ({d.review.note})" if d.review.note else words


def one(d: RecordedDecision, as_json: bool) -> None:
    """One decision with its candidates."""
    if as_json:
        return print_json(decision_json(d))
    e = d.evidence
    OUT.print(f"[bold]decision {d.id}[/]  {_time(d.at)}  {text(d.query)}")
    OUT.print(f"  {d.outcome.upper()}  {text(d.sku or '')}  {text(str(e.get('reason', '')))}")
    if d.review is not None:
        OUT.print(f"  a person found it {text(_found_out(d))}")
    OUT.print(f"  sha256 {d.query_sha256}, generation {text(d.generation)}")
    OUT.print(f"  a match needs {percent(e.get('match_threshold', 0.0))}; margin {e.get('margin', 0.0):g}")
    for name, fingerprint in e.get("fingerprints", {}).items():
        OUT.print(f"  {text(name)}: {text(fingerprint)}")
    hits = table("SKU", "image id", "probability", "similarity", "inliers")
    for hit in e.get("hits", ()):
        numbers = (percent(hit["probability"]), f"{hit['similarity']:.2f}", str(hit["inliers"]))
        hits.add_row(*map(text, (hit["sku"], str(hit["image_id"]), *numbers)))
    OUT.print(Padding(hits, (0, 0, 0, 2), expand=False))
    return None


def export(found: Iterable[RecordedDecision], path: str) -> int:
    """JSONL to a file, or to standard output for "-"; how many decisions."""
    count = 0
    with _opened(path) as stream:
        for decision in found:
            stream.write(json.dumps(decision_json(decision), ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    if path == "-":
        yield sys.stdout
        return
    with open(path, "w", encoding="utf-8") as stream:
        yield stream


def said(d: RecordedDecision, as_json: bool) -> None:
    """What is now known of a decision."""
    if as_json:
        return print_json(decision_json(d))
    words = _found_out(d) or "not looked at"
    return OUT.print(f"decision {d.id} ({text(d.outcome)}{text(' ' + d.sku if d.sku else '')}): {text(words)}")
