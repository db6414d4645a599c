"""The first board: entries with their contacts, results, uploads, jobs, summaries and history."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the board's own row with a new salt."""
    board = op.create_table(
        "board",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_board"),
    )
    op.bulk_insert(board, [{"id": 1, "revision": 0, "salt": secrets.token_hex(32)}])
    _entries()
    _belongings()
    op.create_table(
        "history",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("entry_id", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("after", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_history_entry_id"),
        sa.PrimaryKeyConstraint("id", name="pk_history"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_history_entry_id", "history", ["entry_id"])


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("claim", sa.String(64)),
        sa.Column("submitter", sa.Text, nullable=False),
        sa.Column("receipt", sa.String(64), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decided_by", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("incomplete", sa.Text, nullable=False),
        sa.Column("replaces", sa.Integer),
        sa.Column("superseded_by", sa.Integer),
        sa.ForeignKeyConstraint(["replaces"], ["entries.id"], name="fk_entries_replaces"),
        sa.ForeignKeyConstraint(["superseded_by"], ["entries.id"], name="fk_entries_superseded_by"),
        sa.PrimaryKeyConstraint("id", name="pk_entries"),
        sa.UniqueConstraint("claim", name="uq_entries_claim"),
        sa.UniqueConstraint("receipt", name="uq_entries_receipt"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entries_state", "entries", ["state", "dataset"])
    op.create_index("ix_entries_submitter", "entries", ["submitter", "submitted_at"])
    op.create_index("ix_entries_replaces", "entries", ["replaces"])


def _belongings() -> None:
    """Tables with at most one row per entry, and the pieces of the uploads."""
    for table, columns in (
        ("contacts", [sa.Column("contact", sa.Text, nullable=False)]),
        ("results", [sa.Column("packed", sa.LargeBinary, nullable=False)]),
        (
            "uploads",
            [
                sa.Column("suffix", sa.String(8), nullable=False),
                sa.Column("size", sa.BigInteger, nullable=False),
            ],
        ),
        (
            "jobs",
            [
                sa.Column("attempts", sa.Integer, nullable=False),
                sa.Column("token", sa.String(64)),
                sa.Column("worker", sa.Text),
                sa.Column("lease_until", sa.Double, nullable=False),
                sa.Column("done", sa.Integer, nullable=False),
                sa.Column("total", sa.Integer, nullable=False),
            ],
        ),
        ("summaries", [sa.Column("payload", sa.Text, nullable=False)]),
    ):
        op.create_table(
            table,
            sa.Column("entry_id", sa.Integer, nullable=False),
            *columns,
            sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=f"fk_{table}_entry_id"),
            sa.PrimaryKeyConstraint("entry_id", name=f"pk_{table}"),
        )
    op.create_index("ix_jobs_lease_until", "jobs", ["lease_until"])
    op.create_table(
        "upload_chunks",
        sa.Column("entry_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["uploads.entry_id"], name="fk_upload_chunks_entry_id"
        ),
        sa.PrimaryKeyConstraint("entry_id", "number", name="pk_upload_chunks"),
    )
