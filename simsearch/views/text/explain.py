"""How an answer came about: the time of each stage, what each lane found, what was read, and where hits were found."""

from __future__ import annotations

from rich.padding import Padding

from simsearch.core.types import Decision
from simsearch.views.text.output import OUT, table, text


def explanation(answer: Decision) -> None:
    """Small tables: the lanes, the lines that were read, what print says of the hits, their place in each lane."""
    took(answer)
    lanes = table("lane", "ms", "images found", "by no other lane")
    for share in answer.lanes:
        lanes.add_row(text(share.name), f"{share.took_ms:.1f}", str(share.found), str(share.alone))
    OUT.print(Padding(lanes, (0, 0, 0, 2), expand=False))
    if answer.read is not None and answer.read.lines:
        said = table("read", "confidence")
        for line in answer.read.lines:
            said.add_row(text(line.text), f"{line.confidence:.2f}")
        OUT.print(Padding(said, (0, 0, 0, 2), expand=False))
    for pill in answer.pills:
        OUT.print(f"  pill: {pill.words}", markup=False)
    _facts(answer)
    if answer.hits:
        names = [share.name for share in answer.lanes]
        places = table("place of", *names)
        for hit in answer.hits:
            places.add_row(text(hit.sku), *(str(hit.ranks.get(name, "-")) for name in names))
        OUT.print(Padding(places, (0, 0, 0, 2), expand=False))


def _facts(answer: Decision) -> None:
    """What print and codes say of each hit, photo beside catalog."""
    facts = table("print", "of", "photo", "catalog")
    for hit in answer.hits:
        printed = hit.verification.printed
        if printed is not None:
            for words, side in (("contradicts", printed.contradictions), ("agrees", printed.agreements)):
                for fact in side:
                    other = f"{fact.catalog}{' (table)' if fact.from_table else ''}"
                    facts.add_row(*map(text, (f"{words}: {fact.kind}", hit.sku, fact.photo, other)))
    if facts.row_count:
        OUT.print(Padding(facts, (0, 0, 0, 2), expand=False))


def took(answer: Decision) -> None:
    """The time of each stage."""
    stages = ", ".join(f"{stage} {ms:.1f} ms" for stage, ms in answer.stages_ms.items())
    OUT.print(f"  took {answer.took_ms:.1f} ms: {stages}")
