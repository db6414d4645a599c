"""Rate-distortion curves over a data set, averaged picture by picture at matched rates.

One quality setting gives pictures rates that differ by a factor of three and more, so a mean over
a setting mixes different bits per pixel. Here every picture's own curve is interpolated (PCHIP over
log bpp, never extrapolated) and the mean is taken where *all* pictures have one. Means per quality
setting, as most papers plot them, are here too: published curves can be compared with nothing else.

Frames are those of `leaderboard.data.results.to_frame`: one row per codec, quality and picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from leaderboard.data.rows import DISTANCES, MEAN, SIMILARITIES
from semcomp.errors import SemcompError

from .look import setting_text

if TYPE_CHECKING:
    import pandas

Method = Literal["pchip", "akima"]
METHODS: tuple[Method, ...] = ("pchip", "akima")
"""Interpolations between points: PCHIP is JCT-VC's, Akima that of Herglotz et al. 2022."""
Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Rates and scores, each (n,)."""
Average = Literal["rate", "quality"]
AVERAGES: tuple[Average, ...] = ("rate", "quality")
"""What pictures are matched by before their mean is taken; `quality` is as most papers plot."""
RATES = tuple(2.0 ** (step / 6) for step in range(-36, 13))
"""Rates in bits per pixel that mean curves are sampled at, 1/64 to 4 in sixths of an octave."""


class NoCurve(SemcompError, ValueError):
    """Why a codec has no mean curve."""


@dataclass(frozen=True)
class MeanCurve:
    """A codec's mean curve, rates ascending.

    bpp, score: float64 (n,). averaged: `rate` (pictures at matched rates), `quality` (pictures at
    one setting), `published` (as its source averaged). images: pictures averaged over, 0 where the
    source does not say. settings: for every point, the codec's qualities that reach it.
    """

    codec: str
    metric: str
    kind: str
    averaged: Literal["rate", "quality", "published"]
    bpp: NDArray[np.float64]
    score: NDArray[np.float64]
    images: int
    settings: tuple[str, ...]


def decibels(scores: ArrayLike) -> NDArray[np.float64]:
    """Scores of the SSIM family on a logarithmic scale, -10·log10(1 − s) dB; 1 gives infinity.

    The differences that matter lie between 0.95 and 1; on this scale they show (Ballé et al. 2018).
    """
    with np.errstate(divide="ignore"):
        result: NDArray[np.float64] = -10 * np.log10(1 - np.asarray(scores, np.float64))
    return result


def has_log_scale(metric: str) -> bool:
    """Whether `on_log_scale` turns a score into dB; PSNR and SSIMULACRA2 are even as they are."""
    return metric in SIMILARITIES or metric in DISTANCES


def on_log_scale(metric: str, scores: ArrayLike) -> NDArray[np.float64]:
    """Scores on an even scale on which more is better.

    Similarities s and distances d are told in dB, -10·log10(1 − s) and -10·log10(d); PSNR (dB) and
    SSIMULACRA2 (points) stay.
    """
    values = np.asarray(scores, np.float64)
    if metric in DISTANCES:
        return decibels(1 - values)
    return decibels(values) if metric in SIMILARITIES else values


def unit_of(metric: str, log_scale: bool = True) -> str:
    """Of a score as `on_log_scale` gives it, or as it is: `dB`, `points`, or none."""
    if metric == "ssimulacra2":
        return "points"
    return "dB" if metric == "psnr" or (log_scale and has_log_scale(metric)) else ""


def front(rates: ArrayLike, scores: ArrayLike) -> Curve:
    """The points worth choosing, rates and scores strictly ascending.

    A point that costs no less than another and scores no more is dropped: nobody would use that
    setting, and interpolation needs ascending values. Infinite scores (identical pictures) have no
    place on a curve and are dropped too. Raises NoCurve for NaN, rates <= 0 and unequal lengths.
    """
    x, y = np.asarray(rates, np.float64), np.asarray(scores, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise NoCurve(f"{x.size} rates and {y.size} scores: expected as many of each")
    if np.isnan(y).any() or not (np.isfinite(x).all() and (x > 0).all()):
        raise NoCurve("rates must be positive, and scores numbers")
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    order = np.lexsort((-y, x))  # of equal rates the best score comes first
    x, y = x[order], y[order]
    best = np.concatenate(([-np.inf], np.maximum.accumulate(y)[:-1])) if y.size else y
    return x[y > best], y[y > best]


def interpolator(x: NDArray[np.float64], y: NDArray[np.float64], method: Method = "pchip") -> Any:
    """SciPy's interpolator through points with ascending x; NaN outside of them."""
    from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

    if method not in METHODS:
        raise ValueError(f"no interpolation {method!r}: use one of {', '.join(METHODS)}")
    make = PchipInterpolator if method == "pchip" else Akima1DInterpolator
    return make(x, y, extrapolate=False)


