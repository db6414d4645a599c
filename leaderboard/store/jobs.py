"""The queue of entries to score, in the database: any replica's worker takes the next one.

A worker has a job for as long as its lease; it renews the lease while it works. A worker that dies
stops renewing, and the job goes back to the queue. Two workers never have the same job: in
PostgreSQL a worker skips the rows that another one is just taking, in SQLite only one takes at a
time, and an outcome is stored only with the token of the newest claim.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from leaderboard.data.results import Results

from .entries import change, locked, put_results, read
from .errors import JobLost
from .models import EntryRow, JobRow
from .records import Job

ATTEMPTS = 3
"""Claims after which a job that never ended is given up."""
_QUEUE = "queue"


def claim(
    session: Session, worker: str, lease_s: float, seconds: float, now: datetime
) -> Job | None:
    """Lend the job that has waited longest, see `Store.claim`. seconds: the time since 1970."""
    query = (
        select(JobRow, EntryRow)
        .join(EntryRow, EntryRow.id == JobRow.entry_id)
        .where(JobRow.lease_until <= seconds)
        # What was tried already waits behind what was not: one bad job holds up nobody.
        .order_by(JobRow.lease_until, JobRow.entry_id)
        .limit(1)
        .with_for_update(skip_locked=True)  # of both rows: an entry being decided is no work
    )
    while (found := session.execute(query).one_or_none()) is not None:
        job, row = found
        if job.attempts < ATTEMPTS:
            job.attempts += 1
            job.token = secrets.token_hex(16)
            job.worker, job.lease_until = worker, seconds + lease_s
            job.done = job.total = 0
            session.flush()
            return Job(read(session, job.entry_id), worker, job.attempts, job.token, lease_s)
        _give_up(session, row, now)
    return None


def renew(session: Session, job: Job, done: int, total: int, seconds: float) -> None:
    """Note progress and lengthen the lease, see `Store.renew`."""
    row = _held(session, job)
    row.done, row.total, row.lease_until = done, total, seconds + job.lease_s


def release(session: Session, job: Job, not_before: float) -> None:
    """Give a job back that was not worked on to its end, see `Store.release`."""
    row = _held(session, job)
    row.attempts -= 1
    row.token = row.worker = None
    row.lease_until, row.done, row.total = not_before, 0, 0


def finish(
    session: Session,
    job: Job,
    results: Results,
    incomplete: Sequence[str] | None,
    now: datetime,
) -> None:
    """Store what a job gave, see `Store.finish`."""
    (row,) = locked(session, job.entry.id)
    _held(session, job)
    put_results(session, row.id, results)
    if incomplete is not None:
        row.incomplete = list(incomplete)
    change(session, row, "pending", at=now, by=job.worker, action="score", reason="")


def fail(session: Session, job: Job, problems: Sequence[str], now: datetime) -> None:
    """Note that an entry cannot be scored, see `Store.fail`."""
    (row,) = locked(session, job.entry.id)
    _held(session, job)
    reason = "\n".join(problems) or "scoring failed without saying why"
    change(session, row, "failed", at=now, by=job.worker, action="fail", reason=reason)


def _held(session: Session, job: Job) -> JobRow:
    """The row of a job that this worker still has. Raises JobLost."""
    query = select(JobRow).where(JobRow.entry_id == job.entry.id).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None or row.token is None or not hmac.compare_digest(row.token, job.token):
        raise JobLost(
            f"entry {job.entry.id} is no longer {job.worker}'s to score: it was withdrawn or "
            "decided, or the worker was silent for too long and another one has it"
        )
    return row


def _give_up(session: Session, row: EntryRow, now: datetime) -> None:
    reason = (
        f"scoring was started {ATTEMPTS} times and never ended: the files may take too much time "
        "or memory to decode; send fewer or smaller ones"
    )
    change(session, row, "failed", at=now, by=_QUEUE, action="fail", reason=reason)
