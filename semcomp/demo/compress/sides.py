"""What can stand on either side of the viewer: the original, our picture, others at equal bytes.

Each is scored against the original and shown to the classifier again: does it still see what it saw
before?
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from semcomp.demo.sessions.runs import Choice, Run
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import words, work
from semcomp.errors import FormatError
from semcomp.formats.registry import WRITERS
from semcomp.semantics.activation import analyse

from .equal_bytes import match, nearest

Pair = tuple[str, str]
"""Keys of what stands left and right."""
ORIGINAL, OURS, GEORGE = "original", "ours", "george"
LED = "-map"
"""Behind a format's name: its file whose bits follow the map."""
LABELS = {ORIGINAL: "Original", OURS: words.OURS, GEORGE: "Ours, spread evenly"}
LABELS |= {name: writer.label for name, writer in WRITERS.items()}
LABELS |= {f"{name}{LED}": f"{writer.label} + map" for name, writer in WRITERS.items()}
"""Everything that can be put left and right, by key, as people have it."""
FIRST: Pair = ("jpeg", OURS)
"""What the page opens with."""


@dataclass(frozen=True, eq=False)
class Side:
    """A picture for the viewer, or why there is none.

    picture: uint8 (H, W, 3). facts: bytes and scores (see `side_facts`), None for the original.
    setting: of the codec. survival: what the classifier still sees in it, None for the original.
    data: the file, of an ordinary format.
    """

    key: str
    picture: NDArray[np.uint8] | None
    facts: dict[str, Any] | None = None
    setting: str = ""
    problem: str = ""
    survival: Survival | None = None
    data: bytes = b""


class Survival(NamedTuple):
    """One class before and after.

    name: the class. before, after: its probability in the original and in the decoded picture.
    first: whether it was the original's most probable class. now: the decoded picture's.
    """

    name: str
    before: float
    after: float
    first: bool
    now: str

    @property
    def survives(self) -> bool:
        """Whether the decoded picture's most probable class is the original's."""
        return self.first and self.now == self.name

    def sentence(self) -> str:
        """For people, with both probabilities."""
        before, after = words.percent(self.before), words.percent(self.after)
        if self.survives:
            return f"The classifier still says {self.name}: {after} (original {before})."
        moved = f"{self.name} went from {before} to {after}"
        if self.first:
            return f"The classifier now says {self.now}; {moved}."
        return f"In the classifier's eyes {moved}."


def survival(session: Session, choice: Choice, picture: NDArray[np.uint8]) -> Survival:
    """What is left of a choice's class in a picture decoded from a file.

    picture: uint8 (H, W, 3). Takes as long as looking at the original did.
    """
    original = session.semantic_map(choice)
    before = original.chosen[0]
    decoded = analyse(picture, class_name=str(before.index))
    return Survival(
        before.name,
        before.probability,
        decoded.chosen[0].probability,
        original.top[0].index == before.index,
        decoded.top[0].name,
    )


def survival_row(pair: tuple[Survival, Survival]) -> tuple[str, list[str], int | None]:
    """A row for the comparison of two pictures: its head, both cells, and which one is better.

    The better one is the only one that the classifier still names as before.
    """
    left = pair[0]
    cells = [
        words.percent(each.after)
        + (f", now {each.now}" if each.first and not each.survives else "")
        for each in pair
    ]
    best = None if pair[0].survives == pair[1].survives else int(pair[1].survives)
    return f"Seen as {left.name} (original {words.percent(left.before)})", cells, best


def side_facts(
    session: Session, choice: Choice, picture: NDArray[np.uint8], size: int
) -> dict[str, Any]:
    """Bytes, bits per pixel, share of the raw pixels in percent, and scores under a choice's map.

    The map is the one before any strength, so that scores of several strengths compare.
    """
    return {
        "bytes": size,
        "bpp": 8 * size / (picture.shape[0] * picture.shape[1]),
        "percent": 100 * size / picture.nbytes,
        **work.score(session.picture, picture, session.semantic_map(choice)),
    }


def our_side(session: Session, run: Run) -> Side:
    """Our own side: a finished run."""
    return session.cache.once(
        "judged",
        lambda: _judged(
            session, OURS, run, run.picture, len(run.data), f"level {run.choice.level:g}"
        ),
        run.choice,
    )


def ready_side(session: Session, key: str, run: Run) -> Side | None:
    """A side that needs no computing; None if it does."""
    if key == ORIGINAL:
        return Side(ORIGINAL, session.picture)
    if key == OURS:
        return our_side(session, run)
    side: Side | None = session.cache.find("side", _asked(key, run))
    return side


def _asked(key: str, run: Run) -> tuple[Any, ...]:
    """What another codec's side depends on: the size, and the map that leads it or scores it."""
    strength = run.choice.strength if key.endswith(LED) else None
    return key, len(run.data), run.choice.focus, run.choice.without, strength


def find_side(session: Session, key: str, run: Run) -> Side:
    """A side at no more bytes than the run's file, searched for now unless it is kept.

    A format that cannot be that small takes part with its smallest file.
    """
    side = ready_side(session, key, run)
    if side is not None:
        return side

    def make() -> Side:
        if key == GEORGE:
            choice = nearest(session, Choice(run.choice.level, "uniform"), len(run.data))
            even = session.finished(choice)
            setting = f"level {choice.level:g}"
            return _judged(session, key, run, even.picture, len(even.data), setting)
        led = key.endswith(LED)
        grey = session.semantic_map(run.choice).grey if led else None
        name = key.removesuffix(LED)
        try:
            at = match(name, session.picture, len(run.data), grey, run.choice.strength)
        except FormatError as error:
            return Side(key, None, problem=str(error))
        setting = f"quality {at.quality:g}"
        if len(at.data) > len(run.data):
            setting += ", its smallest file"
        side = _judged(session, key, run, at.picture, len(at.data), setting)
        return replace(side, data=at.data)

    return session.cache.once("side", make, _asked(key, run), most=12)


def _judged(
    session: Session, key: str, run: Run, picture: NDArray[np.uint8], size: int, setting: str
) -> Side:
    """A decoded picture with its scores and what the classifier still sees, for the run's class."""
    facts = side_facts(session, run.choice, picture, size)
    return Side(key, picture, facts, setting, survival=survival(session, run.choice, picture))
