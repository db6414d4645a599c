"""The link that restores the first tab: its settings written into an address, and read back."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from semcomp.allocation.planning import ALLOCATIONS
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.visits import Visit
from semcomp.demo.shared import words, work

from . import sides
from .equal_bytes import LEAST, MOST
from .shown import Sides


class Asked(NamedTuple):
    """What a link asks for; None where it asks for nothing that is there.

    name: of a sample. focus: a class, which the picture may turn out not to have.
    """

    name: str | None
    level: float | None
    allocation: str | None
    focus: str | None
    pair: Sides

    @property
    def choice(self) -> Choice:
        """The settings of its run, as far as they are known before the picture is looked at."""
        usual = Choice()
        return Choice(self.level or usual.level, self.allocation or usual.allocation)


def read(query: Mapping[str, str], keys: Collection[str]) -> Asked:
    """The settings in an address's query. keys: of what can be put left and right."""
    pair = query.get("left", sides.FIRST[0]), query.get("right", sides.FIRST[1])
    fine = all(key in keys for key in pair) and pair[0] != pair[1]
    name, allocation = query.get("picture"), query.get("allocation")
    return Asked(
        name if name in work.samples() else None,
        _number(query.get("level")),
        allocation if allocation in ALLOCATIONS else None,
        query.get("class") or None,
        pair if fine else sides.FIRST,
    )


def written(here: str, visit: Visit, pair: Sides) -> str:
    """The address, at `here`, of what is shown; an upload itself is never part of it."""
    choice, session = visit.choice, visit.session
    asked = {"level": f"{choice.level:g}", "allocation": choice.allocation}
    if work.sample_name(session.picture) is not None:
        asked = {"picture": session.name, **asked}
    if choice.focus is not None:
        asked["class"] = choice.focus
    return words.link(here, {**asked, "left": pair[0], "right": pair[1]})


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if LEAST <= value <= MOST else None
