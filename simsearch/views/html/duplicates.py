"""The sheet of suspected duplicates: what `sheet` shows of groups and of pairs of look-alikes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from simsearch.catalog.images import ImageFacts
from simsearch.core.config import ImageSettings
from simsearch.core.text import percent
from simsearch.duplicates import KINDS, DuplicateGroup, DuplicatePair, Findings, PairKind, without_print
from simsearch.views.html.sheet import (
    MOST_PICTURES,
    MOST_ROWS,
    Card,
    Part,
    Place,
    Row,
    Words,
    box_of,
    close_ups,
    differing,
    member,
    more,
    write_pages,
)

_CONTRADICTIONS = 3  # of one pair that are shown in close-ups
_TITLES = {
    PairKind.IDENTICAL: "Identical files", PairKind.SAME_PHOTO: "One photo, changed",
    PairKind.SAME_PRODUCT: "Other photos of one product", PairKind.LOOK_ALIKE: "Look-alikes, not duplicates",
}  # fmt: skip
WORDS = Words(
    "Suspected duplicates", "simsearch-duplicates-2", "simsearch duplicates import", "confirmed", "dismissed", "c", "d",
    "all pairs of the group are duplicates", "none is", "=", "≠",
    ("pair", "kind", "probability", "similarity", "inliers", "support"),
)  # fmt: skip


def write_sheet(path: Path, found: Findings, settings: ImageSettings, *, limit: int) -> list[Path]:
    """Write HTML files that need no others: on each at most `limit` groups and as many pairs of look-alikes.

    The first is `path`, the next have a number in their name (`sheet-2.html`). Returns all.
    """
    count = max(1, -(-max(len(found.groups), len(found.look_alikes)) // limit))
    return write_pages(
        path, count, WORDS, partial(_intro, found), lambda page: _parts(found, settings, page * limit, limit),
        decide=bool(found.groups or found.look_alikes),
    )  # fmt: skip


def _intro(found: Findings, number: int, count: int) -> list[str]:
    groups, alike = len(found.groups), len(found.look_alikes)
    if not groups and not alike:
        return [f"{found.images} photos compared.", "Nothing was found."]
    conflicts = sum(g.conflict for g in found.groups)
    counts = f"{found.images} photos compared: {groups} groups, {conflicts} of them under several SKUs"
    rest = f"; {alike} pairs of look-alikes." if alike else "."
    cut = f"Page {number + 1} of {count}."
    unread = without_print(found)
    return [counts + rest, *([cut] if count > 1 else []), *([f"{unread}."] if unread else [])]


def _parts(found: Findings, settings: ImageSettings, start: int, limit: int) -> Iterator[Part]:
    shown, number = found.groups[start : start + limit], start + 1
    for conflict in (True, False):
        for kind in KINDS:
            part = [g for g in shown if g.kind is kind and g.conflict is conflict]
            if part:
                title = f"{_TITLES[kind]}, under {'several SKUs' if conflict else 'one SKU'}"
                yield Part(title, map(partial(_group_card, settings), range(number, number + len(part)), part))
            number += len(part)
    alike = found.look_alikes[start : start + limit]
    if alike:
        numbers = range(start + 1, start + len(alike) + 1)
        yield Part(_TITLES[PairKind.LOOK_ALIKE], map(partial(_pair_card, settings), numbers, alike))


def _group_card(settings: ImageSettings, number: int, group: DuplicateGroup) -> Card:
    kept = {} if group.keep is None else {group.keep: group.keep_reason}
    return _card(f"Group {number}", group.kind, group.probability, group.images, group.pairs, settings, kept)


def _pair_card(settings: ImageSettings, number: int, pair: DuplicatePair) -> Card:
    return _card(f"Pair {number}", pair.kind, pair.probability, (pair.a, pair.b), (pair,), settings)


def _card(
    title: str,
    kind: PairKind,
    probability: float,
    members: Sequence[ImageFacts],
    pairs: Sequence[DuplicatePair],
    settings: ImageSettings,
    kept: Mapping[int, str] = MappingProxyType({}),
) -> Card:
    return Card(
        title, kind.value, probability,
        members=tuple(member(image, settings, kept.get(image.id, "")) for image in members[:MOST_PICTURES]),
        differing=differing(members),
        rows=tuple(_row(pair, settings) for pair in pairs[:MOST_ROWS]),
        more_members=more(len(members) - MOST_PICTURES, ""), more_rows=more(len(pairs) - MOST_ROWS, " pairs"),
        rest=tuple(map(_key, pairs[MOST_ROWS:])),
    )  # fmt: skip


def _row(pair: DuplicatePair, settings: ImageSettings) -> Row:
    v = pair.verification
    scores = (f"{v.similarity:.2f}", str(v.inliers), f"{v.support:.0f}") if v else ("", "", "")
    cells = (f"{pair.a.sku} – {pair.b.sku}", pair.kind.value.replace("-", " "), percent(pair.probability), *scores)
    against = bool(v and v.printed and v.printed.contradictions)
    said = pair.said.value if pair.said else ""
    return Row(_key(pair), cells, pair.reason, against, _places(pair, settings), said)


def _key(pair: DuplicatePair) -> dict[str, object]:
    """Both sides; whichever comes first, it is one pair."""
    sides = sorted((i.sku, i.sha256) for i in (pair.a, pair.b))
    a, b = ({"sku": sku, "sha256": content or None} for sku, content in sides)
    return {"a": a, "b": b}


def _places(pair: DuplicatePair, settings: ImageSettings) -> tuple[Place, ...]:
    """Close-ups of both photos: of contradictions in print, or else of where the pixels differ.

    Empty where the place is unknown or a file is gone.
    """
    printed = pair.verification.printed if pair.verification else None
    against = printed.contradictions[:_CONTRADICTIONS] if printed else ()
    wanted = [
        (image, box_of(place), text)
        for fact in against
        for image, place, text in ((pair.a, fact.photo_place, fact.photo), (pair.b, fact.catalog_place, fact.catalog))
        if place is not None
    ]
    if not wanted and pair.places is not None:
        wanted = [(image, box, "") for image, box in zip((pair.a, pair.b), pair.places, strict=True)]
    return close_ups([(image.sku, image.path, box, words) for image, box, words in wanted], settings)
