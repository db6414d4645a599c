"""BD-rate: how many per cent more bytes a codec needs than an anchor for the same score.

Bjøntegaard's delta (VCEG-M33, 2001) with piecewise interpolation of log rate over score: PCHIP as
in JVET's common test conditions, or Akima (Herglotz et al. 2022). SciPy interpolates and
integrates; the package `bjontegaard` gives the same numbers (held by a test), but it only warns
where two curves hardly overlap. Here that is an error that says why.

Scores are compared on a log scale (`curves.on_log_scale`): PSNR and SSIMULACRA2 as they are, the
SSIM family as -10·log10(1 − s) dB, LPIPS as -10·log10(d) dB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leaderboard.data.rows import MEAN

from .curves import (
    Curve,
    Method,
    NoCurve,
    by_quality,
    front,
    image_curves,
    interpolator,
    on_log_scale,
    rows_of,
    unit_of,
)

if TYPE_CHECKING:
    import pandas

MIN_OVERLAP = 0.5
"""Least share of the shorter curve's scores that the other must have too."""
MIN_SPAN = 1.0
"""Least range of scores, in dB or points, that a BD-rate may rest on."""
MIN_POINTS = 4
"""Least points of a curve, Bjøntegaard's four."""
RESAMPLES = 2000
SEED = 20170
LEVEL = 0.95
"""Of the intervals."""


class BDResult(NamedTuple):
    """One BD-rate.

    percent: bytes against the anchor's at equal score, -20 is a fifth fewer. overlap: the share of
    the shorter curve's scores that both have, 0..1; points that a curve has beyond the other's end
    do not change it.
    """

    percent: float
    overlap: float


def bd_rate(
    anchor_rates: ArrayLike,
    anchor_scores: ArrayLike,
    rates: ArrayLike,
    scores: ArrayLike,
    method: Method = "pchip",
    unit: str = "dB",
) -> BDResult:
    """BD-rate of two curves, rates in any unit, scores as `curves.on_log_scale` gives them.

    Points that nobody would choose are dropped first (`curves.front`). Raises NoCurve where
    either curve has fewer than four points, they share less than `MIN_OVERLAP` of the shorter one
    or less than `MIN_SPAN`, one has fewer than two points there, or values are no curve.
    """
    anchor, test = front(anchor_rates, anchor_scores), front(rates, scores)
    for name, (x, _) in (("the anchor", anchor), ("the codec", test)):
        if x.size < MIN_POINTS:
            raise NoCurve(
                f"{name} has {x.size} useful points: a BD-rate needs {MIN_POINTS}, "
                "so run more qualities"
            )
    low, high = max(anchor[1][0], test[1][0]), min(anchor[1][-1], test[1][-1])
    shorter = min(y[-1] - y[0] for _, y in (anchor, test))
    overlap = max(0.0, float(high - low)) / float(shorter)
    spans = (
        f"the anchor spans {anchor[1][0]:.2f} to {anchor[1][-1]:.2f} {unit}, "
        f"the codec {test[1][0]:.2f} to {test[1][-1]:.2f}"
    )
    if overlap < MIN_OVERLAP or high - low < MIN_SPAN:
        raise NoCurve(
            f"{spans}: they share {max(0.0, high - low):.2f} {unit}, {overlap:.0%} of the shorter "
            f"one; {MIN_OVERLAP:.0%} and {MIN_SPAN:g} {unit} are needed"
        )
    for name, (_, y) in (("the anchor", anchor), ("the codec", test)):
        if ((y >= low) & (y <= high)).sum() < 2:
            raise NoCurve(f"{spans}: {name} has fewer than two points in what they share")
    areas = [
        float(interpolator(y, np.log(x), method).integrate(low, high)) for x, y in (anchor, test)
    ]
    return BDResult(100 * float(np.expm1((areas[1] - areas[0]) / (high - low))), overlap)


@dataclass(frozen=True)
class Comparison:
    """A codec against an anchor over a data set.

    percent: mean over the pictures, taken over log rates, so that swapping codec and anchor turns
    +25% into -20%. low, high: its 95% bootstrap interval over the pictures; None for published
    means, and for a single picture, which says nothing of others. overlap: the least of any
    picture. images: every picture's own percent.
    """

    codec: str
    anchor: str
    metric: str
    method: Method
    percent: float
    low: float | None
    high: float | None
    overlap: float
    images: Mapping[str, float]


