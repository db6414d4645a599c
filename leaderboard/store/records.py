"""What the board hands out: plain values, safe to keep and to show, with no secret in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from leaderboard.submissions.method import Method


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
