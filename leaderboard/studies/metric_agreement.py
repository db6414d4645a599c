"""How far SI-SSIM and SSIM agree: SROCC, KROCC, PLCC and rMSE (paper, §4.3).

Reads results; every picture at every quality of every codec is one pair of scores. High correlation
says that SI-SSIM measures quality as SSIM does; the rest is where importance makes the difference.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.analysis.look import look_of
from leaderboard.data.results import to_frame
from semcomp.errors import SemcompError

from .base import Context, Panel, Series, Study

if TYPE_CHECKING:
    import pandas

MAPS = {"si_ssim": "first map", "si_ssim_2": "second map"}
ALL = "all codecs"


def run(context: Context) -> Study:
    """Compare the scores in the results. Raises SemcompError where there are no pairs."""
    import pandas

    frame = to_frame(context.measured()).dropna(subset=["ssim", "si_ssim"])
    if len(frame) < 3:
        raise SemcompError("the results have fewer than three pairs of SSIM and SI-SSIM")
    records = []
    for column, which in MAPS.items():
        pairs = frame.dropna(subset=[column])
        if pairs.empty:
            continue
        records.append({"scores of": ALL, "map": which, **agreement(pairs["ssim"], pairs[column])})
        for codec, own in pairs.groupby("codec", sort=False):
            if len(own) >= 3:
                figures = agreement(own["ssim"], own[column])
                records.append({"scores of": look_of(codec).label, "map": which, **figures})
    table = pandas.DataFrame.from_records(records)
    whole = table.iloc[0]
    panel = Panel(
        f"SI-SSIM against SSIM, {whole['pairs']} files",
        "SSIM",
        "SI-SSIM",
        [_cloud(codec, own) for codec, own in frame.groupby("codec", sort=False)],
        identity=True,
    )
    notes = [
        f"{whole['pairs']} files of {frame['image'].nunique()} pictures: "
        + ", ".join(f"{each} {whole[each]:.4f}" for each in ("SROCC", "KROCC", "PLCC", "rMSE"))
        + ".",
        _largest(frame),
    ]
    return Study.of_panels(
        "metric-agreement",
        "SI-SSIM against SSIM",
        table,
        [panel],
        notes,
    )


def agreement(first: pandas.Series, second: pandas.Series) -> dict[str, float]:
    """Spearman's, Kendall's and Pearson's correlations of two scores, and their rMSE.

    No curve is fitted between them: both live on one scale.
    """
    from scipy import stats

    return {
        "pairs": len(first),
        "SROCC": float(stats.spearmanr(first, second).statistic),
        "KROCC": float(stats.kendalltau(first, second).statistic),
        "PLCC": float(stats.pearsonr(first, second).statistic),
        "rMSE": math.sqrt(float(np.mean((np.asarray(first) - np.asarray(second)) ** 2))),
    }


def _cloud(codec: str, own: pandas.DataFrame) -> Series:
    look = look_of(codec)
    return Series(
        look.label,
        own["ssim"].tolist(),
        own["si_ssim"].tolist(),
        look.colour,
        "markers",
        size=5.0,
        symbol=look.symbol,
    )


def _largest(frame: pandas.DataFrame) -> str:
    difference = frame["si_ssim"] - frame["ssim"]
    row = frame.loc[difference.abs().idxmax()]
    return (
        f"They differ most for {look_of(row['codec']).label} at quality {row['quality']:g} in "
        f"{row['image']}: SSIM {row['ssim']:.4f}, SI-SSIM {row['si_ssim']:.4f}."
        if isinstance(row["quality"], (int, float))
        else f"They differ most for {row['codec']} in {row['image']}."
    )
