"""Files of a given size: the quality is searched for, picture by picture, in real files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.codecs import Codec
from leaderboard.codecs.semcomp import SemcompCodec
from leaderboard.run.measuring import Reference, score
from semcomp.errors import SemcompError

_WHOLE = {"jpeg": (1, 95), "webp": (0, 100), "avif": (0, 100), "bpg": (0, 51), "bpg444": (0, 51)}
"""Codecs of whole qualities, and their ends."""
_LEVELS = (0.5, 24.0)
CLOSE = 0.005
"""Files this near to a size are of that size: half a per cent, some 0.0003 in MS-SSIM."""


@dataclass(frozen=True)
class Match:
    """The files on both sides of a size. below, above: (quality, file); the same where the search
    ran into the codec's end, and `reached` is False there."""

    target: int
    below: tuple[float, bytes]
    above: tuple[float, bytes]

    @property
    def reached(self) -> bool:
        """Whether the size lies between the two."""
        return len(self.below[1]) <= self.target <= len(self.above[1])

    @property
    def nearest(self) -> tuple[float, bytes]:
        """Quality and file of the side nearer in size."""
        return min(self.below, self.above, key=lambda side: abs(len(side[1]) - self.target))


class FileSearch:
    """One picture's files of one codec by size; every quality is encoded once at most.

    encode: quality -> file; a higher quality gives a file no smaller. It may have small dents, and
    the files found are on either side of the size all the same. low, high, step: the qualities.
    """

    def __init__(
        self, encode: Callable[[float], bytes], low: float, high: float, step: float
    ) -> None:
        self._encode = encode
        self._low, self._step = low, step
        self._last = round((high - low) / step)
        self._files: dict[int, bytes] = {}

    @classmethod
    def of(cls, codec: Codec, encode: Callable[[float], bytes], step: float = 0.05) -> FileSearch:
        """Over all qualities of a codec. step: of this project's levels, others count in ones.

        Raises SemcompError for a codec whose ends are not known.
        """
        if isinstance(codec, SemcompCodec):
            return cls(encode, *_LEVELS, step)
        if codec.name not in _WHOLE:
            raise SemcompError(
                f"no search over the qualities of {codec.name}: add its ends to _WHOLE"
            )
        return cls(encode, *_WHOLE[codec.name], 1)

    def match(self, target: int, start: float | None = None) -> Match:
        """The neighbouring qualities whose files hold `target` bytes between them.

        start: where to look first, default the middle: high qualities are slow to encode, so the
        ends are not asked unless the search gets there.
        """
        middle = self._last / 2 if start is None else (start - self._low) / self._step
        stride = max(1, self._last // 12)
        probe = min(max(round(middle), 0), self._last)
        straight = False
        while True:
            self._file(probe)
            last = min((i for i in self._files if self._size(i) > target), default=None)
            if last is None:  # none is larger
                first = max(self._files)
                if first == self._last:
                    return Match(target, self._file(first), self._file(first))
                probe, stride = min(self._last, first + stride), 2 * stride
                continue
            # A dent may leave small files beyond a larger one: the first crossing counts.
            under = [i for i in self._files if i < last]
            if not under:
                if last == 0:
                    return Match(target, self._file(0), self._file(0))
                probe, stride = max(0, last - stride), 2 * stride
                continue
            first = max(under)
            if last - first < 2:
                return Match(target, self._file(first), self._file(last))
            straight = not straight
            probe = self._between(first, last, target, straight)

    def _between(self, first: int, last: int, target: int, straight: bool) -> int:
        """Where to look next between two files.

        Straight lines over log size come close; halving now and then makes sure that it ends soon.
        """
        if not straight:
            return (first + last) // 2
        low, high = (np.log(self._size(end)) for end in (first, last))
        part = float((np.log(target) - low) / (high - low))
        return min(max(first + round(part * (last - first)), first + 1), last - 1)

    def _file(self, index: int) -> tuple[float, bytes]:
        quality = round(self._low + index * self._step, 4)
        if index not in self._files:
            self._files[index] = self._encode(quality)
        return quality, self._files[index]

    def _size(self, index: int) -> int:
        return len(self._file(index)[1])


def scores_at(
    codec: Codec,
    match: Match,
    reference: Reference,
    score_file: Callable[[NDArray[np.uint8]], dict[str, float]] | None = None,
) -> dict[str, float]:
    """Scores at the size looked for: between the two files, over the log of their bytes.

    score_file: decoded pixels -> scores; default all of `leaderboard.data.results.METRICS`. The
    nearest file's scores count alone if it is within `CLOSE` of the size, or the size is out of
    reach.
    """

    def scored(data: bytes) -> dict[str, float]:
        decoded = np.asarray(codec.decode(data))
        if score_file is not None:
            return score_file(decoded)
        return {k: np.nan if v is None else v for k, v in score(reference, decoded).items()}

    off = abs(len(match.nearest[1]) / match.target - 1)
    if not match.reached or off <= CLOSE:
        return scored(match.nearest[1])
    small, large = np.log([len(match.below[1]), len(match.above[1])])
    part = float((np.log(match.target) - small) / (large - small))
    first, second = scored(match.below[1]), scored(match.above[1])
    return {name: (1 - part) * first[name] + part * second[name] for name in first}
