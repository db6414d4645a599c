"""What can stand on either side of the viewer: the original, our picture, others at equal bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semcomp.demo.sessions.runs import Choice, Run
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import work

from .equal_bytes import RIVALS, Rival, SizeError, fit, match
from .survival import Survival, survival

ORIGINAL, OURS, GEORGE = "original", "ours", "george"
LABELS = {ORIGINAL: "Original", OURS: "Ours", GEORGE: "George (uniform)", **RIVALS}
FIRST = (ORIGINAL, OURS)
"""What the page shows at first, left and right."""


@dataclass(frozen=True, eq=False)
class Side:
    """A picture for the viewer, or why there is none.

    picture: uint8 (H, W, 3). facts: bytes and scores (see `side_facts`), None for the original.
    survival: what the classifier still sees in it, None for the original.
    """

    key: str
    picture: NDArray[np.uint8] | None
    facts: dict[str, Any] | None = None
    setting: str = ""
    problem: str = ""
    survival: Survival | None = None


def side_facts(
    session: Session, focus: str | None, picture: NDArray[np.uint8], size: int
) -> dict[str, Any]:
    """Bytes, bits per pixel, share of the raw pixels in percent, and scores under a class's map."""
    return {
        "bytes": size,
        "bpp": 8 * size / (picture.shape[0] * picture.shape[1]),
        "percent": 100 * size / picture.nbytes,
        **work.score(session.picture, picture, session.encoder.semantic_map(focus)),
    }


def _judged(
    session: Session, focus: str | None, picture: NDArray[np.uint8], size: int
) -> tuple[dict[str, Any], Survival]:
    """`side_facts` and what the classifier still sees."""
    return side_facts(session, focus, picture, size), survival(session, focus, picture)


def of_run(session: Session, run: Run) -> Side:
    """Our own side: a finished run."""
    focus = run.choice.focus
    facts, left = session.cache.once(
        "judged", lambda: _judged(session, focus, run.picture, len(run.data)), run.choice
    )
    return Side(OURS, run.picture, facts, f"level {run.choice.level:g}", survival=left)


def known(session: Session, key: str, run: Run) -> Side | None:
    """A side that needs no computing; None if it does."""
    if key == ORIGINAL:
        return Side(ORIGINAL, session.picture)
    if key == OURS:
        return of_run(session, run)
    found: Side | None = session.cache.find("side", (key, len(run.data), run.choice.focus))
    return found


def made(session: Session, key: str, run: Run, codecs: Mapping[str, Rival]) -> Side:
    """A side at no more bytes than the run's file, searched for now unless it is kept."""
    found = known(session, key, run)
    if found is not None:
        return found

    def make() -> Side:
        try:
            if key == GEORGE:
                return _george(session, run)
            codec, label = codecs[key], RIVALS[key]
            at = match(codec, session.picture, len(run.data), label)
        except SizeError as error:
            return Side(key, None, problem=str(error))
        facts, left = _judged(session, run.choice.focus, at.picture, len(at.data))
        return Side(key, at.picture, facts, f"quality {at.quality}", survival=left)

    budget = key, len(run.data), run.choice.focus
    return session.cache.once("side", make, budget, most=12)


def _george(session: Session, run: Run) -> Side:
    choice = fit(session, Choice(run.choice.level, "uniform"), len(run.data))
    uniform = session.finished(choice)
    facts, left = _judged(session, run.choice.focus, uniform.picture, len(uniform.data))
    return Side(GEORGE, uniform.picture, facts, f"level {choice.level:g}", survival=left)
