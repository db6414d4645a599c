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

from sqlalchemy import select
from sqlalchemy.orm import Session

from leaderboard.data.results import Results

from .decisions import change, locked
from .engine import Database
from .errors import JobLost
from .models import EntryRow, JobRow
from .records import Job, read
from .results import put_results

ATTEMPTS = 3
"""Claims after which a job that never ended is given up."""
_QUEUE = "queue"


class Jobs(Database):
    """What is to be scored, and what came of it."""

    def claim(self, worker: str, lease_s: float) -> Job | None:
        """Lend the job that has waited longest to a worker for some seconds; None if there is none.

        A job whose lease has ended waits again; after `ATTEMPTS` claims its entry is failed.
        """
        with self._writing() as session:
            seconds = self._seconds(session)
            query = (
                select(JobRow, EntryRow)
                .join(EntryRow, EntryRow.id == JobRow.entry_id)
                .where(JobRow.lease_until <= seconds)
                # What was tried already waits behind what was not: one bad job holds up nobody.
                .order_by(JobRow.lease_until, JobRow.entry_id)
                .limit(1)
                .with_for_update(skip_locked=True)  # of both: an entry being decided is no work
            )
            while (waiting := session.execute(query).one_or_none()) is not None:
                job, row = waiting
                if job.attempts < ATTEMPTS:
                    job.attempts += 1
                    job.token = secrets.token_hex(16)
                    job.worker, job.lease_until = worker, seconds + lease_s
                    job.done = job.total = 0
                    session.flush()
                    entry = read(session, job.entry_id)
                    return Job(entry, worker, job.attempts, job.token, lease_s)
                reason = (
                    f"scoring was started {ATTEMPTS} times and never ended: the files may take too "
                    "much time or memory to decode; send fewer or smaller ones"
                )
                now = self._now(session)
                change(session, row, "failed", at=now, by=_QUEUE, action="fail", reason=reason)
            return None

    def renew(self, job: Job, done: int, total: int) -> None:
        """Note progress and start the lease anew. Raises JobLost: then stop working on it."""
        with self._writing() as session:
            row = _held(session, job)
            row.done, row.total = done, total
            row.lease_until = self._seconds(session) + job.lease_s

    def release(self, job: Job, wait_s: float = 0.0) -> None:
        """Give a job back, for a worker that cannot do it now; it is no attempt.

        It waits behind those that nobody has tried. wait_s: seconds in which it is offered to
        nobody. Raises JobLost.
        """
        with self._writing() as session:
            row = _held(session, job)
            row.attempts -= 1
            row.token = row.worker = None
            row.lease_until, row.done, row.total = self._seconds(session) + wait_s, 0, 0

    def finish(self, job: Job, results: Results) -> None:
        """Store a job's results; the entry waits for review. Raises JobLost."""
        with self._writing() as session:
            (row,) = locked(session, job.entry.id)
            _held(session, job)
            put_results(session, row.id, results)
            now = self._now(session)
            change(session, row, "pending", at=now, by=job.worker, action="score")

    def fail(self, job: Job, problems: Sequence[str]) -> None:
        """Note why an entry cannot be scored; the submitter reads it. Raises JobLost."""
        with self._writing() as session:
            (row,) = locked(session, job.entry.id)
            _held(session, job)
            reason = "\n".join(problems) or "scoring failed without saying why"
            now = self._now(session)
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
