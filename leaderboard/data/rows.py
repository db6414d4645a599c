"""One row of a results file: a picture at a quality, and what no measurement can give."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from semcomp.errors import SemcompError

METRICS = ("psnr", "ms_ssim", "ssim", "si_ssim", "si_ssim_2")
"""Scores of a row; `si_ssim_2` is SI-SSIM under the second, independent classifier's map."""
MEAN = "(mean)"
"""Name of the picture in rows that are means over a data set whose single rows are not known."""

_PARTS = ("header_bytes", "map_bytes", "code_bytes", "checksum_bytes")
_TIMES = ("encode_s", "decode_s", "encode_wall_s", "decode_wall_s")

Quality = float | str


class ResultsError(SemcompError, ValueError):
    """A results file that cannot be read or written, or whose numbers cannot be right."""


@dataclass(frozen=True)
class Row:
    """One picture at one quality.

    image: the picture's name. quality: as in the codec's grid. bytes: of the whole file; None in
    rows that are means. bpp: bits of the whole file per pixel. header_bytes .. checksum_bytes: the
    file's parts, None for codecs that do not itemise. psnr: dB, infinite for identical pictures.
    ms_ssim, ssim, si_ssim, si_ssim_2: -1..1; None where a score is not available (MS-SSIM of
    pictures under 161 pixels a side). encode_s, decode_s: processor seconds of all threads
    (`time.process_time`), which a busy machine changes little; encode_wall_s, decode_wall_s: the
    same by the clock.
    """

    image: str
    quality: Quality
    bytes: int | None
    bpp: float
    header_bytes: int | None
    map_bytes: int | None
    code_bytes: int | None
    checksum_bytes: int | None
    psnr: float | None
    ms_ssim: float | None
    ssim: float | None
    si_ssim: float | None
    si_ssim_2: float | None
    encode_s: float | None
    decode_s: float | None
    encode_wall_s: float | None = None
    decode_wall_s: float | None = None


COLUMNS = tuple(column.name for column in fields(Row))
"""Columns of the rows in a file."""


def check_row(name: str, row: Row) -> None:
    """Raise ResultsError for a field of the wrong type or out of range."""
    if not isinstance(row.image, str) or not row.image:
        raise problem(name, row, "image", row.image, "a picture's name")
    if not (is_number(row.quality) or (isinstance(row.quality, str) and row.quality)):
        raise problem(name, row, "quality", row.quality, "a number or a name")
    if not is_number(row.bpp) or row.bpp <= 0:
        raise problem(name, row, "bpp", row.bpp, "more than 0")
    if row.bytes is None and row.image != MEAN:
        raise problem(name, row, "bytes", row.bytes, "the file's size")
    for part in ("bytes", *_PARTS):
        value = getattr(row, part)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= (part == "bytes")):
            raise problem(name, row, part, value, "a number of bytes")
    parts = [getattr(row, part) for part in _PARTS]
    if row.bytes is not None and None not in parts and sum(parts) != row.bytes:
        raise problem(name, row, "bytes", row.bytes, f"{sum(parts)}, the sum of the file's parts")
    for metric in METRICS:
        value = getattr(row, metric)
        if value is None:
            continue
        if metric == "psnr":
            if not (is_number(value) or value == math.inf):
                raise problem(name, row, metric, value, "decibels")
        elif not is_number(value) or not -1 <= value <= 1:
            raise problem(name, row, metric, value, "-1 to 1")
    for time in _TIMES:
        value = getattr(row, time)
        if value is not None and not (is_number(value) and value >= 0):
            raise problem(name, row, time, value, "seconds")


def problem(name: str, row: Row, column: str, value: Any, expected: str) -> ResultsError:
    """The error for one value of a row."""
    return ResultsError(
        f"{name}, image {row.image!r}, quality {row.quality!r}: {column} is {value!r}: "
        f"expected {expected}"
    )


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
