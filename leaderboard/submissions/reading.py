"""A results file as `Results`, with every value that is wrong told at once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leaderboard.data.results import MEAN, METRICS, Results, Row
from leaderboard.data.rows import COLUMNS, Quality

from .checks import check_rows
from .limits import Limits, megabytes
from .method import Method
from .problems import Problem, Rejected, shown
from .records import MEAN_KEYS, SIZE_COLUMNS, Records, read_csv, read_json
from .shape import DatasetShape

_COUNTS = tuple(column for column in COLUMNS if column.endswith("bytes"))
_TIMES = tuple(column for column in COLUMNS if column.endswith("_s"))
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_QUALITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+=()/-]{0,39}")
_LONGEST_NUMBER = 60
_LARGEST_QUALITY = 1e9
_LONGEST_S = 1e6
_MEAN_ROUNDING = {"psnr": 0.006, "encode_s": math.inf, "decode_s": math.inf}
_MEAN_ROUNDING_OTHER = 0.0006
"""Means may be rounded to two decimals of PSNR and three of the others; times may be other means
than those of the rows."""


def read_text(path: Path, limits: Limits) -> str:
    """The text of a results file. Raises Rejected for one that is too large or no UTF-8."""
    size = path.stat().st_size
    if size > limits.results_bytes:
        expected = f"at most {megabytes(limits.results_bytes)} for a results file"
        raise Rejected([Problem("file", None, megabytes(size), expected)])
    with path.open("rb") as stream:
        data = stream.read(limits.results_bytes)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(
            [Problem("file", None, f"no UTF-8 text (byte {error.start})", "a file saved as UTF-8")]
        ) from error
    if "\0" in text:
        raise Rejected([Problem("file", None, "zero bytes", "a text file saved as UTF-8")])
    if not text.strip():
        raise Rejected([Problem("file", None, "an empty file", "a results file or a ZIP")])
    return text


def read_records(text: str, shape: DatasetShape, limits: Limits) -> Records:
    """The rows as they stand: JSON if the text starts so, else CSV. Raises Rejected."""
    most = len(shape.sizes) * limits.qualities
    read = read_json if text.lstrip()[:1] in ("{", "[") else read_csv
    records = read(text, most)
    if not records.rows:
        raise Rejected([Problem("file", None, "no rows", "one row per picture and quality")])
    return records


def to_results(records: Records, method: Method, shape: DatasetShape) -> Results:
    """Rows as Results of kind `self-reported`. Raises Rejected with every problem at once."""
    problems: list[Problem] = []
    rows: list[Row] = []
    for record in records.rows:
        row = _row(record, shape, records.averaged, problems)
        if row is not None:
            rows.append(row)
    problems += check_rows(rows, shape)
    stated = records.about.get("dataset") or shape.name
    if stated != shape.name:
        problems.append(Problem("dataset", None, shown(stated), shape.name))
    if problems:
        raise Rejected(problems)
    results = Results(method.name, method.notes, shape.name, tuple(rows), {"kind": "self-reported"})
    problems = _mean_problems(results, records.means)
    if problems:
        raise Rejected(problems)
    return results


def _row(
    record: Mapping[str, Any], shape: DatasetShape, averaged: bool, problems: list[Problem]
) -> Row | None:
    """A row of the right types, or None, and then `problems` has grown."""
    before = len(problems)
    image = MEAN if averaged else _image(record.get("image"), shape)
    quality = _quality(record.get("quality"))
    told = image if image is not None else shown(record.get("image"))
    if image is None:
        expected = f"a picture of {shape.name}: {shape.images[0]} to {shape.images[-1]}"
        problems.append(Problem("image", None, shown(record.get("image")), expected))
    if quality is None:
        expected = "a number, or a name of letters and digits (at most 40)"
        problems.append(Problem("quality", told, shown(record.get("quality")), expected))
    setting = record.get("quality") if quality is None else quality
    values: dict[str, Any] = dict.fromkeys(COLUMNS)

    def wrong(column: str, expected: str) -> None:
        where = f"{column} at quality {setting if quality is not None else shown(setting)}"
        problems.append(Problem(where, told, shown(record.get(column)), expected))

    for column in ("bpp", *METRICS, *_TIMES):
        value = _number(record.get(column))
        if value is None:
            wrong(column, "a number, with a point for its decimals")
        elif not math.isnan(value) or record.get(column) is not None:
            values[column] = value
    for column in _TIMES:
        time = values[column]
        if time is not None and not 0 <= time <= _LONGEST_S:
            wrong(column, "seconds, 0 or more")
    for column in (*_COUNTS, *SIZE_COLUMNS):
        value = _number(record.get(column))
        if record.get(column) is None:
            continue
        if value is None or not math.isfinite(value) or value != int(value) or value < 0:
            wrong(column, "a whole number, 0 or more")
        else:
            values[column] = int(value)
    width, height = shape.sizes.get(image or "", (None, None))
    for column, side in zip(SIZE_COLUMNS, (width, height), strict=True):
        value = values.pop(column, None)
        if value is not None and side is not None and value != side:
            wrong(column, f"{side}: the picture has {width}x{height} pixels")
    if image != MEAN and record.get("bytes") is None:
        wrong("bytes", "the size of the whole compressed file (a rate alone may be an estimate)")
    if len(problems) > before or image is None or quality is None:
        return None
    if values["bpp"] is None and image != MEAN:
        values["bpp"] = round(8 * values["bytes"] / shape.pixels(image), 6)
    elif values["bpp"] is None:
        wrong("bpp", "bits per pixel")
        return None
    parts = [values[column] for column in _COUNTS if column != "bytes"]
    if None not in parts and sum(parts) != values["bytes"]:
        wrong("bytes", f"{sum(parts)}, the sum of the file's parts")
        return None
    return Row(**{**values, "image": image, "quality": quality})


def _image(value: Any, shape: DatasetShape) -> str | None:
    if not isinstance(value, str) or len(value) > 200:
        return None
    return shape.find(value)


def _quality(value: Any) -> Quality | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
            return text if _QUALITY.fullmatch(text) and not _NOT_FINITE.fullmatch(text) else None
        value = float(text)
    if isinstance(value, int | float) and abs(value) <= _LARGEST_QUALITY:  # not NaN
        return int(value) if value == int(value) else value
    return None


def _number(value: Any) -> float | None:
    """A number, NaN for nothing, None for what is none; not finite ones are the checks' to name."""
    if value is None:
        return math.nan
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST_NUMBER or not (
            _NUMBER.fullmatch(text) or _NOT_FINITE.fullmatch(text)
        ):
            return None
        return float(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return None


def _mean_problems(results: Results, stated: Mapping[str, Any]) -> list[Problem]:
    """Means that the file states and its rows do not have."""
    if not stated or results.images == (MEAN,):
        return []
    problems = []
    told = stated.get("quality", list(results.qualities))
    qualities = [_quality(each) for each in told] if isinstance(told, list) else []
    if sorted(map(str, qualities)) != sorted(map(str, results.qualities)):
        found = shown(", ".join(map(str, qualities)) if isinstance(told, list) else told)
        expected = ", ".join(map(str, results.qualities))
        return [Problem("results.quality", None, found, f"{expected}, the rows' own")]
    own = results.means()
    means = {
        name: {str(q): v for q, v in zip(results.qualities, own[name], strict=True)} for name in own
    }
    for key, values in stated.items():
        name = MEAN_KEYS.get(key)
        if name is None or name == "quality":
            continue
        if not isinstance(values, list) or len(values) != len(qualities):
            expected = f"a list of {len(qualities)} means"
            problems.append(Problem(f"results.{key}", None, shown(values), expected))
            continue
        allowed = _MEAN_ROUNDING.get(name, _MEAN_ROUNDING_OTHER)
        for quality, value in zip(qualities, values, strict=True):
            mean = means[name][str(quality)]
            if not _close(value, mean, allowed):
                expected = "nothing" if mean is None else f"{mean:.6g}"
                where = f"results.{key} at quality {quality}"
                problems.append(
                    Problem(where, None, shown(value), f"{expected}, the mean of the rows")
                )
    return problems


def _close(value: Any, mean: float | None, allowed: float) -> bool:
    number = None if value is None else _number(value)
    if mean is None or number is None:
        return value is None and mean is None
    return number == mean or abs(number - mean) <= allowed
