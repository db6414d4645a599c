"""A whole board as one file, to move it between databases or to keep as a backup.

::

    board.json        kind, format, schema, number of entries, whether it is private
    board.sqlite3     the board itself; private: with contacts, submitters' hashes and the salt

It is a ZIP, written from one moment's state while the board goes on, and put in place whole or not
at all. SQLite and PostgreSQL are written and read alike, table by table: SQLite's own copy would
have the secrets in it, and PostgreSQL's `pg_dump` is not everywhere that this program is. A file
of older code is brought up to date by the same migrations as a database.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .engine import Database, board_url, make_engine
from .errors import StoreError
from .migrate import HEAD, upgrade
from .models import STATES, Base, BlindVisitRow, BoardRow, EntryRow, ResultsRow, UploadRow
from .records import read
from .results import unpack
from .uploads import chunks

FORMAT = 2
KIND = "semcomp board"
BOARD, TABLES = "board.json", "board.sqlite3"
"""Members of the file."""
_LINKS = ("replaces", "superseded_by")
"""Columns of entries that name other entries, which may come after them."""
_STAYING = ("board", "tries", "sign_ins", "wrong_tokens")
"""Tables whose rows stay where they are."""
_PUBLIC = {"contacts": {"contact": ""}, "entries": {"submitter": ""}}
"""What stands in a file for others in place of secrets."""
_UNCLAIMED = {"token": None, "worker": None, "lease_until": 0.0, "done": 0, "total": 0}
"""Of a job elsewhere: no worker has it there."""


class Transfer(Database):
    """The board as a file and back."""

    def export_board(self, path: Path) -> int:
        """Write the board into a file that `import_board` reads; returns the number of entries.

        Everything but contacts, hashes of submitters and the salt. The board goes on meanwhile;
        the file has the state of one moment.
        """
        with self._reading(snapshot=True) as session:
            return _write_board(session, path, private=False)

    def backup(self, path: Path) -> int:
        """Write all there is into a file that `import_board` reads, contacts too: keep it safe.

        Otherwise as `export_board`.
        """
        with self._reading(snapshot=True) as session:
            return _write_board(session, path, private=True)

    def import_board(self, path: Path) -> int:
        """Fill this board, which must be empty, from a file; returns the number of entries.

        Ids, receipts, history and what is still to be scored stay as they were. Raises StoreError
        with nothing stored, for a file that is damaged, incomplete or of newer code, and for a
        board that holds entries or votes already.
        """
        with self._writing() as session:
            if any(session.scalar(select(row).limit(1)) for row in (EntryRow.id, BlindVisitRow.id)):
                raise StoreError(
                    "this board holds entries already, or votes: import into a new one (another "
                    "database in SEMCOMP_DATABASE_URL, or another folder in SEMCOMP_DATA_DIR)"
                )
            try:
                with zipfile.ZipFile(path) as archive:
                    return _read_board(session, archive, path)
            except OSError as error:
                raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise StoreError(
                    f"{path} is no board's file, or is damaged: name one that `export` or `backup` "
                    "wrote"
                ) from error
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise StoreError(
                    f"{path} is damaged ({error}): use another export or backup"
                ) from error
            except IntegrityError as error:
                raise StoreError(
                    f"{path} contradicts itself ({error.orig}): use another export or backup"
                ) from error


def _write_board(session: Session, path: Path, *, private: bool) -> int:
    """Write the board as the session sees it; returns the number of entries. Raises StoreError."""
    with _placed(path) as partial, tempfile.TemporaryDirectory(dir=path.parent) as folder:
        tables = Path(folder) / TABLES
        with _engine(tables) as engine:
            with engine.execution_options(writing=True).begin() as target:
                _copy(session.connection(), target, private=private, salted=private)
            with Session(engine) as written:
                try:
                    count = _checked(written, "damaged in the database")
                except ValueError as error:
                    raise StoreError(str(error)) from error
        about = {"kind": KIND, "format": FORMAT, "schema": HEAD}
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            archive.writestr(BOARD, json.dumps(about | {"private": private, "entries": count}))
            archive.write(tables, TABLES)
    return count


def _read_board(session: Session, archive: zipfile.ZipFile, path: Path) -> int:
    about = json.loads(archive.read(BOARD))
    if about["kind"] != KIND:
        raise ValueError(f"it holds a {about['kind']!r}")
    if about["format"] > FORMAT or about["schema"] > HEAD:
        raise StoreError(
            f"{path} was written by newer code (format {about['format']}, tables of version "
            f"{about['schema']}): update this program"
        )
    if about["format"] < FORMAT:
        raise StoreError(
            f"{path} was written by version 0.1 of this program: import it with that version, then "
            "open the database with this one"
        )
    with tempfile.TemporaryDirectory() as folder:
        with _engine(Path(archive.extract(TABLES, folder))) as engine, engine.connect() as source:
            _copy(source, session.connection(), private=True, salted=bool(about["private"]))
        count = _checked(session, "not what was sent")
    if count != about["entries"]:
        raise ValueError(f"{count} entries of {about['entries']}")
    return count


@contextmanager
def _engine(path: Path) -> Iterator[Engine]:
    """A board in a file of its own, with the tables that this code knows."""
    engine = make_engine(board_url(f"sqlite:///{path}"))
    try:
        upgrade(engine)
        yield engine
    finally:
        engine.dispose()


def _copy(source: Connection, target: Connection, *, private: bool, salted: bool) -> None:
    """Fill an empty board from another."""
    board = source.execute(select(BoardRow.revision, BoardRow.salt)).one()
    revision = BoardRow.revision + board.revision + 1
    salt = {"salt": board.salt} if salted else {}
    target.execute(update(BoardRow).values(revision=revision, **salt))
    for table in Base.metadata.sorted_tables:  # what others point to comes first
        if table.name not in _STAYING:
            instead: Mapping[str, Any] = {} if private else _PUBLIC.get(table.name, {})
            instead = _UNCLAIMED if table.name == "jobs" else instead
            _copy_table(source, target, table, instead)
    if target.dialect.name != "sqlite":  # which numbers new rows after these anyway
        for name in ("entries", "history", "blind_visits"):
            query = f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}"
            target.execute(text(f"{query} HAVING max(id) IS NOT NULL"))


def _copy_table(
    source: Connection, target: Connection, table: Table, instead: Mapping[str, Any]
) -> None:
    """Copy all rows. instead: what some columns hold in the copy."""
    ordered = select(table).order_by(*table.primary_key)
    most = 16 if table.name == "upload_chunks" else 500
    links = []
    for part in source.execute(ordered, execution_options={"yield_per": most}).partitions():
        rows = [{**row._mapping, **instead} for row in part]
        if table.name == "entries":
            links += [{"own": row["id"]} | {name: row[name] for name in _LINKS} for row in rows]
            rows = [row | dict.fromkeys(_LINKS) for row in rows]
        target.execute(insert(table), rows)
    if links:
        here = table.c.id == bindparam("own")
        target.execute(
            update(table).where(here).values({name: bindparam(name) for name in _LINKS}), links
        )


def _checked(session: Session, damage: str) -> int:
    """The number of a board's entries, each of them whole. Raises ValueError, TypeError.

    damage: what an upload is whose hash is not that of its entry.
    """
    ids = list(session.scalars(select(EntryRow.id).order_by(EntryRow.id)))
    for entry_id in ids:
        entry = read(session, entry_id)
        if entry.state not in STATES:
            raise ValueError(f"entry {entry_id} is {entry.state!r}")
        results = session.get(ResultsRow, entry_id)
        if results is not None:
            unpack(results.packed)
        elif entry.state in ("pending", "approved"):
            raise ValueError(f"entry {entry_id} has no results")
        upload = session.get(UploadRow, entry_id)
        if upload is None:
            raise ValueError(f"entry {entry_id} has no upload")
        if upload.purged_at is None:
            sha = hashlib.sha256()
            for data in chunks(session, entry_id):
                sha.update(data)
            if sha.hexdigest() != entry.digest:
                raise ValueError(f"the upload of entry {entry_id} is {damage}")
        session.expunge_all()  # a board may be larger than the memory
    return len(ids)


@contextmanager
def _placed(path: Path) -> Iterator[Path]:
    """A file beside `path`, the owner's alone, that takes its place if all goes well."""
    partial = path.with_name(f".{path.name}-{os.getpid()}.partial")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror or error}; name a file in a folder that can be "
            "written"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
