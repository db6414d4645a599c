"""Results as bytes: columns, compressed; read back quickly, since a board reads thousands.

The format is the database's own (`FORMAT`); files that people exchange have that of `results`.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

from leaderboard.data.results import Results, Row
from leaderboard.data.rows import COLUMNS

FORMAT = 1
_INFINITE = "inf"


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
    """Inverse of `pack`. Rows were checked when they were packed and are not checked again."""
    data = json.loads(zlib.decompress(packed))
    if data["format"] != FORMAT:
        raise ValueError(f"packed results of format {data['format']}: this code reads {FORMAT}")
    count, columns = data["count"], data["columns"]
    columns["image"] = [data["images"][number] for number in columns["image"]]
    if _INFINITE in columns.get("psnr", ()):
        columns["psnr"] = [math.inf if v == _INFINITE else v for v in columns["psnr"]]
    empty = [None] * count
    rows = []
    for values in zip(*(columns.get(name, empty) for name in COLUMNS), strict=True):
        row = Row.__new__(Row)
        row.__dict__.update(zip(COLUMNS, values, strict=True))
        rows.append(row)
    results = Results.__new__(Results)
    results.__dict__.update(
        name=data["name"],
        description=data["description"],
        dataset=data["dataset"],
        rows=tuple(rows),
        provenance=data["provenance"],
    )
    return results


def _plain(value: Any) -> Any:
    return _INFINITE if value == math.inf else value
