"""Brings a database to the tables this code knows, when it is opened.

Alembic's migrations (`migrations/versions`) make every database, a new one too, so that there is
one way to a schema. A database that is up to date is opened without loading Alembic.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from .engine import where
from .errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0005"
"""The newest step in `migrations/versions`."""
_LOCK = 0x53454D43  # of PostgreSQL's advisory locks: one replica migrates, the others wait


def upgrade(engine: Engine, revision: str = HEAD) -> None:
    """Bring a database up to a revision, all or nothing.

    Raises StoreError for one that newer code has changed, or that holds somebody else's tables.
    """
    with engine.connect() as connection:
        if schema_version(connection) == revision:
            return
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.execution_options(writing=True).begin() as connection:
        if connection.dialect.name != "sqlite":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        present = schema_version(connection)  # another replica may have been quicker
        if present is not None and present not in known:
            raise StoreError(
                f"the board in {where(engine.url)} was written by newer code (its tables are of "
                f"version {present}, this code knows those up to {HEAD}): update this program"
            )
        if present is None and inspect(connection).has_table("entries"):
            raise StoreError(
                f"{where(engine.url)} has tables that are not a board's: name another database"
            )
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except DBAPIError as error:
            said = str(error.orig).strip().split("\n")[0]
            raise StoreError(
                f"cannot make the board's tables in {where(engine.url)} ({said}): "
                "let this user own the database, or name another one; nothing was changed"
            ) from error


def schema_version(connection: Connection) -> str | None:
    """The revision a database is at; None for one that has never held a board."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if version is None else str(version)


def _config() -> Config:
    """Alembic's settings, which would otherwise stand in an ini file."""
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
