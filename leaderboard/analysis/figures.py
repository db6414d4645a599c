"""Rate-distortion figures: a frame of results in, a figure out, by Plotly or by matplotlib.

Plotly's are interactive, and `page` makes files of them that need nothing but a `plotly.min.js`
beside them; matplotlib's are pictures for a README or a paper. No clock and no global state: the
same frame gives the same figure.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.data.published import PUBLISHED
from leaderboard.data.rows import DISTANCES

from .curves import (
    Average,
    MeanCurve,
    NoCurve,
    has_log_scale,
    mean_curve,
    on_log_scale,
    unit_of,
)
from .look import OURS, axis_name, look_of

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATES = (0.0, 1.6)
"""Rates in view at first, in bits per pixel."""
MANY_POINTS = 40
"""Curves of more points are drawn without marks."""
_TICKS = (0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)
_DISTANCE_TICKS = (1, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001)
# Published curves beyond these can be switched on in the legend.
_PUBLISHED_IN_VIEW = ("toderici2017", "johnston2018", "vtm")
TEXT, GRID = "#262626", "#E3E3E3"
_RATE_AXIS = "rate, whole file [bits per pixel]"
_PAGE = Path(__file__).parent / "static" / "figures.html"
DASHES = {"solid": "-", "dash": "--", "dot": ":", "dashdot": "-."}
MARKERS = {
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
"""What matplotlib calls Plotly's dashes and symbols."""


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
    log_scale: score in dB where that is another scale (`curves.on_log_scale`); the default.
    average: at matched rates, or per quality setting.
    `figure.layout.meta["left_out"]` says which codecs have no curve, and why. Raises ValueError for
    a range that is none.
    """
    import plotly.graph_objects as go

    low, high = rates
    if not 0 <= low < high:
        raise ValueError(f"rates are {low:g} to {high:g} bpp: expected two ascending from 0")
    logs = log_scale is not False and has_log_scale(metric)
    curves, left_out = drawing_order(frame, metric, codecs, average)
    figure = go.Figure()
    for curve in curves:
        figure.add_trace(_trace(curve, logs, always=codecs is not None))
    figure.update_layout(
        layout(title, 680),
        hoverlabel={"align": "left"},
        legend={"traceorder": "reversed"},
        margin={"t": 44 if title else 12},
        meta={"left_out": left_out},
    )
    figure.update_xaxes(
        title=_RATE_AXIS,
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
        range=_score_range(metric, curves, logs, low, high),
        gridcolor=GRID,
        zeroline=False,
        automargin=True,
        **(_log_ticks(metric) if logs else {}),
    )
    return figure


def rd_chart(
    frame: pandas.DataFrame,
    metrics: Sequence[str] = ("ms_ssim", "si_ssim"),
    *,
    codecs: Sequence[str] | None = None,
    rates: tuple[float, float] = RATES,
    log_scale: bool = True,
    average: Average = "rate",
) -> Figure:
    """Rate-distortion curves, a panel per metric, one legend; as `rd_figure` has them.

    Of the published curves those are drawn that are in `codecs`, or, if that is None, Toderici's
    and Johnston's. A metric that no codec has leaves its panel out. Raises ValueError if none is.
    """
    from matplotlib.figure import Figure

    if codecs is None:
        in_view = frame["codec"].isin(_PUBLISHED_IN_VIEW)
        frame = frame[(frame["kind"] != "published") | in_view]
    curves_of = {metric: drawing_order(frame, metric, codecs, average)[0] for metric in metrics}
    curves_of = {metric: curves for metric, curves in curves_of.items() if curves}
    if not curves_of:
        raise ValueError(f"no codec has a curve of {', '.join(metrics)}")
    figure = Figure(figsize=(4.6 * len(curves_of) + 2.2, 4.6), layout="constrained", dpi=160)
    panels = figure.subplots(1, len(curves_of), squeeze=False)[0]
    for panel, (metric, curves) in zip(panels, curves_of.items(), strict=True):
        _draw(panel, metric, curves, rates, log_scale and has_log_scale(metric))
    entries = {
        str(line.get_label()): line
        for panel in panels
        for line in panel.get_lines()
        if not str(line.get_label()).startswith("_")
    }
    order = list(entries)[::-1]  # drawn last, on top: named first
    legend_beside(figure, {name: entries[name] for name in order})
    return figure


def drawing_order(
    frame: pandas.DataFrame,
    metric: str,
    codecs: Sequence[str] | None = None,
    average: Average = "rate",
) -> tuple[list[MeanCurve], dict[str, str]]:
    """Mean curves in drawing order, and why the others have none, by codec.

    codecs: which to draw, default all. average: see `curves.mean_curve`. Published curves come
    first, then other codecs, this project's last.
    """
    curves, left_out = [], {}
    for codec in dict.fromkeys(frame["codec"]) if codecs is None else codecs:
        try:
            curves.append(mean_curve(frame, codec, metric, average))
        except NoCurve as error:
            left_out[codec] = str(error)

    def order(curve: MeanCurve) -> tuple[bool, int]:
        place = -OURS.index(curve.codec) if curve.codec in OURS else -len(OURS)
        return curve.averaged != "published", place

    return sorted(curves, key=order), left_out


def layout(title: str | None, height: int) -> dict[str, Any]:
    """Plotly's layout of every chart with a legend below it. title: plain text; None for none."""
    return {
        "template": "plotly_white",
        "title": {"text": html.escape(title), "x": 0, "xref": "paper"} if title else None,
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": TEXT},
        "margin": {"l": 8, "r": 8, "t": 44, "b": 8},
        "height": height,
        "hovermode": "closest",
        "legend": {
            "orientation": "h",
            "yref": "container",  # below the axis title, however many lines it takes
            "yanchor": "bottom",
            "y": 0.01,
            "x": 0,
            "font": {"size": 12},
        },
    }


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
    made = _PAGE.read_text(encoding="utf-8")
    for mark, content in (("title", title), ("charts", charts), ("notes", items)):
        made = made.replace(f"<!-- {mark} -->", content)
    return made


