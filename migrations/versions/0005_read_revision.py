"""When the print of a photo was read last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it stays empty until `simsearch index` has read the photo."""
    op.add_column("images", sa.Column("read_revision", sa.Integer(), nullable=True))
    op.create_index("ix_images_read_revision", "images", ["read_revision"])


def downgrade() -> None:
    """Take the column away. Alembic itself would copy the table on SQLite, where a column can be dropped as well."""
    op.drop_index("ix_images_read_revision", "images")
    op.execute("ALTER TABLE images DROP COLUMN read_revision")
