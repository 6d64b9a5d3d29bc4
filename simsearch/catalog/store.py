"""The catalog store: one class over SQLAlchemy. SQLite in WAL mode is the default, the URL may name PostgreSQL.

Every method is one transaction. Reads run on a snapshot; writes take the write lock at their start, so that two writers
wait for each other (`catalog.busy_timeout_s`) instead of failing half-way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url

from simsearch.catalog.tables import (
    HEAD,
    DecisionRow,
    DescriptorRow,
    GenerationRow,
    ImageRow,
    MethodRow,
    ProductRow,
    RefusalRow,
    StateRow,
)
from simsearch.config import CatalogSettings
from simsearch.datatypes import Decision, Ids, Refusal, SourceRow, Verdict
from simsearch.errors import CatalogError
from simsearch.resources import resource_dir

_CHUNK = 500
"""Ids in one IN (...): SQLite's oldest limit on bound parameters is 999."""


def now() -> datetime:
    """UTC without zone, as stored."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class KnownImage:
    """What the catalog knows of an active image when a source is scanned."""

    id: int
    product_id: int
    sku: str
    path: str
    source: str
    size: int
    mtime_ns: int
    sha256: str | None
    verdict: str
    described: bool
    """Whether it has a descriptor under every wanted fingerprint."""


@dataclass(frozen=True)
class NewImage:
    """An image to add: facts of the file, and its descriptors or the reason why there are none."""

    row: SourceRow
    source: str
    size: int
    mtime_ns: int
    sha256: str | None
    width: int | None = None
    height: int | None = None
    surface: str = "unknown"
    surface_probability: float | None = None
    descriptors: Mapping[str, bytes] | None = None
    """Fingerprint -> packed descriptor; None for a refused image."""
    reason_code: str | None = None
    reason: str | None = None


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


class Catalog:
    """Products, images, descriptors, generations and decisions."""

    def __init__(self, url: str, settings: CatalogSettings) -> None:
        """Open the database, creating or migrating it as needed.

        Raises:
            CatalogError: it cannot be opened, is no catalog, or was made by a newer simsearch.
        """
        self.url = make_url(url)
        self.engine = _engine(url, settings)
        with self._translated():
            self._migrate()

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    # -- connections -------------------------------------------------------------------------------------------------

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.OperationalError as error:
            text = str(error.orig)
            if "locked" in text:
                raise CatalogError(
                    f"{self._where()}: is locked by another process; try again, or end that process"
                ) from error
            raise CatalogError(
                f"{self._where()}: {text}; check the path, its permissions and the free disk space"
            ) from error
        except sa.exc.DatabaseError as error:
            if isinstance(error.orig, sqlite3.DatabaseError) and not isinstance(error.orig, sqlite3.IntegrityError):
                raise CatalogError(f"{self._where()}: is no sound catalog ({error.orig}); restore a backup") from error
            raise

    def _where(self) -> str:
        return str(self.url.database) if self.url.get_backend_name() == "sqlite" else self.url.render_as_string()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._translated(), self.engine.execution_options(simsearch_write=True).begin() as connection:
            yield connection

    def _migrate(self) -> None:
        with self.engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            version = None
            if "alembic_version" in tables:
                version = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
            elif tables:
                raise CatalogError(
                    f"{self._where()}: is a database, but not a catalog of simsearch; choose another --home"
                )
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            raise CatalogError(f"{self._where()}: was made by a newer simsearch (schema {version}); update simsearch")
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(resource_dir("migrations")).replace("%", "%%"))
        config.attributes["engine"] = self.engine
        command.upgrade(config, "head")

    # -- revision ----------------------------------------------------------------------------------------------------

    def revision(self) -> int:
        """Raised by every change of images or products."""
        with self._read() as c:
            return c.scalar(sa.select(StateRow.revision)) or 0

    @staticmethod
    def _raise_revision(c: Connection) -> int:
        c.execute(sa.update(StateRow).values(revision=StateRow.revision + 1))
        return int(c.scalar(sa.select(StateRow.revision)) or 0)

    # -- products and images -----------------------------------------------------------------------------------------

    def known_images(self, fingerprints: Sequence[str]) -> list[KnownImage]:
        """Every active image, and whether it has a descriptor under each of `fingerprints`."""
        described = (
            sa.select(sa.func.count())
            .select_from(DescriptorRow)
            .join(MethodRow, MethodRow.id == DescriptorRow.method_id)
            .where(DescriptorRow.image_id == ImageRow.id, MethodRow.fingerprint.in_(fingerprints))
            .scalar_subquery()
            .label("described")
        )
        columns = (
            ImageRow.id, ImageRow.product_id, ProductRow.sku, ImageRow.path, ImageRow.source, ImageRow.size,
            ImageRow.mtime_ns, ImageRow.sha256, ImageRow.verdict, described,
        )  # fmt: skip
        query = sa.select(*columns).join(ProductRow).where(ImageRow.retired_at.is_(None))
        with self._read() as c:
            rows = c.execute(query).all()
        return [KnownImage(**{**r._mapping, "described": r.described == len(fingerprints)}) for r in rows]

    def apply(
        self,
        *,
        add: Sequence[NewImage] = (),
        retire: Iterable[int] = (),
        redescribe: Mapping[int, NewImage] | None = None,
        touch: Mapping[int, tuple[str, int, int]] | None = None,
    ) -> None:
        """One step of indexing, in one transaction.

        `retire`: image ids. `redescribe`: image id -> the same image with descriptors under further fingerprints.
        `touch`: image id -> (source, size, mtime_ns) where content is as before.
        """
        retire, redescribe, touch = list(retire), redescribe or {}, touch or {}
        if not (add or retire or redescribe or touch):
            return
        with self._write() as c:
            revision = self._raise_revision(c)
            for part in _chunks(retire):
                done = sa.update(ImageRow).where(ImageRow.id.in_(part), ImageRow.retired_at.is_(None))
                c.execute(done.values(retired_at=now(), retired_revision=revision))
            products = self._products(c, [image.row for image in add])
            methods = self._methods(c, {f for i in [*add, *redescribe.values()] for f in i.descriptors or ()})
            for image in add:
                values = _image_values(image) | {
                    "product_id": products[image.row.sku], "added_at": now(), "described_revision": revision,
                }  # fmt: skip
                key = c.execute(sa.insert(ImageRow).values(values)).inserted_primary_key
                assert key is not None
                _add_descriptors(c, int(key[0]), image, methods)
            for image_id, image in redescribe.items():
                values = _image_values(image) | {"described_revision": revision}
                c.execute(sa.update(ImageRow).where(ImageRow.id == image_id).values(values))
                present = sa.delete(DescriptorRow).where(
                    DescriptorRow.image_id == image_id, DescriptorRow.method_id.in_(methods.values())
                )
                c.execute(present)
                _add_descriptors(c, image_id, image, methods)
            for image_id, (source, size, mtime_ns) in touch.items():
                changed = {"source": source, "size": size, "mtime_ns": mtime_ns}
                c.execute(sa.update(ImageRow).where(ImageRow.id == image_id).values(changed))

    def update_products(self, rows: Iterable[SourceRow]) -> int:
        """Bring name, strength, form, maker and attributes up to what a source says; how many products changed."""
        wanted = {row.sku: row for row in rows}
        changed = 0
        with self._write() as c:
            for part in _chunks(list(wanted)):
                for known in c.execute(sa.select(ProductRow.__table__).where(ProductRow.sku.in_(part))).mappings():
                    values = _product_values(wanted[known["sku"]])
                    if any(known[k] != v for k, v in values.items()):
                        c.execute(sa.update(ProductRow).where(ProductRow.id == known["id"]).values(values))
                        changed += 1
            if changed:
                self._raise_revision(c)
        return changed

    @staticmethod
    def _products(c: Connection, rows: Sequence[SourceRow]) -> dict[str, int]:
        wanted = {row.sku: row for row in rows}
        found: dict[str, int] = {}
        for part in _chunks(list(wanted)):
            query = sa.select(ProductRow.sku, ProductRow.id).where(ProductRow.sku.in_(part))
            found |= dict(c.execute(query))
        for sku, row in wanted.items():
            if sku not in found:
                key = c.execute(sa.insert(ProductRow).values(sku=sku, **_product_values(row))).inserted_primary_key
                assert key is not None
                found[sku] = int(key[0])
        return found

    @staticmethod
    def _methods(c: Connection, fingerprints: Iterable[str]) -> dict[str, int]:
        found = {}
        for fingerprint in sorted(fingerprints):
            key = c.scalar(sa.select(MethodRow.id).where(MethodRow.fingerprint == fingerprint))
            if key is None:
                name = fingerprint.rsplit("-", 1)[0]
                made = c.execute(sa.insert(MethodRow).values(fingerprint=fingerprint, name=name)).inserted_primary_key
                assert made is not None
                key = int(made[0])
            found[fingerprint] = key
        return found

    def facts(self, ids: Iterable[int]) -> dict[int, ImageFacts]:
        """Active, accepted images among `ids`, with their products."""
        columns = (
            ImageRow.id, ImageRow.image, ImageRow.path, ImageRow.surface, ImageRow.sha256, ProductRow.sku,
            ProductRow.name, ProductRow.strength, ProductRow.form, ProductRow.manufacturer, ProductRow.attributes,
        )  # fmt: skip
        found: dict[int, ImageFacts] = {}
        with self._read() as c:
            for part in _chunks([int(i) for i in ids]):
                query = sa.select(*columns).join(ProductRow).where(ImageRow.id.in_(part), _active())
                found |= {row[0]: ImageFacts(*row) for row in c.execute(query)}
        return found

    def note_refusals(self, source: str, refusals: Sequence[Refusal]) -> None:
        """Rows of `source` that name no image, in place of those noted before."""
        values = [{"source": source, "location": r.where, "code": r.code, "message": r.message} for r in refusals]
        with self._write() as c:
            c.execute(sa.delete(RefusalRow).where(RefusalRow.source == source))
            if values:
                c.execute(sa.insert(RefusalRow), values)

    def refused(self) -> list[Refusal]:
        """What the sources list and the catalog could not take: rows first, then photos."""
        rows = sa.select(RefusalRow.location, RefusalRow.code, RefusalRow.message).order_by(RefusalRow.id)
        photos = (
            sa.select(ImageRow.path, ImageRow.reason_code, ImageRow.reason)
            .where(ImageRow.retired_at.is_(None), ImageRow.verdict == Verdict.REFUSED.value)
            .order_by(ImageRow.id)
        )
        with self._read() as c:
            found = [*c.execute(rows), *c.execute(photos)]
            return [Refusal(str(where), str(code), str(message)) for where, code, message in found]

    def counts(self) -> dict[str, int]:
        """products (with an active image), images_ok, images_refused, images_retired."""
        active = ImageRow.retired_at.is_(None)
        by_verdict = sa.select(ImageRow.verdict, sa.func.count()).where(active).group_by(ImageRow.verdict)
        with self._read() as c:
            verdicts: dict[str, int] = dict(c.execute(by_verdict))
            products = c.scalar(sa.select(sa.func.count(sa.distinct(ImageRow.product_id))).where(active))
            retired = c.scalar(sa.select(sa.func.count()).select_from(ImageRow).where(~active))
        return {
            "products": products or 0, "images_ok": verdicts.get("ok", 0), "images_refused": verdicts.get("refused", 0),
            "images_retired": retired or 0,
        }  # fmt: skip

    # -- descriptors -------------------------------------------------------------------------------------------------

    def matrix(
        self, fingerprint: str, dtype: np.dtype[Any], width: int, *, since: int = -1
    ) -> tuple[Ids, np.ndarray[Any, Any]]:
        """Ids (n,) ascending and descriptors (n, width) of the active images under `fingerprint`.

        Only of images described after the revision `since`.
        """
        query = _descriptors(fingerprint, DescriptorRow.image_id, DescriptorRow.data)
        query = query.where(_active(), ImageRow.described_revision > since)
        ids: list[int] = []
        blocks: list[bytes] = []
        size = width * dtype.itemsize
        with self._read() as c:
            for image_id, data in c.execution_options(yield_per=4096).execute(query.order_by(DescriptorRow.image_id)):
                if len(data) != size:
                    raise CatalogError(f"image {image_id}: its {fingerprint} descriptor is damaged; restore a backup")
                ids.append(image_id)
                blocks.append(data)
        return np.array(ids, np.int64), np.frombuffer(b"".join(blocks), dtype).reshape(len(ids), width)

    def descriptors(self, fingerprint: str, ids: Iterable[int]) -> dict[int, bytes]:
        """Packed descriptors of the images `ids` that have one."""
        found: dict[int, bytes] = {}
        with self._read() as c:
            for part in _chunks([int(i) for i in ids]):
                query = _descriptors(fingerprint, DescriptorRow.image_id, DescriptorRow.data)
                found |= dict(c.execute(query.where(DescriptorRow.image_id.in_(part))))
        return found

    def active_ids(self, fingerprint: str, *, since: int = -1) -> Ids:
        """Ids (n,) ascending of the active images under `fingerprint`, described after the revision `since`."""
        query = _descriptors(fingerprint, DescriptorRow.image_id).where(_active(), ImageRow.described_revision > since)
        with self._read() as c:
            return np.array(c.scalars(query.order_by(DescriptorRow.image_id)).all(), np.int64)

    def retired_since(self, revision: int) -> Ids:
        """Ids (n,) of images retired after `revision`."""
        with self._read() as c:
            return np.array(
                c.scalars(sa.select(ImageRow.id).where(ImageRow.retired_revision > revision)).all(), np.int64
            )

    def descriptor_counts(self) -> dict[str, int]:
        """Fingerprint -> number of active images that have a descriptor under it."""
        query = (
            sa.select(MethodRow.fingerprint, sa.func.count())
            .join(DescriptorRow, DescriptorRow.method_id == MethodRow.id)
            .join(ImageRow, ImageRow.id == DescriptorRow.image_id)
            .where(_active())
            .group_by(MethodRow.fingerprint)
        )
        with self._read() as c:
            return dict(c.execute(query))

    # -- generations and decisions -----------------------------------------------------------------------------------

    def record_generation(self, name: str, images: int, state: str, audit: Mapping[str, Any]) -> None:
        """Remember a build, whether it serves or not."""
        with self._write() as c:
            c.execute(sa.delete(GenerationRow).where(GenerationRow.name == name))
            values = {"name": name, "created_at": now(), "images": images, "state": state, "audit": dict(audit)}
            c.execute(sa.insert(GenerationRow).values(values))

    def generations(self) -> list[dict[str, Any]]:
        """Every build remembered, oldest first."""
        with self._read() as c:
            return [
                dict(row) for row in c.execute(sa.select(GenerationRow.__table__).order_by(GenerationRow.id)).mappings()
            ]

    def record_decisions(self, decisions: Sequence[tuple[Decision, str]], evidence: Mapping[str, Any]) -> None:
        """Keep answers, each with the sha256 of its photo. `evidence`: fingerprints and thresholds that they share."""
        rows = [
            {
                "created_at": now(), "query": d.query, "query_sha256": sha256, "generation": d.generation,
                "outcome": d.outcome.value, "sku": d.sku, "probability": d.probability,
                "evidence": {
                    **evidence,
                    "hits": [
                        {"sku": h.sku, "image_id": h.image_id, "probability": round(h.verification.probability, 6),
                         "similarity": round(h.verification.similarity, 6), "inliers": h.verification.inliers}
                        for h in d.hits
                    ],
                },
            }
            for d, sha256 in decisions
        ]  # fmt: skip
        if rows:
            with self._write() as c:
                c.execute(sa.insert(DecisionRow), rows)


def _engine(url: str, settings: CatalogSettings) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": settings.busy_timeout_s})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that turns writer fails at once under WAL when its snapshot is old; a writer says so at the start.
        write = connection.get_execution_options().get("simsearch_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _active() -> sa.ColumnElement[bool]:
    return sa.and_(ImageRow.retired_at.is_(None), ImageRow.verdict == Verdict.OK.value)


def _descriptors(fingerprint: str, *columns: Any) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .join(MethodRow, MethodRow.id == DescriptorRow.method_id)
        .join(ImageRow, ImageRow.id == DescriptorRow.image_id)
        .where(MethodRow.fingerprint == fingerprint)
    )


def _image_values(image: NewImage) -> dict[str, Any]:
    return {
        "source": image.source, "image": image.row.image, "path": image.row.path, "size": image.size,
        "mtime_ns": image.mtime_ns, "sha256": image.sha256, "width": image.width, "height": image.height,
        "surface": image.surface, "surface_probability": image.surface_probability,
        "verdict": (Verdict.REFUSED if image.descriptors is None else Verdict.OK).value,
        "reason_code": image.reason_code, "reason": image.reason,
    }  # fmt: skip


def _add_descriptors(c: Connection, image_id: int, image: NewImage, methods: Mapping[str, int]) -> None:
    rows = [
        {"method_id": methods[f], "image_id": image_id, "data": data} for f, data in (image.descriptors or {}).items()
    ]
    if rows:
        c.execute(sa.insert(DescriptorRow), rows)


def _product_values(row: SourceRow) -> dict[str, Any]:
    return {
        "name": row.name, "strength": row.strength, "form": row.form, "manufacturer": row.manufacturer,
        "attributes": dict(row.attributes),
    }  # fmt: skip


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for i in range(0, len(items), _CHUNK):
        yield items[i : i + _CHUNK]
