"""What else the file system says of a photo: when its name or content changed, and its number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; they stay empty until the next run of `simsearch index` looks at the files."""
    op.add_column("images", sa.Column("ctime_ns", sa.BigInteger(), nullable=True))
    op.add_column("images", sa.Column("inode", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Take the columns away. Alembic itself would copy the table on SQLite, where a column can be dropped as well."""
    op.execute("ALTER TABLE images DROP COLUMN inode")
    op.execute("ALTER TABLE images DROP COLUMN ctime_ns")
