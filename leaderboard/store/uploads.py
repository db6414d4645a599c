"""Uploads in the database, piece by piece: every replica finds them there, and none is in memory
whole.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from .errors import NotFound, StoreError
from .models import ChunkRow, EntryRow, UploadRow

CHUNK = 1 << 20
"""Bytes of a piece."""
PURGED = ("rejected", "failed", "withdrawn")
"""States in which an entry's file goes after some days; that of one withdrawn now goes at once."""


def store_upload(session: Session, entry_id: int, upload: Path, digest: str) -> None:
    """Copy a file into the transaction at hand. Raises StoreError if it has changed since."""
    session.execute(
        insert(UploadRow).values(entry_id=entry_id, suffix=_suffix(upload.name), size=0)
    )
    sha, size = hashlib.sha256(), 0
    try:
        with upload.open("rb") as file:
            for number, data in enumerate(iter(lambda: file.read(CHUNK), b"")):
                session.execute(
                    insert(ChunkRow).values(entry_id=entry_id, number=number, data=data)
                )
                sha.update(data)
                size += len(data)
    except OSError as error:
        raise StoreError(
            f"the file {upload.name} can no longer be read ({error.strerror or error}): send it "
            "again; nothing was stored"
        ) from error
    if sha.hexdigest() != digest:
        raise StoreError(
            f"the file {upload.name} has changed since it was checked: send it again; nothing was "
            "stored"
        )
    row = session.get_one(UploadRow, entry_id)
    row.size = size


def chunks(session: Session, entry_id: int) -> Iterator[bytes]:
    """The pieces of an upload in order."""
    number = 0
    while True:
        query = select(ChunkRow.data).where(
            ChunkRow.entry_id == entry_id, ChunkRow.number == number
        )
        data = session.scalar(query)
        if data is None:
            return
        yield data
        number += 1


def purge(session: Session, entry_id: int, now: datetime) -> None:
    """Let go of an upload's bytes; that it was here, and how large, stays."""
    session.execute(delete(ChunkRow).where(ChunkRow.entry_id == entry_id))
    here = UploadRow.entry_id == entry_id, UploadRow.purged_at.is_(None)
    session.execute(update(UploadRow).where(*here).values(purged_at=now))


def purge_old(session: Session, before: datetime, now: datetime) -> int:
    """Purge what was decided against before a moment; returns how many uploads."""
    query = (
        select(EntryRow.id)
        .join(UploadRow, UploadRow.entry_id == EntryRow.id)
        .where(EntryRow.state.in_(PURGED), EntryRow.decided_at <= before)
        .where(UploadRow.purged_at.is_(None))
        .order_by(EntryRow.id)
        .with_for_update(of=EntryRow)  # none is approved on second thoughts meanwhile
    )
    ids = list(session.scalars(query))
    for entry_id in ids:
        purge(session, entry_id, now)
    return len(ids)


@contextmanager
def fetch(session: Session, entry_id: int) -> Iterator[Path]:
    """An upload as a file of its own, gone afterwards; its suffix is that of the file sent."""
    row, entry = session.get(UploadRow, entry_id), session.get(EntryRow, entry_id)
    if row is None or entry is None:
        raise NotFound(f"no upload of entry {entry_id} is here")
    if row.purged_at is not None:
        raise NotFound(
            f"the file of entry {entry_id} is kept no longer: it was removed on "
            f"{row.purged_at:%Y-%m-%d}"
        )
    digest, suffix = entry.digest, row.suffix
    with tempfile.TemporaryDirectory(prefix="semcomp-upload-") as folder:
        path, sha = Path(folder) / f"upload{suffix}", hashlib.sha256()
        with path.open("wb") as file:
            for data in chunks(session, entry_id):
                file.write(data)
                sha.update(data)
        session.rollback()  # the reader's snapshot is not held while the file is worked on
        if sha.hexdigest() != digest:
            raise StoreError(
                f"the upload of entry {entry_id} is damaged in the database: put a backup back, or "
                "ask the submitter to send it again"
            )
        yield path


def _suffix(name: str) -> str:
    """A file name's suffix if it is a plain one; nothing else of the name is kept."""
    suffix = Path(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,7}", suffix) else ""
