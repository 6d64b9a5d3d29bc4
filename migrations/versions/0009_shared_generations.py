"""Generations whose indexes lie in an engine that several machines reach, their files, and which of them serves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "shared_generations",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("collections", sa.JSON(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('building', 'built', 'leaving')", name=op.f("ck_shared_generations_state")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_shared_generations")),
    )
    op.create_table(
        "shared_files",
        sa.Column("generation", sa.String(64), nullable=False),
        sa.Column("file", sa.String(64), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation"], ["shared_generations.name"], name=op.f("fk_shared_files_generation_shared_generations")
        ),
        sa.PrimaryKeyConstraint("generation", "file", "part", name=op.f("pk_shared_files")),
    )
    op.create_table(
        "shared_pointer",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation"], ["shared_generations.name"], name=op.f("fk_shared_pointer_generation_shared_generations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_pointer")),
    )


def downgrade() -> None:
    """Drop the tables; what they name stays in the engine."""
    for table in ("shared_pointer", "shared_files", "shared_generations"):
        op.drop_table(table)
