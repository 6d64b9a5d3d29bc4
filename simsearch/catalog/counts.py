"""How much there is, from counts that the database keeps as it is written; see `catalog.counting`.

Nothing here walks the images. Where something has to be found, blocks of 4,096 images whose counts say that it may be
there are looked through, and no others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.catalog.counting import BLOCK, mixed_of, state_of
from simsearch.catalog.database import Part
from simsearch.catalog.tables import CountRow, MethodRow


class State(StrEnum):
    """How an image counts; each is in one of them."""

    OK = "ok"
    """Active and accepted."""
    PILLS = "pills"
    """The same, and by what the catalog keeps of its surface it shows loose pills (`Description.loose_pills`)."""
    REFUSED = "refused"
    """Active, not accepted."""
    RETIRED = "retired"


class Key(NamedTuple):
    """What is counted: the columns of `CountRow` by which a row is found."""

    kind: str
    name: str
    state: str
    block: int


Sums = tuple[int, int, int]
"""(number, sum of ids, sum of the mixed ids)"""
_NONE: Sums = (0, 0, 0)


@dataclass(frozen=True)
class Coverage:
    """Blocks of images, and how many images in each have descriptors."""

    images: Mapping[tuple[str, int], int]
    """(state, block) -> accepted images."""
    described: Sequence[Mapping[tuple[str, int], int]]
    """The same for each of some methods: those of the images that have its descriptor."""

    def lacking(self) -> Iterator[tuple[str, int]]:
        """The states and blocks in which an image lacks one of the descriptors."""
        for place, images in self.images.items():
            if any(described.get(place, 0) != images for described in self.described):
                yield place

    def unknown(self) -> Iterator[tuple[str, int]]:
        """Those of them in which the counts alone do not say how many images lack one.

        They do where every image has all descriptors, and where none has one of them.
        """
        for place in self.lacking():
            if all(described.get(place, 0) for described in self.described):
                yield place


class Counts(Part):
    """What the database counted, and whether it is so."""

    def differences(self) -> list[str]:
        """What is counted otherwise than it is there, in words; everything is counted for that. None should be."""
        with self.database.read() as c:
            return [_words(key, kept, found) for key, kept, found in _differing(c)]

    def mend(self) -> int:
        """Write counts that are wrong anew; how many were. Others may write while everything is counted first."""
        if not self.differences():
            return 0
        with self.database.write() as c:
            wrong = len(_differing(c))
            recount(c)
        return wrong


def recount(c: Connection) -> None:
    """Count everything, and write that in place of what was counted before."""
    c.execute(sa.delete(CountRow))
    rows = [{**key._asdict(), "number": n, "ids": i, "mixed": m} for key, (n, i, m) in _counted(c).items()]
    if rows:
        c.execute(sa.insert(CountRow), rows)


def images_by_state(c: Connection) -> dict[State, Sums]:
    """How many images are in each state, and the sums over their numbers."""
    sums = (sa.func.sum(column) for column in (CountRow.number, CountRow.ids, CountRow.mixed))
    query = sa.select(CountRow.state, *sums).where(CountRow.kind == "image").group_by(CountRow.state)
    found = {State(r[0]): (int(r[1]), int(r[2]), int(r[3])) for r in c.execute(query)}
    return {state: found.get(state, _NONE) for state in State}


def blocks_of(c: Connection, state: State) -> list[tuple[int, int]]:
    """First and last image id of each row of blocks that has images in a state; see `spans`."""
    here = CountRow.kind == "image", CountRow.state == state.value, CountRow.number > 0
    return list(spans(set(c.scalars(sa.select(CountRow.block).where(*here)))))


def products(c: Connection) -> int:
    """How many products have an active image."""
    return int(c.scalar(sa.select(CountRow.number).where(CountRow.kind == "product")) or 0)


def images_by_source(c: Connection) -> dict[str, int]:
    """Source -> number of its active images; sources without any are left out."""
    total = sa.func.sum(CountRow.number)
    query = sa.select(CountRow.name, total).where(CountRow.kind == "image", CountRow.state != State.RETIRED.value)
    return {str(r[0]): int(r[1]) for r in c.execute(query.group_by(CountRow.name)) if r[1]}


def descriptors_by_method(c: Connection) -> dict[str, int]:
    """Fingerprint -> number of the images that count and have a descriptor under it; 0 is left out."""
    query = (
        sa.select(MethodRow.fingerprint, sa.func.sum(CountRow.number))
        .join(CountRow, CountRow.name == sa.cast(MethodRow.id, sa.Text))
        .where(CountRow.kind == "descriptor")
        .group_by(MethodRow.fingerprint)
    )
    return {str(r[0]): int(r[1]) for r in c.execute(query) if r[1]}


def coverage(c: Connection, fingerprints: Iterable[str]) -> Coverage:
    """How many images have descriptors under each of `fingerprints`, by state and block."""
    row = CountRow
    accepted = row.state.in_([State.OK.value, State.PILLS.value])
    images = sa.select(row.state, row.block, sa.func.sum(row.number)).where(row.kind == "image", accepted)
    found = {(r[0], r[1]): int(r[2]) for r in c.execute(images.group_by(row.state, row.block)) if r[2]}
    described = []
    for fingerprint in fingerprints:
        method = sa.select(sa.cast(MethodRow.id, sa.Text)).where(MethodRow.fingerprint == fingerprint)
        query = sa.select(row.state, row.block, row.number).where(
            row.kind == "descriptor", row.name == method.scalar_subquery()
        )
        described.append({(r[0], r[1]): int(r[2]) for r in c.execute(query)})
    return Coverage(found, described)


def spans(blocks: Collection[int]) -> Iterator[tuple[int, int]]:
    """First and last image id of each row of `blocks` that follow on each other."""
    for _, run in groupby(enumerate(sorted(set(blocks))), key=lambda at: at[1] - at[0]):
        row = [block for _, block in run]
        yield row[0] * BLOCK, row[-1] * BLOCK + BLOCK - 1


# -- counting anew ---------------------------------------------------------------------------------------------------


def _counted(c: Connection) -> dict[Key, Sums]:
    """What there is. All descriptors of a method are counted in the index of keys; those of images that count otherwise
    than most do are looked up by image."""
    state, block = state_of("i"), f"i.id / {BLOCK}"
    sums = f"COUNT(*), SUM(CAST(i.id AS BIGINT)), SUM({mixed_of('i.id')})"
    images = f"SELECT i.source, {state} AS s, {block} AS b, {sums} FROM images i GROUP BY i.source, s, b"
    every = f"SELECT method_id, image_id / {BLOCK} AS b, COUNT(*) FROM descriptors GROUP BY method_id, b"
    others = (
        f"SELECT d.method_id, {state} AS s, {block} AS b, COUNT(*) FROM images i JOIN descriptors d ON d.image_id = "
        f"i.id WHERE {state} <> 'ok' GROUP BY d.method_id, s, b"
    )
    found = {Key("image", r[0], r[1], r[2]): (r[3], int(r[4]), int(r[5])) for r in c.execute(sa.text(images))}
    described: Counter[Key] = Counter()
    for method, of, number in c.execute(sa.text(every)):
        described[Key("descriptor", str(method), State.OK, of)] += number
    for method, kind, of, number in c.execute(sa.text(others)):
        described[Key("descriptor", str(method), State.OK, of)] -= number
        described[Key("descriptor", str(method), kind, of)] += number if kind == State.PILLS else 0
    products = c.scalar(sa.text("SELECT COUNT(DISTINCT product_id) FROM images WHERE retired_at IS NULL")) or 0
    described[Key("product", "", "", 0)] = products
    return found | {key: (number, 0, 0) for key, number in described.items() if number}


def _differing(c: Connection) -> list[tuple[Key, Sums, Sums]]:
    """(key, what is counted, what there is) wherever the two differ."""
    row = CountRow
    query = sa.select(row.kind, row.name, row.state, row.block, row.number, row.ids, row.mixed)
    kept = {Key(*r[:4]): (int(r[4]), int(r[5]), int(r[6])) for r in c.execute(query)}
    found = _counted(c)
    pairs = [(key, kept.get(key, _NONE), found.get(key, _NONE)) for key in sorted({*kept, *found})]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _words(key: Key, kept: Sums, found: Sums) -> str:
    what = f"{key.kind}s" + "".join(f" {part}" for part in (key.state, key.name) if part)
    where = "" if key.kind == "product" else f" of the numbers from {key.block * BLOCK}"
    return f"{what}{where}: {kept[0]} are counted, {found[0]} are there" + " (others)" * (kept[0] == found[0])
