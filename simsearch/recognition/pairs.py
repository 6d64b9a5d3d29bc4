"""Lists of suspected pairs that come from elsewhere, and what a verdict on one of them rests on."""

from __future__ import annotations

from pathlib import Path

from simsearch.core.errors import SourceError
from simsearch.core.text import basis, below, percent
from simsearch.core.types import Refusal, Verification
from simsearch.ingest.sources import read_table


def read_pairs(path: Path) -> tuple[list[tuple[str, str, str]], list[Refusal]]:
    """(line, photo, photo) from a CSV with the columns `a` and `b` (relative to the file), and the lines that are none.

    Raises:
        SourceError: no such file, not a CSV with these columns, or no line in it.
    """
    records, refusals = read_table(path, ("a", "b"))
    pairs: list[tuple[str, str, str]] = []
    for where, record in records:
        a, b = record.get("a", "").strip(), record.get("b", "").strip()
        if a and b and a.isprintable() and b.isprintable():
            pairs.append((where, str(path.parent / a), str(path.parent / b)))
        else:
            refusals.append(Refusal(where, "bad_row", f"{where}: needs a photo in each of the columns a and b"))
    if not pairs and not refusals:
        raise SourceError(f"{path}: holds no pairs; give a line for each, with a photo in the columns a and b")
    return pairs, refusals


def reason(v: Verification, threshold: float) -> str:
    """What the verdict on a pair rests on."""
    if v.probability >= threshold:
        return basis(v)
    return f"{basis(v)}: {below(v.probability, threshold)} is less than the {percent(threshold)} that a pair needs"
