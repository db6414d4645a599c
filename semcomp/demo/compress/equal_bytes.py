"""Files of a given size: of our own codec, and of others beside it.

Other codecs come from outside (`app.py` passes them in); this module knows only what they must
offer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.errors import SizeError
from semcomp.search import FileSearch, check_fits

LEAST, MOST, STEP = 1.0, 24.0, 0.05
"""Levels of the page's slider."""
RIVALS = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF", "bpg": "BPG"}
"""Codecs offered beside ours, where they are installed, and their names for people."""


class Rival(Protocol):
    """A codec whose quality is a whole number; a higher one gives more bytes."""

    @property
    def qualities(self) -> Sequence[float]:
        """Qualities it is used at, ascending; the search stays between the first and the last."""

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """An RGB picture as a file's bytes."""

    def decode(self, data: bytes) -> Image.Image:
        """The RGB picture of a file."""


@dataclass(frozen=True, eq=False)
class Match:
    """A codec's file for a budget. picture: uint8 (H, W, 3), what the file decodes to."""

    quality: int
    data: bytes
    picture: NDArray[np.uint8]


def offered(codecs: Mapping[str, Rival]) -> dict[str, str]:
    """Names for people of the rivals among these codecs."""
    return {key: label for key, label in RIVALS.items() if key in codecs}


def match(codec: Rival, picture: NDArray[np.uint8], budget: int, label: str = "It") -> Match:
    """The largest file of at most `budget` bytes, found in real files; else the smallest.

    picture: uint8 (H, W, 3). Raises SizeError if the codec refuses the picture.
    """
    image = Image.fromarray(picture)

    def encode(quality: float) -> bytes:
        try:
            return codec.encode(image, round(quality))
        except ValueError as error:
            raise SizeError(f"{label} refuses this picture: {error}") from error

    search = FileSearch(encode, min(codec.qualities), max(codec.qualities))
    quality, data = search.around(budget).below
    return Match(round(quality), data, np.asarray(codec.decode(data)))


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
