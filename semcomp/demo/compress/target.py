"""From a size in bytes to the average level whose file fits it."""

import re

from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.errors import SemcompError

LEAST, MOST, STEP = 1.0, 24.0, 0.05
"""Levels of the page's slider."""
_TRIES = 6


class TargetError(SemcompError, ValueError):
    """A size that no file of the picture has; the message says which it could have."""


def parse_size(text: str | float | None) -> int:
    """Bytes from what a visitor types: `12000`, `12 000`, `12,000`, `12 kB`, `0.5 MB`.

    Raises TargetError for anything else.
    """
    shown = str("" if text is None else text).strip()
    if not shown:
        raise TargetError("no size yet: type how many bytes the file may have, such as 12000")
    found = re.fullmatch(r"([0-9]+(?:[ ,][0-9]{3})*(?:\.[0-9]+)?) ?(|b|bytes|kb|mb)", shown.lower())
    if found is None:
        raise TargetError(f"{shown[:40]!r} is no size: type bytes, such as 12000 or 12 kB")
    unit = {"kb": 1000, "mb": 1_000_000}.get(found[2], 1)
    size = round(float(re.sub("[ ,]", "", found[1])) * unit)
    if size < 1:
        raise TargetError("a file has at least one byte: type a larger size")
    return size


def fit(session: Session, choice: Choice, budget: int) -> Choice:
    """The choice at the highest level whose file has at most `budget` bytes.

    Expected sizes say where to look, real files decide; sizes of neighbouring levels may differ
    by a few bytes either way, so the result is the best of those tried.
    Raises TargetError where the smallest file is larger.
    """
    low, high = 0, round((MOST - LEAST) / STEP)
    while low < high:  # the highest step that is expected to fit
        middle = (low + high + 1) // 2
        if session.expected_bytes(_at(choice, middle)) <= budget:
            low = middle
        else:
            high = middle - 1
    best: int | None = None
    at = low
    for _ in range(_TRIES):
        if len(session.data(_at(choice, at))) <= budget:
            best = at if best is None else max(best, at)
            at += 1
            if at > round((MOST - LEAST) / STEP):
                break
        elif best is not None or at == 0:
            break
        else:  # expected too little: step down by as much as it was too large
            over = len(session.data(_at(choice, at))) / budget
            at = max(0, min(at - 1, round(((LEAST + at * STEP) / over - LEAST) / STEP)))
    if best is None:
        smallest = len(session.data(_at(choice, 0)))
        if smallest > budget:
            raise TargetError(
                f"the smallest file of this picture has {smallest:,} bytes: ask for at least "
                "that many, or reduce the picture"
            )
        best = 0
    return _at(choice, best)


def _at(choice: Choice, step: int) -> Choice:
    return choice._replace(level=round(LEAST + step * STEP, 2))
