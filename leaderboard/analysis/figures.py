"""Interactive rate-distortion figures: a frame of results in, a Plotly figure out.

No file, no clock and no global state: the same frame gives the same figure. `page` makes a file of
one that needs nothing but a `plotly.min.js` beside it.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .curves import Average, MeanCurve, decibels
from .look import OURS, axis_name, curves_shown, look_of

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects

RATES = (0.0, 1.6)
"""Rates in view at first, in bits per pixel."""
MANY_POINTS = 40
"""Curves of more points are drawn without marks."""
_TICKS = (*(0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95), *(0.98, 0.99, 0.995, 0.998, 0.999, 0.9995))
# Published curves beyond these two can be switched on in the legend.
_PUBLISHED_IN_VIEW = ("toderici2017", "johnston2018")
TEXT, GRID = "#262626", "#E3E3E3"


def rd_figure(
    frame: pandas.DataFrame,
    metric: str = "ms_ssim",
    *,
    codecs: Sequence[str] | None = None,
    rates: tuple[float, float] = RATES,
    log_scale: bool | None = None,
    average: Average = "rate",
    title: str | None = None,
) -> plotly.graph_objects.Figure:
    """Rate-distortion curves of a metric, means over the pictures.

    frame: of `results.to_frame`. codecs: which to draw, default all. rates: range in view, bpp.
    log_scale: score in dB, -10·log10(1 − s), default for all but PSNR (which is in dB anyhow).
    average: at matched rates, or per quality setting.
    `figure.layout.meta["left_out"]` says which codecs have no curve, and why. Raises ValueError for
    a range that is none.
    """
    import plotly.graph_objects as go

    low, high = rates
    if not 0 <= low < high:
        raise ValueError(f"rates are {low:g} to {high:g} bpp: expected two ascending from 0")
    logs = metric != "psnr" if log_scale is None else log_scale and metric != "psnr"
    curves, left_out = curves_shown(frame, metric, codecs, average)
    figure = go.Figure()
    for curve in curves:
        figure.add_trace(_trace(curve, logs, always=codecs is not None))
    figure.update_layout(
        template="plotly_white",
        title={"text": html.escape(title), "x": 0, "xref": "paper"} if title else None,
        font={"family": "system-ui, sans-serif", "size": 13, "color": TEXT},
        margin={"l": 8, "r": 8, "t": 44 if title else 12, "b": 8},
        height=680,
        hovermode="closest",
        hoverlabel={"align": "left"},
        legend={
            "orientation": "h",
            "yref": "container",  # below the axis title, however many lines it takes
            "yanchor": "bottom",
            "y": 0.01,
            "x": 0,
            "traceorder": "reversed",
            "font": {"size": 12},
        },
        meta={"left_out": left_out},
    )
    figure.update_xaxes(
        title="rate, whole file [bits per pixel]",
        range=[low, high],
        gridcolor=GRID,
        zeroline=False,
        automargin=True,
        ticks="outside",
        ticklen=7,
        tickcolor="rgba(0,0,0,0)",
    )
    figure.update_yaxes(
        title=axis_name(metric, logs),
        range=_score_range(curves, logs, low, high),
        gridcolor=GRID,
        zeroline=False,
        automargin=True,
        **(_log_ticks() if logs else {}),
    )
    return figure


def page(
    figures: plotly.graph_objects.Figure | Sequence[plotly.graph_objects.Figure],
    notes: Mapping[str, str] | None = None,
) -> str:
    """An HTML page of figures, for a folder that holds `plotly.min.js` (`plotly_js`).

    notes: name -> text, listed below the figures; names and texts are escaped.
    """
    listed = list(figures) if isinstance(figures, Sequence) else [figures]
    charts = "\n".join(
        figure.to_html(
            full_html=False,
            include_plotlyjs="directory" if index == 0 else False,
            default_width="100%",
            config={"displaylogo": False, "responsive": True},
        )
        for index, figure in enumerate(listed)
    )
    title = html.escape(html.unescape(listed[0].layout.title.text or "Rate-distortion curves"))
    items = "\n".join(
        f"<li><b>{html.escape(name)}</b>: {html.escape(text)}</li>"
        for name, text in (notes or {}).items()
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; color: {TEXT}; background: #fff;
  margin: 0 auto; max-width: 64rem; padding: .5rem; overflow-wrap: anywhere; }}
</style></head><body>
{charts}
<ul>
{items}
</ul>
</body></html>
"""


def plotly_js() -> str:
    """The text of `plotly.min.js`, to be put beside the pages."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _trace(curve: MeanCurve, logs: bool, *, always: bool) -> Any:
    import plotly.graph_objects as go

    look = look_of(curve.codec, curve.kind)
    published = curve.averaged == "published"
    scores = curve.score if curve.metric == "psnr" else decibels(curve.score)
    unit = "dB" if curve.metric == "psnr" else f"({axis_name(curve.metric, False)})"
    where = "published, as averaged there" if published else f"mean of {curve.images} pictures"
    hover = [
        f"<b>{html.escape(look.label)}</b><br>{bpp:.3f} bpp<br>"
        + (f"{score:.2f} dB" if curve.metric == "psnr" else f"{score:.4f} = {level:.2f} dB {unit}")
        + (f"<br>{html.escape(setting)}" if setting else "")
        + f"<br>{where}"
        for bpp, score, level, setting in zip(
            curve.bpp, curve.score, scores, curve.settings, strict=True
        )
    ]
    in_view = always or not published or curve.codec in _PUBLISHED_IN_VIEW
    return go.Scatter(
        x=curve.bpp.tolist(),
        y=(scores if logs else curve.score).tolist(),
        name=html.escape(look.label),
        mode="lines+markers" if len(curve.bpp) <= MANY_POINTS else "lines",
        visible=True if in_view else "legendonly",
        line={"color": look.colour, "width": look.width, "dash": look.dash},
        marker={
            "color": look.colour,
            "symbol": look.symbol,
            "size": 7 if curve.codec in OURS else 5,
        },
        hovertext=hover,
        hoverinfo="text",
        meta={"codec": curve.codec, "kind": curve.kind, "averaged": curve.averaged},
    )


def score_limits(
    curves: Sequence[MeanCurve], logs: bool, low: float, high: float
) -> tuple[float, float] | None:
    """Least and greatest score of curves between two rates, in dB if `logs`; None if none is."""
    inside: list[NDArray[np.float64]] = []
    for curve in curves:
        # What can be switched on later would only squeeze what is in view now.
        if curve.averaged == "published" and curve.codec not in _PUBLISHED_IN_VIEW:
            continue
        scores = decibels(curve.score) if logs else curve.score
        inside.append(scores[(curve.bpp >= low) & (curve.bpp <= high)])
    values = np.concatenate(inside) if inside else np.empty(0)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else None


def _score_range(
    curves: Sequence[MeanCurve], logs: bool, low: float, high: float
) -> list[float] | None:
    limits = score_limits(curves, logs, low, high)
    if limits is None:
        return None
    margin = 0.04 * (limits[1] - limits[0] or 1)
    return [limits[0] - margin, limits[1] + margin]


def log_ticks() -> tuple[list[float], list[str]]:
    """Places in dB of round scores, and the scores as text."""
    return decibels(_TICKS).tolist(), [f"{score:g}" for score in _TICKS]


def _log_ticks() -> dict[str, Any]:
    places, texts = log_ticks()
    labels = [f"{t}<br><i>{p:.1f} dB</i>" for p, t in zip(places, texts, strict=True)]
    return {"tickmode": "array", "tickvals": places, "ticktext": labels}
