"""Rows out of a results file: one per picture, or means alone as CompressAI writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .rows import COLUMNS, MEAN, ResultsError, Row

KEYS = {
    "bpp": "bpp",
    "psnr-rgb": "psnr",
    "ms-ssim-rgb": "ms_ssim",
    "ssim-rgb": "ssim",
    "si-ssim": "si_ssim",
    "si-ssim-2": "si_ssim_2",
    "encoding_time": "encode_s",
    "decoding_time": "decode_s",
}
"""Names in the file's means, CompressAI's where it has one, and the rows' fields."""
INFINITE = "inf"  # JSON has no infinity, and identical pictures have an infinite PSNR


def rows_of_images(name: str, table: Any) -> tuple[Row, ...]:
    """Rows of the table `images`."""
    if not isinstance(table, dict) or not isinstance(table.get("rows"), list):
        raise ResultsError(f"{name}: images is no table: expected 'columns' and 'rows'")
    columns = table.get("columns")
    required = [column.name for column in fields(Row) if not column.name.endswith("_wall_s")]
    if not isinstance(columns, list) or not set(required) <= set(map(str, columns)):
        raise ResultsError(f"{name}: images.columns is {columns!r}: expected {', '.join(COLUMNS)}")
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown or len(set(columns)) < len(columns):
        raise ResultsError(
            f"{name}: images.columns has {unknown or 'a column twice'}: "
            f"expected {', '.join(COLUMNS)}"
        )
    rows = []
    for index, values in enumerate(table["rows"]):
        if not isinstance(values, list) or len(values) != len(columns):
            raise ResultsError(
                f"{name}: images.rows[{index}] is {values!r}: expected {len(columns)} values"
            )
        record = dict(zip(columns, values, strict=True))
        record["psnr"] = math.inf if record["psnr"] == INFINITE else record["psnr"]
        rows.append(Row(**record))
    return tuple(rows)


def rows_of_means(stated: Mapping[str, Any]) -> tuple[Row, ...]:
    """Rows of the picture `MEAN` from means alone."""
    rates = stated.get("bpp")
    if not isinstance(rates, list) or not rates:
        raise ResultsError(f"results.bpp is {rates!r}: expected a list of rates")
    named = {key: stated[key] for key in ("quality", *KEYS) if key in stated}
    for key, values in named.items():
        if not isinstance(values, list) or len(values) != len(rates):
            raise ResultsError(f"results.{key} is {values!r}: expected {len(rates)} values")
    rows = []
    for index in range(len(rates)):
        record: dict[str, Any] = dict.fromkeys(COLUMNS)
        record |= {KEYS[key]: values[index] for key, values in named.items() if key in KEYS}
        record["psnr"] = math.inf if record["psnr"] == INFINITE else record["psnr"]
        quality = named["quality"][index] if "quality" in named else index + 1
        rows.append(Row(**{**record, "image": MEAN, "quality": quality}))
    return tuple(rows)
