"""What every study takes and gives, and how it becomes files."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from leaderboard.analysis import figures, static, tables
from leaderboard.data.datasets import Dataset, Picture
from leaderboard.data.results import Results, read_folder
from semcomp.errors import SemcompError
from semcomp.files import write_file

from .panels import Panel, interactive, still

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas
    import plotly.graph_objects


T = TypeVar("T")


class StudyError(SemcompError, ValueError):
    """A study that cannot be made from what there is; the message says what to do."""


@dataclass(frozen=True)
class Context:
    """What a study works on.

    dataset: the pictures. results: folder of results files over these pictures, for the studies
    that read them. jobs: processes, one picture each. report: told of every picture.
    """

    dataset: Dataset
    results: Path | None = None
    jobs: int = 1
    report: Callable[[str], None] = print

    def measured(self) -> list[Results]:
        """The results of the data set's pictures, others left out. Raises StudyError."""
        command = (
            f"python -m leaderboard run --dataset {self.dataset.name} --out DIR, "
            "then name that folder with --results"
        )
        if self.results is None:
            raise StudyError(
                f"this study reads results, and there are none: make some with {command}"
            )
        names = {picture.name for picture in self.dataset.pictures}
        found = []
        for each in read_folder(self.results):
            rows = tuple(row for row in each.rows if row.image in names)
            lacking = sorted(names - {row.image for row in rows})
            if lacking:
                raise StudyError(
                    f"{self.results}: {each.name} lacks {', '.join(lacking[:3])}"
                    f"{' and more' if len(lacking) > 3 else ''}: complete it with {command}"
                )
            found.append(replace(each, rows=rows))
        return found

    def each(
        self,
        measure: Callable[[str, NDArray[np.uint8]], T],
        pictures: Sequence[Picture] | None = None,
    ) -> list[T]:
        """What `measure` gives for every picture, in order; reports each.

        measure: (name, pixels uint8 (H, W, 3)) -> anything, a function of a module, as it may be
        sent to another process. pictures: default all.
        """
        chosen = self.dataset.pictures if pictures is None else pictures
        found = []
        for picture, result in zip(chosen, self._run(measure, chosen), strict=True):
            found.append(result)
            self.report(f"{picture.name} ({len(found)} of {len(chosen)})")
        return found

    def _run(
        self, measure: Callable[[str, NDArray[np.uint8]], T], pictures: Sequence[Picture]
    ) -> Iterator[T]:
        task = partial(_measure_one, measure)
        if self.jobs == 1:
            yield from map(task, pictures)
            return
        # Spawned, not forked: a forked copy of torch's thread pool hangs.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self.jobs, context, initializer=_one_thread) as pool:
            yield from pool.map(task, pictures)


@dataclass(frozen=True)
class Study:
    """The outcome of a study.

    table: its numbers, one row per thing measured. digits: decimals of its columns where the table
    is shown, 4 unless said. notes: what the numbers say, computed from them. charts: interactive
    figures, in order; still: the same as one picture.
    """

    name: str
    title: str
    table: pandas.DataFrame
    charts: Sequence[plotly.graph_objects.Figure]
    still: matplotlib.figure.Figure
    notes: Sequence[str] = ()
    digits: Mapping[str, int] = field(default_factory=dict)

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

    def shown(self) -> pandas.DataFrame:
        """The table as text."""
        shown = self.table.copy()
        for column in shown.columns:
            digits = self.digits.get(str(column), 4)
            shown[column] = [_text(value, digits) for value in shown[column]]
        return shown

    def markdown(self) -> str:
        """Title, notes and table."""
        notes = "".join(f"- {note}\n" for note in self.notes)
        return f"## {self.title}\n\n{notes}\n{tables.markdown(self.shown())}"


def write_study(study: Study, out: Path) -> list[Path]:
    """Write NAME.md, NAME.csv, NAME.html (works offline) and NAME.png; returns their paths.

    Raises OSError.
    """
    out.mkdir(parents=True, exist_ok=True)
    page = figures.page(study.charts, {str(i + 1): note for i, note in enumerate(study.notes)})
    contents = {
        f"{study.name}.md": study.markdown().encode("utf-8"),
        f"{study.name}.csv": tables.csv(study.table).encode("utf-8"),
        f"{study.name}.html": page.encode("utf-8"),
        f"{study.name}.png": static.png(study.still),
        "plotly.min.js": figures.plotly_js().encode("utf-8"),
    }
    for name, data in contents.items():
        write_file(out / name, data)
    return [out / name for name in contents]


def _measure_one(measure: Callable[[str, NDArray[np.uint8]], T], picture: Picture) -> T:
    return measure(picture.name, picture.load())


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _text(value: Any, digits: int) -> str:
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.{digits}f}"
    return str(value)
