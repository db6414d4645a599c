"""Results of entries, and the BD-rates computed from them.

Results are stored as columns, compressed, in a format of the database's own (`FORMAT`); files that
people exchange have that of `leaderboard.data.results`.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from leaderboard.data.results import Results, Row
from leaderboard.data.rows import COLUMNS

from .engine import Database
from .errors import NotFound
from .limits import lock_names
from .models import BdRateRow, EntryRow, ResultsRow
from .records import read

FORMAT = 1
_INFINITE = "inf"


@dataclass(frozen=True)
class BdRate:
    """How an entry stands against an anchor by one score, see `analysis.bdrate.Comparison`.

    basis: identity of the anchor's results that it was computed with. pictures: how many of the
    anchor's pictures the entry has. percent, low, high, overlap: None where there is no BD-rate,
    and note says why. images: every picture's percent, in order of the pictures' names.
    """

    anchor: str
    metric: str
    basis: str
    pictures: int
    percent: float | None = None
    low: float | None = None
    high: float | None = None
    overlap: float | None = None
    images: tuple[float, ...] = ()
    note: str = ""


class StoredResults(Database):
    """Results of entries, and their BD-rates."""

    def results(self, id: int) -> Results:
        """Results of an entry. Raises NotFound for one that has none (yet)."""
        with self._reading() as session:
            row = session.get(ResultsRow, id)
            if row is None:
                entry = read(session, id)
                raise NotFound(f"entry {id} has no results: it is {entry.state}")
            return unpack(row.packed)

    def put_bd_rates(self, rates: Mapping[int, Sequence[BdRate]]) -> None:
        """Store BD-rates of entries, by entry, in place of earlier ones of the same kind."""
        with self._writing() as session:
            lock_names(session, "bd_rates")
            for entry_id, own in rates.items():
                for each in own:
                    values = asdict(each) | {"images": list(each.images)}
                    session.merge(BdRateRow(entry_id=entry_id, **values))

    def bd_rates(self, dataset: str, anchor: str, metric: str, basis: str) -> dict[int, BdRate]:
        """BD-rates of the public board's entries that are computed and not stale, by entry."""
        query = (
            select(BdRateRow)
            .join(EntryRow, EntryRow.id == BdRateRow.entry_id)
            .where(EntryRow.state == "approved", EntryRow.dataset == dataset)
            .where(BdRateRow.anchor == anchor, BdRateRow.metric == metric)
            .where(BdRateRow.basis == basis)
        )
        with self._reading() as session:
            return {row.entry_id: _bd_rate(row) for row in session.scalars(query)}

    def without_bd_rates(self, dataset: str, count: int, bases: Collection[str]) -> list[int]:
        """Entries on the public board with fewer than `count` BD-rates of these bases."""
        current = (
            select(BdRateRow.entry_id, func.count().label("count"))
            .where(BdRateRow.basis.in_(bases))
            .group_by(BdRateRow.entry_id)
            .subquery()
        )
        query = (
            select(EntryRow.id)
            .outerjoin(current, current.c.entry_id == EntryRow.id)
            .where(EntryRow.state == "approved", EntryRow.dataset == dataset)
            .where(func.coalesce(current.c.count, 0) < count)
            .order_by(EntryRow.id)
        )
        with self._reading() as session:
            return list(session.scalars(query))


def _bd_rate(row: BdRateRow) -> BdRate:
    values = {field.name: getattr(row, field.name) for field in fields(BdRate)}
    return BdRate(**values | {"images": tuple(row.images)})


def put_results(session: Session, entry_id: int, results: Results) -> None:
    """Store an entry's results; BD-rates of earlier ones go."""
    session.merge(ResultsRow(entry_id=entry_id, packed=pack(results)))
    session.execute(delete(BdRateRow).where(BdRateRow.entry_id == entry_id))


def pack(results: Results) -> bytes:
    """Bytes of results."""
    columns = {
        name: [_plain(getattr(row, name)) for row in results.rows]
        for name in COLUMNS
        if any(getattr(row, name) is not None for row in results.rows)
    }
    names = list(dict.fromkeys(columns["image"]))
    numbers = {name: index for index, name in enumerate(names)}
    columns["image"] = [numbers[name] for name in columns["image"]]
    data = {
        "format": FORMAT,
        "name": results.name,
        "description": results.description,
        "dataset": results.dataset,
        "provenance": dict(results.provenance),
        "count": len(results.rows),
        "images": names,
        "columns": columns,
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    # A lone surrogate, which no file of results could hold, becomes a question mark.
    return zlib.compress(text.encode("utf-8", "replace"), 6)


def unpack(packed: bytes) -> Results:
    """Inverse of `pack`. Raises ValueError for another format, ResultsError for impossible rows."""
    data = json.loads(zlib.decompress(packed))
    if data["format"] != FORMAT:
        raise ValueError(f"packed results of format {data['format']}: this code reads {FORMAT}")
    columns: dict[str, list[Any]] = {name: [None] * data["count"] for name in COLUMNS}
    columns |= data["columns"]
    columns["image"] = [data["images"][number] for number in columns["image"]]
    columns["psnr"] = [math.inf if value == _INFINITE else value for value in columns["psnr"]]
    rows = tuple(
        Row(**dict(zip(columns, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    )
    return Results(data["name"], data["description"], data["dataset"], rows, data["provenance"])


def _plain(value: Any) -> Any:
    return _INFINITE if value == math.inf else value
