"""Uploads in the database, piece by piece: every replica finds them there, and none is in memory
whole.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from .errors import NotFound, StoreError
from .models import ChunkRow, EntryRow, UploadRow

CHUNK = 1 << 20
"""Bytes of a piece."""


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


@contextmanager
def fetch(session: Session, entry_id: int) -> Iterator[Path]:
    """An upload as a file of its own, gone afterwards; its suffix is that of the file sent."""
    row, entry = session.get(UploadRow, entry_id), session.get(EntryRow, entry_id)
    if row is None or entry is None:
        raise NotFound(f"no upload of entry {entry_id} is here")
    digest, suffix = entry.digest, row.suffix
    with tempfile.TemporaryDirectory(prefix="semcomp-upload-") as folder:
        path = Path(folder) / f"upload{suffix}"
        with path.open("wb") as file:
            copied = copy_upload(session, entry_id, file)
        session.rollback()  # the reader's snapshot is not held while the file is worked on
        if copied != digest:
            raise StoreError(
                f"the upload of entry {entry_id} is damaged in the database: put a backup back, or "
                "ask the submitter to send it again"
            )
        yield path


def copy_upload(session: Session, entry_id: int, file: BinaryIO) -> str:
    """Write an upload into an open file; returns its SHA-256, hex."""
    sha = hashlib.sha256()
    for data in chunks(session, entry_id):
        file.write(data)
        sha.update(data)
    return sha.hexdigest()


def _suffix(name: str) -> str:
    """A file name's suffix if it is a plain one; nothing else of the name is kept."""
    suffix = Path(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,7}", suffix) else ""
