"""Images and their products: indexing writes them, everybody reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from simsearch.catalog.counting import mixed_of
from simsearch.catalog.counts import State, blocks_of, images_by_state, products
from simsearch.catalog.database import Part, chunks, now, raise_revision
from simsearch.catalog.descriptors import has, method_keys, put_descriptors, where_lacking
from simsearch.catalog.products import product_ids, skus, update_products
from simsearch.catalog.tables import (
    ImageRow,
    ProductRow,
    RefusalRow,
    Verdict,
    left_out,
    usable,
)
from simsearch.core.stamps import Stamp
from simsearch.core.text import title
from simsearch.core.types import Ids, Refusal, SourceRow


@dataclass(frozen=True)
class KnownImage:
    """An active image as the catalog holds it, to compare with the file that a source lists."""

    id: int
    product_id: int
    sku: str
    path: str
    source: str
    stamp: Stamp
    sha256: str | None
    verdict: str
    described: bool
    """True where it has a descriptor under each of the fingerprints asked for."""
    filed: str = ""
    """The SKU that the source files it under; another than `sku` where a correction files it under that."""
    left_out: bool = False
    """Whether a correction leaves it out of the catalog: it is not active then."""


@dataclass(frozen=True)
class NewImage:
    """An image to add: facts of the file, and either its descriptors or the reason for its refusal."""

    row: SourceRow
    source: str
    stamp: Stamp
    sha256: str | None
    width: int | None = None
    height: int | None = None
    surface: str = "unknown"
    surface_probability: float | None = None
    descriptors: Mapping[str, bytes] | None = None
    """Fingerprint -> packed descriptor; None for a refused image."""
    reason_code: str | None = None
    reason: str | None = None
    to_sku: str = ""
    """The SKU that a correction files it under; "": that of its row."""


@dataclass(frozen=True)
class ImageFacts:
    """An image with its product, for answers."""

    id: int
    image: str
    path: str
    surface: str
    sha256: str
    sku: str
    name: str
    strength: str
    form: str
    manufacturer: str
    attributes: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Name with strength."""
        return title(self.name, self.strength)


class StoredFile(NamedTuple):
    """Where a file lies, and what it held when it was indexed."""

    path: str
    sha256: str


