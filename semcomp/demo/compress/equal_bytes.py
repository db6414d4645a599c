"""Files of a given size: of our own codec, and of ordinary formats beside it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.errors import SizeError
from semcomp.formats.registry import WRITERS, largest_within, read, write
from semcomp.search import FileSearch, check_fits

LEAST, MOST, STEP = 1.0, 24.0, 0.05
"""Levels of the page's slider."""


@dataclass(frozen=True, eq=False)
class Match:
    """An ordinary file for a budget. picture: uint8 (H, W, 3), what the file decodes to."""

    quality: float
    data: bytes
    picture: NDArray[np.uint8]


def match(
    name: str,
    picture: NDArray[np.uint8],
    budget: int,
    grey: NDArray[np.uint8] | None = None,
    focus: float = 1.0,
) -> Match:
    """The largest file of a format of at most `budget` bytes, found in real files; else the
    smallest.

    name: of the format. picture: uint8 (H, W, 3). grey, focus: the map that leads its bits, if one
    does. Raises FormatError if the format refuses the picture.
    """
    writer = WRITERS[name]
    try:
        quality, data = largest_within(writer, picture, budget, grey, focus)
    except SizeError:
        quality = writer.search_range[0]
        data = write(writer, picture, quality, grey, focus)
    return Match(quality, data, read(data))


def fit(session: Session, choice: Choice, budget: int) -> Choice:
    """As `nearest`; raises SizeError where the smallest file is larger than `budget` bytes."""
    found = nearest(session, choice, budget)
    check_fits(len(session.data(found)), budget, "file")
    return found


def nearest(session: Session, choice: Choice, budget: int) -> Choice:
    """The choice at the level with the largest file of at most `budget` bytes, else the lowest."""

    def at(level: float) -> Choice:
        return choice._replace(level=round(level, 2))

    search = FileSearch(lambda level: session.data(at(level)), LEAST, MOST, STEP)
    return at(search.largest(budget, session.encoder.expected_level(budget))[0])
