"""From a size in bytes to the average level whose file fits it."""

from .session import Choice, Session

LEAST, MOST, STEP = 1.0, 24.0, 0.05
"""Levels of the page's slider."""
_TRIES = 6


class TargetError(ValueError):
    """A size that no file of the picture has; the message says which it could have."""


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
