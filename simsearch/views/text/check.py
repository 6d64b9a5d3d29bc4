"""What `simsearch check` prints, as a table or CSV."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from simsearch.catalog.doubts import Doubt, DoubtedPhoto, DoubtVerdict, FilingAction
from simsearch.core.text import percent
from simsearch.filing import CheckReport
from simsearch.filing.desk import DecidedDoubt, TableChange
from simsearch.views.files import NewFile
from simsearch.views.text.output import OUT, say, table, text

COLUMNS = (
    "state", "doubt", "kind", "probability", "sku", "image", "path", "field", "action", "to_sku", "against_sku",
    "against", "reason", "note",
)  # fmt: skip
SHOWN = 50
"""Doubts in the table."""


def report(r: CheckReport) -> None:
    """The doubts, surest first, and what was looked at."""
    lines = table("doubt", "probability", "kind", "SKU", "image", "why", "what would mend it")
    for d in r.doubts[:SHOWN]:
        image = d.photo.image if d.photo else d.field
        row = (str(d.id), percent(d.probability), d.kind.value, d.sku, image, d.reason, mend(d))
        lines.add_row(*map(text, row))
    if r.doubts:
        OUT.print(lines)
        OUT.print(in_numbers(r.doubts))
    else:
        OUT.print("no doubts")
    if len(r.doubts) > SHOWN:
        OUT.print(f"the surest {SHOWN}; all are in --json, --csv and --html")
    OUT.print(f"{r.looked_at} of {r.images} photos looked at in {r.seconds:.1f} s; the others are as they were")
    if r.without_print:
        OUT.print(f"nothing was read on {r.without_print} photos, which are judged by their looks: `simsearch read`")


def in_numbers(doubts: Iterable[Doubt]) -> str:
    """ "12 doubts (3 new): 5 other-product, 7 words-differ"."""
    found = list(doubts)
    kinds = Counter(d.kind.value for d in found)
    new = sum(d.new for d in found)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])))
    return f"{len(found)} doubt{'s' * (len(found) != 1)}{f' ({new} new)' if new else ''}: {listed}"


def mend(d: Doubt) -> str:
    """What would mend it, in words."""
    if d.action is FilingAction.MOVE:
        return f"file it under {d.to_sku}"
    if d.action is FilingAction.MERGE:
        return f"merge {d.sku} into {d.to_sku}"
    return "leave it out" if d.action is FilingAction.LEAVE_OUT else "correct the table"


def decided(d: DecidedDoubt) -> None:
    """What is now known of a doubt, and what it changed."""
    about = f"doubt {d.doubt.id} ({d.doubt.kind.value}, {d.doubt.sku})"
    if d.doubt.verdict is None:
        say(f"{about}: open again{f', {_photos(d.images)} filed as before' if d.images else ''}")
    elif d.doubt.verdict is DoubtVerdict.DISMISSED:
        say(f"{about}: dismissed, and not listed again")
    elif not d.images:
        say(f"{about}: accepted; the table has to be corrected by its owner: `simsearch check --csv`")
    else:
        say(f"{about}: accepted; {mend(d.doubt)}: done for {_photos(d.images)}")
        say(f"`simsearch check forget {d.doubt.id}` undoes it")


def _photos(count: int) -> str:
    return f"{count} photo{'s' * (count != 1)}"


def said(found: Sequence[Doubt]) -> None:
    """What people said, one a line."""
    if not found:
        OUT.print("nothing was said of any doubt")
        return
    lines = table("doubt", "when (UTC)", "said", "kind", "SKU", "image", "correction", "note")
    for d in found:
        correction = mend(d) if d.verdict is DoubtVerdict.ACCEPTED else ""
        when = f"{d.said_at:%Y-%m-%d %H:%M}" if d.said_at else ""
        row = (str(d.id), when, d.verdict or "", d.kind.value, d.sku, d.photo.image if d.photo else d.field)
        lines.add_row(*map(text, (*row, correction, d.note)))
    OUT.print(lines)


# -- CSV -------------------------------------------------------------------------------------------------------------


def write_csv(doubts: Sequence[Doubt], changes: Sequence[TableChange], path: Path) -> None:
    """What was accepted, oldest first, then the open doubts, surest first; a line each."""
    with NewFile(path) as file:
        _csv(doubts, changes, file.stream)


def print_csv(doubts: Sequence[Doubt], changes: Sequence[TableChange]) -> None:
    """`write_csv` to standard output."""
    _csv(doubts, changes, sys.stdout)


def _csv(doubts: Sequence[Doubt], changes: Sequence[TableChange], stream: TextIO) -> None:
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(COLUMNS)
    for change in changes:
        # The owner knows the photo by the SKU that the table gives it.
        sku = change.correction.sku if change.correction else change.doubt.sku
        rows.writerow(_row("accepted", change.doubt, sku, change.photo))
    rows.writerows(_row("open", d, d.sku, d.photo) for d in doubts)


def _row(state: str, d: Doubt, sku: str, photo: DoubtedPhoto | None) -> list[str]:
    against = d.against if d.against != photo else d.photo
    return [
        state, str(d.id), d.kind.value, f"{d.probability:.6f}", sku, photo.image if photo else "",
        photo.path if photo else "", d.field, d.action.value, d.to_sku, d.against_sku, against.image if against else "",
        d.reason, d.note,
    ]  # fmt: skip
