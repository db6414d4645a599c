"""Where two measurements of the same thing differ: committed results against recomputed ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leaderboard.data.results import METRICS, Results, ResultsError, Row

TOLERANCE = {"psnr": 0.01, "ms_ssim": 1e-4, "ssim": 1e-4, "si_ssim": 1e-4, "si_ssim_2": 1e-4}
"""Largest difference of a score that passes: decoded pixels agree between machines up to rounding,
in a few pixels by one grey level. Bytes have to be the same."""


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


def common_qualities(results: Sequence[Results]) -> dict[str, tuple[float, ...]]:
    """Codec -> the qualities that its results state."""
    return {
        each.name: tuple(q for q in each.qualities if not isinstance(q, str)) for each in results
    }


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
