"""Files of a given size: as a visitor types it, of our own codec, and of others beside it.

Other codecs come from outside (`app.py` passes them in); this module knows only what they must
offer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.errors import SemcompError
from semcomp.search import FileSearch

LEAST, MOST, STEP = 1.0, 24.0, 0.05
"""Levels of the page's slider."""
RIVALS = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF", "bpg": "BPG"}
"""Codecs offered beside ours, where they are installed, and their names for people."""


class SizeError(SemcompError, ValueError):
    """A size that no file has, or a codec that makes none; the message says what would help."""


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


def parse_size(text: str | float | None) -> int:
    """Bytes from what a visitor types: `12000`, `12 000`, `12,000`, `12 kB`, `2,5 kB`, `0.5 MB`.

    A comma or point is a decimal one, or parts thousands: where three digits follow it, and what
    stands before is no fraction of a byte. Raises SizeError for anything else.
    """
    typed = " ".join(str("" if text is None else text).split())
    if not typed:
        raise SizeError("no size yet: type how many bytes the file may have, such as 12000")
    parts = re.fullmatch(r"([0-9][0-9 '’.,]*) ?(|b|bytes?|[km]i?b?|[km]o)", typed.lower())
    number = "" if parts is None else _plain_number(parts[1], whole=parts[2][:1] not in ("k", "m"))
    if parts is None or not number:
        raise SizeError(f"{typed[:40]!r} is no size: type bytes, such as 12000 or 2.5 kB")
    power = {"k": 1, "m": 2}.get(parts[2][:1], 0)
    size = int(Decimal(number) * (1024 if "i" in parts[2] else 1000) ** power)
    if size < 1:
        raise SizeError("a file has at least one byte: type a larger size")
    return size


def _plain_number(text: str, whole: bool) -> str:
    """A number as Python writes it; empty if the text is none. whole: it counts bytes."""
    text = re.sub(r"(?<=[0-9])[ '’](?=[0-9]{3}(?![0-9]))", "", text.strip())
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?", text):
        return text.replace(",", "")
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3})+", text) and (whole or text.count(".") > 1):
        return text.replace(".", "")
    return text.replace(",", ".") if re.fullmatch(r"[0-9]+([.,][0-9]+)?", text) else ""


def fit(session: Session, choice: Choice, budget: int) -> Choice:
    """As `nearest`; raises SizeError where the smallest file is larger than `budget` bytes."""
    found = nearest(session, choice, budget)
    least = len(session.data(found))
    if least > budget:
        raise SizeError(
            f"the smallest file of this picture has {least:,} bytes: ask for at least that many, "
            "or reduce the picture"
        )
    return found


def nearest(session: Session, choice: Choice, budget: int) -> Choice:
    """The choice at the level with the largest file of at most `budget` bytes, else the lowest."""

    def at(level: float) -> Choice:
        return choice._replace(level=round(level, 2))

    search = FileSearch(lambda level: session.data(at(level)), LEAST, MOST, STEP)
    return at(search.largest(budget, session.encoder.expected_level(budget))[0])
