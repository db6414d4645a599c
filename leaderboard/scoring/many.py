"""BD-rates of thousands of methods at once: `bdrate.compare` in arrays, with the same numbers.

PCHIP is Fritsch and Butland's (1984) with the end slopes of Moler's `pchiptx`, as in SciPy, whose
interpolators take one curve each and would need minutes here. A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.analysis.bdrate import MIN_OVERLAP, MIN_POINTS, MIN_SPAN, Comparison, mean_percents
from leaderboard.analysis.curves import front, interpolator
from leaderboard.data.results import METRICS

from .summaries import Curves

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Fronts:
    """Curves of many methods in one picture each: rate over score.

    score, rate: (curves, points), ascending, the first `count` of each row count. rate: its
    logarithm. score: dB.
    """

    score: Array
    rate: Array
    count: NDArray[np.int64]


def compare_many(
    methods: Mapping[str, Curves],
    anchor: Mapping[str, tuple[Array, Array]],
    anchor_name: str,
    metric: str,
) -> tuple[dict[str, Comparison], dict[str, str]]:
    """BD-rates of methods against an anchor, and why the others have none, both by name.

    anchor: rates and scores in dB (`curves.on_log_scale`) of every picture, by its name. Methods
    must have all of these pictures, as in `bdrate.compare`.
    """
    images = sorted(anchor)
    notes = {}
    groups: dict[int, list[str]] = {}
    column = 1 + METRICS.index(metric)
    for name, curves in methods.items():
        missing = sorted(set(images) - set(curves.images))
        scores = curves.values[..., column]
        if missing:
            more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
            notes[name] = f"it lacks {', '.join(missing[:4])}{more}"
        elif np.isnan(scores).all():
            notes[name] = "it states no such score"
        elif (np.isnan(scores) & ~np.isnan(curves.values[..., 0])).any():
            notes[name] = "it lacks this score at some qualities"
        else:
            # Methods with as many points share an array.
            groups.setdefault(scores.shape[1], []).append(name)
    found: dict[str, Comparison] = {}
    for names in groups.values():
        percents, overlaps, why = _compare(
            [methods[name] for name in names], images, column, anchor
        )
        good = [place for place, name in enumerate(names) if not why[place]]
        means, lows, highs = (each.tolist() for each in mean_percents(percents[good]))
        for place, mean, low, high in zip(good, means, lows, highs, strict=True):
            own = dict(zip(images, percents[place].tolist(), strict=True))
            least = float(overlaps[place].min())
            name = names[place]
            found[name] = Comparison(
                name, anchor_name, metric, "pchip", mean, low, high, least, own
            )
        notes.update({name: why[place] for place, name in enumerate(names) if why[place]})
    return found, notes


def _compare(
    methods: Sequence[Curves],
    images: Sequence[str],
    column: int,
    anchor: Mapping[str, tuple[Array, Array]],
) -> tuple[Array, Array, list[str]]:
    """Percents and overlaps (methods, images), and for each method why it has none or ""."""
    shape = len(methods), len(images)
    percents, overlaps = np.full(shape, np.nan), np.zeros(shape)
    why = [""] * len(methods)
    for place, image in enumerate(images):
        values = np.stack([each.values[each.images.index(image)] for each in methods])
        fronts = _fronts(values[..., 0], values[..., column])
        x, y = front(*anchor[image])
        if x.size < MIN_POINTS:
            return (
                percents,
                overlaps,
                [f"the anchor has {x.size} useful points in {image}"] * len(methods),
            )
        last = np.maximum(fronts.count - 1, 0)
        top = np.take_along_axis(fronts.score, last[:, None], 1)[:, 0]
        bottom = fronts.score[:, 0]
        low, high = np.maximum(y[0], bottom), np.minimum(y[-1], top)
        few = fronts.count < MIN_POINTS
        with np.errstate(invalid="ignore", divide="ignore"):
            overlap = np.maximum(0.0, high - low) / np.minimum(y[-1] - y[0], top - bottom)
        inside = (fronts.score >= low[:, None]) & (fronts.score <= high[:, None])
        thin = (
            ~(overlap >= MIN_OVERLAP)
            | ~(high - low >= MIN_SPAN)
            | (inside.sum(1) < 2)
            | (((y >= low[:, None]) & (y <= high[:, None])).sum(1) < 2)
        )
        for method in np.flatnonzero(few | thin):
            if not why[method]:
                count = fronts.count[method]
                why[method] = (
                    f"it has {count} useful points in {image}: a BD-rate needs {MIN_POINTS}"
                    if few[method]
                    else f"thin overlap in {image}: the anchor spans {y[0]:.2f} to {y[-1]:.2f} dB, "
                    f"this {bottom[method]:.2f} to {top[method]:.2f}"
                )
        good = np.flatnonzero(~(few | thin))
        own = _Fronts(fronts.score[good], fronts.rate[good], fronts.count[good])
        theirs = interpolator(y, np.log(x)).antiderivative()
        areas = _areas(own, low[good], high[good])
        logs = (areas - (theirs(high[good]) - theirs(low[good]))) / (high[good] - low[good])
        percents[good, place], overlaps[good, place] = 100 * np.expm1(logs), overlap[good]
    return percents, overlaps, why


def _fronts(rate: Array, score: Array) -> _Fronts:
    """`curves.front` of many curves; points that do not count are NaN. Both (curves, points)."""
    known = np.isfinite(rate) & np.isfinite(score)
    x, y = np.where(known, rate, np.inf), np.where(known, score, -np.inf)
    order = np.argsort(-y, axis=1, kind="stable")  # of equal rates the best score comes first
    x, y = np.take_along_axis(x, order, 1), np.take_along_axis(y, order, 1)
    order = np.argsort(x, axis=1, kind="stable")
    x, y = np.take_along_axis(x, order, 1), np.take_along_axis(y, order, 1)
    best = np.full_like(y, -np.inf)
    best[:, 1:] = np.maximum.accumulate(y, axis=1)[:, :-1]
    kept = np.isfinite(x) & (y > best)
    order = np.argsort(~kept, axis=1, kind="stable")
    count = kept.sum(1)
    beyond = np.arange(x.shape[1]) >= count[:, None]
    x, y = np.take_along_axis(x, order, 1), np.take_along_axis(y, order, 1)
    return _Fronts(np.where(beyond, np.nan, y), np.where(beyond, np.nan, x), count)


def _areas(fronts: _Fronts, low: Array, high: Array) -> Array:
    """Integrals of log rate over score, from `low` to `high` of each curve."""
    slopes = _slopes(fronts)
    step = np.diff(fronts.score, axis=1)
    chord = np.diff(fronts.rate, axis=1) / step
    first, second = slopes[:, :-1], slopes[:, 1:]
    square = (3 * chord - 2 * first - second) / step
    cube = (first + second - 2 * chord) / step**2
    start = fronts.score[:, :-1]

    def upto(end: Array) -> Array:
        s = np.clip(end[:, None] - start, 0, step)
        inner = first / 2 + s * (square / 3 + s * cube / 4)
        return s * (fronts.rate[:, :-1] + s * inner)

    total: Array = np.nansum(upto(high) - upto(low), axis=1)
    return total


def _slopes(fronts: _Fronts) -> Array:
    """Derivatives at the points of curves of three points or more."""
    step = np.diff(fronts.score, axis=1)
    chord = np.diff(fronts.rate, axis=1) / step
    slopes = np.full_like(fronts.score, np.nan)
    before, after = step[:, :-1], step[:, 1:]
    weights = 2 * after + before, after + 2 * before
    slopes[:, 1:-1] = sum(weights) / (weights[0] / chord[:, :-1] + weights[1] / chord[:, 1:])
    slopes[:, 0] = _end(step[:, 0], step[:, 1], chord[:, 0], chord[:, 1])
    rows, last = np.arange(len(step)), fronts.count - 2
    slopes[rows, fronts.count - 1] = _end(
        step[rows, last], step[rows, last - 1], chord[rows, last], chord[rows, last - 1]
    )
    return slopes


def _end(step: Array, next_step: Array, chord: Array, next_chord: Array) -> Array:
    """The slope at an end, from the two intervals there; all chords rise."""
    slope = ((2 * step + next_step) * chord - step * next_chord) / (step + next_step)
    return np.maximum(slope, 0.0)
