"""Doubts about how the catalog is filed, and people's corrections."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the column; no image was corrected before."""
    op.add_column("images", sa.Column("filed_sku", sa.Text(), nullable=True))
    op.create_index("ix_images_filed_sku", "images", ["filed_sku"])
    op.create_table(
        "doubts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("against_sku", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=True),
        sa.Column("said_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("verdict IN ('accepted', 'dismissed')", name=op.f("ck_doubts_verdict")),
        sa.PrimaryKeyConstraint("id", name="pk_doubts"),
        sa.UniqueConstraint("key", name="uq_doubts_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_doubts_sku", "doubts", ["sku"])
    op.create_table(
        "corrections",
        sa.Column("doubt_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("to_sku", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("action IN ('move', 'merge', 'leave-out')", name=op.f("ck_corrections_action")),
        sa.ForeignKeyConstraint(["doubt_id"], ["doubts.id"], name="fk_corrections_doubt_id_doubts"),
        sa.PrimaryKeyConstraint("doubt_id", name="pk_corrections"),
    )
    op.create_index("ix_corrections_sku", "corrections", ["sku"])
    op.create_table(
        "checked",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.String(64), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_checked_image_id_images"),
        sa.PrimaryKeyConstraint("image_id", name="pk_checked"),
    )


def downgrade() -> None:
    """Take tables and column away, and with them what people said. What they moved stays where it is."""
    for table in ("checked", "corrections", "doubts"):
        op.drop_table(table)
    op.drop_index("ix_images_filed_sku", "images")
    op.execute("ALTER TABLE images DROP COLUMN filed_sku")
