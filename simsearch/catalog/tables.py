"""The tables. `migrations/` makes the same ones step by step; a test compares the two."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    Connection,
    DateTime,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    and_,
    event,
    or_,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from simsearch.catalog.counting import make_triggers

HEAD = "0012"
"""Newest migration. Opening compares it with the database and imports Alembic only if they differ."""

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Verdict(StrEnum):
    """What indexing said about an image."""

    OK = "ok"
    REFUSED = "refused"


class Table(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=_NAMES)


class ProductRow(Table):
    """One drug as sold."""

    __tablename__ = "products"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text, default="")
    strength: Mapped[str] = mapped_column(Text, default="")
    form: Mapped[str] = mapped_column(Text, default="")
    manufacturer: Mapped[str] = mapped_column(Text, default="")
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    changed_revision: Mapped[int | None] = mapped_column(index=True)
    """The catalog's revision that last changed what the table says of it; None where it is as it was added."""


class ImageRow(Table):
    """One photo of a product. Content never changes under an id: a changed file is a new row, the old one retires."""

    __tablename__ = "images"
    __table_args__ = (
        Index(
            "uq_images_active", "product_id", "path", unique=True,
            sqlite_where=text("retired_at IS NULL"), postgresql_where=text("retired_at IS NULL"),
        ),
        # Counting images and finding new ones reads this alone.
        Index("ix_images_usable", "described_revision", "retired_revision", "retired_at", "verdict", "product_id"),
        CheckConstraint("verdict IN ('ok', 'refused')", name="verdict"),
        {"sqlite_autoincrement": True},  # ids are never reused: an old index must not name a new image
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), index=True)
    source: Mapped[str] = mapped_column(Text, index=True)
    """Absolute path of the folder or table that last listed the image."""
    image: Mapped[str] = mapped_column(Text)
    """The image's name in that source."""
    path: Mapped[str] = mapped_column(Text)
    """Absolute path of the file."""
    size: Mapped[int] = mapped_column(BigInteger)
    """Of the file in bytes; -1 where there was no file."""
    mtime_ns: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64), index=True)
    width: Mapped[int | None]
    height: Mapped[int | None]
    surface: Mapped[str] = mapped_column(String(16), default="unknown")
    surface_probability: Mapped[float | None] = mapped_column(Float)
    """0 to 1; None where the source stated the surface, or nobody did."""
    verdict: Mapped[str] = mapped_column(String(16))
    reason_code: Mapped[str | None] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(DateTime)
    """UTC, as every time here."""
    retired_at: Mapped[datetime | None] = mapped_column(DateTime)
    described_revision: Mapped[int]
    """The catalog's revision that last wrote descriptors of this image."""
    retired_revision: Mapped[int | None] = mapped_column(index=True)
    ctime_ns: Mapped[int | None] = mapped_column(BigInteger)
    """See `core.stamps`. As `inode`, None where an older simsearch was the last to look at the file."""
    inode: Mapped[int | None] = mapped_column(BigInteger)
    read_revision: Mapped[int | None] = mapped_column(index=True)
    """The catalog's revision that last wrote what is printed on the image; None where nobody has read it."""
    filed_sku: Mapped[str | None] = mapped_column(Text, index=True)
    """The SKU that the source files it under, where a correction files it elsewhere or leaves it out; else None."""


class RefusalRow(Table):
    """A row of a source that names no image, as of the last reading of the source."""

    __tablename__ = "refusals"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text, index=True)
    location: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text)


class MethodRow(Table):
    """A fingerprint: a method with its settings and weights."""

    __tablename__ = "methods"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(128), unique=True)
    name: Mapped[str] = mapped_column(String(64))


class DescriptorRow(Table):
    """The descriptor of an image by a method, as `features.base.pack` writes it."""

    __tablename__ = "descriptors"

    # Method first: building an index scans the rows of one method in the order of image ids.
    method_id: Mapped[int] = mapped_column(ForeignKey("methods.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True, index=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class CodeRow(Table):
    """A key (`core.code_agreement.keys`) that leads to a product: of its row in a source, or of one of its photos."""

    __tablename__ = "codes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text, index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"), index=True)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("images.id"), index=True)
    """The photo; None where the row says it."""


