"""The mean curves of the committed Kodak results, as the lesson's last step draws them."""

from __future__ import annotations

from functools import cache

import numpy as np

from leaderboard.analysis.curves import NoCurve, mean_curve, score_at
from leaderboard.analysis.look import OURS, look_of
from leaderboard.data.results import ResultsError, read_folder, to_frame
from semcomp.demo.lesson.curves import METRICS, RATES, Curve

from .boards import FOLDER

CODECS = ("avif", "bpg", "webp", "jpeg", "george", "semantic", "semantic-rd")


@cache
def lesson_curves() -> tuple[Curve, ...]:
    """Curves of `CODECS`, as far as there are results; none where there is no folder of them."""
    try:
        results = read_folder(FOLDER / "kodak")
    except (ResultsError, OSError):
        return ()
    frame = to_frame(results)
    curves = []
    for codec in CODECS:
        points, at = {}, {}
        for metric in METRICS:
            try:
                mean = mean_curve(frame, codec, metric)
            except NoCurve:
                continue
            points[metric] = tuple(zip(mean.bpp.tolist(), mean.score.tolist(), strict=True))
            values = score_at(mean.bpp, mean.score, np.array(RATES))
            at[metric] = tuple(float(v) if np.isfinite(v) else None for v in values)
        if points:
            look = look_of(codec)
            curves.append(Curve(look.label, look.colour, codec in OURS, points, at))
    return tuple(curves)
