"""Which images count, and since when, from one small index: a large catalog is counted without reading its images."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put the columns that decide behind those by which what is new is found."""
    op.drop_index("ix_images_described_revision", "images")
    op.create_index(
        "ix_images_usable",
        "images",
        ["described_revision", "retired_revision", "retired_at", "verdict", "product_id"],
    )


def downgrade() -> None:
    """Go back to the index of one column."""
    op.drop_index("ix_images_usable", "images")
    op.create_index("ix_images_described_revision", "images", ["described_revision"])