class GenerationRow(Table):
    """One build of the indexes, also of those that failed or are gone from disk."""

    __tablename__ = "generations"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(DateTime)
    images: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    """built; or failed: the build was not completed, or did not pass its audit."""
    audit: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class SharedGenerationRow(Table):
    """A generation whose indexes lie in an engine that several machines reach."""

    __tablename__ = "shared_generations"
    __table_args__ = (CheckConstraint("state IN ('building', 'built', 'leaving')", name="state"),)

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    """built: it may serve; building, leaving: what is there of it is dropped by the next build."""
    collections: Mapped[list[str]] = mapped_column(JSON, default=list)
    """What it may have made in the engine, so that nothing else is ever dropped there."""
    manifest: Mapped[str] = mapped_column(Text, default="")
    """Its JSON, as `indexes.manifest` writes it; empty before it is built."""


class SharedFileRow(Table):
    """A part of a file of such a generation: keypoint votes and texts, which lie in no engine."""

    __tablename__ = "shared_files"

    generation: Mapped[str] = mapped_column(ForeignKey("shared_generations.name"), primary_key=True)
    file: Mapped[str] = mapped_column(String(64), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class SharedPointerRow(Table):
    """A single row: the shared generation that serves; none before the first."""

    __tablename__ = "shared_pointer"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    generation: Mapped[str] = mapped_column(ForeignKey("shared_generations.name"))


class DecisionRow(Table):
    """One answer. The photo itself is not kept."""

    __tablename__ = "decisions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(DateTime, index=True)
    query: Mapped[str] = mapped_column(Text)
    query_sha256: Mapped[str] = mapped_column(String(64), index=True)
    generation: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    sku: Mapped[str | None] = mapped_column(Text)
    probability: Mapped[float] = mapped_column(Float)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What the answer rests on: see `decisions.Decisions.record`."""


class DecisionReviewRow(Table):
    """A person's review of an answer; at most one a decision, the latest."""

    __tablename__ = "decision_reviews"
    __table_args__ = (
        CheckConstraint("verdict IN ('confirmed', 'corrected')", name="verdict"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id"), unique=True)
    created_at: Mapped[datetime] = mapped_column(DateTime)
    verdict: Mapped[str] = mapped_column(String(16))
    """confirmed: the answer was right; corrected: it was not."""
    sku: Mapped[str | None] = mapped_column(Text)
    """What the photo shows; None: no product of the catalog."""
    note: Mapped[str] = mapped_column(Text)
    said_by: Mapped[str | None] = mapped_column(Text)
    """Who gave it; None where that is not known."""


class PairReviewRow(Table):
    """A person's verdict on a suspected pair of duplicates. (sku_a, sha256_a) sorts before (sku_b, sha256_b)."""

    __tablename__ = "pair_reviews"
    __table_args__ = (
        UniqueConstraint("sku_a", "sha256_a", "sku_b", "sha256_b", name="uq_pair_reviews_pair"),
        CheckConstraint("verdict IN ('confirmed', 'dismissed')", name="verdict"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(DateTime)
    sku_a: Mapped[str] = mapped_column(Text)
    sha256_a: Mapped[str] = mapped_column(String(64))
    """Digest of the photo; empty: every photo of the SKU."""
    sku_b: Mapped[str] = mapped_column(Text)
    sha256_b: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(16))
    """confirmed: both show the same product; dismissed: they do not, or the pair is of no interest."""
    note: Mapped[str] = mapped_column(Text)
    said_by: Mapped[str | None] = mapped_column(Text)
    """Who gave it; None where that is not known."""


class DoubtRow(Table):
    """A doubt about how the catalog is filed, with what a person said of it."""

    __tablename__ = "doubts"
    __table_args__ = (
        CheckConstraint("verdict IN ('accepted', 'dismissed')", name="verdict"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    """What is doubted, by SKUs and contents: the same doubt has the same key after every run."""
    kind: Mapped[str] = mapped_column(String(32))
    sku: Mapped[str] = mapped_column(Text, index=True)
    against_sku: Mapped[str] = mapped_column(Text)
    """The SKU that it was held against; "" for a row, and "" where that is its own."""
    probability: Mapped[float] = mapped_column(Float)
    """That it is an error, 0 to 1."""
    found: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Photos, reason and what would mend it: see `catalog.doubts.Doubt`."""
    created_at: Mapped[datetime] = mapped_column(DateTime)
    standing: Mapped[bool] = mapped_column(Boolean)
    """Whether the last check still found it."""
    verdict: Mapped[str | None] = mapped_column(String(16))
    """None: open."""
    note: Mapped[str] = mapped_column(Text)
    said_by: Mapped[str | None] = mapped_column(Text)
    said_at: Mapped[datetime | None] = mapped_column(DateTime)


class CorrectionRow(Table):
    """What an accepted doubt changed, and what undoes it. The table of the source stays as it is."""

    __tablename__ = "corrections"
    __table_args__ = (CheckConstraint("action IN ('move', 'merge', 'leave-out')", name="action"),)

    doubt_id: Mapped[int] = mapped_column(ForeignKey("doubts.id"), primary_key=True, autoincrement=False)
    action: Mapped[str] = mapped_column(String(16))
    sku: Mapped[str] = mapped_column(Text, index=True)
    """As the source says."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Digest of the photo; "": every photo of the SKU."""
    to_sku: Mapped[str] = mapped_column(Text)
    """Where it is filed instead; "" where it is left out."""
    before: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Columns that undoing writes back: see `catalog.corrections`."""
    created_at: Mapped[datetime] = mapped_column(DateTime)


class CheckedRow(Table):
    """What the check of filing saw of an image: a later check goes on from it. It can be dropped at any time."""

    __tablename__ = "checked"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True, autoincrement=False)
    stamp: Mapped[str] = mapped_column(String(64))
    """Digest of the methods by which it was seen."""
    revision: Mapped[int] = mapped_column(index=True)
    """The catalog's when it was looked at: what changed later was not seen."""
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)
    """See `filing.evidence`."""


class CheckedPairRow(Table):
    """An image of another SKU that an image was compared with."""

    __tablename__ = "checked_pairs"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True, autoincrement=False)
    other_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True, autoincrement=False, index=True)


class CheckedCaseRow(Table):
    """Something that may be wrong by what was seen, whether or not it is listed: see `filing.arbiter`."""

    __tablename__ = "checked_cases"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    """As of the doubt that it would be."""
    sku: Mapped[str] = mapped_column(Text, index=True)
    against_sku: Mapped[str] = mapped_column(Text, index=True)
    """The other one of two SKUs; "" where it is about one alone."""
    found: Mapped[dict[str, Any]] = mapped_column(JSON)
    """See `filing.cases`."""


class CheckStateRow(Table):
    """A single row: up to where the catalog was checked; none before the first check."""

    __tablename__ = "check_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision: Mapped[int]
    """Of the catalog: what changed up to here was seen and judged."""
    stamp: Mapped[str] = mapped_column(String(64))
    """Digest of the methods by which it was seen."""
    judged_by: Mapped[str] = mapped_column(String(64))
    """Digest of what turned it into probabilities."""
    settled: Mapped[str] = mapped_column(String(64))
    """Digest of what else decides what is listed: what people said, and rows that were refused."""


class CountRow(Table):
    """How much there is of something, as the triggers of `catalog.counting` keep it; `catalog.counts` reads it."""

    __tablename__ = "counts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    """image; descriptor, of an image that counts; or product, with an active image."""
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    """The source of the images; the number of the method, in digits; "" of products."""
    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    """One of `counts.State`, of the images; "" of products."""
    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Number of the image, divided by `counting.BLOCK`; 0 of products."""
    number: Mapped[int] = mapped_column(BigInteger)
    ids: Mapped[int] = mapped_column(BigInteger)
    """Sum of the numbers of the images; 0 of all else."""
    mixed: Mapped[int] = mapped_column(BigInteger)
    """Sum of `counting.mixed_of` them."""


class StateRow(Table):
    """A single row: the revision, raised by every change of images or products."""

    __tablename__ = "state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision: Mapped[int]


@event.listens_for(Table.metadata, "after_create")
def _count(_target: MetaData, connection: Connection, **_: Any) -> None:
    make_triggers(connection)


def usable() -> ColumnElement[bool]:
    """Condition: the image is active and accepted."""
    return and_(ImageRow.retired_at.is_(None), ImageRow.verdict == Verdict.OK.value)


def left_out() -> ColumnElement[bool]:
    """Condition on an image joined with its product: a correction leaves it out, so that it is retired but known."""
    return and_(ImageRow.retired_at.is_not(None), ImageRow.filed_sku == ProductRow.sku)


def usable_at(revision: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Condition: the image was active and accepted as of a revision of the catalog, with its descriptors of today."""
    gone_later = or_(ImageRow.retired_revision.is_(None), ImageRow.retired_revision > revision)
    return and_(ImageRow.verdict == Verdict.OK.value, ImageRow.described_revision <= revision, gone_later)
