"""What `simsearch decisions` prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from rich.padding import Padding

from simsearch.catalog.decisions import RecordedDecision
from simsearch.core.print_wording import in_short
from simsearch.core.text import percent
from simsearch.views import json as shapes
from simsearch.views.files import NewFile
from simsearch.views.text.output import OUT, say, table, text


def decisions(found: Iterable[RecordedDecision], limit: int) -> None:
    """A line a recorded answer. Where there are `limit` of them, more may have been left out."""
    lines = table("decision", "when (UTC)", "photo", "says", "SKU", "probability", "found out")
    for d in found:
        when = shapes.instant(d.at)
        row = (str(d.id), when, d.query, d.outcome, d.sku or "", percent(d.probability), _found_out(d))
        lines.add_row(*map(text, row))
    if not lines.row_count:
        OUT.print("no decision is recorded that fits")
        return
    OUT.print(lines)
    if lines.row_count == limit:
        OUT.print(f"the newest {limit}; --limit shows more")


def _found_out(d: RecordedDecision) -> str:
    if d.review is None:
        return ""
    right = d.review.verdict.value == "confirmed"
    shows = "" if right and d.review.sku == d.sku else f": {d.review.sku or 'none of the catalog'}"
    words = f"{'right' if right else 'wrong'}{shows}{f', added as {d.face}' if d.face else ''}"
    return f"{words} ({d.review.note})" if d.review.note else words


def one(d: RecordedDecision) -> None:
    """One decision with its candidates. Records of older versions lack some of the evidence."""
    e = d.evidence
    OUT.print(f"[bold]decision {d.id}[/]  {shapes.instant(d.at)}  {text(d.query)}")
    OUT.print(f"  {d.outcome.upper()}  {text(d.sku or '')}  {text(str(e.get('reason', '')))}")
    if d.review is not None:
        OUT.print(f"  a person found it {text(_found_out(d))}")
    OUT.print(f"  sha256 {d.query_sha256}, generation {text(d.generation)}")
    if "match_threshold" in e:
        OUT.print(f"  a match needs {percent(e['match_threshold'])}; margin {e.get('margin', 0.0):g}")
    for name, fingerprint in e.get("fingerprints", {}).items():
        OUT.print(f"  {text(name)}: {text(fingerprint)}")
    _print(e)
    hits = table("SKU", "image id", "probability", "similarity", "inliers", "support", "print")
    for hit in e.get("hits", ()):
        hits.add_row(*map(text, (hit["sku"], str(hit["image_id"]), *_scores(hit), _says(hit))))
    OUT.print(Padding(hits, (0, 0, 0, 2), expand=False))


def _print(e: Mapping[str, Any]) -> None:
    """What was read, as far as the record keeps it; nothing for records of photos that were not read."""
    if "read" in e:
        read = e["read"]
        fields = ", ".join([*read["strengths"], *read["packs"], *read["forms"]])
        OUT.print(f"  read: {text(fields or 'no strength, pack or form')}, in {len(read['lines'])} lines")
    if e.get("codes"):
        OUT.print(f"  codes: {text(', '.join(e['codes']))}")
    for fact in e.get("contradictions", ()):
        apart = f"{fact['kind']} {fact['photo']}, but in the catalog {fact['catalog']}"
        OUT.print(f"  [red]contradiction[/]  {text(apart)}")


def _says(hit: Mapping[str, Any]) -> str:
    """What print says of a hit: by kind, agreements and contradictions."""
    printed = hit.get("printed")
    if not printed:
        return ""
    agree, against = ([str(fact["kind"]) for fact in printed[key]] for key in ("agreements", "contradictions"))
    return in_short(agree, against)


def _scores(hit: dict[str, Any]) -> tuple[str, ...]:
    """Records of older versions have no support: what they call inliers is that."""
    inliers, support = (hit["inliers"], hit["support"]) if "support" in hit else ("", hit["inliers"])
    return percent(hit["probability"]), f"{hit['similarity']:.2f}", str(inliers), f"{support:.0f}"


def said(d: RecordedDecision) -> None:
    """What is now known of a decision."""
    say(f"decision {d.id} ({d.outcome}{' ' + d.sku if d.sku else ''}): {_found_out(d) or 'not looked at'}")


# -- export ----------------------------------------------------------------------------------------------------------


def export(found: Iterable[RecordedDecision], path: str) -> int:
    """Write complete records as JSONL to a file, or to standard output for "-"; return how many."""
    count = 0
    with _opened(path) as stream:
        for decision in found:
            stream.write(json.dumps(shapes.decision(decision), ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    if path == "-":
        yield sys.stdout
        return
    with NewFile(path) as file:
        yield file.stream
