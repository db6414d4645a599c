"""The connection to SQLite or PostgreSQL, set up so that both behave alike.

Readers see one consistent state and wait for nobody; writers wait for each other (SQLite: one at a
time, from their first statement; PostgreSQL: row by row).
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from .errors import StoreError

URL_VARIABLE = "SEMCOMP_DATABASE_URL"
FOLDER_VARIABLE = "SEMCOMP_DATA_DIR"
FILE_NAME = "board.sqlite3"
WAIT = 30
"""Seconds a writer waits for another one before it gives up."""
CONNECT_WAIT = 10
"""Seconds to wait for a PostgreSQL server."""


def board_url(url: str | None) -> URL:
    """Where the board is. None: `SEMCOMP_DATABASE_URL`, else a file under `SEMCOMP_DATA_DIR`.

    Raises StoreError for what is no address of a database that can hold a board.
    """
    text = url or os.environ.get(URL_VARIABLE)
    if not text:
        return URL.create("sqlite", database=str(_folder() / FILE_NAME))
    try:
        parsed = make_url(text)
    except (ArgumentError, ValueError) as error:  # the text may hold a password: do not show it
        raise StoreError(
            f"the database's address cannot be read: {URL_VARIABLE} has the form "
            "postgresql://USER:PASSWORD@HOST:PORT/NAME or sqlite:///FILE"
        ) from error
    dialect = parsed.drivername.split("+")[0]
    if dialect in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if dialect != "sqlite":
        raise StoreError(
            f"no board in a database of the kind {dialect!r}: {URL_VARIABLE} takes postgresql "
            "or sqlite"
        )
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError("a board in memory would be lost: name a file, sqlite:///FILE")
    return parsed.set(drivername="sqlite")


def make_engine(url: URL) -> Engine:
    """An engine that is known to reach its database. Raises StoreError if it does not."""
    return _sqlite(url) if url.drivername == "sqlite" else _postgres(url)


def is_sqlite(connection: Connection) -> bool:
    """Whether a connection leads to SQLite."""
    return connection.dialect.name == "sqlite"


def database_time(connection: Connection) -> float:
    """Seconds since 1970 by the one clock that all replicas share."""
    if is_sqlite(connection):
        return time.time()  # a file: everyone is on this machine
    value = connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one()
    return float(value)


def where(url: URL) -> str:
    """The database's place in words, without the password."""
    if url.drivername == "sqlite":
        return str(url.database)
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def _folder() -> Path:
    """Where a board goes that no address is given for."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    from semcomp.files import cache_folder

    return cache_folder() / "board"


def _sqlite(url: URL) -> Engine:
    path = Path(str(url.database))
    _private_file(path)
    engine = create_engine(
        url,
        hide_parameters=True,  # no contact or receipt in an error that is logged
        connect_args={"timeout": WAIT, "check_same_thread": False},
    )
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", _on_sqlite_begin)
    _write_ahead(engine, path)
    return engine


def _private_file(path: Path) -> None:
    """Make the file, which will hold contacts, readable by its owner alone, unless it is there.

    One that is there is not opened: closing it would drop the locks that this process holds on it
    (POSIX), and another process could then delete the log under a board in use.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            new = os.open(os.path.realpath(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.close(new)
        if path.is_dir() or not os.access(path, os.R_OK | os.W_OK):
            problem = errno.EISDIR if path.is_dir() else errno.EACCES
            raise OSError(problem, os.strerror(problem))
    except OSError as error:
        in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a file is where its folder should be" if in_the_way else error.strerror or error
        raise StoreError(
            f"cannot write the board into {path}: {reason}; make the folder "
            f"writable, or name another one in {FOLDER_VARIABLE}"
        ) from error


def _write_ahead(engine: Engine, path: Path) -> None:
    """Switch the file to write-ahead logging, in which readers and the writer do not wait.

    The switch itself needs the file for itself for a moment, and SQLite does not wait for that.
    """
    deadline = time.monotonic() + WAIT
    while True:
        try:
            with engine.connect() as connection:
                raw = connection.connection.driver_connection
                assert isinstance(raw, sqlite3.Connection)
                mode = raw.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            break
        except (DBAPIError, sqlite3.Error) as error:
            if "locked" in str(error) and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise StoreError(
                f"{path} cannot be used as a board ({getattr(error, 'orig', error)}): name another "
                f"folder in {FOLDER_VARIABLE}, or put a backup back"
            ) from error
    if mode != "wal":
        raise StoreError(
            f"{path} is on a file system without write-ahead logging (a network folder perhaps): "
            f"name a local folder in {FOLDER_VARIABLE}, or use PostgreSQL"
        )


def _on_sqlite_connect(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # transactions begin below, not where sqlite3 thinks
    for pragma in (
        f"busy_timeout={WAIT * 1000}",
        "foreign_keys=ON",
        "synchronous=FULL",  # a receipt that was given survives a power cut
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    # A writer takes its turn at once: one that only read so far could not become a writer later
    # if somebody else had written in between.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _postgres(url: URL) -> Engine:
    try:
        engine = create_engine(
            url,
            hide_parameters=True,  # as above
            pool_pre_ping=True,  # a server that was restarted is found again
            pool_size=10,
            connect_args={
                "connect_timeout": CONNECT_WAIT,
                "options": f"-c lock_timeout={WAIT * 1000} -c timezone=UTC",
            },
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            "PostgreSQL needs a driver: pip install 'semcomp[postgres]', or 'psycopg[binary]'"
        ) from error
    try:
        engine.connect().close()
    except OperationalError as error:
        engine.dispose()
        lines = str(error.orig).strip().splitlines()
        reason = lines[0] if lines else "no answer"
        raise StoreError(
            f"cannot reach the board's database {where(url)}: {reason}; start the server, or "
            f"correct {URL_VARIABLE}"
        ) from error
    return engine
