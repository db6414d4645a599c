"""The paper's Figure 7: rate-distortion curves of (a) MS-SSIM and (b) SI-SSIM.

Its codecs are JPEG, BPG, George's (uniform levels) and its own (proportional); `semantic-rd`, the
paper's own network where there are results of it, and the published curve of George's original are
drawn beside them. Reads results; every picture counts at matched rates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leaderboard.analysis.bdrate import compare
from leaderboard.analysis.curves import NoCurve, pictures
from leaderboard.analysis.figures import rd_chart, rd_figure
from leaderboard.analysis.look import METRIC_NAMES, PAPER, look_of
from leaderboard.analysis.tables import equal_rates
from leaderboard.data.published import read_published
from leaderboard.data.results import to_frame
from semcomp.errors import SemcompError

from .base import Context, Study

if TYPE_CHECKING:
    import pandas

CODECS = ("jpeg", "bpg", "george", "semantic", "semantic-rd")
PUBLISHED = "toderici2017"
METRICS = ("ms_ssim", "si_ssim")


def run(context: Context) -> Study:
    """Draw the results. Raises SemcompError where the paper's codecs are not among them."""
    drawn = (*CODECS, *PAPER)
    results = [each for each in context.measured() if each.name in drawn]
    lacking = [name for name in CODECS if name not in {each.name for each in results}]
    if lacking:
        raise SemcompError(
            f"no results of {', '.join(lacking)}: python -m leaderboard run --codecs "
            f"{','.join(lacking)} adds them"
        )
    count = len(pictures(to_frame(results)))
    beside = [
        each
        for each in read_published(dataset=context.dataset.name, pictures=count)
        if each.name == PUBLISHED
    ]
    results.sort(key=lambda each: drawn.index(each.name))
    frame = to_frame([*results, *beside])
    names = list(dict.fromkeys(frame["codec"]))
    notes = [f"Means over {count} pictures at matched rates; the rate is the whole file's."]
    for codec in names:
        for metric in METRICS:
            if codec == _uniform(codec) or frame.loc[frame["codec"] == codec, metric].isna().all():
                continue
            notes.append(_against_uniform(frame, codec, metric))
    charts = [rd_figure(frame, m, codecs=names, title=METRIC_NAMES[m]) for m in METRICS]
    return Study(
        "figure7",
        "Rate-distortion curves of MS-SSIM and SI-SSIM (the paper's Figure 7)",
        equal_rates(frame, METRICS),
        charts,
        rd_chart(frame, METRICS, codecs=names),
        notes,
    )


def _uniform(codec: str) -> str:
    """Equal levels of the same network, its bits counted in the same way."""
    if codec not in PAPER:
        return "george"
    return "george-paper-raw" if codec.endswith("-raw") else "george-paper"


def _against_uniform(frame: pandas.DataFrame, codec: str, metric: str) -> str:
    anchor = _uniform(codec)
    label = f"{look_of(codec).label} against {look_of(anchor).label}, {METRIC_NAMES[metric]}"
    try:
        bd_rate = compare(frame, codec, anchor, metric)
    except NoCurve as error:
        return f"{label}: no BD-rate, {error}"
    interval = (
        "" if bd_rate.low is None else f", 95% interval {bd_rate.low:+.1f} to {bd_rate.high:+.1f}%"
    )
    return f"{label}: BD-rate {bd_rate.percent:+.1f}%{interval}"
