"""What every reader of the board is told of results that can be true and seldom are.

Nothing here refuses anything: `checks` does that. The limits lie beyond every codec on this
repository's own board and every published curve beside it (a test holds that).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from leaderboard.analysis.bdrate import MIN_POINTS
from leaderboard.analysis.curves import on_log_scale
from leaderboard.analysis.look import METRIC_NAMES
from leaderboard.data.results import METRICS, Results, Row

from .checks import score_ceiling

FEW_PICTURES = 8
"""Fewer pictures may agree by chance."""
_SPREAD = {"bytes": 0.05, "psnr": 0.2, "ssim": 0.3}
"""Least standard deviation over pictures: of log bytes, of dB. The board's own: 0.22, 0.35, 0.7."""
_PAIRS = (
    ("psnr", "ssim", 4, 34),
    ("psnr", "ms_ssim", 0, 33),
    ("psnr", "si_ssim", 3, 35),
    ("ms_ssim", "ssim", -4, 15),
    ("si_ssim", "ssim", -7, 10),
    ("si_ssim", "si_ssim_2", -4, 4),
)
"""Differences of two scores in dB; the board's own leave 3 dB and more at either end."""
_ODD = 0.02
"""Part of the points that may contradict themselves, as where blocks get nothing at all."""
_MARGIN = 1.0
"""dB under a ceiling of `checks`; the board's own keep 6."""
_IDENTICAL_DB, _IDENTICAL_BPP = 48.0, 2.0
"""PSNR from which pictures are the same to the eye and nearly so in their numbers; lossless coders
need 6 bpp and more for Kodak's, the best lossy ones about 3 for this."""
_BACKWARDS = 0.02
"""Part of the steps from one setting to the next that may go the other way."""


def flags_of(results: Results) -> Iterator[str]:
    """What is strange about results, a sentence each."""
    rows = results.rows
    points = len({row.quality for row in rows})
    if points < MIN_POINTS:
        yield f"Only {points} of the {MIN_POINTS} points that a comparison at equal rates needs."
    same = [
        row
        for row in rows
        if row.psnr is not None and row.psnr >= _IDENTICAL_DB and row.bpp < _IDENTICAL_BPP
    ]
    if same:
        yield (
            f"Nearly identical to the original, PSNR {same[0].psnr:.4g} dB at {same[0].bpp:.3g} "
            f"bpp, where no lossless coder comes near, in {points_text(same, rows)}."
        )
    yield from _small_spread(results)
    yield from _disorder(results)
    for first, second, low, high in _PAIRS:
        apart = [(r, score_db(r, first) - score_db(r, second)) for r in rows]
        strange = [r for r, gap in apart if not (low <= gap <= high) and math.isfinite(gap)]
        if len(strange) > _ODD * len(rows):
            both = " and ".join(
                f"{METRIC_NAMES[m]} {getattr(strange[0], m):.4g}" for m in (first, second)
            )
            yield f"Scores contradict each other in {points_text(strange, rows)}: {both}."
    for metric in METRICS:
        left = [(r, score_ceiling(metric, r.bpp) - score_db(r, metric)) for r in rows]
        near = [r for r, margin in left if margin < _MARGIN]
        if near:
            told = points_text(near, rows)
            yield f"{METRIC_NAMES[metric]} is just under what is believed at its rate in {told}."


def _small_spread(results: Results) -> Iterator[str]:
    if len(results.images) < FEW_PICTURES:
        return
    for column, least in _SPREAD.items():
        table = table_of(results, column, results.images)
        table = np.log(table) if column == "bytes" else on_log_scale(column, table)
        same = int((np.std(table, axis=1) < least).sum()) if len(table) else 0
        if same:
            what = METRIC_NAMES.get(column, "All pictures have nearly one size")
            spread = "" if column == "bytes" else ": hardly any spread over pictures"
            yield f"{what}{spread} at {same} of {len(table)} qualities."


def _disorder(results: Results) -> Iterator[str]:
    """Rates of single pictures that fall where those of all pictures rise."""
    rates: dict[object, list[float]] = defaultdict(list)
    pictures: dict[str, dict[object, float]] = defaultdict(dict)
    for row in results.rows:
        rates[row.quality].append(row.bpp)
        pictures[row.image][row.quality] = row.bpp
    order = sorted(rates, key=lambda quality: sum(rates[quality]) / len(rates[quality]))
    steps = [
        (image, low, high)
        for image, own in pictures.items()
        for low, high in pairwise(quality for quality in order if quality in own)
    ]
    back = [step for step in steps if pictures[step[0]][step[2]] < pictures[step[0]][step[1]]]
    if len(back) > _BACKWARDS * len(steps):
        image, low, high = back[0]
        yield (
            f"Rates do not rise from setting to setting in {len(back)} of {len(steps)} steps "
            f"(first {image} from quality {low} to {high})."
        )


def table_of(results: Results, column: str, images: Sequence[str]) -> NDArray[np.float64]:
    """A row of numbers for every quality that has them all, none of them perfect."""
    values: dict[object, dict[str, float]] = defaultdict(dict)
    for row in results.rows:
        number = getattr(row, column)
        if number is not None and math.isfinite(
            number if column == "bytes" else score_db(row, column)
        ):
            values[row.quality][row.image] = number
    full = [[own[i] for i in images] for own in values.values() if own.keys() >= set(images)]
    return np.array(full, np.float64).reshape(len(full), len(images))


def score_db(row: Row, metric: str) -> float:
    """A score in dB; NaN where there is none."""
    value = getattr(row, metric)
    return math.nan if value is None else float(on_log_scale(metric, value))


def points_text(some: Sequence[Row], rows: Sequence[Row]) -> str:
    """How many points, and the first of them."""
    first = some[0]
    where = f"first {first.image} at quality {first.quality}"
    return f"{len(some)} of {len(rows)} points ({where})"
