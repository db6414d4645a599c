"""Sign-ins hold in every replica; the same contents are found in other files; uploads may go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of sign-ins and of wrong tokens, and two columns, empty for old entries."""
    op.create_table(
        "sign_ins",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("used", sa.Double, nullable=False),
        sa.Column("ends", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_ins"),
    )
    op.create_table(
        "wrong_tokens",
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last", sa.Double, nullable=False),
        sa.Column("locked_until", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_wrong_tokens"),
    )
    op.create_index("ix_wrong_tokens_last", "wrong_tokens", ["last"])
    op.add_column("entries", sa.Column("content", sa.String(64)))
    op.create_index("ix_entries_content", "entries", ["content"])
    op.add_column("uploads", sa.Column("purged_at", sa.DateTime(timezone=True)))
