"""What the first tab opens with: the settings of its link, and results that are there before.

The first sample's result is made as the server starts.
"""

import os
from collections.abc import Collection, Mapping
from threading import Thread
from typing import NamedTuple

import gradio as gr

from semcomp.allocation.levels import MAX_FOCUS
from semcomp.allocation.planning import ALLOCATIONS
from semcomp.demo.sessions.runs import (
    FIRST,
    PEOPLE,
    Choice,
    Run,
    chosen_model,
    offered_models,
)
from semcomp.demo.sessions.session import Session
from semcomp.demo.sessions.visits import SHARED, VISITS, Visit, identity
from semcomp.demo.shared import words, work
from semcomp.demo.shared.components import AREA, AREAS
from semcomp.semantics.maps import subject_names

from . import sides
from .equal_bytes import LEAST, MOST
from .expected import curves
from .sides import Pair

WAITING = "The picture of the first tab has no result yet: wait for it there, then come back."


class LinkSettings(NamedTuple):
    """What a link asks for; None where it asks for nothing that is there.

    name: of a sample. model: of weights. focus, without: a class and subjects, which the picture
    may turn out not to have. strength: see `Choice`. area: what larger pictures are reduced to.
    """

    name: str | None
    model: str | None
    level: float | None
    allocation: str | None
    focus: str | None
    strength: float | None
    without: tuple[str, ...]
    pair: Pair
    area: int | None = None

    @property
    def choice(self) -> Choice:
        """The settings of its run, as far as they are known before the picture is looked at."""
        return Choice(
            self.level or FIRST.level,
            self.allocation or FIRST.allocation,
            FIRST.focus,
            FIRST.strength if self.strength is None else self.strength,
        )

    @property
    def particular(self) -> bool:
        """Whether it asks for what has to be looked for in the picture."""
        return self.focus is not None or bool(self.without)


def read_link(query: Mapping[str, str], keys: Collection[str], first: Pair) -> LinkSettings:
    """The settings in an address's query.

    keys: of what can be put left and right. first: what stands there unless the link says more.
    """
    pair = query.get("left", first[0]), query.get("right", first[1])
    fine = all(key in keys for key in pair) and pair[0] != pair[1]
    name, allocation, model = (query.get(key) for key in ("picture", "allocation", "model"))
    return LinkSettings(
        name if name in work.samples() else None,
        model if model in offered_models().values() else None,
        _number(query.get("level"), LEAST, MOST),
        allocation if allocation in ALLOCATIONS else None,
        query.get("class") or None,
        _number(query.get("focus"), 0, MAX_FOCUS),
        tuple(sorted(query.get("without", "").splitlines())),
        pair if fine else first,
        next((area for _, area in AREAS if query.get("area") == str(area)), None),
    )


def write_link(here: str, visit: Visit, pair: Pair) -> str:
    """The address, at `here`, of what a visit looks at; an upload itself is never part of it."""
    choice, session = visit.choice, visit.session
    settings = {"level": f"{choice.level:g}", "allocation": choice.allocation}
    if work.sample_name(session.picture) is not None:
        settings = {"picture": session.name, **settings}
    if session.model_name != chosen_model():
        settings["model"] = session.model_name
    if choice.focus not in (None, PEOPLE):
        settings["class"] = str(choice.focus)
    if choice.strength != 1:
        settings["focus"] = f"{choice.strength:g}"
    if choice.without:
        settings["without"] = "\n".join(choice.without)
    if visit.source is not None and visit.source[1] != AREA:
        settings["area"] = str(visit.source[1])
    return words.link(here, {**settings, "left": pair[0], "right": pair[1]})


def as_linked(session: Session, choice: Choice, asked: LinkSettings | None) -> Choice:
    """A choice with what a link asks for, as far as the picture has it."""
    if asked is None:
        return choice
    if asked.focus in [each.name for each in session.encoder.semantic_map().top]:
        return choice._replace(focus=asked.focus)
    there = subject_names(session.semantic_map(choice).subjects)
    return choice._replace(without=tuple(name for name in asked.without if name in there))


def _number(text: str | None, least: float, most: float) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if least <= value <= most else None


def current(request: gr.Request) -> tuple[Session, Choice]:
    """What the visitor looks at in the first tab, else what the page opens with.

    Raises gr.Error while the picture there has no result.
    """
    who = identity(request)
    visit = VISITS.current(who)
    if visit is None and VISITS.awaits(who):
        raise gr.Error(WAITING, title="A moment", print_exception=False)
    visit = visit or sample_visit(None)
    return visit.session, visit.choice


def cached_result(link: LinkSettings) -> tuple[Visit, Run] | None:
    """A finished result of what a link asks for, as a visit of nobody's; None if there is none."""
    if link.particular or link.model:
        return None
    visit, choice = sample_visit(link.name), link.choice
    run = visit.session.run(choice)
    return None if run is None else (visit, run)


def sample_visit(name: str | None) -> Visit:
    """A visit of nobody's to a sample; None: the first."""
    samples = work.samples()
    name = name or next(iter(samples))
    return Visit(VISITS.get(SHARED, samples[name], name, shared=True))


def start_warming() -> Thread | None:
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
    session = sample_visit(None).session
    for _ in session.decode(FIRST):
        if VISITS.any():
            return False
    run = session.finished(FIRST)
    sides.our_side(session, run)  # the scores too, and what levels cost:
    curves(session, FIRST)
    sides.find_side(session, sides.FIRST[0], run)
    return True
