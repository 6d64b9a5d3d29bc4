"""Which photos stand in the catalog and which ask: a table of labelled photos as the protocol of a measurement."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from simsearch.core.errors import SourceError
from simsearch.core.types import Refusal, SourceRow
from simsearch.ingest.sources import left_of, read_source, read_table

REFERENCE, DISTRACTOR, QUERY = "reference", "distractor", "query"
ROLES = (REFERENCE, DISTRACTOR, QUERY)


@dataclass(frozen=True)
class LabelledPhoto:
    """One photo and the product that it shows."""

    sku: str
    path: str
    """With links resolved: the same file has one path."""


@dataclass(frozen=True)
class Protocol:
    """A catalog and the photos that ask it."""

    references: tuple[LabelledPhoto, ...]
    distractors: tuple[LabelledPhoto, ...]
    """In the catalog, never right."""
    queries: tuple[LabelledPhoto, ...]
    doubtful: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """SKU -> paths of photos that may show it although labelled otherwise: neither right nor wrong for it."""
    equal: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """SKU -> SKUs, itself among them, that count as the same product."""
    refusals: tuple[Refusal, ...] = ()
    """Rows of all tables that were left out."""

    @property
    def catalog(self) -> tuple[LabelledPhoto, ...]:
        """All photos to be indexed."""
        return self.references + self.distractors

    def right(self, sku: str) -> frozenset[str]:
        """The SKUs that are a right answer for a photo of `sku`."""
        return self.equal.get(sku, frozenset((sku,)))

    def known(self, sku: str) -> bool:
        """Whether the catalog holds the product."""
        return not self._listed.isdisjoint(self.right(sku))

    def hidden(self, sku: str) -> bool:
        """Whether every reference of the product is doubtful for it, so that photos of it can only be missed."""
        right, doubtful = self.right(sku), self.doubtful.get(sku, frozenset())
        return all(p.path in doubtful for p in self.references if p.sku in right)

    @property
    def _listed(self) -> frozenset[str]:
        return frozenset(p.sku for p in self.references)

    @property
    def several(self) -> list[LabelledPhoto]:
        """Photos of products that have two or more, to make pairs of; by product and path."""
        labelled = sorted({*self.references, *self.queries}, key=lambda p: (p.sku, p.path))
        counts: dict[str, int] = {}
        for photo in labelled:
            counts[photo.sku] = counts.get(photo.sku, 0) + 1
        return [p for p in labelled if counts[p.sku] > 1]


def read_protocol(
    manifest: Path,
    *,
    split: str | None = None,
    distractors: Sequence[Path] = (),
    ambiguous: Path | None = None,
    same: Path | None = None,
    without: Collection[str] = (),
) -> Protocol:
    """The protocol that the table `manifest` lays down.

    Args:
        manifest: columns sku and image, and where it has them role and split. A role is `reference` (in the catalog),
            `distractor` (in the catalog, of a product that nobody asks for; its SKU may be empty) or `query`. Without
            any role the first photo of each product is its reference, the others ask.
        split: only rows whose column `split` says so.
        distractors: more sources of distractors.
        ambiguous: table (sku, image) of photos that may show a product although labelled otherwise.
        same: table whose column `skus` lists SKUs that are one product, separated by `|`.
        without: paths of photos of `manifest` that are left out.

    Raises:
        SourceError: a table cannot be read, a role is unknown, or nothing is in the catalog or nobody asks.
    """
    rows, refusals = _rows(manifest)
    rows = left_of(rows, without)
    if split is not None:
        rows = [r for r in rows if r.attributes.get("split") == split]
        if not rows:
            raise SourceError(f"{manifest}: has no row with split = {split!r}")
    by_role = _roles(rows)
    further = [_read(source, refusals) for source in distractors]
    more = [(f"distractor-{r.sku}", r) for listed in further for r in listed]
    protocol = Protocol(
        tuple(_photo(r.sku, r) for r in by_role[REFERENCE]),
        tuple(_photo(sku, r) for sku, r in [*((r.sku, r) for r in by_role[DISTRACTOR]), *more]),
        tuple(_photo(r.sku, r) for r in by_role[QUERY]),
        _doubtful(ambiguous, refusals), _equal(same, refusals), tuple(refusals),
    )  # fmt: skip
    for what, needed in (("reference or distractor", protocol.catalog), (QUERY, protocol.queries)):
        if not needed:
            raise SourceError(f"{manifest}: no photo is a {what}; give products with two photos, or a column role")
    return protocol


def open_set(protocol: Protocol) -> Protocol:
    """A protocol whose catalog lacks some of the products that are asked for.

    Where it lacks some already it is returned as it is. Otherwise every second product is taken out, with all catalog
    photos that may show it; all photos of that product ask.
    """
    if any(not protocol.known(q.sku) for q in protocol.queries):
        return protocol
    absent = set(sorted({q.sku for q in protocol.queries})[1::2])
    gone = {equal for sku in absent for equal in protocol.right(sku)}
    maybe = {path for sku in absent for path in protocol.doubtful.get(sku, ())}

    def stays(photo: LabelledPhoto) -> bool:
        return photo.sku not in gone and photo.path not in maybe

    asked = [p for p in (*protocol.references, *protocol.queries) if p.sku in absent]
    left = replace(
        protocol,
        references=tuple(p for p in protocol.references if stays(p)),
        distractors=tuple(p for p in protocol.distractors if stays(p)),
    )
    # A product whose reference was doubtful is in neither group.
    known = [q for q in protocol.queries if q.sku not in absent and left.known(q.sku)]
    return replace(left, queries=(*known, *sorted(asked, key=lambda p: (p.sku, p.path))))


def _read(path: Path, refusals: list[Refusal]) -> list[SourceRow]:
    source = read_source(path)
    refusals += source.refusals
    return source.rows


def _rows(manifest: Path) -> tuple[list[SourceRow], list[Refusal]]:
    """The rows, unlabelled distractors under a SKU of their own, and what was refused."""
    source = read_source(manifest)
    found, refused = list(source.rows), {r.where: r for r in source.refusals}
    if manifest.suffix.lower() == ".csv":
        for where, record in read_table(manifest.resolve(), ("sku", "image"))[0]:
            # A row with fewer fields than the header lacks its last columns.
            sku, role, image = (record.get(column, "").strip() for column in ("sku", "role", "image"))
            # An empty SKU is refused by read_source; a distractor needs none.
            if role.lower() == DISTRACTOR and image and not sku and where in refused:
                del refused[where]
                said = {k: v.strip() for k, v in record.items() if k in ("role", "split") and v}
                path = str(manifest.resolve().parent / image)
                found.append(SourceRow(f"distractor-{image}", path, image, where, attributes=said))
    return found, list(refused.values())


def _roles(rows: Sequence[SourceRow]) -> dict[str, list[SourceRow]]:
    out: dict[str, list[SourceRow]] = {role: [] for role in ROLES}
    roles = [r.attributes.get("role", "").lower() for r in rows]
    if not any(roles):
        seen: set[str] = set()
        for row in rows:
            out[QUERY if row.sku in seen else REFERENCE].append(row)
            seen.add(row.sku)
        return out
    for row, role in zip(rows, roles, strict=True):
        if role not in ROLES:
            raise SourceError(f"{row.where}: role {role!r} is none of {', '.join(ROLES)}")
        out[role].append(row)
    return out


def _photo(sku: str, row: SourceRow) -> LabelledPhoto:
    return LabelledPhoto(sku, os.path.realpath(row.path))


def _doubtful(table: Path | None, refusals: list[Refusal]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in _read(table, refusals) if table else ():
        found.setdefault(row.sku, set()).add(os.path.realpath(row.path))
    return {sku: frozenset(paths) for sku, paths in found.items()}


def _equal(table: Path | None, refusals: list[Refusal]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    records, refused = read_table(table, ("skus",)) if table else ([], [])
    refusals += refused
    for _, record in records:
        group = [sku.strip() for sku in record.get("skus", "").split("|") if sku.strip()]
        for sku in group:
            found[sku] = found.get(sku, frozenset((sku,))).union(group)
    return found
