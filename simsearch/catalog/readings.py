"""What is printed on the images: read in a stage of its own, after an image can be found by its looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from simsearch.catalog.codes import write_seen
from simsearch.catalog.counts import State, coverage, spans
from simsearch.catalog.database import Part, chunks, raise_revision
from simsearch.catalog.descriptors import LOOKED_AT, has, lacking, method_keys, put_descriptors, where_lacking
from simsearch.catalog.tables import DescriptorRow, ImageRow, MethodRow, usable
from simsearch.core.types import Surface


@dataclass(frozen=True)
class Unread:
    """An active, accepted image that lacks a descriptor of print."""

    id: int
    path: str
    """Absolute path of its file."""
    sha256: str
    """Of the content that was indexed."""
    lacking: tuple[str, ...]
    """Those of the fingerprints asked for under which it has no descriptor."""


@dataclass(frozen=True)
class ReadingCounts:
    """How much of the catalog is read, in active, accepted images."""

    read: int
    """Have a descriptor under each of the fingerprints asked for."""
    unread: int
    """Lack one, and are to be read."""
    left_out: int
    """Lack one, and show loose pills, which are not read."""


class Readings(Part):
    """Descriptors of print. They never change when an image counts as described."""

    def add(self, found: Mapping[int, Mapping[str, bytes]], codes: Mapping[int, Collection[str]] | None = None) -> int:
        """Write descriptors of print, in one transaction, as one revision; returns of how many images.

        `found`: image id -> fingerprint -> packed descriptor, in place of those under the same fingerprints. Images
        that were retired meanwhile are left out. `codes`: image id -> keys of the codes on it
        (`core.code_agreement.keys`), in place of those from before.
        """
        if not found:
            return 0
        with self.database.write() as c:
            active: list[int] = []
            for part in chunks(sorted(found)):
                active.extend(c.scalars(sa.select(ImageRow.id).where(ImageRow.id.in_(part), usable())))
            if not active:
                return 0
            revision = raise_revision(c)
            methods = method_keys(c, {fingerprint for packed in found.values() for fingerprint in packed})
            put_descriptors(c, {image_id: found[image_id] for image_id in active}, methods)
            if codes is not None:
                write_seen(c, {image_id: codes[image_id] for image_id in active if image_id in codes})
            for part in chunks(active):
                c.execute(sa.update(ImageRow).where(ImageRow.id.in_(part)).values(read_revision=revision))
        return len(active)

    def unread(
        self, fingerprints: Sequence[str], *, pills: bool = False, among: Sequence[int] | None = None
    ) -> list[Unread]:
        """The images that lack a descriptor under one of `fingerprints`, by id.

        `pills`: also those of loose pills, on which nothing is printed that could be read. `among`: only of these ids.
        """
        present = [has(fingerprint) for fingerprint in fingerprints]
        query = sa.select(ImageRow.id, ImageRow.path, ImageRow.sha256, *present).order_by(ImageRow.id)
        query = query if pills else query.where(~_shows_pills())
        with self.database.read() as c:
            rows: list[Any] = [
                row for where in where_lacking(c, fingerprints, among) for row in c.execute(query.where(where))
            ]
        return [
            Unread(i, path, sha256 or "", tuple(f for f, there in zip(fingerprints, present, strict=True) if not there))
            for i, path, sha256, *present in rows
        ]

    def by_content(self, digests: Collection[str], fingerprints: Sequence[str]) -> dict[str, dict[str, bytes]]:
        """sha256 -> fingerprint -> packed descriptor, as far as an image with that content has one, active or not."""
        found: dict[str, dict[str, bytes]] = {}
        with self.database.read() as c:
            for part in chunks(sorted(digests)):
                query = (
                    sa.select(ImageRow.sha256, MethodRow.fingerprint, DescriptorRow.data)
                    .join(DescriptorRow, DescriptorRow.image_id == ImageRow.id)
                    .join(MethodRow, MethodRow.id == DescriptorRow.method_id)
                    .where(ImageRow.sha256.in_(part), MethodRow.fingerprint.in_(fingerprints))
                )
                for digest, fingerprint, data in c.execute(query):
                    found.setdefault(str(digest), {})[fingerprint] = data
        return found

    def counts(
        self, fingerprints: Sequence[str], *, pills: bool = False, among: Sequence[int] | None = None
    ) -> ReadingCounts:
        """How many images have descriptors under all `fingerprints`, and how many of the others are to be read.

        `pills` and `among` as for :meth:`unread`.
        """
        with self.database.read() as c:
            images, lacking = _of_all(c, fingerprints) if among is None else _of_some(c, fingerprints, among)
        left_out = 0 if pills else lacking[State.PILLS]
        rest = sum(lacking.values())
        return ReadingCounts(sum(images.values()) - rest, rest - left_out, left_out)


def _of_all(c: Connection, fingerprints: Sequence[str]) -> tuple[Counter[str], Counter[str]]:
    """State -> accepted images in it, and those that lack a descriptor under one of `fingerprints`."""
    covered = coverage(c, fingerprints)
    images: Counter[str] = Counter()
    rest: Counter[str] = Counter()
    for (state, _), number in covered.images.items():
        images[state] += number
    unknown = set(covered.unknown())
    for place in covered.lacking():
        if place not in unknown:
            rest[place[0]] += covered.images[place]
    for state in {state for state, _ in unknown}:
        in_it = _shows_pills() if state == State.PILLS else ~_shows_pills()
        for first, last in spans({block for of, block in unknown if of == state}):
            where = lacking(fingerprints, LOOKED_AT.id.between(first, last))
            rest[state] += c.scalar(_NUMBER.where(where, in_it)) or 0
    return images, rest


def _of_some(c: Connection, fingerprints: Sequence[str], ids: Sequence[int]) -> tuple[Counter[str], Counter[str]]:
    """The same of the images `ids` alone."""
    images: Counter[str] = Counter()
    rest: Counter[str] = Counter()
    for part in chunks(sorted(ids)):
        without = lacking(fingerprints, LOOKED_AT.id.in_(part))
        for counted, where in ((images, sa.and_(usable(), ImageRow.id.in_(part))), (rest, without)):
            pills = c.scalar(_NUMBER.where(where, _shows_pills())) or 0
            counted[State.PILLS] += pills
            counted[State.OK] += (c.scalar(_NUMBER.where(where)) or 0) - pills
    return images, rest


_NUMBER = sa.select(sa.func.count()).select_from(ImageRow)


def _shows_pills() -> sa.ColumnElement[bool]:
    """Condition: `Description.loose_pills`, of the surface that the catalog keeps."""
    probability = ImageRow.surface_probability
    return sa.and_(ImageRow.surface == Surface.PILLS.value, sa.or_(probability.is_(None), probability >= 0.5))
