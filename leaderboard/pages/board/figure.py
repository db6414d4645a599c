"""The figure of the leaderboard's page: in light and dark, wide and narrow, kept in memory."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from leaderboard.data.published import PUBLISHED

from .boards import Board
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects

_DARK_TEXT, _DARK_GRID = "#E5E7EB", "#334155"
_IN_DARK = {
    "#000000": "#F8FAFC",
    "#332288": "#7C8CFF",
    "#882255": "#C77DFF",
    "#0072B2": "#3BA3E0",
    "#6E6E6E": "#A8A8A8",
    "#B07A00": "#C99A2E",
    "#661100": "#D0765F",
    "#117733": "#3FA867",
    "#AA4499": "#D07CC4",
}
"""Colours too dark for a dark page, and what takes their place there."""


def in_theme(colour: str, dark: bool) -> str:
    """A codec's colour on a light or a dark page."""
    return _IN_DARK.get(colour, colour) if dark else colour


def dressed(
    figure: plotly.graph_objects.Figure, dark: bool = False, narrow: bool = False
) -> plotly.graph_objects.Figure:
    """The figure on the page: on its background, published curves named so, the legend below."""
    for trace in figure.data:
        colour = in_theme(trace.line.color, dark)
        name = trace.name
        if trace.meta["kind"] == PUBLISHED:
            name += " (published)"
        trace.update(name=name, line={"color": colour}, marker={"color": colour}, visible=True)
    lines = len(figure.data) / (1 if narrow else 6)
    layout: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "height": (390 if narrow else 470) + 21 * max(1, round(lines + 0.5)),
        "dragmode": False if narrow else "zoom",  # a finger scrolls the page
        "modebar": {"remove": ["select2d", "lasso2d", "autoScale2d"], "bgcolor": "rgba(0,0,0,0)"},
    }
    if dark:
        layout["font"] = {"color": _DARK_TEXT}
        layout["hoverlabel"] = {"bordercolor": _DARK_GRID}
        figure.update_xaxes(gridcolor=_DARK_GRID)
        figure.update_yaxes(gridcolor=_DARK_GRID)
    figure.update_layout(layout)
    return figure


def figure_of(board: Board, view: View, dark: bool, narrow: bool) -> plotly.graph_objects.Figure:
    """The curves of a view. Raises StoreError."""
    if not board.entries.keys() & set(view.codecs):
        board = board.alone
    return _drawn(
        board, view.metric, view.codecs, view.low, view.high, view.log_scale, dark, narrow
    )


@lru_cache(maxsize=64)
def _drawn(
    board: Board,
    metric: str,
    codecs: tuple[str, ...],
    low: float,
    high: float,
    logs: bool,
    dark: bool,
    narrow: bool,
) -> Any:
    from leaderboard.analysis.figures import rd_figure

    frame = board.frame_with(codecs)
    figure = rd_figure(frame, metric, codecs=codecs, rates=(low, high), log_scale=logs)
    return dressed(figure, dark, narrow)
