"""Results as the leaderboard's page shows them: read from folders, ranked, picked apart by picture.

Everything here is computed once per process and kept; files that have changed are read again. A
file that cannot be used becomes a line in `Boards.problems`, and the others are shown without it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tables
from .curves import NoCurve, missing_pictures, pictures, rows_of, score_at
from .look import OURS, look_of
from .published import FOLDER as PUBLISHED_FOLDER
from .published import PUBLISHED, read_published
from .results import MEAN, METRICS, Results, ResultsError, read_results, to_frame

if TYPE_CHECKING:
    import pandas

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "results"
"""Holds a folder of results per data set."""
_KEPT = 64
"""Rankings and pictures' tables that stay in memory."""


@dataclass(frozen=True, eq=False)
class Board:
    """Everything that is shown of one data set.

    results: measured ones first, then published curves over as many pictures. frame: of
    `results.to_frame`.
    """

    name: str
    results: tuple[Results, ...]
    frame: pandas.DataFrame

    @property
    def codecs(self) -> list[str]:
        """Names of all codecs: this project's, then others, then published ones."""
        return [each.name for each in self.results]

    @property
    def metrics(self) -> list[str]:
        """The metrics that any codec has."""
        return [metric for metric in METRICS if self.frame[metric].notna().any()]

    @property
    def pictures(self) -> list[str]:
        """Names of the pictures."""
        return pictures(self.frame)

    def of(self, codec: str) -> Results:
        """A codec's results."""
        return next(each for each in self.results if each.name == codec)


@dataclass(frozen=True, eq=False)
class Boards:
    """Boards by data set, and what could not be read."""

    boards: dict[str, Board] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """A codec in one picture at a rate asked for.

    quality, bytes, bpp, scores: of the setting whose rate is nearest, as measured. at_rate: scores
    at the rate itself, interpolated (PCHIP over log bpp); None where the codec's settings do not
    reach it. low, high: rates of the codec's settings in this picture.
    """

    codec: str
    kind: str
    quality: float | str
    bytes: int
    bpp: float
    scores: dict[str, float | None]
    at_rate: dict[str, float | None]
    low: float
    high: float


def load_boards(folder: Path = FOLDER, published: Path = PUBLISHED_FOLDER) -> Boards:
    """The results of a folder and of the folders in it, read again only when a file has changed."""
    files = tuple(sorted([*folder.glob("*.json"), *folder.glob("*/*.json")]))
    return _load(folder, published, files, _stamps(files), _stamps(published.glob("*.json")))


def _stamps(files: Any) -> tuple[tuple[str, int, int], ...]:
    found = []
    for path in sorted(files):
        try:
            state = path.stat()
        except OSError:  # gone since it was listed; reading says so
            continue
        found.append((str(path), state.st_mtime_ns, state.st_size))
    return tuple(found)


@lru_cache(maxsize=4)
def _load(
    folder: Path, published: Path, files: tuple[Path, ...], *_stamps: tuple[Any, ...]
) -> Boards:
    found: dict[str, list[Results]] = {}
    problems: list[str] = []
    for place in dict.fromkeys(path.parent for path in files):
        own = [path for path in files if path.parent == place]
        if place != folder and all(_something_else(path) for path in own):
            continue
        for path in own:
            try:
                results = read_results(path)
            except ResultsError as error:
                problems.append(_without_folders(error, path))
                continue
            same = found.setdefault(results.dataset, [])
            if results.name in [each.name for each in same]:
                problems.append(f"{path.name}: there are other results of {results.name}")
            else:
                same.append(results)
    if not found:
        problems.append(
            "There are no results yet. Make some with: python -m leaderboard run "
            "--dataset kodak --out assets/results/kodak"
        )
    boards = {}
    for dataset, measured in sorted(found.items()):
        count = len(pictures(to_frame(measured)))
        try:
            others = read_published(published, dataset, count)
        except ResultsError as error:
            others = []
            told = _without_folders(error, published / "*")
            problems.append(f"Published curves are left out: {told}")
        names = {each.name for each in measured}
        ordered = [
            *sorted(measured, key=_place),
            *(each for each in others if each.name not in names),
        ]
        boards[dataset] = Board(dataset, tuple(ordered), to_frame(ordered))
    return Boards(boards, tuple(problems))


