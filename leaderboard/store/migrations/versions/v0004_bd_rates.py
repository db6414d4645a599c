"""BD-rates of entries are stored, computed once; they take the place of the summaries of curves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, empty: who shows the board fills it, for old entries as for new ones."""
    op.create_table(
        "bd_rates",
        sa.Column("entry_id", sa.Integer, nullable=False),
        sa.Column("anchor", sa.Text, nullable=False),
        sa.Column("metric", sa.String(16), nullable=False),
        sa.Column("basis", sa.String(64), nullable=False),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("percent", sa.Double),
        sa.Column("low", sa.Double),
        sa.Column("high", sa.Double),
        sa.Column("overlap", sa.Double),
        sa.Column("images", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_bd_rates_entry_id"),
        sa.PrimaryKeyConstraint("entry_id", "anchor", "metric", name="pk_bd_rates"),
    )
    op.create_index("ix_bd_rates_anchor", "bd_rates", ["anchor", "metric"])
    op.drop_table("summaries")