def score_at(
    rates: ArrayLike,
    scores: ArrayLike,
    bpp: ArrayLike,
    method: Method = "pchip",
    metric: str = "ssim",
) -> NDArray[np.float64]:
    """Score of one curve at rates `bpp`, interpolated over log rate; NaN outside its points.

    metric: of the scores; of distances the least is the best.
    """
    if metric in DISTANCES:
        return -score_at(rates, -np.asarray(scores, np.float64), bpp, method)
    x, y = front(rates, scores)
    at = np.asarray(bpp, np.float64)
    if x.size < 2:
        return np.full(at.shape, np.nan)
    # The ends themselves belong to the curve, whatever rounding the logarithm brings.
    inside = (at >= x[0]) & (at <= x[-1])
    log = np.clip(np.log(np.maximum(at, 1e-12)), np.log(x[0]), np.log(x[-1]))
    return np.where(inside, interpolator(np.log(x), y, method)(log), np.nan)


def pictures(frame: pandas.DataFrame) -> list[str]:
    """Names of all pictures that any codec of a frame has rows of, sorted."""
    return sorted(set(frame.loc[frame["image"] != MEAN, "image"]))


def missing_pictures(frame: pandas.DataFrame, codec: str) -> list[str]:
    """Pictures other codecs of the frame have and this one lacks; none for published means."""
    own = rows_of(frame, codec)
    if set(own["image"]) == {MEAN}:
        return []
    return sorted(set(pictures(frame)) - set(own["image"]))


def rows_of(frame: pandas.DataFrame, codec: str) -> pandas.DataFrame:
    """A codec's rows. Raises NoCurve for a codec the frame does not have."""
    own = frame[frame["codec"] == codec]
    if own.empty:
        known = ", ".join(dict.fromkeys(frame["codec"]))
        raise NoCurve(f"no results of {codec}: there are {known or 'none'}")
    return own


def image_curves(frame: pandas.DataFrame, codec: str, metric: str) -> dict[str, Curve]:
    """Every picture's own rates and scores, unsorted. Raises NoCurve unless all pictures are there.

    An incomplete result has no curve: a mean over fewer pictures would be no match for the others.
    """
    own = rows_of(frame, codec)
    if set(own["image"]) == {MEAN}:
        raise NoCurve(f"{codec} states means only, no single pictures")
    lacking = missing_pictures(frame, codec)
    if lacking:
        raise NoCurve(f"{codec} is incomplete: it lacks {_some(lacking)}")
    curves = {}
    for image, rows in own.groupby("image", sort=True):
        scores = rows[metric].to_numpy(np.float64)
        if np.isnan(scores).any():
            raise NoCurve(f"{codec} has no {metric} of {image} at some qualities")
        curves[str(image)] = rows["bpp"].to_numpy(np.float64), scores
    return curves