def compare(
    frame: pandas.DataFrame,
    codec: str,
    anchor: str,
    metric: str,
    method: Method = "pchip",
) -> Comparison:
    """BD-rate picture by picture, and its mean.

    Where either has means only (published curves), the means per quality setting of both are
    compared, without an interval. Raises NoCurve with the reason: an incomplete result, or a
    picture with thin overlap, gives no number rather than one over fewer pictures.
    """

    def between(theirs: Curve, ours: Curve) -> BDResult:
        anchor_scores, scores = (on_log_scale(metric, each[1]) for each in (theirs, ours))
        return bd_rate(theirs[0], anchor_scores, ours[0], scores, method, unit_of(metric))

    if any(set(rows_of(frame, name)["image"]) == {MEAN} for name in (codec, anchor)):
        ours, theirs = (by_quality(frame, name, metric) for name in (codec, anchor))
        result = between((theirs.bpp, theirs.score), (ours.bpp, ours.score))
        return Comparison(
            codec, anchor, metric, method, result.percent, None, None, result.overlap, {}
        )
    curves, anchors = (image_curves(frame, name, metric) for name in (codec, anchor))
    images, overlaps = {}, []
    for image, curve in curves.items():
        try:
            result = between(anchors[image], curve)
        except NoCurve as error:
            raise NoCurve(f"{codec} against {anchor} in {image}: {error}") from error
        images[image] = result.percent
        overlaps.append(result.overlap)
    logs = np.log1p(np.array(list(images.values())) / 100)
    mean = 100 * float(np.expm1(logs.mean()))
    bounds = interval(logs)
    low, high = (None if each is None else 100 * float(np.expm1(each)) for each in bounds)
    return Comparison(codec, anchor, metric, method, mean, low, high, min(overlaps), images)


def interval(values: NDArray[np.float64]) -> tuple[float, float] | tuple[None, None]:
    """95% bootstrap interval of the mean of (pictures,); None for fewer than two pictures."""
    if len(values) < 2:
        return None, None
    low, high = np.quantile(_resampled_means(values[None])[0], TAILS)
    return float(low), float(high)


@dataclass(frozen=True)
class Rank:
    """A place, 1 is best, and the 95% interval of places when other pictures had been drawn."""

    rank: int
    low: int
    high: int


def ranks(comparisons: Sequence[Comparison]) -> dict[str, Rank]:
    """Places by BD-rate over the same pictures; fewer bytes rank first, equals share a place.

    All codecs are resampled with the same pictures, so that what a hard picture does to all of them
    does not blur their order. Comparisons without pictures (published means) take no place.
    """
    ranked = [each for each in comparisons if each.images]
    if not ranked:
        return {}
    names = list(ranked[0].images)
    for each in ranked:
        if list(each.images) != names or each.anchor != ranked[0].anchor:
            raise ValueError(f"{each.codec} was compared over other pictures or another anchor")
    logs = np.log1p(np.array([[each.images[n] for n in names] for each in ranked]) / 100)
    places = _places(logs.mean(1)[:, None])[:, 0]
    # method: whole places, never between two
    bounds = np.quantile(_places(_resampled_means(logs)), TAILS, axis=1, method="nearest")
    return {
        each.codec: Rank(int(place), int(low), int(high))
        for each, place, low, high in zip(ranked, places, bounds[0], bounds[1], strict=True)
    }


TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
"""The interval's two ends, as quantiles."""


def _resampled_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of (codecs, pictures) over `RESAMPLES` draws of pictures with replacement, seeded."""
    count = values.shape[1]
    chosen = np.random.default_rng(SEED).integers(count, size=(RESAMPLES, count))
    times = (chosen[:, :, None] == np.arange(count)).sum(1)  # each picture was drawn
    # Rounded far below any difference, so that equal rows stay equal whatever their place.
    result: NDArray[np.float64] = (values @ (times / count).T).round(12)
    return result


def _places(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Place of every codec in every column of (codecs, draws): 1 + how many are better."""
    from scipy.stats import rankdata

    places: NDArray[np.int64] = rankdata(values, "min", axis=0).astype(np.int64)
    return places
