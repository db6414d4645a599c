"""Codecs at equal bytes: files of a size searched for, scored, averaged, and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.analysis.look import look_of
from leaderboard.codecs import CODECS, Codec
from leaderboard.codecs.base import open_session
from leaderboard.run.measuring import Reference, score
from semcomp.errors import SemcompError
from semcomp.search import Bracket, FileSearch

from .base import Series

if TYPE_CHECKING:
    import pandas

NAMES = ("jpeg", "webp", "avif", "bpg", "george", "semantic", "semantic-rd")
CLOSE = 0.005
"""Files this near to a size are of that size: half a per cent, some 0.0003 in MS-SSIM."""


def records(
    name: str,
    original: Reference,
    codecs: Sequence[str],
    rates: Sequence[float],
    score_file: Callable[[NDArray[np.uint8]], dict[str, float]],
) -> list[dict[str, Any]]:
    """One record per codec and rate of a picture: image, bpp, codec, reached, and the scores.

    rates: bits per pixel. score_file: decoded pixels -> scores. Raises CodecError.
    """
    image = original.image
    rows = []
    for codec_name in codecs:
        codec = CODECS[codec_name]
        search = search_of(codec, open_session(codec, Image.fromarray(image)).encode)
        for rate in rates:
            match = search.around(round(rate * image.shape[0] * image.shape[1] / 8))
            scores = scores_at(codec, match, original, score_file)
            key = {"image": name, "bpp": rate, "codec": codec_name, "reached": match.reached}
            rows.append(key | scores)
    return rows


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


def means(rows: pandas.DataFrame, columns: Sequence[str]) -> pandas.DataFrame:
    """Means of the columns over the pictures by bpp and codec, lowest rate first; `rows` stay.

    A codec that cannot reach the bytes in some picture has no mean there.
    """
    chosen = list(columns)
    whole = rows.groupby(["bpp", "codec"], sort=False)["reached"].transform("all")
    reached = rows.copy()
    reached.loc[~whole, chosen] = np.nan
    table = reached.groupby(["bpp", "codec"], sort=False)[chosen].mean().reset_index()
    return table.sort_values("bpp", kind="stable", ignore_index=True)


def out_of_reach(rate: float, own: pandas.DataFrame, known: pandas.DataFrame) -> list[str]:
    """A note of the codecs that have no mean at a rate, if there are any.

    own, known: the rate's rows of `means`, all and those that have one.
    """
    left = [codec for codec in own["codec"] if codec not in set(known["codec"])]
    return [f"At {rate:g} bpp out of reach in some picture: {', '.join(left)}."] if left else []


def lines(table: pandas.DataFrame, x: str, y: str, width: float = 1.0) -> list[Series]:
    """A line per codec from the lowest rate to the highest."""
    series = []
    for codec, own in table.dropna(subset=[x, y]).groupby("codec", sort=False):
        look = look_of(codec)
        series.append(
            Series(
                look.label,
                own[x].tolist(),
                own[y].tolist(),
                look.colour,
                "lines+markers",
                width=width,
                size=9.0,
                symbol=look.symbol,
            )
        )
    return series
