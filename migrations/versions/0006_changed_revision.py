"""When what the table says of a product changed last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it stays empty until a source says something else of the product."""
    op.add_column("products", sa.Column("changed_revision", sa.Integer(), nullable=True))
    op.create_index("ix_products_changed_revision", "products", ["changed_revision"])


def downgrade() -> None:
    """Take the column away. Alembic itself would copy the table on SQLite, where a column can be dropped as well."""
    op.drop_index("ix_products_changed_revision", "products")
    op.execute("ALTER TABLE products DROP COLUMN changed_revision")
