"""Submissions to choose from: a few at a time, and those that fit what a visitor types.

A board may have thousands; a page that carried them all would open slowly.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

from .boards import Board

MOST_FOUND = 50
"""Submissions that a list offers at a time."""


def found(board: Board, text: str, chosen: Collection[str] = ()) -> list[tuple[str, str]]:
    """(name, token) of the submissions whose name contains a text, whatever its case.

    At most `MOST_FOUND`, names that begin with it first; then the chosen ones (tokens) that are not
    among them, without which a list could not show what it has.
    """
    wanted = text.strip().casefold()
    fits = (name for name in board.entries if wanted in name.casefold())
    some = list(islice(fits, 20 * MOST_FOUND))
    some.sort(key=lambda name: not name.casefold().startswith(wanted))
    names = some[:MOST_FOUND]
    for held in map(board.named, chosen):
        if held is not None and held in board.entries and held not in names:
            names.append(held)
    return [(name, board.entries[name].token) for name in names]


def text_of(value: Any) -> str:
    """A control's text as it was sent; empty for what is none."""
    return value if isinstance(value, str) else ""


def texts_of(value: Any) -> list[str]:
    """A control's texts as they were sent."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
