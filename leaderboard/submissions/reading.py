"""A results file from elsewhere as `Results`, with every value that is wrong told at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from leaderboard.data.problems import Problem, Rejected, describe, refusal
from leaderboard.data.results import MEAN, Results, Row, mean_problems
from leaderboard.data.rows import (
    COLUMNS,
    METRICS,
    SIZE_COLUMNS,
    VERSIONS,
    Records,
    parse_json,
    read_csv,
    read_json,
    read_number,
    read_quality,
)

from .checks import row_problems
from .method import Method
from .shape import DatasetShape, UploadLimits, megabytes

_LONGEST_S = 1e6
_MEAN_ROUNDING = {
    **dict.fromkeys(("bpp", *METRICS), 0.0006),
    **{"psnr": 0.006, "ssimulacra2": 0.006, "encode_s": math.inf, "decode_s": math.inf},
}
"""Means may be rounded to two decimals of PSNR and three of the others; times may be other means
than those of the rows."""


def read_text(path: Path, limits: UploadLimits) -> str:
    """The text of a results file. Raises Rejected for one that is too large or no UTF-8."""
    size = path.stat().st_size
    if size > limits.results_bytes:
        expected = f"at most {megabytes(limits.results_bytes)} for a results file"
        raise refusal("file", megabytes(size), expected)
    with path.open("rb") as stream:
        data = stream.read(limits.results_bytes)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(
            "file", f"no UTF-8 text (byte {error.start})", "a file saved as UTF-8"
        ) from error
    if "\0" in text:
        raise refusal("file", "zero bytes", "a text file saved as UTF-8")
    if not text.strip():
        raise refusal("file", "an empty file", "a results file or a ZIP")
    return text


def read_records(text: str, shape: DatasetShape, limits: UploadLimits) -> Records:
    """The rows as they stand: JSON if the text starts so, else CSV. Raises Rejected."""
    most = len(shape.sizes) * limits.qualities
    json = text.lstrip()[:1] in ("{", "[")
    records = read_json(parse_json(text), most) if json else read_csv(text, most)
    if not records.rows:
        raise refusal("file", "no rows", "one row per picture and quality")
    return records


def to_results(records: Records, method: Method, shape: DatasetShape) -> Results:
    """Rows as Results of kind `self-reported`. Raises Rejected with every problem at once."""
    problems: list[Problem] = []
    rows: list[Row] = []
    for record in records.rows:
        row = _row(record, shape, records.averaged, problems)
        if row is not None:
            rows.append(row)
    problems += row_problems(rows, shape)
    dataset = records.about.get("dataset") or shape.name
    if dataset != shape.name:
        problems.append(Problem("dataset", None, describe(dataset), shape.name))
    if problems:
        raise Rejected(problems)
    provenance = {"kind": "self-reported", **_stated_versions(records.about)}
    results = Results(method.name, method.notes, shape.name, tuple(rows), provenance)
    problems = _mean_problems(results, records.means)
    if problems:
        raise Rejected(problems)
    return results


def _stated_versions(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a file of the benchmark's own says of the versions of its scores, as provenance."""
    stated: Any = about
    for key in ("provenance", "metrics", "versions"):
        stated = stated.get(key) if isinstance(stated, Mapping) else None
    if not isinstance(stated, Mapping):
        return {}
    known = {metric: stated[metric] for metric in VERSIONS if type(stated.get(metric)) is int}
    return {"metrics": {"versions": known}}


def _mean_problems(results: Results, stated: Mapping[str, Any]) -> list[Problem]:
    listed = stated.get("quality", list(results.qualities))
    qualities = [read_quality(each) for each in listed] if isinstance(listed, list) else []
    if sorted(map(str, qualities)) != sorted(map(str, results.qualities)):
        value = describe(", ".join(map(str, qualities)) if isinstance(listed, list) else listed)
        expected = f"{', '.join(map(str, results.qualities))}, the rows' own"
        return [Problem("results.quality", None, value, expected)]
    return mean_problems(results, [q for q in qualities if q is not None], stated, _MEAN_ROUNDING)


def _row(
    record: Mapping[str, Any], shape: DatasetShape, averaged: bool, problems: list[Problem]
) -> Row | None:
    """A row of the right types, or None, and then `problems` has grown."""
    before = len(problems)
    name, setting = record.get("image"), record.get("quality")
    image = MEAN if averaged else shape.find(name) if isinstance(name, str) else None
    quality = read_quality(setting)
    place = image or describe(name)
    if image is None:
        expected = f"a picture of {shape.name}: {shape.images[0]} to {shape.images[-1]}"
        problems.append(Problem("image", None, describe(name), expected))
    if quality is None:
        expected = "a number, or a name of letters and digits (at most 40)"
        problems.append(Problem("quality", place, describe(setting), expected))

    def wrong(column: str, expected: str) -> None:
        where = f"{column} at quality {describe(setting) if quality is None else quality}"
        problems.append(Problem(where, place, describe(record.get(column)), expected))

    values = _numbers(record, wrong)
    size = shape.sizes.get(image or "", (None, None))
    for column, side in zip(SIZE_COLUMNS, size, strict=True):
        stated = values.pop(column)
        if None not in (stated, side) and stated != side:
            wrong(column, f"{side}: the picture has {size[0]}x{size[1]} pixels")
    if image != MEAN and record.get("bytes") is None:
        wrong("bytes", "the size of the whole compressed file (a rate alone may be an estimate)")
    if len(problems) > before or image is None or quality is None:
        return None
    if values["bpp"] is None and image != MEAN:
        values["bpp"] = round(8 * values["bytes"] / shape.pixels(image), 6)
    elif values["bpp"] is None:
        wrong("bpp", "bits per pixel")
        return None
    row = Row(**{**values, "image": image, "quality": quality})
    if row.parts_bytes not in (None, row.bytes):
        wrong("bytes", f"{row.parts_bytes}, the sum of the file's parts")
        return None
    return row


def _numbers(record: Mapping[str, Any], wrong: Callable[[str, str], None]) -> dict[str, Any]:
    """Numbers of a row by column, None for what is not stated; `wrong` is told of the others."""
    values: dict[str, Any] = dict.fromkeys((*COLUMNS, *SIZE_COLUMNS))
    for column in (*COLUMNS[2:], *SIZE_COLUMNS):
        if record.get(column) is None:
            continue
        number = read_number(record[column])
        whole = column.endswith("bytes") or column in SIZE_COLUMNS
        if whole and not (number is not None and number.is_integer() and 0 <= number < 2**53):
            wrong(column, "a whole number, 0 or more")
        elif number is None:
            wrong(column, "a number, with a point for its decimals")
        elif column.endswith("_s") and not 0 <= number <= _LONGEST_S:
            wrong(column, "seconds, 0 or more")
        else:
            values[column] = int(number) if whole else number
    return values
