"""What maintainers send with a decision, read with care: anybody can send anything."""

from __future__ import annotations

from typing import Any

from semcomp.errors import SemcompError

REASON = "Say why: the submitter reads it."
WHICH = "Choose an entry first."
NEWER = "Enter the number of the newer entry."
MOST_REASON = 1000


class NotClear(SemcompError, ValueError):
    """A decision lacks its entry or its reason; the message says which."""


def reason_of(value: Any) -> str:
    """A reason. Raises NotClear."""
    text = text_of(value)[:MOST_REASON]
    if not text:
        raise NotClear(REASON)
    return text


def text_of(value: Any) -> str:
    """A text without space around it; empty for what is none."""
    return value.strip() if isinstance(value, str) else ""


def newer_of(value: Any) -> int:
    """The newer entry's number. Raises NotClear."""
    number = number_of(value)
    if number is None:
        raise NotClear(NEWER)
    return number


def number_of(value: Any) -> int | None:
    """An entry's number as a component sends it; None for what no database takes as one."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number < 2**31 else None
