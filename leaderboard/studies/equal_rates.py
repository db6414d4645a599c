"""All codecs of a study at the same bits per pixel: measured, averaged, and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.analysis.look import look_of
from leaderboard.codecs import CODECS
from leaderboard.codecs.base import open_session
from leaderboard.run.measuring import Reference

from .base import Series
from .matching import scores_at, search_of

if TYPE_CHECKING:
    import pandas

NAMES = ("jpeg", "webp", "avif", "bpg", "george", "semantic", "semantic-rd")


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
