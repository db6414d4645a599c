"""What the leaderboard's page works out of a board: rankings, points of one picture, files.

All of it is kept in memory, for as many boards, metrics and anchors as visitors ask for.
"""

from __future__ import annotations

import json
import logging
import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard.analysis import tables
from leaderboard.analysis.curves import NoCurve, rows_of, score_at
from leaderboard.analysis.look import look_of
from leaderboard.data.published import PUBLISHED
from leaderboard.data.results import MEAN, METRICS
from leaderboard.scoring.bd_rates import bd_rates, comparison, update
from leaderboard.store.errors import StoreError

from .boards import HERE, Board, Boards, OpenStore, default_anchor, load_boards

if TYPE_CHECKING:
    import pandas

_LOG = logging.getLogger(__name__)
_CACHED = 64
"""Rankings and pictures' tables that stay in memory."""
PAUSE = 3.0
"""Seconds between looks at the board; a look asks the database for one number."""


@dataclass(frozen=True)
class CodecAtRate:
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


@lru_cache(maxsize=_CACHED)
def ranking(board: Board, metric: str, anchor: str) -> pandas.DataFrame:
    """`tables.ranked` with the submissions among the codecs, and two columns more.

    missing: how many pictures a codec lacks. text: what the filter looks at. Raises NoCurve,
    StoreError.
    """
    codecs = own_standings(board.alone, metric, anchor)
    table = tables.placed([*codecs, *_entry_standings(board, metric, anchor)])
    count = len(board.pictures)
    table["missing"] = [
        0 if name not in board.entries and not images else count - images
        for name, images in zip(table["codec"], table["images"], strict=True)
    ]
    table["text"] = [_searched(row, board) for row in table.itertuples()]
    return table


@lru_cache(maxsize=_CACHED)
def own_standings(board: Board, metric: str, anchor: str) -> tuple[tables.Standing, ...]:
    """How this repository's codecs stand. Raises NoCurve."""
    return tuple(tables.standings(board.frame, metric, anchor))


def _entry_standings(board: Board, metric: str, anchor: str) -> list[tables.Standing]:
    """How the submissions stand. Raises StoreError."""
    if not board.entries or board.store is None:
        return []
    theirs = board.of(anchor)
    entries = [each.entry for each in board.entries.values()]
    rates = bd_rates(board.store, entries, board.name, theirs, metric)
    standings = []
    for name, each in board.entries.items():
        rate = rates[each.entry.id]
        # Times that others state come from other machines: no match for those measured here.
        standings.append(
            tables.Standing(
                codec=name,
                kind=each.entry.kind,
                comparison=comparison(name, rate, theirs),
                note=rate.note,
                encode_s=math.nan,
                decode_s=math.nan,
                images=rate.pictures,
                macs_per_pixel=each.entry.method.macs_per_pixel or math.nan,
            )
        )
    return standings


def _searched(row: Any, board: Board) -> str:
    label = look_of(row.codec, row.kind).label if row.codec not in board.entries else row.codec
    each = board.entries.get(row.codec)
    incomplete = "incomplete" if row.missing or (each and each.entry.incomplete) else ""
    where = each.entry.method.authors if each else ""
    if not each and row.kind != PUBLISHED:
        where = HERE
    return f"{row.codec} {label} {row.kind} {incomplete} {row.note} {where}".casefold()


def matching(table: pandas.DataFrame, text: str) -> pandas.DataFrame:
    """Rows of a ranking in which every word of a text stands, whatever its case."""
    words = text.casefold().split()
    return table[[all(word in line for word in words) for line in table["text"]]]


@lru_cache(maxsize=_CACHED)
def points_at(
    board: Board, picture: str, bpp: float, names: tuple[str, ...] = ()
) -> tuple[CodecAtRate, ...]:
    """Every codec that has the picture, at a rate; in the board's order, submissions last.

    names: of the submissions that are wanted. Raises StoreError.
    """
    points = []
    frame = board.frame_with(names)
    for codec in [*board.codecs, *(name for name in names if name in board.entries)]:
        own = rows_of(frame, codec)
        rows = own[(own["image"] == picture) & (own["image"] != MEAN)]
        if rows.empty:
            continue
        rates = rows["bpp"].to_numpy(np.float64)
        nearest = rows.iloc[int(np.argmin(np.abs(np.log(rates / bpp))))]
        points.append(
            CodecAtRate(
                codec,
                str(nearest["kind"]),
                nearest["quality"],
                int(nearest["bytes"]),
                float(nearest["bpp"]),
                {metric: _known(nearest[metric]) for metric in METRICS},
                {metric: _at(rates, rows[metric], bpp, metric) for metric in METRICS},
                float(rates.min()),
                float(rates.max()),
            )
        )
    return tuple(points)


def _at(rates: Any, scores: Any, bpp: float, metric: str) -> float | None:
    try:
        return _known(float(score_at(rates, scores.to_numpy(np.float64), bpp, metric=metric)))
    except NoCurve:  # a setting without this score
        return None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


@lru_cache(maxsize=8)
def rows_csv(board: Board, names: tuple[str, ...] = ()) -> str:
    """All rows of this repository's codecs and of some submissions as CSV, safe in a spreadsheet.

    Raises StoreError.
    """
    return tables.csv(board.frame_with(names))


def as_records(table: pandas.DataFrame) -> list[dict[str, Any]]:
    """A table in JSON's types; None where there is no number."""
    plain = table.drop(columns="text", errors="ignore")
    records: list[dict[str, Any]] = json.loads(plain.to_json(orient="records"))
    return records


@lru_cache(maxsize=8)
def everything(board: Board, metric: str, anchor: str | None, names: tuple[str, ...] = ()) -> str:
    """A ranking, and the results of this repository's codecs and of some submissions, as JSON.

    Raises StoreError.
    """
    chosen = [name for name in names if name in board.entries]
    try:
        table = None if anchor is None else as_records(ranking(board, metric, anchor))
    except NoCurve:
        table = None
    data = {
        "dataset": board.name,
        "metric": metric,
        "anchor": anchor,
        "ranking": table,
        "results": [each.to_json() for each in [*board.results, *map(board.of, chosen)]],
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def keep_ranked(folder: Path, store: OpenStore, stop: threading.Event) -> None:
    """Compute BD-rates as soon as entries are approved, and the first page's ranking, until `stop`.

    Nobody depends on it: who comes earlier gets the same answer from the same functions, later.
    """
    import matplotlib

    # Gradio asks for it with the first event of all, which would wait for the import.
    matplotlib.get_backend()
    ready: Boards | None = None
    told = ""
    while not stop.is_set():
        try:
            boards = load_boards(folder, store=store)
            if ready is None or boards.boards is not ready.boards:
                for board in boards.boards.values():
                    _rank_ahead(board, stop)
                ready = boards
        except (StoreError, OSError) as error:  # visitors are told by the page
            if told != str(error):
                told = str(error)
                _LOG.warning("BD-rates wait until somebody asks for them: %s", told)
        stop.wait(PAUSE)


def _rank_ahead(board: Board, stop: threading.Event) -> None:
    if board.store is not None:
        update(board.store, board.name, [board.of(name) for name in board.anchors], stop)
    anchor = default_anchor(board.anchors)
    for metric in board.metrics if anchor else ():
        try:
            ranking(board, metric, str(anchor))
        except NoCurve as error:  # the page says so too
            _LOG.debug("no ranking by %s: %s", metric, error)
