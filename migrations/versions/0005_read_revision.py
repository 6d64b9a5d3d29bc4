"""When the print of a photo was read last, and the codes that lead to products."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from alembic import op

from simsearch.core.code_agreement import keys
from simsearch.core.codes import listed_codes

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add column and table. Photos are read by the next `simsearch index`; the codes of rows are known already."""
    op.add_column("images", sa.Column("read_revision", sa.Integer(), nullable=True))
    op.create_index("ix_images_read_revision", "images", ["read_revision"])
    codes = op.create_table(
        "codes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Integer(), sa.ForeignKey("products.id"), nullable=False),
        sa.Column("image_id", sa.Integer(), sa.ForeignKey("images.id"), nullable=True),
        sqlite_autoincrement=True,
    )
    for column in ("key", "product_id", "image_id"):
        op.create_index(f"ix_codes_{column}", "codes", [column])
    products = sa.table("products", sa.column("id", sa.Integer), sa.column("attributes", sa.JSON))
    listed = op.get_bind().execute(sa.select(products.c.id, products.c.attributes)).all()
    rows = [
        {"key": key, "product_id": product}
        for product, attributes in listed
        for key in sorted(keys(listed_codes(attributes or {}, date.today())))
    ]
    if rows:
        op.bulk_insert(codes, rows)


def downgrade() -> None:
    """Take both away. Alembic itself would copy the table on SQLite, where a column can be dropped as well."""
    op.drop_table("codes")
    op.drop_index("ix_images_read_revision", "images")
    op.execute("ALTER TABLE images DROP COLUMN read_revision")
