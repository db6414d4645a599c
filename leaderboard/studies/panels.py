"""Simple charts of lines and points, drawn twice from one description: by Plotly and matplotlib."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from leaderboard.analysis.figures import GRID, TEXT

if TYPE_CHECKING:
    import matplotlib.figure
    import plotly.graph_objects

BACKDROP = "#C4C4C4"
"""Colour of lines that stand behind, such as single pictures."""
_SYMBOLS = {"circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "triangle-down": "v"}
_SYMBOLS |= {"cross": "P", "x": "X", "star": "*", "hexagram": "h", "pentagon": "p"}


@dataclass(frozen=True)
class Series:
    """One line or cloud. mode: as Plotly names it. texts: for every point, beside it. shown: in the
    legend."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    mode: Literal["lines", "markers", "lines+markers"] = "lines"
    width: float = 2.0
    size: float = 7.0
    symbol: str = "circle"
    dash: Literal["solid", "dash", "dot"] = "solid"
    texts: Sequence[str] = ()
    shown: bool = True


@dataclass(frozen=True)
class Panel:
    """Axes with series. identity: draw the line of equal x and y."""

    title: str
    x: str
    y: str
    series: Sequence[Series]
    identity: bool = False


def interactive(panel: Panel) -> plotly.graph_objects.Figure:
    """A panel as a Plotly figure."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for each in panel.series:
        mode = each.mode + ("+text" if each.texts else "")
        figure.add_scatter(
            x=list(each.x),
            y=list(each.y),
            name=html.escape(each.label),
            mode=mode,
            text=[html.escape(text) for text in each.texts] or None,
            textposition="top center",
            cliponaxis=False,
            showlegend=each.shown,
            hoverinfo="name+x+y" if each.shown else "skip",
            line={"color": each.colour, "width": each.width, "dash": each.dash},
            marker={"color": each.colour, "size": each.size, "symbol": each.symbol},
        )
    if panel.identity:
        low, high = _span(panel)
        figure.add_shape(
            type="line", x0=low, y0=low, x1=high, y1=high, line={"color": BACKDROP, "dash": "dot"}
        )
    axis: dict[str, Any] = {"gridcolor": GRID, "zeroline": False, "automargin": True}
    figure.update_layout(
        template="plotly_white",
        title={"text": html.escape(panel.title), "x": 0, "xref": "paper"},
        font={"family": "system-ui, sans-serif", "size": 13, "color": TEXT},
        margin={"l": 8, "r": 8, "t": 44, "b": 8},
        height=520,
        hovermode="closest",
        legend={
            "orientation": "h",
            "yref": "container",
            "yanchor": "bottom",
            "y": 0.01,
            "x": 0,
            "font": {"size": 12},
        },
        xaxis={**axis, "title": panel.x, "ticks": "outside", "tickcolor": "rgba(0,0,0,0)"},
        yaxis={**axis, "title": panel.y},
    )
    return figure


def still(panels: Sequence[Panel]) -> matplotlib.figure.Figure:
    """Panels side by side as one matplotlib figure with one legend."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8 * len(panels) + 1.8, 4.4), layout="constrained", dpi=160)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    handles: dict[str, Any] = {}
    for axis, panel in zip(axes, panels, strict=True):
        for each in panel.series:
            hollow = each.symbol.endswith("-open")
            (line,) = axis.plot(
                each.x,
                each.y,
                color=each.colour,
                linestyle={"solid": "-", "dash": "--", "dot": ":"}[each.dash]
                if "lines" in each.mode
                else "",
                linewidth=each.width * 0.7,
                marker=_SYMBOLS[each.symbol.removesuffix("-open")]
                if "markers" in each.mode
                else "",
                markersize=each.size * 0.7,
                markerfacecolor="white" if hollow else each.colour,
            )
            if each.shown:
                handles.setdefault(each.label, line)
            for x, y, text in zip(each.x, each.y, each.texts, strict=False):
                axis.annotate(
                    text, (x, y), (0, 5), textcoords="offset points", fontsize=7.5, ha="center"
                )
        if panel.identity:
            low, high = _span(panel)
            axis.plot([low, high], [low, high], color=BACKDROP, linestyle=":", linewidth=1)
        axis.set_title(panel.title, loc="left", fontsize=11)
        axis.set_xlabel(panel.x)
        axis.set_ylabel(panel.y)
        axis.grid(color=GRID, linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(0.06, 0.08)
    if handles:
        figure.legend(
            list(handles.values()), list(handles), loc="outside right center", frameon=False
        )
    return figure


def _span(panel: Panel) -> tuple[float, float]:
    values = [value for each in panel.series for value in (*each.x, *each.y)]
    return min(values), max(values)
