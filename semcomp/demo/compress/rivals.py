"""Other codecs at equal bytes: the best file that is no larger than ours.

The codecs themselves come from outside (`app.py` passes them in); this module knows only what they
must offer.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.errors import SemcompError

RIVALS = {"jpeg": "JPEG", "webp": "WebP", "avif": "AVIF", "bpg": "BPG"}
"""Codecs offered beside ours, where they are installed, and their names for people."""


class RivalError(SemcompError, ValueError):
    """A codec that cannot take part; the message says why and what would help."""


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
    """A codec's file within a budget. picture: uint8 (H, W, 3), what the file decodes to."""

    quality: int
    data: bytes
    picture: NDArray[np.uint8]


def offered(codecs: Mapping[str, Rival]) -> dict[str, str]:
    """Names for people of the rivals among these codecs."""
    return {key: label for key, label in RIVALS.items() if key in codecs}


def match(codec: Rival, picture: NDArray[np.uint8], budget: int, label: str = "It") -> Match:
    """The highest quality whose file has at most `budget` bytes, found in real files.

    picture: uint8 (H, W, 3). Raises RivalError if even the lowest quality is larger, or if the
    codec refuses the picture.
    """
    image = Image.fromarray(picture)
    files: dict[int, bytes] = {}

    def size(quality: int) -> int:
        if quality not in files:
            try:
                files[quality] = codec.encode(image, quality)
            except ValueError as error:
                raise RivalError(f"{label} refuses this picture: {error}") from error
        return len(files[quality])

    low, high = math.ceil(min(codec.qualities)), math.floor(max(codec.qualities))
    if size(low) > budget:
        raise RivalError(
            f"{label} cannot be that small: its smallest file here has {size(low):,} bytes. "
            "Raise the level."
        )
    if size(high) <= budget:
        low = high
    while high - low > 1:
        middle = _guess(low, size(low), high, size(high), budget)
        if size(middle) <= budget:
            low = middle
        else:
            high = middle
    return Match(low, files[low], np.asarray(codec.decode(files[low])))


def _guess(low: int, small: int, high: int, large: int, budget: int) -> int:
    """A quality strictly between, where the logarithm of the size would cross the budget."""
    span = math.log(max(large, small + 1)) - math.log(small)
    share = (math.log(budget) - math.log(small)) / span
    # Sizes grow faster at the top than a straight line says: stay off the ends.
    share = min(max(share, 0.15), 0.85)
    return min(max(low + round(share * (high - low)), low + 1), high - 1)
