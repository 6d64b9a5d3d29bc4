"""What `simsearch duplicates` prints, as tables or CSV, and what people said of pairs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from simsearch.catalog.reviews import Review, Side
from simsearch.core.text import percent
from simsearch.duplicates import DuplicateGroup, DuplicatePair, Findings, PairKind, without_print
from simsearch.duplicates.feedback import TakenIn
from simsearch.views.files import NewFile
from simsearch.views.text.output import OUT, table, text

WORDS = {
    PairKind.IDENTICAL: "identical file", PairKind.SAME_PHOTO: "same photo", PairKind.SAME_PRODUCT: "same product",
    PairKind.LOOK_ALIKE: "look-alike",
}  # fmt: skip
COLUMNS = (
    "group", "kind", "different_skus", "probability", "similarity", "inliers", "support", "sku_a", "name_a", "a",
    "sku_b", "name_b", "b", "reason", "said",
)  # fmt: skip
SHOWN = 50
"""Groups, and pairs of look-alikes, in the table."""


def findings(found: Findings, every: Findings) -> None:
    """The groups and look-alikes of `found`, and how many more there are in `every`."""
    if found.groups or not every.groups:
        groups(found.groups, settled=every.settled)
    else:
        left = len(every.groups)
        OUT.print(f"no group of the kind asked for; there {'is' if left == 1 else 'are'} {left} of other kinds")
    if found.look_alikes:
        OUT.print()
        look_alikes(found.look_alikes)
    if every.settled:
        OUT.print(f"{every.settled} more confirmed before: `simsearch duplicates reviews`")
    hidden = len(every.look_alikes) - len(found.look_alikes)
    if unread := without_print(every):
        OUT.print(unread)
    if hidden:
        OUT.print(f"{hidden} pair{'s' * (hidden != 1)} of look-alikes that are no duplicates: --kind look-alike")


def groups(found: Sequence[DuplicateGroup], *, settled: int = 0) -> None:
    """Groups as a table, conflicts first. `settled`: groups that people have confirmed, which are not listed."""
    if not found:
        OUT.print("no duplicates but those confirmed before" if settled else "no duplicates")
        return
    lines = table("group", "SKU", "name", "image", "least probability", "kind")
    for number, group in enumerate(found[:SHOWN], 1):
        kind = ("different SKUs" if group.conflict else "same SKU") + f", {WORDS[group.kind]}"
        for i, image in enumerate(group.images):
            first = (str(number), percent(group.probability), kind) if i == 0 else ("", "", "")
            lines.add_row(first[0], *map(text, (image.sku, image.title, image.image)), first[1], first[2])
    OUT.print(lines)
    conflicts = sum(g.conflict for g in found)
    more = f"; {len(found) - SHOWN} more are in --json, --csv and --html" if len(found) > SHOWN else ""
    OUT.print(f"{len(found)} group{'s' * (len(found) != 1)}, {conflicts} with different SKUs{more}")


def look_alikes(found: Sequence[DuplicatePair]) -> None:
    """Look-alikes, the most probable first."""
    lines = table("SKU", "name", "SKU ", "name ", "probability", "why not a duplicate")
    for p in found[:SHOWN]:
        names = map(text, (p.a.sku, p.a.title, p.b.sku, p.b.title))
        lines.add_row(*names, percent(p.probability), text(p.reason))
    OUT.print(lines)
    more = len(found) - SHOWN
    also = f", of which {more} are only in --json, --csv and --html" if more > 0 else ""
    OUT.print(f"{len(found)} pair{'s' * (len(found) != 1)} of look-alikes{also}")


# -- CSV -------------------------------------------------------------------------------------------------------------


def write_csv(found: Findings, path: Path) -> None:
    """One line a pair. The columns a and b hold paths: `simsearch verify --pairs` reads the file."""
    with NewFile(path) as file:
        _csv(found, file.stream)


def print_csv(found: Findings) -> None:
    """`write_csv` to standard output."""
    _csv(found, sys.stdout)


def _csv(found: Findings, stream: TextIO) -> None:
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(COLUMNS)
    for number, p in _numbered(found):
        rows.writerow([
            number, p.kind.value, int(p.conflict), f"{p.probability:.6f}", *_scores(p), p.a.sku, p.a.title, p.a.path,
            p.b.sku, p.b.title, p.b.path, p.reason, p.said.value if p.said else "",
        ])  # fmt: skip


def _scores(p: DuplicatePair) -> tuple[str, str, str]:
    """Similarity, inliers and support; equal files have none."""
    v = p.verification
    return (f"{v.similarity:.6f}", str(v.inliers), f"{v.support:.2f}") if v else ("", "", "")


def _numbered(found: Findings) -> Iterator[tuple[int | str, DuplicatePair]]:
    """Pairs with the number of their group; look-alikes have none."""
    for number, group in enumerate(found.groups, 1):
        yield from ((number, pair) for pair in group.pairs)
    yield from (("", pair) for pair in found.look_alikes)


# -- reviews ---------------------------------------------------------------------------------------------------------


def said(pair: tuple[Side, Side], verdict: str) -> None:
    """What is remembered now."""
    a, b = pair
    OUT.print(f"{verdict}: {_side(a)} and {_side(b)}")


def reviews(found: Sequence[Review]) -> None:
    """What people said, one a line."""
    if not found:
        OUT.print("nothing was said of any pair")
        return
    lines = table("when (UTC)", "said", "A", "B", "note")
    for r in found:
        lines.add_row(f"{r.at:%Y-%m-%d %H:%M}", r.said.value, _side(r.a), _side(r.b), text(r.note))
    OUT.print(lines)


def taken_in(found: TakenIn, refused: int) -> None:
    """Counts, and each earlier review that stays."""
    for earlier, other in found.conflicts:
        OUT.print(f"stays {earlier.said}, not {other.said}: {_side(earlier.a)} and {_side(earlier.b)}")
    more = f", {refused} lines refused" if refused else ""
    OUT.print(f"{found.taken} taken in, {found.equal} known before, {len(found.conflicts)} conflicts{more}")
    if found.conflicts:
        OUT.print("--overwrite takes the new word in all conflicts")


def _side(side: Side) -> str:
    return f"{text(side.sku)}, {f'photo {side.sha256[:8]}' if side.sha256 else 'every photo'}"
