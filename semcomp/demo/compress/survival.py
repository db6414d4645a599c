"""Semantic survival: does the classifier still see in the decoded picture what it saw before?"""

from __future__ import annotations

from typing import NamedTuple

from semcomp.demo.sessions.runs import Picture
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import words
from semcomp.semantics.activation import analyse


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
    def kept(self) -> bool:
        """Whether the decoded picture's most probable class is the original's."""
        return self.first and self.now == self.name

    def sentence(self) -> str:
        """For people, with both probabilities."""
        before, after = words.percent(self.before), words.percent(self.after)
        if self.kept:
            return f"The classifier still says {self.name}: {after} (original {before})."
        moved = f"{self.name} went from {before} to {after}"
        if self.first:
            return f"The classifier now says {self.now}; {moved}."
        return f"In the classifier's eyes {moved}."


def survival(session: Session, focus: str | None, picture: Picture) -> Survival:
    """What is left of a class, None for the most probable one, in a picture decoded from a file.

    picture: uint8 (H, W, 3). Takes as long as looking at the original did.
    """
    original = session.encoder.semantic_map(focus)
    wanted = original.chosen[0]
    found = analyse(picture, class_name=str(wanted.index))
    return Survival(
        wanted.name,
        wanted.probability,
        found.chosen[0].probability,
        original.top[0].index == wanted.index,
        found.top[0].name,
    )


def row(pair: tuple[Survival, Survival]) -> tuple[str, list[str], int | None]:
    """A row for the comparison of two pictures: its head, both cells, and which one is better.

    The better one is the only one that the classifier still names as before.
    """
    left = pair[0]
    cells = [
        words.percent(each.after) + (f", now {each.now}" if each.first and not each.kept else "")
        for each in pair
    ]
    best = None if pair[0].kept == pair[1].kept else int(pair[1].kept)
    return f"Seen as {left.name} (original {words.percent(left.before)})", cells, best
