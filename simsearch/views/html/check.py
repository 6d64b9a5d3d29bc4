"""The sheet of doubts about how the catalog is filed: both photos, and the lines that contradict in close-ups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from simsearch.catalog.doubts import Doubt, DoubtKind
from simsearch.catalog.images import ImageFacts
from simsearch.core.config import ImageSettings
from simsearch.core.text import percent
from simsearch.views.html.sheet import (
    Card,
    Part,
    Place,
    Row,
    Words,
    box_of,
    close_ups,
    differing,
    member,
    write_pages,
)
from simsearch.views.text.check import in_numbers, mend

_CLASHES = 3  # of one doubt that are shown in close-ups
_TITLES = {
    DoubtKind.OTHER_PRODUCT: "Photos that fit another product",
    DoubtKind.ODD_PHOTO: "Photos that fit none of their SKU",
    DoubtKind.ONE_PRODUCT_TWICE: "One product under two SKUs",
    DoubtKind.WORDS_DIFFER: "Rows that their photos contradict",
    DoubtKind.ROWS_DIFFER: "Rows that contradict each other",
}
WORDS = Words(
    "Doubts about filing", "simsearch-check", "simsearch check import", "accepted", "dismissed", "a", "d",
    "it is an error, do what would mend it", "it is none", "✓", "✗",
    ("doubt", "SKU", "probability", "what would mend it"),
)  # fmt: skip


def write_sheet(
    path: Path, doubts: Sequence[Doubt], facts: Mapping[int, ImageFacts], settings: ImageSettings, *, limit: int
) -> list[Path]:
    """Write HTML files that need no others, with at most `limit` doubts each; returns all.

    `facts`: of the photos of the doubts; one that is no longer in the catalog leaves a gap.
    """
    count = max(1, -(-len(doubts) // limit))
    return write_pages(
        path, count, WORDS, partial(_intro, doubts),
        lambda page: _parts(doubts[page * limit : (page + 1) * limit], facts, settings), decide=bool(doubts),
    )  # fmt: skip


def _intro(doubts: Sequence[Doubt], number: int, count: int) -> list[str]:
    if not doubts:
        return ["No doubts."]
    return [f"{in_numbers(doubts)}.", *([f"Page {number + 1} of {count}."] if count > 1 else [])]


def _parts(doubts: Sequence[Doubt], facts: Mapping[int, ImageFacts], settings: ImageSettings) -> Iterator[Part]:
    for kind, title in _TITLES.items():
        listed = [doubt for doubt in doubts if doubt.kind is kind]
        if listed:
            yield Part(title, map(partial(_card, facts, settings), listed))


def _card(facts: Mapping[int, ImageFacts], settings: ImageSettings, doubt: Doubt) -> Card:
    shown = [facts[p.image_id] for p in (doubt.photo, doubt.against) if p is not None and p.image_id in facts]
    cells = (str(doubt.id), doubt.sku, percent(doubt.probability), mend(doubt))
    row = Row(
        {"doubt": doubt.id, "key": doubt.key}, cells, doubt.reason, bool(doubt.clashes),
        _places(doubt, settings), doubt.verdict.value if doubt.verdict else "",
    )  # fmt: skip
    return Card(
        f"Doubt {doubt.id}", doubt.kind.value, doubt.probability, tuple(member(image, settings) for image in shown),
        differing(shown), (row,),
    )  # fmt: skip


def _places(doubt: Doubt, settings: ImageSettings) -> tuple[Place, ...]:
    wanted = [
        (photo.sku, photo.path, box_of(place), words)
        for clash in doubt.clashes[:_CLASHES]
        for photo, place, words in (
            (doubt.photo, clash.our_place, clash.ours), (doubt.against, clash.their_place, clash.theirs),
        )
        if photo is not None and place is not None
    ]  # fmt: skip
    return close_ups(wanted, settings)
