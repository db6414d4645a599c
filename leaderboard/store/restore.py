"""Reads a board's file (`transfer`) into a database: all of it, or nothing."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from leaderboard.data.results import Results
from leaderboard.submissions.method import Method

from .errors import StoreError
from .migrate import HEAD
from .models import (
    STATES,
    BoardRow,
    ChunkRow,
    ContactRow,
    EntryRow,
    HistoryRow,
    JobRow,
    ResultsRow,
    SummaryRow,
    UploadRow,
)
from .packing import unpack
from .transfer import BOARD, FORMAT, KIND
from .uploads import CHUNK

MAX_JSON = 256 << 20
"""Bytes of a part in JSON; far more than any has."""


def read_board(session: Session, path: Path) -> int:
    """Fill an empty board from a file; returns the number of entries.

    Raises StoreError, with nothing stored, for a file that is damaged, incomplete or of newer
    code, and for a board that holds entries already.
    """
    if session.scalar(select(func.count()).select_from(EntryRow)):
        raise StoreError(
            "this board holds entries already: import into a new one (another database in "
            "SEMCOMP_DATABASE_URL, or another folder in SEMCOMP_DATA_DIR)"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            return _fill(session, archive, path)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise StoreError(
            f"{path} is no board's file, or is damaged: name one that `export` or `backup` wrote"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path} is damaged ({error}): use another export or backup") from error
    except IntegrityError as error:
        raise StoreError(
            f"{path} contradicts itself ({error.orig}): use another export or backup"
        ) from error


def _fill(session: Session, archive: zipfile.ZipFile, path: Path) -> int:
    board = _json(archive, BOARD)
    if board["kind"] != KIND:
        raise ValueError(f"it holds a {board['kind']!r}")
    if board["format"] > FORMAT or board["schema"] > HEAD:
        raise StoreError(
            f"{path} was written by newer code (format {board['format']}, tables of version "
            f"{board['schema']}): update this program"
        )
    names = [name for name in archive.namelist() if name.startswith("entries/")]
    if len(names) != board["entries"]:
        raise ValueError(f"{len(names)} entries of {board['entries']}")
    ids = sorted(int(name.removeprefix("entries/").removesuffix(".json")) for name in names)
    later = {entry_id: _read_entry(session, archive, entry_id) for entry_id in ids}
    for entry_id, links in later.items():  # an entry may point to one that came after it
        session.execute(update(EntryRow).where(EntryRow.id == entry_id).values(**links))
    session.execute(
        update(BoardRow).values(
            revision=func.coalesce(BoardRow.revision, 0) + int(board["revision"]) + 1,
            **({"salt": str(board["salt"])} if board["private"] else {}),
        )
    )
    _count_on(session)
    return len(ids)


def _read_entry(session: Session, archive: zipfile.ZipFile, entry_id: int) -> dict[str, Any]:
    """Store one entry; returns its links to others, which are set when all are there."""
    data = _json(archive, f"entries/{entry_id}.json")
    if data["id"] != entry_id or data["state"] not in STATES:
        raise ValueError(f"entry {entry_id} is {data['id']!r}, {data['state']!r}")
    Method(**data["method"])  # TypeError for fields it does not have
    links = {name: data.pop(name) for name in ("replaces", "superseded_by")}
    history, job, summary = data.pop("history"), data.pop("job"), data.pop("summary")
    upload, contact = data.pop("upload"), data.pop("contact", "")
    for name in ("submitted_at", "decided_at"):
        data[name] = None if data[name] is None else datetime.fromisoformat(data[name])
    has_results = data.pop("has_results")
    session.add(EntryRow(**{"submitter": "", **data}))
    session.flush()
    session.add(ContactRow(entry_id=entry_id, contact=contact))
    for event in history:
        del event["id"]
        session.add(HistoryRow(**{**event, "at": datetime.fromisoformat(event["at"])}))
        session.flush()  # numbered in this order
    if job is not None:
        session.add(
            JobRow(entry_id=entry_id, attempts=job["attempts"], lease_until=0.0, done=0, total=0)
        )
    if summary is not None:
        session.add(SummaryRow(entry_id=entry_id, payload=summary))
    if has_results:
        packed = zlib.compress(_bytes(archive, f"results/{entry_id}.json"), 6)
        _check_rows(packed)
        session.add(ResultsRow(entry_id=entry_id, packed=packed))
    _read_upload(session, archive, entry_id, upload, data["digest"])
    session.flush()
    session.expunge_all()
    return links


def _check_rows(packed: bytes) -> None:
    """Raise ResultsError, a ValueError, for rows that no measurement gives."""
    found = unpack(packed)
    Results(found.name, found.description, found.dataset, found.rows, found.provenance)


def _read_upload(
    session: Session,
    archive: zipfile.ZipFile,
    entry_id: int,
    upload: dict[str, Any],
    digest: str,
) -> None:
    gone = upload.get("purged_at")
    purged_at = None if gone is None else datetime.fromisoformat(gone)
    named = {"suffix": upload["suffix"], "size": upload["size"], "purged_at": purged_at}
    session.add(UploadRow(entry_id=entry_id, **named))
    session.flush()
    if purged_at is not None:
        return
    sha = hashlib.sha256()
    with archive.open(f"uploads/{entry_id}") as file:
        for number, data in enumerate(iter(lambda: file.read(CHUNK), b"")):
            session.execute(insert(ChunkRow).values(entry_id=entry_id, number=number, data=data))
            sha.update(data)
    if sha.hexdigest() != digest:
        raise ValueError(f"the upload of entry {entry_id} is not what was sent")


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(_bytes(archive, name))


def _bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_JSON:
        raise ValueError(f"{name} is too large")
    return archive.read(name)


def _count_on(session: Session) -> None:
    """Let PostgreSQL number new rows after those that brought their own ids; SQLite does anyway."""
    if session.get_bind().dialect.name == "sqlite":
        return
    for table in ("entries", "history"):
        session.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table} "
                "HAVING max(id) IS NOT NULL"
            )
        )
