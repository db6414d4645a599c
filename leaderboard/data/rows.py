"""Rows of a results file: what one is, and how files of every shape hold them.

::

    {"images": {"columns": [...], "rows": [[...], ...]}}      one row per picture and quality
    {"images": [{"image": ..., "quality": ..., ...}, ...]}    the same, as objects
    {"results": {"bpp": [...], "psnr-rgb": [...], ...}}       means alone, CompressAI's shape
    image,quality,bytes,psnr,...                              CSV, with `,`, `;` or tab

`read_json` and `read_csv` give the rows as they stand in a file, before any value is believed, and
tell everything that is wrong with its shape; `check_rows` says whether rows can be measurements.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from semcomp.errors import SemcompError

from .problems import Problem, Rejected, describe

SIMILARITIES = ("ms_ssim", "ssim", "si_ssim", "si_ssim_2", "top_ssim", "top_ssim_2")
"""Scores up to 1, which identical pictures have; `..._2` is under the second, independent
classifier's map."""
DISTANCES = ("lpips",)
"""Scores from 0, which identical pictures have: less is better."""
METRICS = ("psnr", *SIMILARITIES, "ssimulacra2", *DISTANCES)
"""Scores of a row. PSNR is in dB, SSIMULACRA2 in points up to 100."""
VERSIONS = {"si_ssim": 2, "si_ssim_2": 2, "top_ssim": 2, "top_ssim_2": 2}
"""Versions of the scores' definitions; of those not named here there is one. 2: weighed by maps of
two sizes; 1: by a map of the whole picture as it is. Results name the versions they are of, and
those of different ones are not compared (`results.of_versions`)."""
MEAN = "(mean)"
"""Name of the picture in rows that are means over a data set whose single rows are not known."""

Quality = float | str
Size = Annotated[int, Field(ge=0)]
Score = Annotated[float, Field(ge=-1, le=1)]
Seconds = Annotated[float, Field(ge=0)]


class ResultsError(SemcompError, ValueError):
    """A results file that cannot be read or written, or whose numbers cannot be right."""


@dataclass(frozen=True)
class Row:
    """One picture at one quality.

    image: the picture's name. quality: as in the codec's grid. bytes: of the whole file; None in
    rows that are means. bpp: bits of the whole file per pixel. header_bytes .. checksum_bytes: the
    file's parts, None for codecs that do not itemise. psnr: dB, infinite for identical pictures.
    ms_ssim, ssim, si_ssim, si_ssim_2: -1..1; None where a score is not available (MS-SSIM of
    pictures under 161 pixels a side). top_ssim, top_ssim_2: mean SSIM of the fifth of the pixels
    that is most important. ssimulacra2: points up to 100. lpips: a distance, 0 and more. encode_s,
    decode_s: processor seconds of all threads (`time.process_time`), which a busy machine changes
    little; encode_wall_s, decode_wall_s: the same by the clock.

    Making one checks nothing; `check_rows` does, once for all rows of `Results`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        strict=True, allow_inf_nan=False, revalidate_instances="always"
    )

    image: Annotated[str, Field(min_length=1)]
    quality: int | float | Annotated[str, Field(min_length=1)]
    bytes: Annotated[int, Field(ge=1)] | None
    bpp: Annotated[float, Field(gt=0)]
    header_bytes: Size | None
    map_bytes: Size | None
    code_bytes: Size | None
    checksum_bytes: Size | None
    psnr: Annotated[float, Field(gt=-math.inf, allow_inf_nan=True)] | None
    ms_ssim: Score | None
    ssim: Score | None
    si_ssim: Score | None
    si_ssim_2: Score | None
    encode_s: Seconds | None
    decode_s: Seconds | None
    encode_wall_s: Seconds | None = None
    decode_wall_s: Seconds | None = None
    top_ssim: Score | None = None
    top_ssim_2: Score | None = None
    ssimulacra2: Annotated[float, Field(le=100)] | None = None
    lpips: Annotated[float, Field(ge=0)] | None = None

    @property
    def parts_bytes(self) -> int | None:
        """Sum of the file's parts; None where it is not itemised."""
        parts = (self.header_bytes, self.map_bytes, self.code_bytes, self.checksum_bytes)
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None