def _something_else(path: Path) -> bool:
    """Whether a file is JSON of another kind, such as the record of a study."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and "results" not in data


def _without_folders(error: Exception, path: Path) -> str:
    """An error's text without the server's folders, which are nobody's business."""
    return str(error).replace(f"{path.parent}/", "")


def _place(results: Results) -> tuple[bool, int, str]:
    ours = results.name in OURS
    return results.kind == PUBLISHED, OURS.index(results.name) if ours else len(OURS), results.name


@lru_cache(maxsize=_KEPT)
def ranking(board: Board, metric: str, anchor: str) -> pandas.DataFrame:
    """`tables.ranked` and a column `missing`, how many pictures a codec lacks. Raises NoCurve."""
    table = tables.ranked(board.frame, metric, anchor)
    table["missing"] = [len(missing_pictures(board.frame, codec)) for codec in table["codec"]]
    return table


def matching(table: pandas.DataFrame, text: str) -> pandas.DataFrame:
    """Rows of a ranking in which every word of a text stands, whatever its case."""
    words = text.casefold().split()
    kept = []
    for row in table.itertuples():
        incomplete = "incomplete" if row.missing else ""
        label = look_of(row.codec, row.kind).label
        line = f"{row.codec} {label} {row.kind} {incomplete} {row.note}".casefold()
        kept.append(all(word in line for word in words))
    return table[kept]


@lru_cache(maxsize=_KEPT)
def points_at(board: Board, picture: str, bpp: float) -> tuple[Point, ...]:
    """Every codec that has the picture, at a rate; in the board's order."""
    found = []
    for codec in board.codecs:
        own = rows_of(board.frame, codec)
        rows = own[(own["image"] == picture) & (own["image"] != MEAN)]
        if rows.empty:
            continue
        rates = rows["bpp"].to_numpy(np.float64)
        nearest = rows.iloc[int(np.argmin(np.abs(np.log(rates / bpp))))]
        found.append(
            Point(
                codec,
                str(nearest["kind"]),
                nearest["quality"],
                int(nearest["bytes"]),
                float(nearest["bpp"]),
                {metric: _known(nearest[metric]) for metric in METRICS},
                {metric: _at(rates, rows[metric], bpp) for metric in METRICS},
                float(rates.min()),
                float(rates.max()),
            )
        )
    return tuple(found)


def _at(rates: Any, scores: Any, bpp: float) -> float | None:
    try:
        return _known(float(score_at(rates, scores.to_numpy(np.float64), bpp)))
    except NoCurve:  # a setting without this score
        return None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


@lru_cache(maxsize=8)
def rows_csv(board: Board) -> str:
    """All rows of all codecs as CSV; what a spreadsheet would run as a formula is quoted."""
    return tables.csv(board.frame)


def as_records(table: pandas.DataFrame) -> list[dict[str, Any]]:
    """A table in JSON's types; None where there is no number."""
    records: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return records


@lru_cache(maxsize=8)
def everything(board: Board, metric: str, anchor: str | None) -> str:
    """A ranking, and all results it was computed from, as JSON."""
    try:
        table = None if anchor is None else as_records(ranking(board, metric, anchor))
    except NoCurve:
        table = None
    data = {
        "dataset": board.name,
        "metric": metric,
        "anchor": anchor,
        "ranking": table,
        "results": [each.to_json() for each in board.results],
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def default_codecs(board: Board) -> list[str]:
    """What is drawn at first: all that was measured, and the paper's own baselines."""
    first = ("toderici2017", "johnston2018")
    return [r.name for r in board.results if r.kind != PUBLISHED or r.name in first]


def anchors(board: Board) -> list[str]:
    """Codecs that BD-rates can be taken against: complete ones with pictures."""
    complete = [
        each.name
        for each in board.results
        if set(each.images) != {MEAN} and not missing_pictures(board.frame, each.name)
    ]
    return complete


def default_anchor(names: Sequence[str]) -> str | None:
    """BPG if it is there, as in the paper."""
    return tables.ANCHOR if tables.ANCHOR in names else next(iter(names), None)
