"""Files of a given size: as people type it, and the quality searched for, in real files.

Sizes grow with the quality but for small dents, so the search is a bisection that remembers every
file it has made. Nothing is estimated: what it gives has been encoded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from .errors import SizeError


@dataclass(frozen=True)
class Bracket:
    """The files on both sides of a size.

    size: bytes. below, above: (quality, file); the same where the search ran into an end of the
    qualities, and `reached` is False there.
    """

    size: int
    below: tuple[float, bytes]
    above: tuple[float, bytes]

    @property
    def reached(self) -> bool:
        """Whether the size lies between the two."""
        return len(self.below[1]) <= self.size <= len(self.above[1])

    @property
    def nearest(self) -> tuple[float, bytes]:
        """Quality and file of the side nearer in size."""
        return min(self.below, self.above, key=lambda side: abs(len(side[1]) - self.size))


class FileSearch:
    """One picture's files by size; every quality is encoded once at most.

    encode: quality -> file; a higher quality gives a file no smaller, but for small dents.
    low, high, step: the qualities, ascending from `low` on.
    """

    def __init__(
        self, encode: Callable[[float], bytes], low: float, high: float, step: float = 1
    ) -> None:
        self._encode = encode
        self._low, self._step = low, step
        self._last = math.floor((high - low) / step + 1e-6)
        self._files: dict[int, bytes] = {}

    def around(self, size: int, start: float | None = None) -> Bracket:
        """The neighbouring qualities whose files hold `size` bytes between them.

        start: where to look first, default the middle: high qualities are slow to encode, so the
        ends are not asked unless the search gets there.
        """
        below, above = self._bisect(size, start, max(1, self._last // 12), 0.0)
        return Bracket(size, self._file(below), self._file(above))

    def largest(
        self, max_bytes: int, start: float | None = None, close: float = 0.0
    ) -> tuple[float, bytes]:
        """Quality and file: the largest of at most `max_bytes`; where none fits, the smallest.

        start: a quality whose file has about that size. close: share of `max_bytes` by which the
        file may stay below them, for fewer tries.
        """
        stride = max(1, self._last // (12 if start is None else 100))
        self._bisect(max_bytes, start, stride, close)
        fits = [index for index in self._files if self._size(index) <= max_bytes]
        if not fits:
            return self._file(min(self._files, key=self._size))
        return self._file(max(fits, key=lambda index: (self._size(index), index)))

    def _bisect(self, size: int, start: float | None, stride: int, close: float) -> tuple[int, int]:
        """Neighbouring indices around the first crossing of `size` known; the same one at an end.

        stride: the first step away from the start, doubled until the size is passed. Ends early at
        a file that is at most the share `close` smaller than `size`.
        """
        middle = self._last / 2 if start is None else (start - self._low) / self._step
        probe = min(max(round(middle), 0), self._last)
        straight = False
        while True:
            if (1 - close) * size <= self._size(probe) <= size and close:
                return probe, probe
            above = min((i for i in self._files if self._size(i) > size), default=None)
            if above is None:  # none is larger
                below = max(self._files)
                if below == self._last:
                    return below, below
                probe, stride = min(self._last, below + stride), 2 * stride
                continue
            # A dent may leave small files beyond a larger one: the first crossing counts.
            under = [i for i in self._files if i < above]
            if not under:
                if above == 0:
                    return above, above
                probe, stride = max(0, above - stride), 2 * stride
                continue
            below = max(under)
            if above - below < 2:
                return below, above
            straight = not straight
            probe = self._between(below, above, size, straight)

    def _between(self, below: int, above: int, size: int, straight: bool) -> int:
        """Where to look next between two files.

        Straight lines over log size come close; halving now and then makes sure that it ends soon.
        """
        if not straight:
            return (below + above) // 2
        low, high = (math.log(max(1, self._size(end))) for end in (below, above))
        part = (math.log(max(1, size)) - low) / (high - low)
        return min(max(below + round(part * (above - below)), below + 1), above - 1)

    def _file(self, index: int) -> tuple[float, bytes]:
        quality = round(self._low + index * self._step, 4)
        if index not in self._files:
            self._files[index] = self._encode(quality)
        return quality, self._files[index]

    def _size(self, index: int) -> int:
        return len(self._file(index)[1])


def check_fits(smallest: int, max_bytes: int, label: str) -> None:
    """Raise SizeError where even the smallest file, of so many bytes, is larger than allowed."""
    if smallest > max_bytes:
        raise SizeError(
            f"the smallest {label} of this picture has {smallest:,} bytes: ask for at least that "
            "many, or reduce the picture"
        )


def parse_size(text: str | float | None) -> int:
    """Bytes from what people type: `12000`, `12 000`, `12,000`, `12 kB`, `2,5 kB`, `0.5 MB`.

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
