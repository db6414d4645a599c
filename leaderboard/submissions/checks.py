"""Whether results can be true, and whether they are complete enough for a rank.

The ceilings are for photographs. They lie 6 dB and more above everything on this repository's own
board, learnt codecs included (a test holds that), and refuse what no codec comes near: 90 dB at
0.0003 bpp is a rate in other units, a score of another picture, or a decoder that has seen the
originals.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from leaderboard.analysis.bdrate import MIN_POINTS
from leaderboard.analysis.curves import on_log_scale
from leaderboard.data.problems import Problem, describe
from leaderboard.data.results import MEAN, METRICS, Quality, Row
from leaderboard.data.rows import DISTANCES, SIMILARITIES

from .shape import DatasetShape

LOSSLESS_BPP = 4.0
"""Rate below which no photograph is stored without loss; Kodak's need 6 to 12 bpp."""
RAW_BPP = 24.0
"""Rate of pixels as they are."""
_CEILINGS = (
    # bpp, PSNR in dB, scores of the SSIM family in dB (`curves.decibels`)
    (0.001, 27.0, 9.0),
    (0.01, 33.0, 15.0),
    (0.04, 37.0, 19.0),
    (0.1, 41.0, 22.0),
    (0.25, 45.0, 25.0),
    (0.5, 48.0, 28.0),
    (1.0, 52.0, 32.0),
    (2.0, 60.0, 38.0),
    (LOSSLESS_BPP, 75.0, 50.0),
)
_FALL = {"psnr": 0.5, "ssimulacra2": 1.0}
_FALL_OTHER = 0.01
"""Falls of a score at a higher rate that are let pass: noise, or tuning for another metric."""
_HIGHER = 1.02
"""A rate counts as higher from this factor on."""
_BPP_ROUNDING = 6e-4
"""Stated rates may be rounded to three decimals."""
_NAMED = 6
"""Names told in full."""


def row_problems(rows: Sequence[Row], shape: DatasetShape) -> list[Problem]:
    """Everything that is implausible in rows; empty if they may be shown.

    They need not be valid: only their fields' types are taken as right. Missing pictures are no
    problem here, see `missing_points`.
    """
    known: list[Row] = []
    problems: list[Problem] = []
    for row in rows:
        own = list(_value_problems(row, shape))
        problems += own
        if not own:
            known.append(row)
    problems += _repeated(rows)
    problems += _falls(known)
    problems += _copies(known)
    return problems


def missing_points(points: Iterable[tuple[str, Quality]], shape: DatasetShape) -> tuple[str, ...]:
    """What is missing of (picture, quality) pairs, in words; nothing where all are there.

    Complete is: every picture of the data set, all at the same qualities, `bdrate.MIN_POINTS` or
    more of them.
    """
    pairs = set(points)
    images = {image for image, _ in pairs}
    if images == {MEAN}:
        return ("means only: single pictures are needed for a place in the ranking",)
    missing = []
    absent = [image for image in shape.images if image not in images]
    if absent:
        missing.append(
            f"{len(absent)} of {len(shape.images)} pictures are missing: {_some(absent)}"
        )
    qualities = {quality for _, quality in pairs}
    for quality in sorted(qualities, key=str):
        lacking = [i for i in shape.images if i in images and (i, quality) not in pairs]
        if lacking:
            missing.append(f"quality {quality} lacks {_some(lacking)}")
    if len(qualities) < MIN_POINTS:
        missing.append(f"{len(qualities)} of the {MIN_POINTS} qualities that a BD-rate needs")
    return tuple(missing)


def missing_scores(rows: Sequence[Row]) -> tuple[str, ...]:
    """Scores that some rows state and others do not."""
    missing = []
    for metric in METRICS:
        without = [row for row in rows if getattr(row, metric) is None]
        if without and len(without) < len(rows):
            names = _some(list(dict.fromkeys(row.image for row in without)))
            missing.append(f"{metric} is missing in {len(without)} of {len(rows)} rows ({names})")
    return tuple(missing)


def _value_problems(row: Row, shape: DatasetShape) -> Iterator[Problem]:
    def at(column: str) -> str:
        return f"{column} at quality {row.quality}"

    if row.image != MEAN and row.image not in shape.sizes:
        names = f"{shape.images[0]} to {shape.images[-1]}"
        yield Problem("image", None, describe(row.image), f"a picture of {shape.name} ({names})")
        return
    if row.bytes is not None and row.image != MEAN:
        wrong = list(_rate_problems(row, shape.sizes[row.image]))
        yield from wrong
        if wrong:
            return
    elif not (math.isfinite(row.bpp) and row.bpp > 0):
        yield Problem(at("bpp"), row.image, describe(row.bpp), "bits per pixel, more than 0")
        return
    elif row.bpp >= RAW_BPP:
        yield Problem(
            at("bpp"), row.image, describe(row.bpp), "less than 24, the pixels as they are"
        )
    if all(getattr(row, metric) is None for metric in METRICS):
        yield Problem(at("scores"), row.image, "none", f"at least one of {', '.join(METRICS)}")
    for metric in METRICS:
        value = getattr(row, metric)
        if value is not None:
            expected = _score_problem(metric, value, row.bpp, _finest(row.image, shape))
            if expected:
                yield Problem(at(metric), row.image, describe(value), expected)
    perfect = row.psnr == math.inf
    for metric in SIMILARITIES:
        value = getattr(row, metric)
        if value is None or not 0 <= value <= 1:
            continue
        if perfect and value < 0.9999:
            expected = "1: the PSNR is infinite, so the pictures are identical"
            yield Problem(at(metric), row.image, describe(value), expected)
        elif value == 1 and row.psnr is not None and 0 <= row.psnr < 45:
            expected = f"less than 1: the PSNR is {row.psnr:g} dB, so the pictures differ"
            yield Problem(at(metric), row.image, describe(value), expected)


