"""Committed results measured again, and where the two differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from leaderboard.codecs import CODECS
from leaderboard.data.datasets import Dataset
from leaderboard.data.results import METRICS, Results, ResultsError, Row

from .evaluate import evaluate
from .progress import Progress

TOLERANCE = {**dict.fromkeys(METRICS, 3e-4), "psnr": 0.02, "ssimulacra2": 0.05}
"""Largest difference of a score that passes: between processors that compute in bf16 and others
decoded pixels differ by one grey level, one or two in a hundred, which takes up to 0.006 dB and
1e-4. Bytes have to be the same."""


@dataclass(frozen=True)
class Difference:
    """One value of one row that is not what was stated."""

    codec: str
    row: Row
    column: str
    stated: float | int | None
    recomputed: float | int | None

    def __str__(self) -> str:
        return (
            f"{self.codec}, {self.row.image}, quality {self.row.quality}: {self.column} is stated "
            f"as {self.stated}, recomputed {self.recomputed}"
        )


def recompute(
    stated: Sequence[Results],
    dataset: Dataset,
    folder: Path,
    jobs: int = 1,
    progress: Callable[[dict[str, int], int], Progress] | None = None,
) -> list[Results]:
    """Each codec's results again, at the qualities that they state. See `evaluate.evaluate`."""
    recomputed = []
    for each in stated:
        recomputed += evaluate(
            [CODECS[each.name]],
            dataset,
            folder,
            jobs=jobs,
            qualities=[quality for quality in each.qualities if not isinstance(quality, str)],
            progress=progress,
        )
    return recomputed


def differences(stated: Results, recomputed: Results) -> list[Difference]:
    """Values of `recomputed` that `stated` has otherwise; rows only `stated` has do not count.

    Raises ResultsError where `recomputed` has a row that `stated` lacks: nothing was compared then.
    """
    rows = {(row.image, row.quality): row for row in stated.rows}
    missing = [row for row in recomputed.rows if (row.image, row.quality) not in rows]
    if missing:
        raise ResultsError(
            f"{stated.name}: the results state nothing of {missing[0].image} at quality "
            f"{missing[0].quality}: compare other pictures or qualities, or measure again"
        )
    return [
        difference
        for row in recomputed.rows
        for difference in _row_differences(stated.name, rows[row.image, row.quality], row)
    ]


def provenance_differences(stated: Results, recomputed: Results) -> list[str]:
    """What made the two, where it differs: the first place to look for a reason."""
    lines = []
    for name in ("version", "settings", "weights", "code", "metrics", "device", "libraries"):
        before, now = stated.provenance.get(name), recomputed.provenance.get(name)
        if before != now:
            lines.append(f"{stated.name}: {name} was {before}, is {now}")
    return lines


def _row_differences(codec: str, stated: Row, recomputed: Row) -> Iterator[Difference]:
    if stated.bytes != recomputed.bytes:
        yield Difference(codec, stated, "bytes", stated.bytes, recomputed.bytes)
    for metric in METRICS:
        before, now = getattr(stated, metric), getattr(recomputed, metric)
        if before is None or now is None:
            same = before is now
        else:
            same = before == now or math.isclose(before, now, rel_tol=0, abs_tol=TOLERANCE[metric])
        if not same:
            yield Difference(codec, stated, metric, before, now)