COLUMNS = tuple(column.name for column in fields(Row))
"""Columns of the rows in a file."""
SIZE_COLUMNS = ("width", "height")
"""Columns that only a submission has: the picture's size, to be checked."""
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
    "top-ssim": "top_ssim",
    "top-ssim-2": "top_ssim_2",
    "ssimulacra2": "ssimulacra2",
    "lpips": "lpips",
    "encoding_time": "encode_s",
    "decoding_time": "decode_s",
}
"""Names of means in files, CompressAI's old and new ones among them, and the rows' columns."""

_ALL_COLUMNS = (*COLUMNS, *SIZE_COLUMNS)
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
_QUALITY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+=()/-]{0,39}")
_LARGEST_QUALITY = 1e9
_LONGEST_NUMBER = 60
_NUMBER = TypeAdapter(float)
_ROWS = TypeAdapter(tuple[Row, ...])
_EXPECTED = {
    "image": "a picture's name",
    "quality": "a number or a name",
    "bpp": "more than 0",
    **{column: "a number of bytes" for column in COLUMNS if column.endswith("bytes")},
    "psnr": "decibels",
    **dict.fromkeys(SIMILARITIES, "-1 to 1"),
    "ssimulacra2": "at most 100",
    "lpips": "a distance, 0 or more",
    **{column: "seconds" for column in COLUMNS if column.endswith("_s")},
}


def check_rows(name: str, rows: tuple[Row, ...]) -> None:
    """Raise ResultsError for a field of the wrong type or out of range, or a row that comes twice.

    name: of the codec, for the message.
    """
    try:
        _ROWS.validate_python(rows)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        index, column = first["loc"][:2]
        row = rows[int(index)]
        raise _wrong(name, row, str(column), _EXPECTED[str(column)]) from error
    seen: set[tuple[str, Quality]] = set()
    for row in rows:
        if row.bytes is None:
            if row.image != MEAN:
                raise _wrong(name, row, "bytes", "the file's size")
        elif row.header_bytes is not None and row.parts_bytes not in (None, row.bytes):
            raise _wrong(name, row, "bytes", f"{row.parts_bytes}, the sum of the file's parts")
        if (row.image, row.quality) in seen:
            raise _wrong(name, row, "quality", "each quality once")
        seen.add((row.image, row.quality))


def read_number(value: Any) -> float | None:
    """A number or the text of one, NaN and infinities included; None for anything else."""
    text = value if isinstance(value, str) else ""
    if isinstance(value, bool) or "_" in text or len(text) > _LONGEST_NUMBER:
        return None
    try:
        return _NUMBER.validate_python(value)
    except ValidationError:
        return None


def read_quality(value: Any) -> Quality | None:
    """A codec's setting: a number up to 1e9, or a short name; None for anything else."""
    number = read_number(value)
    if number is None:
        is_name = isinstance(value, str) and _QUALITY_NAME.fullmatch(value.strip())
        return value.strip() if is_name else None
    if not abs(number) <= _LARGEST_QUALITY:  # NaN too
        return None
    return int(number) if number.is_integer() else number


@dataclass(frozen=True)
class Records:
    """A file's rows as they stand in it.

    rows: values by column, as parsed; each CSV value is text. averaged: whether the rows are means
    over all pictures. means: what a file of pictures states of its own means, by the file's names.
    about: the file's other entries (name, dataset, method, ...).
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
                raise Rejected([_too_many(most), *problems])
            if len(values) != len(header):
                expected = f"{len(header)}, as the header has"
                problems.append(_at(f"line {lines.line_num}", f"{len(values)} values", expected))
                continue
            rows.append({n: v.strip() or None for n, v in zip(header, values, strict=True)})
    except csv.Error as error:
        where = f"line {lines.line_num}"
        raise Rejected([_at(where, f"no CSV ({error})", "whole, quoted values")]) from error
    if problems:
        raise Rejected(problems)
    return Records(rows)


def read_json(data: Any, most: float = math.inf) -> Records:
    """Rows of parsed JSON with the pictures' own, or with means alone.

    most: rows at which it is given up. Raises Rejected.
    """
    if not isinstance(data, dict):
        raise Rejected([_at("file", describe(data), "an object with 'images' or 'results'")])
    means = data.get("results", {})
    if not isinstance(means, dict):
        raise Rejected([_at("results", describe(means), "an object of lists: bpp, psnr-rgb, ...")])
    about = {key: value for key, value in data.items() if key not in ("results", "images")}
    if "images" in data:
        return Records(_rows_of_images(data["images"], most), False, means, about)
    return Records(_rows_of_means(means, most), True, {}, about)


def parse_json(text: str) -> Any:
    """JSON's value; NaN and infinities become floats, for the checks to name. Raises Rejected."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_whole)
    except RecursionError:
        raise Rejected([_at("file", "endless nesting", "a plain results file")]) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Rejected([_at(where, f"no JSON ({error.msg})", "valid JSON")]) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Rejected([_at("file", f"{describe(key)} twice", "each name once")])
            seen.add(key)
    return entries