class Images(Part):
    """Images and their products, active and retired."""

    def known(
        self, fingerprints: Sequence[str], *, skus: Collection[str] | None = None, sources: Collection[str] = ()
    ) -> list[KnownImage]:
        """Every active image, refused ones too, and whether it has a descriptor under all `fingerprints`.

        With `skus`, only the images of these, by their row or by a correction, and those that one of `sources` listed
        last. Images that a correction leaves out come first, so that an active one of the same file takes their place.
        """
        columns = (
            ImageRow.id, ImageRow.product_id, ProductRow.sku, ImageRow.path, ImageRow.source, ImageRow.sha256,
            ImageRow.verdict, _described(fingerprints), ImageRow.filed_sku, ImageRow.retired_at, *_STAMP,
        )  # fmt: skip
        query = sa.select(*columns).join(ProductRow).where(sa.or_(ImageRow.retired_at.is_(None), left_out()))
        with self.database.read() as c:
            by_id = {row[0]: row for part in _filed(skus, sources) for row in c.execute(query.where(part))}
        rows = (by_id[image_id] for image_id in sorted(by_id))
        found = [
            KnownImage(
                image_id, product, sku, path, source, Stamp(*facts), sha256, verdict, bool(described),
                filed or sku, retired is not None,
            )
            for image_id, product, sku, path, source, sha256, verdict, described, filed, retired, *facts in rows
        ]  # fmt: skip
        return sorted(found, key=lambda known: not known.left_out)

    def apply(
        self,
        *,
        add: Sequence[NewImage] = (),
        retire: Iterable[int] = (),
        redescribe: Mapping[int, NewImage] | None = None,
        touch: Mapping[int, tuple[str, Stamp]] | None = None,
    ) -> None:
        """Write one step of indexing, in one transaction, as one revision.

        `retire`: image ids. `redescribe`: image id -> the same image with new descriptors, which replace those under
        the same fingerprints. `touch`: image id -> (source, stamp) of a file whose content did not change.
        """
        retire, redescribe, touch = list(retire), redescribe or {}, touch or {}
        if not (add or retire or redescribe or touch):
            return
        with self.database.write() as c:
            revision = raise_revision(c)
            for part in chunks(retire):
                done = sa.update(ImageRow).where(ImageRow.id.in_(part), ImageRow.retired_at.is_(None))
                c.execute(done.values(retired_at=now(), retired_revision=revision))
            products = product_ids(c, [image.row for image in add])
            products |= skus(c, {image.to_sku for image in add if image.to_sku})
            methods = method_keys(c, {f for i in [*add, *redescribe.values()] for f in i.descriptors or ()})
            rows = [
                _image_values(image) | {
                    "product_id": products[image.to_sku or image.row.sku], "added_at": now(),
                    "described_revision": revision, "filed_sku": image.row.sku if image.to_sku else None,
                }
                for image in add
            ]  # fmt: skip
            made = list(c.scalars(_ADD, rows)) if rows else []
            put_descriptors(
                c, {i: image.descriptors or {} for i, image in zip(made, add, strict=True)}, methods, new=True
            )
            if redescribe:
                values = [
                    _image_values(image) | {"image_id": image_id, "described_revision": revision}
                    for image_id, image in redescribe.items()
                ]
                c.execute(_REDESCRIBE, values)
                put_descriptors(c, {i: image.descriptors or {} for i, image in redescribe.items()}, methods)
            if touch:
                c.execute(_TOUCH, [{"image_id": i, "source": s, **asdict(stamp)} for i, (s, stamp) in touch.items()])

    def update_products(self, rows: Iterable[SourceRow]) -> int:
        """Bring name, strength, form, maker and attributes up to what a source says; returns how many products changed.

        Blank cells and missing columns change nothing: a folder of further photos must not wipe out the names that a
        table gave, nor one table the attributes of another.
        """
        with self.database.write() as c:
            changed = update_products(c, rows)
            if changed:
                raise_revision(c)
        return changed

    def facts(self, ids: Iterable[int]) -> dict[int, ImageFacts]:
        """Id -> facts of the active, accepted images among `ids`; the others are left out."""
        found: dict[int, ImageFacts] = {}
        with self.database.read() as c:
            for part in chunks([int(i) for i in ids]):
                found |= {row[0]: ImageFacts(*row) for row in c.execute(_FACTS, {"ids": list(part)})}
        return found

    def stored(self, ids: Iterable[int]) -> dict[int, StoredFile]:
        """Id -> file of the active, accepted images among `ids`; the others are left out."""
        found: dict[int, StoredFile] = {}
        with self.database.read() as c:
            for part in chunks([int(i) for i in ids]):
                found |= {row[0]: StoredFile(row[1], row[2] or "") for row in c.execute(_STORED, {"ids": list(part)})}
        return found

    def note_refusals(self, source: str, refusals: Sequence[Refusal]) -> None:
        """Note the rows of `source` that name no image. They replace those noted before."""
        values = [{"source": source, "location": r.where, "code": r.code, "message": r.message} for r in refusals]
        with self.database.write() as c:
            c.execute(sa.delete(RefusalRow).where(RefusalRow.source == source))
            if values:
                c.execute(sa.insert(RefusalRow), values)

    def refused(self) -> list[Refusal]:
        """Everything that sources list and the catalog refused: rows first, then photos."""
        rows = sa.select(RefusalRow.location, RefusalRow.code, RefusalRow.message).order_by(RefusalRow.id)
        photos = (
            sa.select(ImageRow.path, ImageRow.reason_code, ImageRow.reason)
            .where(ImageRow.retired_at.is_(None), ImageRow.verdict == Verdict.REFUSED.value)
            .order_by(ImageRow.id)
        )
        with self.database.read() as c:
            spans = [ImageRow.id.between(*span) for span in blocks_of(c, State.REFUSED)]
            found = [*c.execute(rows), *(row for span in spans for row in c.execute(photos.where(span)))]
            return [Refusal(str(where), str(code), str(message)) for where, code, message in found]

    def counts(self) -> dict[str, int]:
        """Numbers of products (with an active image), images_ok, images_refused and images_retired."""
        with self.database.read() as c:
            images = {state: number for state, (number, _, _) in images_by_state(c).items()}
            return {
                "products": products(c), "images_ok": images[State.OK] + images[State.PILLS],
                "images_refused": images[State.REFUSED], "images_retired": images[State.RETIRED],
            }  # fmt: skip

    def stale(self, fingerprints: Collection[str]) -> list[tuple[str, SourceRow]]:
        """(source, row) of each active, accepted image that lacks a descriptor under a fingerprint, by image id.

        The row has the SKU of the source, and states the surface only if the source had stated it. Name and attributes
        are blank.
        """
        filed = sa.func.coalesce(ImageRow.filed_sku, ProductRow.sku)
        columns = (
            ImageRow.source, filed, ImageRow.path, ImageRow.image, ImageRow.surface, ImageRow.surface_probability,
        )  # fmt: skip
        query = sa.select(*columns).join(ProductRow).order_by(ImageRow.id)
        found = []
        with self.database.read() as c:
            rows = (row for where in where_lacking(c, fingerprints) for row in c.execute(query.where(where)))
            for source, sku, path, image, surface, probability in rows:
                said = surface if probability is None and surface != "unknown" else ""
                found.append((source, SourceRow(sku, path, image, path, surface=said)))
        return found

    def retired_since(self, revision: int) -> Ids:
        """Ids (n,) of images retired after `revision`."""
        with self.database.read() as c:
            return np.array(
                c.scalars(sa.select(ImageRow.id).where(ImageRow.retired_revision > revision)).all(), np.int64
            )

    def mark(self, revision: int, last: int | None = None) -> dict[str, int]:
        """A checksum of the set of images that were usable at `revision`, to compare a build with the catalog.

        images, ids and mixed: how many they are, and two sums over their ids. last: the highest id of the catalog, or
        the one given. redescribed: how many images up to `last` got descriptors after `revision`; the catalog cannot
        tell whether these were usable at `revision`.
        """
        # What counts today, without what does only since the revision, and with what did then and does no more.
        ok, described = ImageRow.verdict == Verdict.OK.value, ImageRow.described_revision
        mixed = sa.text(f"SUM({mixed_of('images.id')})")
        sums = sa.select(sa.func.count(), sa.func.sum(sa.cast(ImageRow.id, sa.BigInteger)), mixed)
        newer = sums.where(described > revision, usable())
        # A sum is in no index: else SQLite would begin with all that was described before.
        gone = sums.where(ImageRow.retired_revision > revision, ok, described + 0 <= revision)
        with self.database.read() as c:
            if last is None:
                last = int(c.scalar(sa.select(sa.func.max(ImageRow.id))) or 0)
            today = images_by_state(c)
            parts = [
                today[State.OK],
                today[State.PILLS],
                c.execute(gone).one(),
                [-(n or 0) for n in c.execute(newer).one()],
            ]
            images, ids, mix = (sum(int(part[i] or 0) for part in parts) for i in range(3))
            later = sa.select(sa.func.count()).where(ok, described > revision, ImageRow.id <= last)
            return {
                "images": images, "ids": ids, "mixed": mix, "last": last,
                "redescribed": int(c.scalar(later) or 0),
            }  # fmt: skip


