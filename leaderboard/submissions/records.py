"""Rows of a results file as they stand in it, CSV or JSON, before any value is believed."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leaderboard.data.results import MEAN
from leaderboard.data.rows import COLUMNS

from .problems import Problem, Rejected, shown

SIZE_COLUMNS = ("width", "height")
"""Columns that only a submission has: the picture's size, to be checked."""
KNOWN = (*COLUMNS, *SIZE_COLUMNS)
MEAN_KEYS = {
    "quality": "quality",
    "bpp": "bpp",
    "psnr-rgb": "psnr",
    "psnr": "psnr",
    "ms-ssim-rgb": "ms_ssim",
    "ms-ssim": "ms_ssim",
    "ssim-rgb": "ssim",
    "ssim": "ssim",
    "si-ssim": "si_ssim",
    "si-ssim-2": "si_ssim_2",
    "encoding_time": "encode_s",
    "decoding_time": "decode_s",
}
"""Names of means in CompressAI's files, old and new, and the rows' columns."""
_NEEDED = ("image", "quality", "bytes")
_FOREIGN_COLUMNS = {
    "filename": "image",
    "file": "image",
    "name": "image",
    "size": "bytes",
    "ms-ssim": "ms_ssim",
    "msssim": "ms_ssim",
    "si-ssim": "si_ssim",
}
"""What others call the columns, to name the right one."""


@dataclass(frozen=True)
class Records:
    """rows: values by column, as parsed; each CSV value is text. averaged: whether the rows are
    means over all pictures. means: what a file of pictures states of its own means, by the file's
    names. about: the file's other entries (name, dataset, method, ...).
    """

    rows: Sequence[Mapping[str, Any]]
    averaged: bool = False
    means: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


def read_csv(text: str, most: int) -> Records:
    """Rows of a CSV text with a header line; `,`, `;` or tab between values.

    most: rows at which it is given up. Raises Rejected.
    """
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    try:
        header = [name.strip().casefold() for name in next(lines)]
        _check_columns(header)
        for values in lines:
            if not any(value.strip() for value in values):
                continue
            if len(rows) + len(problems) == most:
                raise Rejected([too_many(most), *problems])
            if len(values) != len(header):
                found = f"{len(values)} values"
                where = f"line {lines.line_num}"
                problems.append(Problem(where, None, found, f"{len(header)}, as the header has"))
                continue
            rows.append({n: v.strip() or None for n, v in zip(header, values, strict=True)})
    except csv.Error as error:
        raise Rejected(
            [Problem(f"line {lines.line_num}", None, f"no CSV ({error})", "whole, quoted values")]
        ) from error
    if problems:
        raise Rejected(problems)
    return Records(rows)


def read_json(text: str, most: int) -> Records:
    """Rows of this project's JSON, with the pictures' own, or of CompressAI's, with means alone.

    most: rows at which it is given up. Raises Rejected.
    """
    data = parse_json(text)
    if not isinstance(data, dict):
        raise Rejected([Problem("file", None, shown(data), "an object with 'images' or 'results'")])
    means = data.get("results", {})
    if not isinstance(means, dict):
        expected = "an object of lists: bpp, psnr-rgb, ..."
        raise Rejected([Problem("results", None, shown(means), expected)])
    rows = (
        _rows_of_images(data["images"], most) if "images" in data else _rows_of_means(means, most)
    )
    about = {key: value for key, value in data.items() if key not in ("results", "images")}
    averaged = "images" not in data
    return Records(rows, averaged, {} if averaged else means, about)


def parse_json(text: str) -> Any:
    """JSON's value; NaN and infinities become floats, for the checks to name. Raises Rejected."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_whole)
    except RecursionError:
        raise Rejected([Problem("file", None, "endless nesting", "a plain results file")]) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Rejected([Problem(where, None, f"no JSON ({error.msg})", "valid JSON")]) from error


def too_many(most: int) -> Problem:
    """The problem of a file with more rows than any honest one."""
    return Problem("file", None, f"more than {most:,} rows", "one row per picture and quality")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Rejected([Problem("file", None, f"{shown(twice)} twice", "each name once")])
    return found


def _whole(digits: str) -> int | float:
    """An integer; one of absurd length, which Python refuses to read, is infinite."""
    return int(digits) if len(digits) <= 40 else math.inf


def _check_columns(columns: Sequence[Any]) -> None:
    if len(columns) > 2 * len(KNOWN):  # before any work on each of them
        found = f"{len(columns):,} of them"
        raise Rejected([Problem("columns", None, found, f"at most {len(KNOWN)}")])
    problems = []
    for column in columns:
        if not isinstance(column, str) or column not in KNOWN:
            meant = _FOREIGN_COLUMNS.get(column) if isinstance(column, str) else None
            expected = f"{meant}" if meant else f"only {', '.join(KNOWN)}"
            problems.append(Problem("column", None, shown(column), expected))
    named = [column for column in columns if isinstance(column, str)]
    for column in dict.fromkeys(name for name in named if named.count(name) > 1):
        problems.append(Problem("column", None, f"{shown(column)} twice", "each column once"))
    for column in _NEEDED:
        if column not in named:
            problems.append(Problem("column", None, f"no column {column}", f"'{column}'"))
    if problems:
        raise Rejected(problems)


def _rows_of_images(table: Any, most: int) -> list[dict[str, Any]]:
    """Rows of `images`: a list of objects, or an object with `columns` and `rows`."""
    if isinstance(table, list):
        if len(table) > most:
            raise Rejected([too_many(most)])
        wrong = [row for row in table if not isinstance(row, dict)]
        if wrong or not table:
            found = shown(wrong[0]) if wrong else "an empty list"
            raise Rejected([Problem("images", None, found, "an object per picture and quality")])
        _check_columns(list(dict.fromkeys(key for row in table for key in row)))
        return [dict(row) for row in table]
    columns, rows = (
        (table.get("columns"), table.get("rows")) if isinstance(table, dict) else (None, None)
    )
    if not isinstance(columns, list) or not isinstance(rows, list) or not rows:
        raise Rejected(
            [Problem("images", None, shown(table), "an object with lists 'columns' and 'rows'")]
        )
    _check_columns(columns)
    if len(rows) > most:
        raise Rejected([too_many(most)])
    problems = [
        Problem(f"images.rows[{index}]", None, shown(row), f"a list of {len(columns)} values")
        for index, row in enumerate(rows)
        if not isinstance(row, list) or len(row) != len(columns)
    ]
    if problems:
        raise Rejected(problems)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _rows_of_means(means: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    """Rows of the picture `MEAN` from CompressAI's lists."""
    rates = means.get("bpp")
    if not isinstance(rates, list) or not rates:
        raise Rejected([Problem("results.bpp", None, shown(rates), "a list of rates")])
    if len(rates) > most:
        raise Rejected([too_many(most)])
    columns = {key: values for key, values in means.items() if key in MEAN_KEYS}
    problems = [
        Problem(f"results.{key}", None, shown(values), f"a list of {len(rates)}, as bpp has")
        for key, values in columns.items()
        if not isinstance(values, list) or len(values) != len(rates)
    ]
    if problems:
        raise Rejected(problems)
    rows = []
    for index in range(len(rates)):
        row: dict[str, Any] = {"image": MEAN, "quality": index + 1}
        rows.append(row | {MEAN_KEYS[key]: values[index] for key, values in columns.items()})
    return rows
