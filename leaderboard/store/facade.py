"""Parts of `database.Store` that stand for themselves: the queue of scoring, and sign-ins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from leaderboard.data.results import Results

from . import door, entries, jobs, summaries
from .engine import database_time, where
from .limits import Rates
from .records import Job
from .transactions import reading, writing


class Opened:
    """An open database; every method of what is built on it is one transaction."""

    def __init__(
        self, engine: Engine, rates: Rates, clock: Callable[[], float] | None = None
    ) -> None:
        """Use `open_store`. clock: seconds since 1970 in place of the database's own."""
        self._engine, self._rates, self._clock = engine, rates, clock

    def __repr__(self) -> str:
        """Where the board is, without a password."""
        return f"Store({where(self._engine.url)})"

    def close(self) -> None:
        """Let go of the database; the next use connects again."""
        self._engine.dispose()

    def _time(self, session: Session) -> float:
        return self._clock() if self._clock else database_time(session.connection())


class Queue(Opened):
    """What is to be scored, and what was worked out."""

    def claim(self, worker: str, lease_s: float) -> Job | None:
        """Lend the job that has waited longest to a worker for some seconds; None if there is none.

        A job whose lease has ended waits again; after `jobs.ATTEMPTS` claims its entry is failed.
        """
        with writing(self._engine) as session:
            seconds = self._time(session)
            return jobs.claim(session, worker, lease_s, seconds, entries.utc(seconds))

    def renew(self, job: Job, done: int, total: int) -> None:
        """Note progress and start the lease anew. Raises JobLost: then stop working on it."""
        with writing(self._engine) as session:
            jobs.renew(session, job, done, total, self._time(session))

    def release(self, job: Job, wait_s: float = 0.0) -> None:
        """Give a job back, for a worker that cannot do it now; it is no attempt.

        It waits behind those that nobody has tried. wait_s: seconds in which it is offered to
        nobody. Raises JobLost.
        """
        with writing(self._engine) as session:
            jobs.release(session, job, self._time(session) + wait_s)

    def finish(self, job: Job, results: Results, incomplete: Sequence[str] | None = None) -> None:
        """Store a job's results; the entry waits for review. Raises JobLost.

        incomplete: what is missing in words, in place of what the inspection said.
        """
        with writing(self._engine) as session:
            now = entries.utc(self._time(session))
            jobs.finish(session, job, results, incomplete, now)

    def fail(self, job: Job, problems: Sequence[str]) -> None:
        """Note why an entry cannot be scored; the submitter reads it. Raises JobLost."""
        with writing(self._engine) as session:
            jobs.fail(session, job, problems, entries.utc(self._time(session)))

    def put_summary(self, entry_id: int, payload: dict[str, Any]) -> None:
        """Keep what was worked out from an entry's results. Raises NotFound.

        payload: JSON's values; ValueError or TypeError for NaN, infinities and anything else.
        """
        with writing(self._engine) as session:
            summaries.put_summary(session, entry_id, payload)

    def summaries(self, dataset: str) -> dict[int, dict[str, Any]]:
        """Summaries of the public board's entries, by id."""
        with reading(self._engine) as session:
            return summaries.summaries(session, dataset)


class Door(Opened):
    """Sign-ins, the same in every replica. Keys and addresses come as hashes, hex."""

    def knock(self, address: str, right: bool) -> float:
        """Count a token from an address, right or wrong; the seconds it is locked out for."""
        with writing(self._engine) as session:
            return door.knock(session, address, right, self._time(session))

    def enter(self, key: str, name: str) -> None:
        """Let a key in under a name."""
        with writing(self._engine) as session:
            door.enter(session, key, name, self._time(session))

    def who(self, key: str) -> str | None:
        """The name of who has a key, whose idle time starts anew; None if it has ended."""
        with reading(self._engine) as session:
            found = door.known(session, key, self._time(session))
        if found is None:
            return None
        name, stale = found
        if stale:
            with writing(self._engine) as session:
                door.note_use(session, key, self._time(session))
        return name

    def leave(self, key: str) -> None:
        """Make a key useless; unknown ones are ignored."""
        with writing(self._engine) as session:
            door.leave(session, key)
