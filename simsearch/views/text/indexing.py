"""What `simsearch index` prints, and `simsearch status --refused`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simsearch.core.types import Refusal
from simsearch.ingest.passed_over import PassedOverGroup, in_words
from simsearch.views.json import rate
from simsearch.views.text.output import OUT, text

if TYPE_CHECKING:
    from simsearch.ingest.index_report import IndexReport
    from simsearch.ingest.reading_report import ReadingReport

_SHOWN_REFUSALS = 10


def report(r: IndexReport) -> None:
    """Counts of an indexing run."""
    for refusal in r.refusals[:_SHOWN_REFUSALS]:
        OUT.print(f"[red]refused[/]  {refusal.code}  {text(refusal.message)}")
    if len(r.refusals) > _SHOWN_REFUSALS:
        OUT.print(f"... and {len(r.refusals) - _SHOWN_REFUSALS} more: `simsearch status --refused`")
    parts = {
        "added": r.added, "changed": r.changed, "described anew": r.redescribed, "unchanged": r.unchanged,
        "retired": r.retired, "refused": r.refused,
    }  # fmt: skip
    always = ("added", "unchanged", "refused")
    OUT.print(", ".join(f"{n} {name}" for name, n in parts.items() if n or name in always))
    if r.kept:
        OUT.print(f"{r.kept} images are no longer listed and stay: a refused row or folder may stand for them")
    if r.corrected or r.left_out:
        moved = f"{r.corrected} photos stay filed as people corrected them" if r.corrected else ""
        gone = f"{r.left_out} stay left out" if r.left_out else ""
        OUT.print(f"{', '.join(filter(None, [moved, gone]))}: `simsearch check said`")
    passed_over(r.passed_over)
    if r.described:
        OUT.print(f"{r.described} photos described in {r.seconds:.1f} s ({rate(r)} a second)")
    if r.generation:
        OUT.print(f"generation {r.generation} serves now")
    if r.reading:
        reading(r.reading)
    if r.filing and (r.filing.new or r.filing.why):
        OUT.print(f"filing: {text(r.filing.words)}")


def reading(r: ReadingReport) -> None:
    """What was read of what is printed on the photos; nothing where all was read before."""
    for refusal in r.failed[:_SHOWN_REFUSALS]:
        OUT.print(f"[yellow]not read[/]  {refusal.code}  {text(refusal.message)}")
    if len(r.failed) > _SHOWN_REFUSALS:
        OUT.print(f"... and {len(r.failed) - _SHOWN_REFUSALS} more: --json lists them")
    if r.read:
        before = f", {r.copied} of them from equal photos read before" if r.copied else ""
        OUT.print(f"print of {r.read} photos read in {r.seconds:.1f} s ({r.per_second} a second){before}")
    if r.left:
        OUT.print(f"print of {r.left} photos is still to be read")
    if r.why:
        OUT.print(f"[yellow]{'not all is read' if r.left or r.read else 'print is not read'}[/]: {text(r.why)}")


def only_reading(r: ReadingReport) -> None:
    """The same where nothing else was done."""
    reading(r)
    if not (r.read or r.left or r.why):
        OUT.print("all that can be read is read already")


def passed_over(groups: Sequence[PassedOverGroup]) -> None:
    """One line of counts; nothing where nothing was passed over."""
    if groups:
        OUT.print(f"passed over: {text(in_words(groups))}")


def refusals(found: Sequence[Refusal]) -> None:
    """What was refused, one a line."""
    for refusal in found:
        OUT.print(f"{refusal.code:13} {text(refusal.message)}")
    if not found:
        OUT.print("nothing was refused")
