"""The figures as pictures for a README or a paper, drawn by matplotlib without its global state."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from .curves import Average, MeanCurve, decibels
from .figures import MANY_POINTS, RATES, log_ticks, score_limits
from .look import OURS, axis_name, curves_shown, look_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
_MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-down": "v",
    "triangle-up": "^",
    "cross": "P",
    "x": "X",
    "star": "*",
    "hexagram": "h",
    "pentagon": "p",
}


def rd_chart(
    frame: pandas.DataFrame,
    metrics: Sequence[str] = ("ms_ssim", "si_ssim"),
    *,
    codecs: Sequence[str] | None = None,
    rates: tuple[float, float] = RATES,
    log_scale: bool = True,
    average: Average = "rate",
) -> Figure:
    """Rate-distortion curves, a panel per metric, one legend; as `figures.rd_figure` has them.

    Of the published curves those are drawn that are in `codecs`, or, if that is None, Toderici's
    and Johnston's. A metric that no codec has leaves its panel out. Raises ValueError if none is.
    """
    from matplotlib.figure import Figure

    shown = frame if codecs is not None else _first_view(frame)
    found = {metric: curves_shown(shown, metric, codecs, average)[0] for metric in metrics}
    found = {metric: curves for metric, curves in found.items() if curves}
    if not found:
        raise ValueError(f"no codec has a curve of {', '.join(metrics)}")
    figure = Figure(figsize=(4.6 * len(found) + 2.2, 4.6), layout="constrained", dpi=160)
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for panel, (metric, curves) in zip(panels, found.items(), strict=True):
        _draw(panel, metric, curves, rates, log_scale and metric != "psnr")
    entries = {
        str(line.get_label()): line
        for panel in panels
        for line in panel.get_lines()
        if not str(line.get_label()).startswith("_")
    }
    order = list(entries)[::-1]  # drawn last, on top: named first
    figure.legend(
        [entries[name] for name in order], order, loc="outside right center", frameon=False
    )
    return figure


def png(figure: Figure) -> bytes:
    """A figure as a PNG file's bytes, without the time of its making."""
    stream = BytesIO()
    figure.savefig(stream, format="png", facecolor="white", metadata={"Software": None})
    return stream.getvalue()


def _first_view(frame: pandas.DataFrame) -> pandas.DataFrame:
    return frame[
        (frame["kind"] != "published") | frame["codec"].isin(["toderici2017", "johnston2018"])
    ]


def _draw(
    panel: Axes, metric: str, curves: Sequence[MeanCurve], rates: tuple[float, float], logs: bool
) -> None:
    for curve in curves:
        look = look_of(curve.codec, curve.kind)
        hollow = look.symbol.endswith("-open")
        panel.plot(
            curve.bpp,
            decibels(curve.score) if logs else curve.score,
            color=look.colour,
            linestyle=_DASHES[look.dash],
            linewidth=look.width * 0.7,
            marker=_MARKERS[look.symbol.removesuffix("-open")]
            if len(curve.bpp) <= MANY_POINTS
            else "",
            markersize=4.2 if curve.codec in OURS else 3.2,
            markerfacecolor="white" if hollow else look.colour,
            markevery=3 if curve.averaged == "rate" else 1,
            label=look.label,
        )
    panel.set_xlim(*rates)
    limits = score_limits(curves, logs, *rates)
    if limits is not None:
        margin = 0.04 * (limits[1] - limits[0] or 1)
        panel.set_ylim(limits[0] - margin, limits[1] + margin)
    if logs:
        places, texts = log_ticks()
        bottom, top = panel.get_ylim()
        kept = [(p, t) for p, t in zip(places, texts, strict=True) if bottom <= p <= top]
        panel.set_yticks([p for p, _ in kept], [t for _, t in kept])
        right = panel.secondary_yaxis("right")
        right.tick_params(labelsize=8, colors="#737373")
        panel.set_title("dB", fontsize=8, color="#737373", loc="right")
    panel.set_title(axis_name(metric, False), loc="left", fontsize=11)
    panel.set_xlabel("rate, whole file [bits per pixel]")
    panel.grid(color="#E3E3E3", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
