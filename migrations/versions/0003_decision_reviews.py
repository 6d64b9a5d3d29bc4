"""What people found out about answers that were given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; decisions stay as they are."""
    op.create_table(
        "decision_reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint("verdict IN ('confirmed', 'corrected')", name=op.f("ck_decision_reviews_verdict")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_decision_reviews_decision_id_decisions"),
        sa.PrimaryKeyConstraint("id", name="pk_decision_reviews"),
        sa.UniqueConstraint("decision_id", name="uq_decision_reviews_decision_id"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Take the table away, and with it what people said."""
    op.drop_table("decision_reviews")
