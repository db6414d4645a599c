"""How the leaderboard's page looks: its style sheet; figures in light and dark, wide and narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leaderboard.data.published import PUBLISHED

if TYPE_CHECKING:
    import plotly.graph_objects

CSS = """
#board { gap: var(--layout-gap); }
#board h2 { font-size: 1.15rem; font-weight: 650; margin: .6rem 0 0;
  color: var(--body-text-color); }
#board .warn p { margin: 0; padding: .5rem .75rem; border-radius: 8px; overflow-wrap: anywhere;
  color: var(--body-text-color); background: color-mix(in srgb, #E69F00 18%, transparent); }
#board .warn p + p { margin-top: 6px; }
#board .quiet ul { margin: .2rem 0 0 1.1rem; list-style: disc; }
#board-codecs .wrap { gap: 6px; }

#board table.cards { width: 100%; border-collapse: collapse; font-size: .9rem;
  font-variant-numeric: tabular-nums; color: var(--body-text-color); border: 0; }
#board table.cards caption { text-align: left; font-size: .85rem; padding: 0 0 .4rem;
  color: var(--body-text-color-subdued); }
#board table.cards th { text-align: left; font-weight: 600; font-size: .8rem;
  color: var(--body-text-color-subdued); white-space: nowrap; }
#board table.cards th, #board table.cards td { padding: .45rem .6rem; border: 0;
  border-bottom: 1px solid var(--border-color-primary); vertical-align: top; }
#board table.cards tr { background: none; border: 0; }
#board table.cards tr.at-rate td { border-bottom: 0; padding-bottom: .1rem; }
#board table.cards tr.nearest td { padding-top: .1rem; color: var(--body-text-color-subdued); }
#board table.cards small { color: var(--body-text-color-subdued); white-space: nowrap; }
#board .codec { font-weight: 600; margin-right: .3rem; }
#board .swatch { display: inline-block; width: 18px; margin-right: .45rem;
  vertical-align: middle; }
#board .badge { display: inline-block; font-size: .74rem; line-height: 1.3; padding: .1rem .45rem;
  border-radius: 99px; border: 1px solid var(--border-color-primary); white-space: nowrap;
  color: var(--body-text-color); }
#board .badge.recomputed, #board .badge.re-decoded { border-color: var(--primary-600); }
#board .badge.published, #board .badge.unknown { border: 1px dashed
  var(--body-text-color-subdued); }
#board .badge.self-reported, #board .badge.incomplete {
  background: color-mix(in srgb, #E69F00 22%, transparent); border-color: transparent; }
#board details { font-size: .8rem; color: var(--body-text-color-subdued); }
#board details p, #board .why { margin: .15rem 0; overflow-wrap: anywhere; font-size: .8rem;
  color: var(--body-text-color-subdued); max-width: 60ch; }
#board summary { cursor: pointer; width: fit-content; }
#board .files { gap: 8px; }
#board .pages { gap: 8px; align-items: end; }
#board .pages button { flex: 0 1 auto; }
#board .pages > :has(#board-page), #board .pages > #board-page { flex: 0 1 170px; }
#board .about p { margin: .15rem 0; font-size: .9rem; overflow-wrap: anywhere; max-width: 75ch; }
#board .about a, #board details a { text-decoration: underline; }

#equal:has(.empty) { display: none; }
#equal .grid-wrap { max-height: none; height: auto; min-height: 0; }
#equal .grid-container { grid-template-columns: repeat(2, minmax(0, 1fr)) !important;
  grid-auto-rows: auto !important; }
#equal .gallery-item, #equal .thumbnail-item { height: auto; aspect-ratio: auto; }
#equal .caption-label { position: static; display: block; max-width: none; width: 100%;
  white-space: normal; border-radius: 0; border: 0; text-align: left; font-size: .8rem;
  line-height: 1.4; overflow: visible; }

@media (max-width: 700px) {
  .tabs > .tab-wrapper button[role=tab] { padding: 0 7px; font-size: .82rem; }
  #board table.cards, #board table.cards caption, #board table.cards tbody { display: block; }
  #board table.cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  #board table.cards tr { display: grid; gap: 2px 10px;
    grid-template-columns: repeat(auto-fill, minmax(94px, 1fr));
    padding: .6rem 0; border-bottom: 1px solid var(--border-color-primary); }
  #board table.cards tr.at-rate { border-bottom: 0; padding-bottom: 0; }
  #board table.cards tr.nearest { padding-top: .3rem; }
  #board table.cards td, #board table.cards tr.at-rate td, #board table.cards tr.nearest td {
    padding: .1rem 0; border: 0; min-width: 0; }
  #board table.cards td::before { content: attr(data-label); display: block; font-size: .74rem;
    color: var(--body-text-color-subdued); }
  #board table.cards td[data-label=Codec], #board table.cards td[data-label=""] {
    grid-column: 1 / -1; }
  #board table.cards td[data-label=Codec] { order: -1; }
  #board table.cards td[data-label=Codec]::before { content: none; }
  #board table.cards tr.nearest td[data-label=Codec], #board table.cards td:has(.none) {
    display: none; }
  #board table.cards td[data-label^=BD], #board table.cards td[data-label*=second] {
    grid-column: span 2; }
  #equal .grid-container { grid-template-columns: minmax(0, 1fr) !important; }
}
"""
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
