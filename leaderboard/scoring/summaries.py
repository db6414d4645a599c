"""An entry's rate-distortion curves in a few kilobytes, so that a board of thousands opens quickly.

A summary holds every picture's points as log rate and scores on the scale that BD-rates are taken
on. It is worked out once, kept in the store, and is all that the ranking needs of an entry.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.analysis.curves import on_log_scale
from leaderboard.data.results import METRICS, Results

VERSION = 1
COLUMNS = ("bpp", *METRICS)
"""Of a curve's values, in this order: the natural logarithm of the rate in bits per pixel, then the
scores in dB (`curves.on_log_scale`)."""
_FLOAT = np.dtype("<f4")


@dataclass(frozen=True, eq=False)
class Curves:
    """The points of one entry. images: names of the pictures, sorted.

    values: float64 (images, points, `COLUMNS`); NaN where a picture has fewer points or a point no
    such score.
    """

    images: tuple[str, ...]
    values: NDArray[np.float64]


def curves_of(results: Results) -> Curves:
    """Every picture's points, by rate."""
    images = tuple(sorted(results.images))
    own = {image: [row for row in results.rows if row.image == image] for image in images}
    most = max(map(len, own.values()))
    values = np.full((len(images), most, len(COLUMNS)), np.nan)
    for place, image in enumerate(images):
        rows = sorted(own[image], key=lambda row: row.bpp)
        values[place, : len(rows), 0] = np.log([row.bpp for row in rows])
        for column, metric in enumerate(METRICS, start=1):
            scores = [getattr(row, metric) for row in rows]
            known = np.array([np.nan if s is None else s for s in scores], np.float64)
            values[place, : len(rows), column] = on_log_scale(metric, known)
    return Curves(images, values)


def summarise(results: Results) -> dict[str, Any]:
    """The summary of results, in JSON's types, precise to a digit in 10^7."""
    curves = curves_of(results)
    data = base64.b64encode(curves.values.astype(_FLOAT).tobytes()).decode("ascii")
    return {
        "version": VERSION,
        "images": list(curves.images),
        "points": curves.values.shape[1],
        "data": data,
    }


def read_summary(payload: Mapping[str, Any] | None) -> Curves | None:
    """Inverse of `summarise`; None for what other code has written, which is to be made anew."""
    if payload is None or payload.get("version") != VERSION:
        return None
    try:
        images = tuple(map(str, payload["images"]))
        values = np.frombuffer(base64.b64decode(payload["data"]), _FLOAT)
        shape = (len(images), int(payload["points"]), len(COLUMNS))
        return Curves(images, values.reshape(shape).astype(np.float64))
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
