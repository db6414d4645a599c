"""Codecs at a given size: the files around it, searched for in real files, and their scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from leaderboard.codecs import Codec
from leaderboard.run.measuring import Reference, score
from semcomp.errors import SemcompError
from semcomp.search import Bracket, FileSearch

CLOSE = 0.005
"""Files this near to a size are of that size: half a per cent, some 0.0003 in MS-SSIM."""


def search_of(codec: Codec, encode: Callable[[float], bytes]) -> FileSearch:
    """A search over a codec's qualities. Raises SemcompError where their range is not known."""
    low_high_step = getattr(codec, "search_range", None)
    if low_high_step is None:
        raise SemcompError(f"no search over the qualities of {codec.name}: give it a search_range")
    return FileSearch(encode, *low_high_step)


def scores_at(
    codec: Codec,
    match: Bracket,
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

    off = abs(len(match.nearest[1]) / match.size - 1)
    if not match.reached or off <= CLOSE:
        return scored(match.nearest[1])
    small, large = np.log([len(match.below[1]), len(match.above[1])])
    part = float((np.log(match.size) - small) / (large - small))
    first, second = scored(match.below[1]), scored(match.above[1])
    return {name: (1 - part) * first[name] + part * second[name] for name in first}
