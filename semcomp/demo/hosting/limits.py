"""Who may have how much of the model: the rules of the queue, in plain data and without a server.

Addresses take turns, and visitors within an address: a job waits behind those jobs of others that
have as few of their own address's and visitor's jobs ahead of them. Limits bind where they protect
somebody: a visitor's time counts while others wait. Every refusal is a sentence that says when to
try again.
"""

import ipaddress
import os
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .settings import Settings

WINDOW = 600.0
"""Seconds over which a visitor's computing time is counted."""


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

        An address's first job comes before every other address's second, whatever the names of its
        visitors; within an address a visitor's first before another's second. A running job counts
        as the first. Among equals the one that waits longer goes first.
        """
        of_visitor = _ranks([job.visitor for job in queue], [job.visitor for job in running])
        fair = sorted(range(len(queue)), key=lambda position: of_visitor[position])
        of_address = dict(
            zip(
                fair,
                _ranks([queue[at].address for at in fair], [job.address for job in running]),
                strict=True,
            )
        )
        return sorted(range(len(queue)), key=lambda position: of_address[position])

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

    def too_long(self, seconds: float) -> str | None:
        """Why a job that has run for `seconds` is to be stopped, or None if it may go on."""
        if seconds <= self.settings.job_seconds:
            return None
        return (
            f"This took longer than the {_duration(self.settings.job_seconds)} one job may "
            "take here. Reduce the picture or the level, or run it on your own machine."
        )


def address_of(request: Any) -> str:
    """The network address of a visitor; of IPv6 the half that belongs to one household.

    On a Space, what the hub's proxy has added last to X-Forwarded-For: the rest of that header is
    the visitor's own text, which anybody may invent. Elsewhere the peer's, for which uvicorn heeds
    FORWARDED_ALLOW_IPS. request: Gradio's or Starlette's. Empty where nothing is known.
    """
    peer = getattr(getattr(request, "client", None), "host", None) or ""
    if os.environ.get("SPACE_ID"):
        peer = headers_of(request).get("x-forwarded-for", "").split(",")[-1].strip() or peer
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return str(peer)[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def headers_of(request: Any) -> dict[str, str]:
    """A request's headers by their names in lower case.

    Of several with one name the last counts, which a proxy has added.
    """
    headers = getattr(request, "headers", None) or {}
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _ranks(names: Sequence[str], running: Sequence[str]) -> list[int]:
    """How many of the same name stand before each, those that run counted."""
    ahead = Counter(running)
    ranks = []
    for name in names:
        ranks.append(ahead[name])
        ahead[name] += 1
    return ranks


def _duration(seconds: float) -> str:
    """A duration for people: 40 seconds, 3 minutes."""
    whole = max(1, round(seconds))
    if whole < 100:
        return f"{whole} second{'s' * (whole != 1)}"
    return f"{round(whole / 60)} minutes"
