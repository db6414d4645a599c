"""The command `score`: one decoded picture against its original, by every score of the board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import split_names


def score(
    original: Annotated[Path, typer.Argument(metavar="ORIGINAL", show_default=False)],
    decoded: Annotated[Path, typer.Argument(metavar="DECODED", show_default=False)],
    extra: Annotated[
        str | None,
        typer.Option(
            help="further scores by programs that are installed, separated by commas: "
            "butteraugli, vmaf, cvvdp"
        ),
    ] = None,
) -> None:
    """Score a decoded picture against its original, as the board does."""
    from leaderboard.analysis.curves import unit_of
    from leaderboard.analysis.look import METRIC_NAMES, score_text
    from leaderboard.data.datasets import read_picture
    from leaderboard.metrics.extras import extra_score
    from leaderboard.run import measuring
    from semcomp.errors import MetricError

    pixels, other = read_picture(original), read_picture(decoded)
    if pixels.shape != other.shape:
        sizes = " and ".join(f"{each.shape[1]}x{each.shape[0]}" for each in (pixels, other))
        raise MetricError(f"the pictures differ in size: {sizes}")
    for metric, value in measuring.score(measuring.reference(pixels), other).items():
        text = "not available" if value is None else score_text(metric, value)
        print(f"{METRIC_NAMES[metric]}: {text} {unit_of(metric, log_scale=False)}".rstrip())
    for name in split_names(extra or ""):
        value, program = extra_score(name, pixels, other)
        print(f"{name}: {value:.4f} ({program})")