def _rate_problems(row: Row, size: tuple[int, int]) -> Iterator[Problem]:
    width, height = size
    raw = 3 * width * height
    count = row.bytes or 0
    if not 0 < count < raw:
        expected = f"the compressed file's size, 1 to {raw - 1} ({raw} are the pixels as they are)"
        yield Problem(f"bytes at quality {row.quality}", row.image, describe(row.bytes), expected)
        return
    bpp = 8 * count / (width * height)
    if not abs(bpp - row.bpp) <= _BPP_ROUNDING:  # NaN too
        expected = f"{bpp:.6g}, which is {count} bytes over {width}x{height} pixels"
        yield Problem(f"bpp at quality {row.quality}", row.image, describe(row.bpp), expected)


def _finest(image: str, shape: DatasetShape) -> float:
    """PSNR in dB of a picture in which a single value is off by one; no finite one is higher."""
    sizes = shape.sizes.values() if image == MEAN else [shape.sizes[image]]
    return 10 * math.log10(255**2 * 3 * max(width * height for width, height in sizes))


def _score_problem(metric: str, value: float, bpp: float, finest: float) -> str | None:
    """What a score should have been, or None if it can be true. finest: see `_finest`."""
    if metric == "psnr":
        if math.isnan(value) or value < 0:
            return "decibels, 0 or more"
        if value == math.inf and bpp < LOSSLESS_BPP:
            return f"a finite number: no photograph is stored without loss at {bpp:.4g} bpp"
        if finest < value < math.inf:
            return f"at most {finest:.4g}, which is one value of all pixels off by one"
    elif metric == "ssimulacra2":
        return None if value <= 100 else "points, at most 100"  # NaN too
    elif metric in DISTANCES:
        return None if 0 <= value <= 2 else "a distance, 0 to 2"
    elif not 0 <= value <= 1:
        return "a number from 0 to 1" + (", not decibels" if 1 < value < 100 else "")
    limit = score_ceiling(metric, bpp)
    if float(on_log_scale(metric, [value])[0]) <= limit:
        return None
    if metric != "psnr":
        limit = 1 - 10 ** (-limit / 10)
    return (
        f"at most {limit:.4g} at {bpp:.4g} bpp: no codec comes near; check that rates are of whole "
        "files, and scores of the pictures decoded from them"
    )


def score_ceiling(metric: str, bpp: float) -> float:
    """The highest score that is believed at a rate, in dB; PSNR and similarities alone have one."""
    rates, psnr, others = zip(*_CEILINGS, strict=True)
    if bpp >= LOSSLESS_BPP or not (metric == "psnr" or metric in SIMILARITIES):
        return math.inf
    return float(np.interp(math.log(bpp), np.log(rates), psnr if metric == "psnr" else others))


def _repeated(rows: Sequence[Row]) -> Iterator[Problem]:
    seen: set[tuple[str, object]] = set()
    for row in rows:
        if (row.image, row.quality) in seen:
            yield Problem(
                "quality", row.image, describe(row.quality), "each quality of a picture once"
            )
        seen.add((row.image, row.quality))


def _falls(rows: Sequence[Row]) -> Iterator[Problem]:
    """The worst fall of every score with rising rate, per picture."""
    pictures: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        pictures[row.image].append(row)
    for image, own in pictures.items():
        for metric in METRICS:
            sign = -1 if metric in DISTANCES else 1
            known = [
                (row.bpp, sign * getattr(row, metric), row)
                for row in own
                if getattr(row, metric) is not None
            ]
            known.sort(key=lambda point: point[:2])
            best: tuple[float, float, Row] | None = None
            worst: tuple[float, Row, Row] | None = None
            for bpp, value, row in known:
                if best is not None and bpp >= _HIGHER * best[0]:
                    fall = best[1] - value
                    if fall > _FALL.get(metric, _FALL_OTHER) and fall > (worst or (0,))[0]:
                        worst = fall, row, best[2]
                if best is None or value > best[1]:
                    best = bpp, value, row
            if worst:
                _, low, high = worst
                yield Problem(
                    f"{metric} at quality {low.quality}",
                    image,
                    f"{describe(getattr(low, metric))} at {low.bpp:.4g} bpp",
                    f"no {'more' if sign < 0 else 'less'} than the {getattr(high, metric):.6g} at "
                    f"{high.bpp:.4g} bpp: quality must not fall as the rate rises",
                )


def _copies(rows: Sequence[Row]) -> Iterator[Problem]:
    """Pictures whose size and scores are exactly those of another."""
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.bytes is not None:
            groups[(row.bytes, *(getattr(row, metric) for metric in METRICS))].append(row)
    for (_, *scores), group in groups.items():
        first, *others = group
        # One rounded score may agree by chance; two may not.
        telling = sum(score is not None for score in scores) >= 2 or len(group) > 2
        for row in others:
            if row.image != first.image and telling:
                yield Problem(
                    f"bytes and scores at quality {row.quality}",
                    row.image,
                    f"exactly those of {first.image}",
                    "a measurement of this picture",
                )


def _some(names: Sequence[str]) -> str:
    """Names in a sentence, the first few in full."""
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
