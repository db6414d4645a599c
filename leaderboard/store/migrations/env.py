"""Run by Alembic: migrates over the connection, and inside the transaction, of `migrate.upgrade`.

A new step is written by hand; a test holds the steps against `models`.
"""

from __future__ import annotations

from alembic import context

from leaderboard.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
