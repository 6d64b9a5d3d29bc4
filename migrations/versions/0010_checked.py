"""What the check of filing goes on from: as of which revision it saw an image, beside which others, and its cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables. What was seen before is dropped: the next check sees it again."""
    op.drop_table("checked")
    op.create_table(
        "checked",
        sa.Column("image_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stamp", sa.String(64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_checked_image_id_images"),
        sa.PrimaryKeyConstraint("image_id", name="pk_checked"),
    )
    op.create_index("ix_checked_revision", "checked", ["revision"])
    op.create_table(
        "checked_pairs",
        sa.Column("image_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("other_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_checked_pairs_image_id_images"),
        sa.ForeignKeyConstraint(["other_id"], ["images.id"], name="fk_checked_pairs_other_id_images"),
        sa.PrimaryKeyConstraint("image_id", "other_id", name="pk_checked_pairs"),
    )
    op.create_index("ix_checked_pairs_other_id", "checked_pairs", ["other_id"])
    op.create_table(
        "checked_cases",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("against_sku", sa.Text(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_checked_cases"),
    )
    op.create_index("ix_checked_cases_sku", "checked_cases", ["sku"])
    op.create_index("ix_checked_cases_against_sku", "checked_cases", ["against_sku"])
    op.create_table(
        "check_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.String(64), nullable=False),
        sa.Column("judged_by", sa.String(64), nullable=False),
        sa.Column("settled", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_check_state"),
    )


def downgrade() -> None:
    """Back to what was seen of each image alone; the next check sees it again."""
    for table in ("check_state", "checked_cases", "checked_pairs", "checked"):
        op.drop_table(table)
    op.create_table(
        "checked",
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.String(64), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_checked_image_id_images"),
        sa.PrimaryKeyConstraint("image_id", name="pk_checked"),
    )
