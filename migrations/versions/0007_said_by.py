"""Who gave a review."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = ("decision_reviews", "pair_reviews")


def upgrade() -> None:
    """Add the column; of earlier reviews nobody knows."""
    for table in _TABLES:
        op.add_column(table, sa.Column("said_by", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take the column away. Alembic itself would copy the table on SQLite, where a column can be dropped as well."""
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} DROP COLUMN said_by")