def _whole(digits: str) -> int | float:
    """An integer; one of absurd length, which Python refuses to read, is infinite."""
    return int(digits) if len(digits) <= 40 else math.inf


def _check_columns(columns: Sequence[Any]) -> None:
    if len(columns) > 2 * len(_ALL_COLUMNS):  # before any work on each of them
        expected = f"at most {len(_ALL_COLUMNS)}"
        raise Rejected([_at("columns", f"{len(columns):,} of them", expected)])
    names = [column for column in columns if isinstance(column, str)]
    problems = []
    for column in columns:
        if column not in names or column not in _ALL_COLUMNS:
            meant = _FOREIGN_COLUMNS.get(column) if isinstance(column, str) else None
            expected = meant or f"only {', '.join(_ALL_COLUMNS)}"
            problems.append(_at("column", describe(column), expected))
    for column in dict.fromkeys(name for name in names if names.count(name) > 1):
        problems.append(_at("column", f"{describe(column)} twice", "each column once"))
    for column in _NEEDED:
        if column not in names:
            problems.append(_at("column", f"no column {column}", f"'{column}'"))
    if problems:
        raise Rejected(problems)


def _rows_of_images(table: Any, most: float) -> list[dict[str, Any]]:
    """Rows of `images`: a list of objects, or an object with `columns` and `rows`."""
    if isinstance(table, list):
        if len(table) > most:
            raise Rejected([_too_many(most)])
        wrong = [row for row in table if not isinstance(row, dict)]
        if wrong or not table:
            value = describe(wrong[0]) if wrong else "an empty list"
            raise Rejected([_at("images", value, "an object per picture and quality")])
        _check_columns(list(dict.fromkeys(key for row in table for key in row)))
        return [dict(row) for row in table]
    columns, rows = (table.get(k) if isinstance(table, dict) else None for k in ("columns", "rows"))
    if not isinstance(columns, list) or not isinstance(rows, list) or not rows:
        expected = "an object with lists 'columns' and 'rows'"
        raise Rejected([_at("images", describe(table), expected)])
    _check_columns(columns)
    if len(rows) > most:
        raise Rejected([_too_many(most)])
    problems = [
        _at(f"images.rows[{index}]", describe(row), f"a list of {len(columns)} values")
        for index, row in enumerate(rows)
        if not isinstance(row, list) or len(row) != len(columns)
    ]
    if problems:
        raise Rejected(problems)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _rows_of_means(means: Mapping[str, Any], most: float) -> list[dict[str, Any]]:
    """Rows of the picture `MEAN` from lists of means."""
    rates = means.get("bpp")
    if not isinstance(rates, list) or not rates:
        raise Rejected([_at("results.bpp", describe(rates), "a list of rates")])
    if len(rates) > most:
        raise Rejected([_too_many(most)])
    columns = {key: values for key, values in means.items() if key in MEAN_KEYS}
    problems = [
        _at(f"results.{key}", describe(values), f"a list of {len(rates)}, as bpp has")
        for key, values in columns.items()
        if not isinstance(values, list) or len(values) != len(rates)
    ]
    if problems:
        raise Rejected(problems)
    return [
        {"image": MEAN, "quality": index + 1}
        | {MEAN_KEYS[key]: values[index] for key, values in columns.items()}
        for index in range(len(rates))
    ]


def _at(place: str, value: str, expected: str) -> Problem:
    return Problem(place, None, value, expected)


def _too_many(most: float) -> Problem:
    """The problem of a file with more rows than any honest one."""
    return _at("file", f"more than {most:,} rows", "one row per picture and quality")


def _wrong(name: str, row: Row, column: str, expected: str) -> ResultsError:
    return ResultsError(
        f"{name}, image {row.image!r}, quality {row.quality!r}: {column} is "
        f"{getattr(row, column)!r}: expected {expected}"
    )
