"""How an answer came about: the time of each stage, what each lane found, and where it found the hits."""

from __future__ import annotations

from rich.padding import Padding

from simsearch.core.types import Decision
from simsearch.views.text.output import OUT, table, text


def explanation(answer: Decision) -> None:
    """Two small tables: the lanes, and the place of every hit in each of them."""
    stages = ", ".join(f"{stage} {ms:.1f} ms" for stage, ms in answer.stages_ms.items())
    OUT.print(f"  took {answer.took_ms:.1f} ms: {stages}")
    lanes = table("lane", "ms", "images found", "by no other lane")
    for share in answer.lanes:
        lanes.add_row(text(share.name), f"{share.took_ms:.1f}", str(share.found), str(share.alone))
    OUT.print(Padding(lanes, (0, 0, 0, 2), expand=False))
    if answer.hits:
        names = [share.name for share in answer.lanes]
        places = table("place of", *names)
        for hit in answer.hits:
            places.add_row(text(hit.sku), *(str(hit.ranks.get(name, "-")) for name in names))
        OUT.print(Padding(places, (0, 0, 0, 2), expand=False))