def plotly_js() -> str:
    """The text of `plotly.min.js`, to be put beside the pages."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def legend_beside(figure: Figure, lines: Mapping[str, Any]) -> None:
    """One legend for all panels of matplotlib's, right of them. lines: by their labels."""
    figure.legend(list(lines.values()), list(lines), loc="outside right center", frameon=False)


def png(figure: Figure) -> bytes:
    """A figure as a PNG file's bytes, without the time of its making."""
    stream = BytesIO()
    figure.savefig(stream, format="png", facecolor="white", metadata={"Software": None})
    return stream.getvalue()


def _trace(curve: MeanCurve, logs: bool, *, always: bool) -> Any:
    import plotly.graph_objects as go

    look = look_of(curve.codec, curve.kind)
    published = curve.kind == PUBLISHED
    scores = on_log_scale(curve.metric, curve.score)
    name = axis_name(curve.metric, False)
    where = f"mean of {curve.images} pictures" if curve.images else "published, as averaged there"
    hover = [
        f"<b>{html.escape(look.label)}</b><br>{bpp:.3f} bpp<br>"
        + (
            f"{score:.4f} = {level:.2f} dB ({name})"
            if has_log_scale(curve.metric)
            else f"{score:.2f} {unit_of(curve.metric)}"
        )
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


def _draw(
    panel: Axes, metric: str, curves: Sequence[MeanCurve], rates: tuple[float, float], logs: bool
) -> None:
    for curve in curves:
        look = look_of(curve.codec, curve.kind)
        hollow = look.symbol.endswith("-open")
        panel.plot(
            curve.bpp,
            on_log_scale(metric, curve.score) if logs else curve.score,
            color=look.colour,
            linestyle=DASHES[look.dash],
            linewidth=look.width * 0.7,
            marker=MARKERS[look.symbol.removesuffix("-open")]
            if len(curve.bpp) <= MANY_POINTS
            else "",
            markersize=4.2 if curve.codec in OURS else 3.2,
            markerfacecolor="white" if hollow else look.colour,
            markevery=3 if curve.averaged == "rate" else 1,
            label=look.label,
        )
    panel.set_xlim(*rates)
    scores = _score_range(metric, curves, logs, *rates)
    if scores is not None:
        panel.set_ylim(*scores)
    if logs:
        places, texts = log_ticks(metric)
        bottom, top = panel.get_ylim()
        in_view = [(p, t) for p, t in zip(places, texts, strict=True) if bottom <= p <= top]
        panel.set_yticks([p for p, _ in in_view], [t for _, t in in_view])
        right = panel.secondary_yaxis("right")
        right.tick_params(labelsize=8, colors="#737373")
        panel.set_title("dB", fontsize=8, color="#737373", loc="right")
    frame_panel(panel, axis_name(metric, False), _RATE_AXIS)


def frame_panel(panel: Axes, title: str, x: str, y: str = "") -> None:
    """Title, names of the axes and grid of a panel of matplotlib's."""
    panel.set_title(title, loc="left", fontsize=11)
    panel.set_xlabel(x)
    panel.set_ylabel(y)
    panel.grid(color=GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def _score_range(
    metric: str, curves: Sequence[MeanCurve], logs: bool, low: float, high: float
) -> tuple[float, float] | None:
    """Ends of an axis, better ones up, for what curves have between two rates; None for nothing."""
    inside: list[NDArray[np.float64]] = []
    for curve in curves:
        # What can be switched on later would only squeeze what is in view now.
        if curve.kind == PUBLISHED and curve.codec not in _PUBLISHED_IN_VIEW:
            continue
        scores = on_log_scale(curve.metric, curve.score) if logs else curve.score
        inside.append(scores[(curve.bpp >= low) & (curve.bpp <= high)])
    values = np.concatenate(inside) if inside else np.empty(0)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    least, most = float(values.min()), float(values.max())
    margin = 0.04 * (most - least or 1)
    ends = least - margin, most + margin
    return ends[::-1] if metric in DISTANCES and not logs else ends


def log_ticks(metric: str) -> tuple[list[float], list[str]]:
    """Places in dB of round scores, and the scores as text."""
    ticks = _DISTANCE_TICKS if metric in DISTANCES else _TICKS
    return on_log_scale(metric, ticks).tolist(), [f"{score:g}" for score in ticks]


def _log_ticks(metric: str) -> dict[str, Any]:
    places, texts = log_ticks(metric)
    labels = [f"{t}<br><i>{p:.1f} dB</i>" for p, t in zip(places, texts, strict=True)]
    return {"tickmode": "array", "tickvals": places, "ticktext": labels}
