"""Results on samples that are there before anybody asks: the first is made as the server starts."""

import os
from threading import Thread

from semcomp.demo.sessions.runs import Choice, Run
from semcomp.demo.sessions.visits import SHARED, VISITS, Visit
from semcomp.demo.shared import work

from . import sides
from .expected import curves


def begin() -> Thread | None:
    """Start `warm` beside the server; None on a host that lends its GPU to visitors only."""
    if os.environ.get("SPACES_ZERO_GPU"):
        return None
    thread = Thread(target=warm, name="warm", daemon=True)
    thread.start()
    return thread


def warm() -> bool:
    """Make what the page opens with, so that its first visitor need not wait; whether it is made.

    A visitor who comes earlier gets the whole processor: the work stops and is theirs.
    """
    session = _visit(None).session
    for _ in session.decode(Choice()):
        if VISITS.any():
            return False
    sides.of_run(session, session.finished(Choice()))  # the scores too, and what levels cost:
    curves(session, None)
    return True


def kept(name: str | None, choice: Choice) -> tuple[Visit, Run] | None:
    """A finished result on a sample (None: the first), as a visit of nobody's; None if not kept."""
    visit = _visit(name)
    run = visit.session.run(choice)
    return None if run is None else (visit, run)


def _visit(name: str | None) -> Visit:
    samples = work.samples()
    name = name or next(iter(samples))
    return Visit(VISITS.get(SHARED, samples[name], name, shared=True))
