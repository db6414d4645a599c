"""A results file from elsewhere as `Results`, with every value that is wrong told at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from leaderboard.data.problems import Problem, Rejected, describe
from leaderboard.data.results import MEAN, Results, Row, mean_problems
from leaderboard.data.rows import (
    SIZE_COLUMNS,
    Records,
    StatedValues,
    parse_json,
    read_csv,
    read_json,
    read_quality,
)

from .checks import row_problems
from .method import Method
from .shape import DatasetShape, Limits, megabytes

_MEAN_ROUNDING = {
    **dict.fromkeys(("bpp", "ms_ssim", "ssim", "si_ssim", "si_ssim_2"), 0.0006),
    **{"psnr": 0.006, "encode_s": math.inf, "decode_s": math.inf},
}
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
    json = text.lstrip()[:1] in ("{", "[")
    records = read_json(parse_json(text), most) if json else read_csv(text, most)
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
    problems += row_problems(rows, shape)
    dataset = records.about.get("dataset") or shape.name
    if dataset != shape.name:
        problems.append(Problem("dataset", None, describe(dataset), shape.name))
    if problems:
        raise Rejected(problems)
    results = Results(method.name, method.notes, shape.name, tuple(rows), {"kind": "self-reported"})
    problems = _mean_problems(results, records.means)
    if problems:
        raise Rejected(problems)
    return results


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

    try:
        values = StatedValues.model_validate(record)
    except ValidationError as error:
        messages = {str(each["loc"][0]): each["msg"] for each in error.errors(include_url=False)}
        for column, message in messages.items():
            wrong(column, message)
        values = StatedValues.model_validate({k: v for k, v in record.items() if k not in messages})
    for column, side in zip(SIZE_COLUMNS, shape.sizes.get(image or "", ()), strict=False):
        if getattr(values, column) not in (None, side):
            width, height = shape.sizes[image or ""]
            wrong(column, f"{side}: the picture has {width}x{height} pixels")
    if image != MEAN and record.get("bytes") is None:
        wrong("bytes", "the size of the whole compressed file (a rate alone may be an estimate)")
    if len(problems) > before or image is None or quality is None:
        return None
    bpp = values.bpp
    if bpp is None and values.bytes is not None and image != MEAN:
        bpp = round(8 * values.bytes / shape.pixels(image), 6)
    elif bpp is None:
        wrong("bpp", "bits per pixel")
        return None
    own = values.model_dump(exclude={*SIZE_COLUMNS, "bpp"})
    row = Row(image=image, quality=quality, bpp=bpp, **own)
    if row.parts_bytes not in (None, row.bytes):
        wrong("bytes", f"{row.parts_bytes}, the sum of the file's parts")
        return None
    return row
