"""Step 8: how the method does on 24 photographs. The curves are handed in, never read here.

The results belong to the leaderboard, which this package knows nothing of; whoever builds the
lesson gives them (`leaderboard.pages.board.lesson_curves`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .book import Book, Frame, Step
from .charts import Axis, Line, lines

RATES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Rates in bits per pixel at which the curves are read."""
METRICS = {"ms_ssim": "MS-SSIM", "si_ssim": "SI-SSIM"}
_TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_RANGE = (0.1, 0.9)
_BLACK = "#000000"


@dataclass(frozen=True)
class Curve:
    """One codec's mean curves.

    label, colour: for people; the colour as #rrggbb. ours: whether it is this project's.
    points: metric -> ((bpp, score), ...) ascending. at: metric -> score at each of `RATES`, None
    where the curve does not reach.
    """

    label: str
    colour: str
    ours: bool
    points: Mapping[str, tuple[tuple[float, float], ...]]
    at: Mapping[str, tuple[float | None, ...]]


def results(curves: Sequence[Curve]) -> Step:
    """Step 8 of curves over the Kodak pictures; without any it says so."""
    frames = _frames(curves)
    return Step(
        8,
        "Move along the rate: who leads, and do the two scores agree?",
        Book("Bits per pixel", frames, start=len(frames) // 2),
        (r"\text{dB} = -10 \cdot \log_{10}(1 - s)",),
        "s is a score, and the upright axis grows with its dB, because the differences that matter "
        "lie close to 1. Each curve is the mean over the 24 Kodak pictures at equal rates; a rate "
        "is always the bits of the whole file divided by the pixels.",
        "Which codec would you choose at half a bit per pixel?",
        _choice(curves),
    )


def _frames(curves: Sequence[Curve]) -> tuple[Frame, ...]:
    if not curves:
        text = "<p>The results of the benchmark are not at hand here.</p>"
        return (Frame("no results", text),)
    x = Axis(*_RANGE, "bits per pixel", tuple((v, f"{v:g}") for v in (0.2, 0.4, 0.6, 0.8)))
    axes = {metric: _axis(curves, metric) for metric in METRICS}
    frames = []
    for index, rate in enumerate(RATES):
        charts = ""
        for metric, name in METRICS.items():
            drawn = [
                Line(
                    tuple((b, _db(s)) for b, s in c.points[metric] if _RANGE[0] <= b <= _RANGE[1]),
                    _ink(c.colour),
                    3 if c.ours else 1.6,
                )
                for c in curves
                if metric in c.points
            ]
            marks = [
                (rate, _db(score), _ink(c.colour))
                for c in curves
                if metric in c.at and (score := c.at[metric][index]) is not None
            ]
            alt = f"{name} against bits per pixel, read at {rate:g}"
            charts += lines(alt, drawn, x, axes[metric], marks=marks, cursor=rate, height=190)
        leaders = [escape(_leader(curves, metric, index)) for metric in METRICS]
        both = leaders[0] == leaders[1]
        first = "both scores" if both else "MS-SSIM"
        other = "" if both else f" and <b>{leaders[1]}</b> in SI-SSIM"
        frames.append(
            Frame(
                f"{rate:g} bits per pixel",
                f'<div class="charts">{charts}</div>',
                _ranking(curves, index),
                f"At {rate:g} bits per pixel <b>{leaders[0]}</b> leads in {first}{other}. Thick "
                "curves are this project's.",
                key=rate in (0.3, 0.5, 0.7),
            )
        )
    return tuple(frames)


def _ranking(curves: Sequence[Curve], index: int) -> str:
    """The codecs at one rate, best SI-SSIM first."""

    def score(curve: Curve, metric: str) -> float:
        value = curve.at[metric][index] if metric in curve.at else None
        return -1.0 if value is None else value

    rows = ""
    for curve in sorted(curves, key=lambda c: -score(c, "si_ssim")):
        cells = "".join(
            f"<td>{'–' if score(curve, m) < 0 else f'{score(curve, m):.3f}'}</td>" for m in METRICS
        )
        dot = f'<span class="dot" style="background: {_ink(curve.colour)}"></span>'
        name = f"<b>{escape(curve.label)}</b>" if curve.ours else escape(curve.label)
        rows += f'<tr><th scope="row">{dot}{name}</th>{cells}</tr>'
    head = "".join(f'<th scope="col">{name}</th>' for name in METRICS.values())
    return (
        f'<table><thead><tr><th scope="col">codec</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _leader(curves: Sequence[Curve], metric: str, index: int) -> str:
    """Who has the highest score at a rate."""
    scores = [
        (score, c.label)
        for c in curves
        if metric in c.at and (score := c.at[metric][index]) is not None
    ]
    return max(scores)[1] if scores else "nobody"


def _choice(curves: Sequence[Curve]) -> str:
    if not curves:
        return "Without results nobody can say."
    index = RATES.index(0.5)
    leaders = {_leader(curves, metric, index) for metric in METRICS}
    who = (
        f"{escape(leaders.pop())} leads in both scores"
        if len(leaders) == 1
        else "It depends on the score: " + " or ".join(sorted(map(escape, leaders)))
    )
    ours = [c for c in curves if c.ours and "si_ssim" in c.at and c.at["si_ssim"][index]]
    even = next((c for c in ours if "george" in c.label.lower()), None)
    lead = ""
    best = max(ours, key=lambda c: c.at["si_ssim"][index] or 0, default=None)
    if even is not None and best is not None and best is not even:
        gain = (best.at["si_ssim"][index] or 0) - (even.at["si_ssim"][index] or 0)
        lead = (
            f" Of this project's own, {escape(best.label)} is best in SI-SSIM, {gain:.3f} above "
            "the same codec with equal levels everywhere."
        )
    return (
        f"{who}.{lead} A mean over 24 pictures hides that pictures differ, and no curve shows how "
        "long coding takes, or whether your subject is among the 1,000 classes."
    )


def _axis(curves: Sequence[Curve], metric: str) -> Axis:
    inside = [
        _db(s)
        for c in curves
        for b, s in c.points.get(metric, ())
        if RATES[0] * 0.8 <= b <= _RANGE[1]
    ] or [0.0, 20.0]
    low, high = min(inside) - 0.3, max(inside) + 0.3
    ticks = tuple((_db(t), f"{t:g}") for t in _TICKS if low <= _db(t) <= high)
    return Axis(low, high, METRICS[metric], ticks)


def _db(score: float) -> float:
    """A score below 1 on a logarithmic scale."""
    return -10 * math.log10(max(1 - score, 1e-6))


def _ink(colour: str) -> str:
    """A colour that can be seen on the page: black is the page's ink."""
    return "var(--ink)" if colour == _BLACK else colour