def by_rate(
    frame: pandas.DataFrame, codec: str, metric: str, rates: Sequence[float] | None = None
) -> MeanCurve:
    """Mean over the pictures at matched rates.

    rates: where to take it; default `RATES` within the support, and the support's two ends. The
    support is where all pictures' curves have points on both sides. Raises NoCurve with the reason.
    """
    sign = -1 if metric in DISTANCES else 1
    curves = {
        image: front(x, sign * y) for image, (x, y) in image_curves(frame, codec, metric).items()
    }
    short = [image for image, (x, _) in curves.items() if x.size < 2]
    if short:
        raise NoCurve(f"{codec} has fewer than two useful qualities for {_some(short)}")
    low_image, low = max(((i, x[0]) for i, (x, _) in curves.items()), key=lambda item: item[1])
    high_image, high = min(((i, x[-1]) for i, (x, _) in curves.items()), key=lambda item: item[1])
    if low >= high:
        raise NoCurve(
            f"{codec} reaches no rate with all {len(curves)} pictures: {low_image} starts at "
            f"{low:.3f} bpp, {high_image} ends at {high:.3f}; run more qualities"
        )
    if rates is None:
        at = np.array([low, *(rate for rate in RATES if low < rate < high), high])
    else:
        at = np.array([rate for rate in rates if low <= rate <= high])
        if not at.size:
            rates_text = ", ".join(f"{rate:g}" for rate in rates)
            raise NoCurve(
                f"{codec} has {low:.3f} to {high:.3f} bpp for all pictures, not {rates_text}"
            )
    scores = sign * np.mean([score_at(x, y, at) for x, y in curves.values()], axis=0)
    own = rows_of(frame, codec)
    kind = str(own["kind"].iloc[0])
    settings = _settings_at(codec, own, at)
    return MeanCurve(codec, metric, kind, "rate", at, scores, len(curves), settings)


def by_quality(frame: pandas.DataFrame, codec: str, metric: str) -> MeanCurve:
    """Mean over the pictures per quality setting; published means as their source states them.

    Raises NoCurve where there is nothing to average or a picture lacks a quality.
    """
    own = rows_of(frame, codec)
    published = set(own["image"]) == {MEAN}
    if not published:
        image_curves(frame, codec, metric)  # complete?
        counts = own.groupby("quality", sort=False)["image"].nunique()
        count = own["image"].nunique()
        if (counts < count).any():
            uneven = ", ".join(str(quality) for quality in counts.index[counts < count])
            raise NoCurve(f"{codec} lacks pictures at quality {uneven}")
    means = own.groupby("quality", sort=False)[["bpp", metric]].mean().dropna().sort_values("bpp")
    if len(means) < 2:
        raise NoCurve(
            f"{codec} states no {metric}"
            if means.empty
            else f"{codec} has {metric} at one quality alone"
        )
    return MeanCurve(
        codec,
        metric,
        str(own["kind"].iloc[0]),
        "published" if published else "quality",
        means["bpp"].to_numpy(np.float64),
        means[metric].to_numpy(np.float64),
        0 if published else own["image"].nunique(),
        tuple("" if published else setting_text(codec, quality) for quality in means.index),
    )


def mean_curve(
    frame: pandas.DataFrame, codec: str, metric: str, average: Average = "rate"
) -> MeanCurve:
    """`by_rate` or `by_quality`; the source's own means where there are no pictures."""
    if average not in AVERAGES:
        raise ValueError(f"no average {average!r}: use one of {', '.join(AVERAGES)}")
    if average == "quality" or set(rows_of(frame, codec)["image"]) == {MEAN}:
        return by_quality(frame, codec, metric)
    return by_rate(frame, codec, metric)


def _settings_at(codec: str, own: pandas.DataFrame, at: NDArray[np.float64]) -> tuple[str, ...]:
    """Which qualities reach the rates in the single pictures: `quality 20 to 34`."""
    numeric = all(isinstance(quality, (int, float)) for quality in own["quality"])
    if not numeric:
        return ("",) * len(at)
    qualities = []
    for _, rows in own.groupby("image"):
        rows = rows.sort_values("bpp")
        log = np.log(rows["bpp"].to_numpy(np.float64))
        qualities.append(np.interp(np.log(at), log, rows["quality"].to_numpy(np.float64)))
    lows, highs = np.min(qualities, axis=0), np.max(qualities, axis=0)
    return tuple(setting_text(codec, low, high) for low, high in zip(lows, highs, strict=True))


def _some(names: Sequence[str]) -> str:
    """Names in a sentence, not more than four."""
    some = ", ".join(names[:4])
    return some + (f" and {len(names) - 4} more" if len(names) > 4 else "")
