"""Who may have how much of the model: the rules of the queue, in plain data and without a server.

Visitors take turns: a job waits behind those jobs of others that have as few of their own visitor's
jobs ahead of them. Limits bind where they protect somebody: a visitor's time counts while others
wait. Every refusal is a sentence that says when to try again.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .settings import Settings

WINDOW = 600.0
"""Seconds over which a visitor's computing time is counted."""


class TooLong(Exception):
    """A job has run longer than one job may. The text is for the visitor."""


@dataclass(frozen=True)
class Waiting:
    """A job in the queue: its visitor, and the address that visitor comes from."""

    visitor: str
    address: str


class Limits:
    """The rules for one page, and how long each visitor's jobs have run lately."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that never run backwards."""
        self.settings = settings
        self._clock = clock
        self._spent: defaultdict[str, deque[tuple[float, float]]] = defaultdict(deque)

    def refusal(self, asking: Waiting, queue: Sequence[Waiting]) -> str | None:
        """Why one more job of `asking` cannot join the queue now, or None if it can.

        queue: the jobs that wait already. One address gets at most half of it, so that a program
        that takes a new name for every job cannot keep all others out.
        """
        if len(queue) >= self.settings.queue:
            return (
                f"{len(queue)} jobs are waiting already, which is all this server takes. "
                "Nothing of yours is lost: try again in a minute."
            )
        own = sum(job.visitor == asking.visitor for job in queue)
        if own >= self.settings.visitor_jobs:
            return (
                f"{own} of your jobs are waiting already. Let one of them finish, then try again."
            )
        near = sum(job.address == asking.address for job in queue)
        if near >= max(1, self.settings.queue // 2):
            return (
                f"{near} jobs from your network are waiting already. Try again when some of them "
                "are done."
            )
        spent, free_in = self.spent(asking.visitor)
        others = any(job.visitor != asking.visitor for job in queue)
        if others and spent >= self.settings.visitor_seconds:
            return (
                f"You have had {_duration(spent)} of computing in the last ten minutes, and others "
                f"are waiting. Try again in {_duration(free_in)}."
            )
        return None

    def turns(self, queue: Sequence[Waiting], running: Sequence[Waiting]) -> list[int]:
        """Order in which the queue is to be served: positions of `queue`, first served first.

        A visitor's first job comes before every other visitor's second; a running job counts as
        the first. Among equals the one that waits longer goes first.
        """
        ahead: defaultdict[str, int] = defaultdict(int)
        for job in running:
            ahead[job.visitor] += 1
        ranks = []
        for job in queue:
            ranks.append(ahead[job.visitor])
            ahead[job.visitor] += 1
        return sorted(range(len(queue)), key=lambda position: ranks[position])

    def ran(self, visitor: str, seconds: float) -> None:
        """Count a job that has just ended."""
        now = self._clock()
        self._spent[visitor].append((now, seconds))
        for known in [v for v, jobs in self._spent.items() if jobs[-1][0] < now - WINDOW]:
            del self._spent[known]  # so that visitors who left take no memory

    def spent(self, visitor: str) -> tuple[float, float]:
        """Seconds of computing in the window, and in how many seconds some of it is forgotten."""
        now = self._clock()
        jobs = [job for job in self._spent.get(visitor, ()) if job[0] >= now - WINDOW]
        if not jobs:
            return 0.0, 0.0
        total = left = sum(seconds for _, seconds in jobs)
        for ended, seconds in jobs:
            left -= seconds
            if left < self.settings.visitor_seconds:
                return total, ended + WINDOW - now
        return total, WINDOW

    def check_time(self, seconds: float) -> None:
        """Raise TooLong if a job that has run for `seconds` is to be stopped."""
        if seconds > self.settings.job_seconds:
            raise TooLong(
                f"This took longer than the {_duration(self.settings.job_seconds)} one job may "
                "take here. Reduce the picture or the level, or run it on your own machine."
            )


def _duration(seconds: float) -> str:
    """A duration for people: 40 seconds, 3 minutes."""
    whole = max(1, round(seconds))
    if whole < 100:
        return f"{whole} second{'s' * (whole != 1)}"
    return f"{round(whole / 60)} minutes"
