"""Votes of the blind comparison, its visits and its class codes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables, empty."""
    op.create_table(
        "blind_classes",
        sa.Column("code", sa.String(8), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_blind_classes"),
    )
    op.create_table(
        "blind_visits",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("class_code", sa.String(8)),
        sa.Column("public", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(
            ["class_code"], ["blind_classes.code"], name="fk_blind_visits_class_code"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_blind_visits"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_blind_visits_class_code", "blind_visits", ["class_code"])
    op.create_table(
        "blind_votes",
        sa.Column("visit_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("picture", sa.Text, nullable=False),
        sa.Column("rate", sa.Double, nullable=False),
        sa.Column("left_codec", sa.Text, nullable=False),
        sa.Column("right_codec", sa.Text, nullable=False),
        sa.Column("choice", sa.String(8), nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["blind_visits.id"], name="fk_blind_votes_visit_id"),
        sa.PrimaryKeyConstraint("visit_id", "number", name="pk_blind_votes"),
    )
    op.create_index("ix_blind_votes_picture", "blind_votes", ["picture", "rate"])
