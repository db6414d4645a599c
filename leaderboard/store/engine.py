"""The connection to SQLite or PostgreSQL and its transactions, set up so that both behave alike.

Readers see one consistent state and wait for nobody; writers wait for each other (SQLite: one at a
time, from their first statement; PostgreSQL: row by row). What the database itself says is wrong
becomes a StoreError that names the remedy.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from semcomp.demo.hosting.settings import Settings

from .errors import Duplicate, StoreError
from .limits import Rates

URL_VARIABLE = "SEMCOMP_DATABASE_URL"
FOLDER_VARIABLE = "SEMCOMP_DATA_DIR"
FILE_NAME = "board.sqlite3"
WAIT = 30
"""Seconds a writer waits for another one before it gives up."""
CONNECT_WAIT = 10
"""Seconds to wait for a PostgreSQL server."""
_SIGNS = (
    ("database is locked", "others are writing to the board: try again in a minute"),
    ("lock timeout", "others are writing to the board: try again in a minute"),
    ("deadlock", "others changed the same entry at this moment: try again"),
    ("could not serialize", "others changed the same entry at this moment: try again"),
    ("disk is full", "there is no room left on the disk: make some, then try again"),
    ("no space left", "there is no room left on the database's disk: make some, then try again"),
    ("readonly", "the board's file may not be written: correct its permissions"),
    ("read-only", "the board's database takes no changes at the moment: try again later"),
    ("malformed", "the board's file is damaged: put a backup back"),
    ("not a database", "the file is no board: name another one"),
    ("no such table", "the board's tables are gone: put a backup back"),
)
"""What databases say, and the problem with its remedy in words."""
_LOG = logging.getLogger(__name__)


class Database:
    """An open database; every public method of what is built on it is one transaction."""

    def __init__(
        self, engine: Engine, rates: Rates, clock: Callable[[], float] | None = None
    ) -> None:
        """Use `open_store`. clock: seconds since 1970 in place of the database's own."""
        self._engine, self._rates, self._clock = engine, rates, clock

    def __repr__(self) -> str:
        """Where the board is, without a password."""
        return f"Store({where(self._engine.url)})"

    def close(self) -> None:
        """Let go of the database; the next use connects again."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        """A transaction that changes the board: all of it is stored, or nothing is.

        Raises StoreError, with nothing stored.
        """
        engine = self._engine.execution_options(writing=True)
        with _in_words(engine, "; nothing was stored"), Session(engine) as session, session.begin():
            yield session

    @contextmanager
    def _reading(self, *, snapshot: bool = False) -> Iterator[Session]:
        """A transaction that only reads. snapshot: all its queries see the same moment.

        Raises StoreError.
        """
        engine = self._engine
        if snapshot and engine.dialect.name == "postgresql":  # SQLite always reads so
            engine = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with _in_words(engine), Session(engine) as session:
            yield session

    def _seconds(self, session: Session) -> float:
        """Seconds since 1970 by the one clock that all replicas share."""
        if self._clock is not None:
            return self._clock()
        if session.get_bind().dialect.name == "sqlite":
            return time.time()  # a file: everyone is on this machine
        query = "SELECT extract(epoch FROM clock_timestamp())"
        return float(session.connection().exec_driver_sql(query).scalar_one())

    def _now(self, session: Session) -> datetime:
        """`_seconds` as a moment, UTC."""
        return datetime.fromtimestamp(self._seconds(session), timezone.utc)


def board_url(url: str | None) -> URL:
    """Where the board is. None: `SEMCOMP_DATABASE_URL`, else a file under `SEMCOMP_DATA_DIR`.

    Raises StoreError for what is no address of a database that can hold a board, SettingsError.
    """
    text = url or Settings.read().database_url
    if not text:
        return URL.create("sqlite", database=str(data_folder() / FILE_NAME))
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


def where(url: URL) -> str:
    """The database's place in words, without the password."""
    if url.drivername == "sqlite":
        return str(url.database)
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def data_folder() -> Path:
    """Where a board goes that no address is given for."""
    named = Settings.read().data_dir
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
        _LOG.warning("%s: %s", where(url), lines[0] if lines else "no answer")
        raise StoreError(
            f"cannot reach the board's database: start the server, or correct {URL_VARIABLE}"
        ) from error
    return engine


@contextmanager
def _in_words(engine: Engine, outcome: str = "") -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if "claim" in str(error.orig):
            raise Duplicate(
                "this very file was sent by somebody else at the same moment: it is stored once"
            ) from error
        raise
    except PoolTimeout as error:
        raise StoreError(f"too many use the board at this moment: try again{outcome}") from error
    except DBAPIError as error:
        known = isinstance(error, (OperationalError, InterfaceError))
        if not known and not error.connection_invalidated:
            raise  # a mistake of this code, not of its surroundings
        raise StoreError(f"{_remedy(engine, error)}{outcome}") from error


def _remedy(engine: Engine, error: DBAPIError) -> str:
    said = " ".join(str(error.orig).split())
    for sign, remedy in _SIGNS:
        if sign in said.lower():
            return remedy
    # Visitors are shown the error: what names the server's place is the log's.
    _LOG.warning("%s: %s", where(engine.url), said)
    return f"the board's database does not answer: start it, or correct {URL_VARIABLE}"
