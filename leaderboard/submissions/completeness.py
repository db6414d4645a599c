"""What a submission lacks for a place in the ranking: it is taken, and stands as incomplete."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leaderboard.analysis.bdrate import MIN_POINTS
from leaderboard.data.results import MEAN, METRICS, Row
from leaderboard.data.rows import Quality

from .shape import DatasetShape

_NAMED = 6
"""Names told in full."""


def missing_points(found: Iterable[tuple[str, Quality]], shape: DatasetShape) -> tuple[str, ...]:
    """What is missing of (picture, quality) pairs, in words; nothing where all are there.

    Complete is: every picture of the data set, all at the same qualities, `bdrate.MIN_POINTS` or
    more of them.
    """
    pairs = set(found)
    images = {image for image, _ in pairs}
    if images == {MEAN}:
        return ("means only: single pictures are needed for a place in the ranking",)
    told = []
    absent = [image for image in shape.images if image not in images]
    if absent:
        told.append(f"{len(absent)} of {len(shape.images)} pictures are missing: {some(absent)}")
    qualities = {quality for _, quality in pairs}
    for quality in sorted(qualities, key=str):
        lacking = [i for i in shape.images if i in images and (i, quality) not in pairs]
        if lacking:
            told.append(f"quality {quality} lacks {some(lacking)}")
    if len(qualities) < MIN_POINTS:
        told.append(f"{len(qualities)} of the {MIN_POINTS} qualities that a BD-rate needs")
    return tuple(told)


def missing_scores(rows: Sequence[Row]) -> tuple[str, ...]:
    """Scores that some rows state and others do not."""
    told = []
    for metric in METRICS:
        without = [row for row in rows if getattr(row, metric) is None]
        if without and len(without) < len(rows):
            names = some(list(dict.fromkeys(row.image for row in without)))
            told.append(f"{metric} is missing in {len(without)} of {len(rows)} rows ({names})")
    return tuple(told)


def some(names: Sequence[str]) -> str:
    """Names in a sentence, the first few in full."""
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