def _filed(skus: Collection[str] | None, sources: Collection[str]) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions on an image, each for some of `skus` and `sources`; one that is always true where `skus` is None."""
    if skus is None:
        yield sa.true()
        return
    for part in chunks(sorted(skus)):
        products = sa.select(ProductRow.id).where(ProductRow.sku.in_(part))
        yield ImageRow.product_id.in_(products)
        yield ImageRow.filed_sku.in_(part)
    for part in chunks(sorted(sources)):
        yield ImageRow.source.in_(part)


def _described(fingerprints: Collection[str]) -> sa.ColumnElement[bool]:
    """Condition: the image has a descriptor under each of `fingerprints`."""
    return sa.and_(sa.true(), *map(has, fingerprints))


def _image_values(image: NewImage) -> dict[str, Any]:
    verdict = Verdict.REFUSED if image.descriptors is None else Verdict.OK
    return {
        "source": image.source, "image": image.row.image, "path": image.row.path, **asdict(image.stamp),
        "sha256": image.sha256, "width": image.width, "height": image.height, "surface": image.surface,
        "surface_probability": image.surface_probability, "verdict": verdict.value,
        "reason_code": image.reason_code, "reason": image.reason,
    }  # fmt: skip


_FACTS: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        ImageRow.id, ImageRow.image, ImageRow.path, ImageRow.surface, ImageRow.sha256, ProductRow.sku,
        ProductRow.name, ProductRow.strength, ProductRow.form, ProductRow.manufacturer, ProductRow.attributes,
    )
    .join(ProductRow)
    .where(ImageRow.id.in_(sa.bindparam("ids", expanding=True)), usable())
)  # fmt: skip
"""Built once: SQLAlchemy takes as long to build the statement as SQLite to run it."""

_STORED = sa.select(ImageRow.id, ImageRow.path, ImageRow.sha256).where(
    ImageRow.id.in_(sa.bindparam("ids", expanding=True)), usable()
)

_STAMP = ImageRow.size, ImageRow.mtime_ns, ImageRow.ctime_ns, ImageRow.inode
"""In the order of the fields of `Stamp`."""
_ADD = sa.insert(ImageRow).returning(ImageRow.id, sort_by_parameter_order=True)
_REDESCRIBE = sa.update(ImageRow).where(ImageRow.id == sa.bindparam("image_id"))
_TOUCH = (
    sa.update(ImageRow)
    .where(ImageRow.id == sa.bindparam("image_id"))
    .values({name: sa.bindparam(name) for name in ("source", "size", "mtime_ns", "ctime_ns", "inode")})
)
