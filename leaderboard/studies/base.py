"""What every study takes and gives, the charts most of them draw, and how it becomes files.

Simple charts of lines and points are drawn twice from one description (`Panel`): by Plotly and by
matplotlib.
"""

from __future__ import annotations

import html
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from leaderboard.analysis import figures, tables
from leaderboard.data.datasets import Dataset, Picture
from leaderboard.data.results import Results, read_folder
from leaderboard.run.cache import PointCache
from leaderboard.run.workers import use_one_thread
from semcomp.errors import SemcompError
from semcomp.files import write_file

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas
    import plotly.graph_objects

T = TypeVar("T")
BACKDROP = "#C4C4C4"
"""Colour of lines that stand behind, such as single pictures."""


@dataclass(frozen=True)
class Context:
    """What a study works on.

    dataset: the pictures. results: folder of results files over these pictures, for the studies
    that read them. jobs: processes, one picture each. report: told of every picture. kept: folder
    for pictures that are done, so that a long study goes on where it was stopped.
    """

    dataset: Dataset
    results: Path | None = None
    jobs: int = 1
    report: Callable[[str], None] = print
    kept: Path | None = None

    def measured(self) -> list[Results]:
        """The results of the data set's pictures, others left out. Raises SemcompError."""
        command = (
            f"python -m leaderboard run --dataset {self.dataset.name} --out DIR, "
            "then name that folder with --results"
        )
        if self.results is None:
            raise SemcompError(
                f"this study reads results, and there are none: make some with {command}"
            )
        names = {picture.name for picture in self.dataset.pictures}
        results = []
        for each in read_folder(self.results):
            rows = tuple(row for row in each.rows if row.image in names)
            lacking = sorted(names - {row.image for row in rows})
            if lacking:
                raise SemcompError(
                    f"{self.results}: {each.name} lacks {', '.join(lacking[:3])}"
                    f"{' and more' if len(lacking) > 3 else ''}: complete it with {command}"
                )
            results.append(replace(each, rows=rows))
        return results

    def each(
        self,
        measure: Callable[[str, NDArray[np.uint8]], T],
        pictures: Sequence[Picture] | None = None,
        key: Mapping[str, Any] | None = None,
    ) -> list[T]:
        """What `measure` gives for every picture, in order; reports each.

        measure: (name, pixels uint8 (H, W, 3)) -> anything, a function of a module, as it may be
        sent to another process. pictures: default all. key: what decides the outcome beside the
        pixels, with the study's name as `codec`; given for measures that return JSON's values,
        which are then `kept`. Raises CacheError.
        """
        chosen = self.dataset.pictures if pictures is None else pictures
        cache = None if self.kept is None or key is None else PointCache(self.kept)
        keys = [{**(key or {}), "picture": picture.sha256} for picture in chosen]
        known = [None if cache is None else cache.read(each) for each in keys]
        left = [picture for picture, old in zip(chosen, known, strict=True) if old is None]
        fresh = self._run(measure, left)
        results: list[T] = []
        for picture, own, old in zip(chosen, keys, known, strict=True):
            if old is not None:
                results.append(cast(T, old["point"]))
                continue
            results.append(next(fresh))
            if cache is not None:
                cache.write(own, cast(Mapping[str, Any], results[-1]), None)
            self.report(f"{picture.name} ({len(results)} of {len(chosen)})")
        return results

    def _run(
        self, measure: Callable[[str, NDArray[np.uint8]], T], pictures: Sequence[Picture]
    ) -> Iterator[T]:
        task = partial(_measure_one, measure)
        if self.jobs == 1:
            yield from map(task, pictures)
            return
        # Spawned, not forked: a forked copy of torch's thread pool hangs.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.jobs, context, initializer=use_one_thread) as pool:
            yield from pool.map(task, pictures)


@dataclass(frozen=True)
class Series:
    """One line or cloud. mode: as Plotly names it. texts: for every point, beside it."""

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
    in_legend: bool = True


@dataclass(frozen=True)
class Panel:
    """Axes with series. identity: draw the line of equal x and y."""

    title: str
    x: str
    y: str
    series: Sequence[Series]
    identity: bool = False


