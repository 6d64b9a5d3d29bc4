"""What people said of suspected duplicates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; what is there stays as it is."""
    op.create_table(
        "pair_reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("sku_a", sa.Text(), nullable=False),
        sa.Column("sha256_a", sa.String(64), nullable=False),
        sa.Column("sku_b", sa.Text(), nullable=False),
        sa.Column("sha256_b", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint("verdict IN ('confirmed', 'dismissed')", name=op.f("ck_pair_reviews_verdict")),
        sa.PrimaryKeyConstraint("id", name="pk_pair_reviews"),
        sa.UniqueConstraint("sku_a", "sha256_a", "sku_b", "sha256_b", name="uq_pair_reviews_pair"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Take the table away, and with it what people said."""
    op.drop_table("pair_reviews")
