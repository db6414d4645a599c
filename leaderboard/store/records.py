"""What the board hands out: plain values, safe to keep and to show, with no secret in them.

A receipt is what opens an entry to the one who sent it: 256 random bits. The board keeps its
SHA-256 only: who reads the database cannot make a receipt of it. (No salt and no slow hash: nobody
can guess 256 bits.)
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from leaderboard.submissions.method import Method

from .errors import NotFound
from .models import EntryRow, JobRow

PREFIX = "receipt-"  # never starts like an option of the command line


@dataclass(frozen=True)
class Entry:
    """One submission as it stands.

    state: one of `models.STATES`. kind: self-reported, recomputed or re-decoded. method: with an
    empty contact. digest: SHA-256 of the upload, hex. Times are UTC. decided_by: who put it into
    its state, None while nobody has. reason: of a rejection, a withdrawal or a failure, else "".
    incomplete: what is missing, in words. progress: points scored and in all, None unless a worker
    is at it. replaces: the entry in whose place this one was sent.
    """

    id: int
    state: str
    kind: str
    method: Method
    dataset: str
    digest: str
    submitted_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    reason: str
    incomplete: tuple[str, ...]
    progress: tuple[int, int] | None
    superseded_by: int | None
    replaces: int | None = None

    def to_json(self) -> dict[str, Any]:
        """What programs are told of it, in JSON's types; docs/submitting has its keys.

        Who decided is for maintainers alone, and left out.
        """
        return {
            "id": self.id,
            "state": self.state,
            "kind": self.kind,
            "dataset": self.dataset,
            "sha256": self.digest,
            "method": self.method.to_json(),
            "submitted_at": self.submitted_at.isoformat(),
            "decided_at": self.decided_at and self.decided_at.isoformat(),
            "reason": self.reason,
            "incomplete": list(self.incomplete),
            "progress": self.progress and list(self.progress),
            "replaces": self.replaces,
            "superseded_by": self.superseded_by,
        }


@dataclass(frozen=True)
class Receipt:
    """What a submitter gets, once: with the token the entry is looked up, replaced or withdrawn."""

    token: str = field(repr=False)
    entry: Entry


@dataclass(frozen=True)
class Job:
    """An entry to score, lent to one worker.

    attempt: 1 for the first. token: proves that the lease is this worker's. lease_s: seconds after
    which, unless it is renewed, another worker may take it.
    """

    entry: Entry
    worker: str
    attempt: int
    token: str = field(repr=False)
    lease_s: float


@dataclass(frozen=True)
class Event:
    """One change of an entry. before: None for its arrival."""

    at: datetime
    by: str
    action: str
    before: str | None
    after: str
    reason: str


def entries_query() -> Select[EntryRow, int, int]:
    """Entries with the progress of their jobs, for `entry_of`."""
    query = select(EntryRow, JobRow.done, JobRow.total)
    return query.outerjoin(JobRow, JobRow.entry_id == EntryRow.id)


def entry_of(row: EntryRow, done: int | None, total: int | None) -> Entry:
    """An entry from what `entries_query` gives."""
    return Entry(
        id=row.id,
        state=row.state,
        kind=row.kind,
        method=Method(**row.method),
        dataset=row.dataset,
        digest=row.digest,
        submitted_at=row.submitted_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        incomplete=tuple(row.incomplete),
        progress=None if not total else (done or 0, total),
        superseded_by=row.superseded_by,
        replaces=row.replaces,
    )


def read(session: Session, entry_id: int) -> Entry:
    """One entry. Raises NotFound."""
    known = session.execute(entries_query().where(EntryRow.id == entry_id)).one_or_none()
    if known is None:
        raise NotFound(f"there is no entry {entry_id} on this board")
    return entry_of(*known)


def new_receipt() -> str:
    """A receipt that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def receipt_hash(token: str) -> str:
    """What the board keeps of a receipt, hex; space around it does not count."""
    return hashlib.sha256(token.strip().encode("utf-8", "replace")).hexdigest()


def row_of_receipt(session: Session, token: str, *, lock: bool = False) -> EntryRow:
    """The entry of a receipt. Raises NotFound, the same for every wrong receipt.

    The index finds the row by a hash, which tells a listener with a clock nothing about the
    receipt.
    """
    query = select(EntryRow).where(EntryRow.receipt == receipt_hash(token))
    known = session.scalar(query.with_for_update() if lock else query)
    if known is None:
        raise NotFound(
            "no entry has this receipt: copy it whole, as it was given when the results were sent"
        )
    return known
