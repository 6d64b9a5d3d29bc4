"""What there is, counted by the database as it is written: a large catalog is counted without walking its indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from simsearch.catalog.counting import drop_triggers, make_triggers
from simsearch.catalog.counts import recount

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count what there is, once, and let the database count from then on."""
    op.create_table(
        "counts",
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("block", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("ids", sa.BigInteger(), nullable=False),
        sa.Column("mixed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "state", "block", name="pk_counts"),
        sqlite_with_rowid=False,
    )
    make_triggers(op.get_bind())
    recount(op.get_bind())


def downgrade() -> None:
    """Count no more."""
    drop_triggers(op.get_bind())
    op.drop_table("counts")
