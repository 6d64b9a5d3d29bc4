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
    passed_over(r.passed_over)
    if r.described:
        OUT.print(f"{r.described} photos described in {r.seconds:.1f} s ({rate(r)} a second)")
    if r.generation:
        OUT.print(f"generation {r.generation} serves now")


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
