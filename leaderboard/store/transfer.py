"""A whole board as one file, to move it between databases or to keep as a backup.

::

    board.json          format, schema, revision, number of entries; private: the salt
    entries/ID.json     everything about an entry, its history too; private: contact, submitter
    results/ID.json     its rows, as `packing` packs them
    uploads/ID          the file that was sent, unless it is kept no longer

It is a ZIP, written from one moment's state while the board goes on, and put in place whole or not
at all. `restore` reads it back.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from .errors import StoreError
from .migrate import HEAD
from .models import (
    Base,
    BoardRow,
    ContactRow,
    EntryRow,
    HistoryRow,
    JobRow,
    ResultsRow,
    SummaryRow,
    UploadRow,
)
from .uploads import copy_upload

FORMAT = 1
KIND = "semcomp board"
BOARD = "board.json"
_SECRETS = {"submitter"}


def write_board(session: Session, path: Path, *, private: bool) -> int:
    """Write the board as the session sees it; returns the number of entries. Raises StoreError.

    private: with contacts, hashes of submitters and the salt, which nobody but the maintainers may
    have. The file is readable by its owner alone either way: entries may still be undecided.
    """
    ids = list(session.scalars(select(EntryRow.id).order_by(EntryRow.id)))
    with _placed(path) as partial:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            _write_json(archive, BOARD, _board(session, len(ids), private))
            for entry_id in ids:
                _write_json(archive, f"entries/{entry_id}.json", _entry(session, entry_id, private))
                if (results := session.get(ResultsRow, entry_id)) is not None:
                    archive.writestr(f"results/{entry_id}.json", zlib.decompress(results.packed))
                _write_upload(session, archive, entry_id)
                session.expunge_all()  # a board may be larger than the memory
        with zipfile.ZipFile(partial) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise StoreError(f"{path} could not be written: {damaged} reads back differently")
    return len(ids)


def columns(row: Base) -> dict[str, Any]:
    """A row's cells by column, moments as text."""
    names = [column.key for column in inspect(type(row)).column_attrs]
    values = {name: getattr(row, name) for name in names}
    return {k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in values.items()}


def _board(session: Session, count: int, private: bool) -> dict[str, Any]:
    board = session.scalars(select(BoardRow)).one()
    data = {"kind": KIND, "format": FORMAT, "schema": HEAD, "private": private}
    data |= {"entries": count, "revision": board.revision}
    return data | ({"salt": board.salt} if private else {})


def _entry(session: Session, entry_id: int, private: bool) -> dict[str, Any]:
    data = columns(session.get_one(EntryRow, entry_id))
    if not private:
        data = {name: value for name, value in data.items() if name not in _SECRETS}
    else:
        data["contact"] = session.get_one(ContactRow, entry_id).contact
    events = select(HistoryRow).where(HistoryRow.entry_id == entry_id).order_by(HistoryRow.id)
    data["history"] = [columns(event) for event in session.scalars(events)]
    job, summary = session.get(JobRow, entry_id), session.get(SummaryRow, entry_id)
    upload = session.get_one(UploadRow, entry_id)
    data["has_results"] = session.get(ResultsRow, entry_id) is not None
    data["job"] = None if job is None else {"attempts": job.attempts}
    data["summary"] = None if summary is None else summary.payload
    data["upload"] = {"suffix": upload.suffix, "size": upload.size}
    if upload.purged_at is not None:
        data["upload"]["purged_at"] = upload.purged_at.isoformat()
    return data


def _write_upload(session: Session, archive: zipfile.ZipFile, entry_id: int) -> None:
    if session.get_one(UploadRow, entry_id).purged_at is not None:
        return
    name = zipfile.ZipInfo(f"uploads/{entry_id}")  # stored as it is: most uploads are compressed
    with archive.open(name, "w", force_zip64=True) as file:
        digest = copy_upload(session, entry_id, file)  # type: ignore[arg-type]
    if digest != session.get_one(EntryRow, entry_id).digest:
        raise StoreError(f"the upload of entry {entry_id} is damaged in the database")


def _write_json(archive: zipfile.ZipFile, name: str, data: Any) -> None:
    archive.writestr(name, json.dumps(data, indent=1, allow_nan=False))


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
