"""Transactions on the board's database, and the database's own errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from .engine import URL_VARIABLE, where
from .errors import Duplicate, StoreError

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


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A transaction that changes the board: all of it is stored, or nothing is.

    Raises StoreError, with nothing stored.
    """
    writer = engine.execution_options(writing=True)
    with _in_words(engine, "; nothing was stored"), Session(writer) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine, *, snapshot: bool = False) -> Iterator[Session]:
    """A transaction that only reads. snapshot: all its queries see the same moment.

    Raises StoreError.
    """
    if snapshot and engine.dialect.name == "postgresql":  # SQLite always reads so
        engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    with _in_words(engine), Session(engine) as session:
        yield session


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
    text = " ".join(str(error.orig).split())
    for sign, remedy in _SIGNS:
        if sign in text.lower():
            return remedy
    return (
        f"the board's database {where(engine.url)} does not answer ({text}): start it, or correct "
        f"{URL_VARIABLE}"
    )