@dataclass(frozen=True)
class Study:
    """The outcome of a study.

    table: its numbers, one row per thing measured. digits: decimals of its columns where the table
    is shown, 4 unless said. notes: what the numbers say, computed from them. charts: interactive
    figures, in order; still: the same as one picture. further: other pictures, by name.
    """

    name: str
    title: str
    table: pandas.DataFrame
    charts: Sequence[plotly.graph_objects.Figure]
    still: matplotlib.figure.Figure
    notes: Sequence[str] = ()
    digits: Mapping[str, int] = field(default_factory=dict)
    further: dict[str, matplotlib.figure.Figure] = field(default_factory=dict)

    @classmethod
    def of_panels(
        cls,
        name: str,
        title: str,
        table: pandas.DataFrame,
        panels: Sequence[Panel],
        notes: Sequence[str],
        digits: Mapping[str, int] = MappingProxyType({}),
    ) -> Study:
        """A study whose charts are simple panels, each drawn both ways."""
        charts = [interactive(panel) for panel in panels]
        return cls(name, title, table, charts, still(panels), notes, digits)

    def as_text(self) -> pandas.DataFrame:
        """The table as text."""
        texts = self.table.copy()
        for column in texts.columns:
            digits = self.digits.get(str(column), 4)
            texts[column] = [_text(value, digits) for value in texts[column]]
        return texts

    def markdown(self) -> str:
        """Title, notes and table."""
        notes = "".join(f"- {note}\n" for note in self.notes)
        return f"## {self.title}\n\n{notes}\n{tables.markdown(self.as_text())}"


def write_study(study: Study, out: Path) -> list[Path]:
    """Write NAME.md, NAME.csv, NAME.html (works offline) and NAME.png; returns their paths.

    Further pictures are NAME-OTHER.png.

    Raises OSError.
    """
    out.mkdir(parents=True, exist_ok=True)
    page = figures.page(study.charts, {str(i + 1): note for i, note in enumerate(study.notes)})
    contents = {
        f"{study.name}.md": study.markdown().encode("utf-8"),
        f"{study.name}.csv": tables.csv(study.table).encode("utf-8"),
        f"{study.name}.html": page.encode("utf-8"),
        f"{study.name}.png": figures.png(study.still),
        "plotly.min.js": figures.plotly_js().encode("utf-8"),
        **{f"{study.name}-{name}.png": figures.png(each) for name, each in study.further.items()},
    }
    for name, data in contents.items():
        write_file(out / name, data)
    return [out / name for name in contents]


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
            showlegend=each.in_legend,
            hoverinfo="name+x+y" if each.in_legend else "skip",
            line={"color": each.colour, "width": each.width, "dash": each.dash},
            marker={"color": each.colour, "size": each.size, "symbol": each.symbol},
        )
    if panel.identity:
        low, high = _span(panel)
        figure.add_shape(
            type="line", x0=low, y0=low, x1=high, y1=high, line={"color": BACKDROP, "dash": "dot"}
        )
    axis: dict[str, Any] = {"gridcolor": figures.GRID, "zeroline": False, "automargin": True}
    figure.update_layout(
        figures.layout(panel.title, 520),
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
                linestyle=figures.DASHES[each.dash] if "lines" in each.mode else "",
                linewidth=each.width * 0.7,
                marker=figures.MARKERS[each.symbol.removesuffix("-open")]
                if "markers" in each.mode
                else "",
                markersize=each.size * 0.7,
                markerfacecolor="white" if hollow else each.colour,
            )
            if each.in_legend:
                handles.setdefault(each.label, line)
            for x, y, text in zip(each.x, each.y, each.texts, strict=False):
                axis.annotate(
                    text, (x, y), (0, 5), textcoords="offset points", fontsize=7.5, ha="center"
                )
        if panel.identity:
            low, high = _span(panel)
            axis.plot([low, high], [low, high], color=BACKDROP, linestyle=":", linewidth=1)
        figures.frame_panel(axis, panel.title, panel.x, panel.y)
        axis.margins(0.06, 0.08)
    if handles:
        figures.legend_beside(figure, handles)
    return figure


def _span(panel: Panel) -> tuple[float, float]:
    values = [value for each in panel.series for value in (*each.x, *each.y)]
    return min(values), max(values)


def _measure_one(measure: Callable[[str, NDArray[np.uint8]], T], picture: Picture) -> T:
    return measure(picture.name, picture.load())


def _text(value: Any, digits: int) -> str:
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.{digits}f}"
    return str(value)
