"""Hostile results files: values that cannot be true, files that are not what they claim to be."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.support.hostile import Hostile, text
from tests.support.submitted import csv_of, json_of, png, rows, semc, with_value

_SCORES = "psnr, ms_ssim, ssim, si_ssim, si_ssim_2, top_ssim, top_ssim_2, ssimulacra2, lpips"
_PICTURE = "a picture of kodak: kodim01 to kodim24"
_SIZE = "the compressed file's size, 1 to 1179647 (1179648 are the pixels as they are)"
_KIND = "results as CSV or JSON, or a ZIP of pictures and bitstreams or of files to decode"
_NUMBER = "a number, with a point for its decimals"
_WHOLE = "a whole number, 0 or more"
_QUALITY = "a number, or a name of letters and digits (at most 40)"
_DECIBELS = "decibels, 0 or more"
_RATIO = "a number from 0 to 1"
_NOBODY = (
    "no codec comes near; check that rates are of whole files, and scores of the pictures decoded "
    "from them"
)
_HEAD = "image,quality,bytes,psnr"


def _value(name: str, column: str, value: Any, given: str, expected: str) -> Hostile:
    """Honest results but for one value of the first row."""
    message = f"kodim01, {column} at quality 1: found {given}; expected {expected}"
    return text(name, message, csv_of(with_value(column, value)))


def _row(name: str, values: dict[str, Any], at: str, given: str, expected: str) -> Hostile:
    """A single row: kodim01 at quality 1."""
    row = {"image": "kodim01", "quality": 1, **values}
    return text(
        name, f"kodim01, {at} at quality 1: found {given}; expected {expected}", csv_of([row])
    )


def _json(name: str, column: str, value: Any, given: str, expected: str) -> Hostile:
    """`_value` in JSON's types."""
    message = f"kodim01, {column} at quality 1: found {given}; expected {expected}"
    return text(name, message, json_of(with_value(column, value)))


def _identity(name: str, column: str, value: Any, given: str, index: int = 0) -> Hostile:
    """A picture or a quality that is none."""
    place, expected = ("image", _PICTURE) if column == "image" else ("kodim01, quality", _QUALITY)
    message = f"{place}: found {given}; expected {expected}"
    return text(name, message, csv_of(with_value(column, value, index)))


def _means(name: str, message: str, **lists: Any) -> Hostile:
    """A file of CompressAI's kind. message: after `found`'s place."""
    lists = {key.replace("_", "-"): values for key, values in lists.items()}
    return text(name, message, json.dumps({"name": "x", "results": lists}))


def _start(name: str, kind: str, content: str | bytes) -> Hostile:
    """A file of another kind, known by how it starts."""
    return text(name, f"file: found {kind}; expected {_KIND}", content)


def _copied() -> str:
    changed = rows()
    for mine, theirs in zip(changed[4:], changed, strict=False):
        mine.update(bytes=theirs["bytes"], psnr=theirs["psnr"], ms_ssim=theirs["ms_ssim"])
    return csv_of(changed)


VALUES = [
    _value("nan", "psnr", "NaN", "NaN", _DECIBELS),
    _value("infinite score", "ms_ssim", "inf", "infinity", _RATIO),
    _value("minus infinity", "psnr", "-Infinity", "-infinity", _DECIBELS),
    _value("negative PSNR", "psnr", -3, "-3.0", _DECIBELS),
    _value("negative MS-SSIM", "ms_ssim", -0.2, "-0.2", _RATIO),
    _value("score above one", "ms_ssim", 1.01, "1.01", f"{_RATIO}, not decibels"),
    _value("per cent for a score", "ms_ssim", 97e3, "97000.0", _RATIO),
    _value("a number that overflows", "ms_ssim", "1e999", "infinity", _RATIO),
    _row(
        "90 dB at 0.0003 bpp",
        {"bytes": 15, "psnr": 90},
        "psnr",
        "90.0",
        f"at most 27 at 0.000305 bpp: {_NOBODY}",
    ),
    _row(
        "MS-SSIM of 0.9999 at 0.1 bpp",
        {"bytes": 4915, "ms_ssim": 0.9999},
        "ms_ssim",
        "0.9999",
        f"at most 0.9937 at 0.1 bpp: {_NOBODY}",
    ),
    _value(
        "the original at a low rate",
        "psnr",
        "inf",
        "infinity",
        "a finite number: no photograph is stored without loss at 0.2035 bpp",
    ),
    _row(
        "one score perfect, the other not",
        {"bytes": 900000, "psnr": 30, "ms_ssim": 1},
        "ms_ssim",
        "1.0",
        "less than 1: the PSNR is 30 dB, so the pictures differ",
    ),
    _row(
        "identical pictures that are not alike",
        {"bytes": 900000, "psnr": "inf", "ms_ssim": 0.5},
        "ms_ssim",
        "0.5",
        "1: the PSNR is infinite, so the pictures are identical",
    ),
    _row(
        "finer than 8 bits",
        {"bytes": 900000, "psnr": 500},
        "psnr",
        "500.0",
        "at most 108.8, which is one value of all pixels off by one",
    ),
    text(
        "quality falls as the rate rises",
        "kodim01, psnr at quality 4: found 20.0 at 1.628 bpp; expected no less than the 33.5 at "
        "0.8138 bpp: quality must not fall as the rate rises",
        csv_of(with_value("psnr", 20, 3)),
    ),
    text(
        "MS-SSIM falls as the rate rises",
        "kodim02, ms_ssim at quality 3: found 0.6 at 0.8158 bpp; expected no less than the 0.909 "
        "at 0.4089 bpp: quality must not fall as the rate rises",
        csv_of(with_value("ms_ssim", 0.6, 6)),
    ),
    text(
        "one picture's results for all",
        "kodim02, bytes and scores at quality 1: found exactly those of kodim01; expected a "
        "measurement of this picture",
        _copied(),
    ),
    _value("no bytes at all", "bytes", 0, "0", _SIZE),
    _value("negative bytes", "bytes", -5000, "'-5000'", _WHOLE),
    _value("half a byte", "bytes", 5000.5, "'5000.5'", _WHOLE),
    _value("larger than the pixels", "bytes", 1179648, "1179648", _SIZE),
    _value(
        "a rate without a file",
        "bytes",
        "",
        "nothing",
        "the size of the whole compressed file (a rate alone may be an estimate)",
    ),
    _value(
        "a rate that is not the bytes'",
        "bpp",
        0.05,
        "0.05",
        "0.203451, which is 10000 bytes over 768x512 pixels",
    ),
    _value("bytes of too many digits", "bytes", "9" * 5000, f"'{'9' * 76}...", _WHOLE),
    _value(
        "a width that is not the picture's",
        "width",
        384,
        "'384'",
        "768: the picture has 768x512 pixels",
    ),
    _value("parts beyond any file", "map_bytes", "1e300", "'1e300'", _WHOLE),
    _identity("a picture too many", "image", "kodim25", "'kodim25'"),
    _identity("a path for a picture", "image", "../../etc/passwd", "'../../etc/passwd'"),
    _identity("a formula for a picture", "image", "=cmd|calc!A0", "'=cmd|calc!A0'"),
    _identity("the means' own name", "image", "(mean)", "'(mean)'"),
    text(
        "a row twice",
        "kodim01, quality: found 1; expected each quality of a picture once",
        csv_of(with_value("quality", 1, 1)),
    ),
    text(
        "a picture twice under two names",
        "kodim01, quality: found 1; expected each quality of a picture once",
        csv_of([*rows(), {**rows()[0], "image": "KODIM01.png"}]),
    ),
    _row("no score", {"bytes": 5000}, "scores", "none", f"at least one of {_SCORES}"),
    _value("a word for a number", "psnr", "good", "'good'", _NUMBER),
    _value("markup for a number", "psnr", "<img src=x>", "'<img src=x>'", _NUMBER),
    text(
        "decimal commas",
        f"kodim01, psnr at quality 1: found '28,5'; expected {_NUMBER}",
        "image;quality;bytes;psnr\nkodim01;1;5000;28,5\n",
    ),
    _identity("no quality", "quality", "", "nothing"),
    _identity("a quality beyond numbers", "quality", "1e300", "'1e300'"),
    _identity("a quality that is no number", "quality", "nan", "'nan'"),
    _identity("markup for a quality", "quality", "<b>1</b>", "'<b>1</b>'"),
    _value("time that runs backwards", "encode_s", -1, "'-1'", "seconds, 0 or more"),
    _value("endless time", "decode_s", "inf", "'inf'", "seconds, 0 or more"),
    text(
        "parts that are not the whole",
        "kodim01, bytes at quality 1: found 5000; expected 400, the sum of the file's parts",
        json_of(
            [
                {"image": "kodim01", "quality": 1, "bytes": 5000, "psnr": 30}
                | {f"{part}_bytes": 100 for part in ("header", "map", "code", "checksum")}
            ]
        ),
    ),
    text(
        "more rows than there can be",
        "file: found more than 1,536 rows; expected one row per picture and quality",
        csv_of([{**rows()[0], "quality": number} for number in range(2000)]),
    ),
    _json("JSON's NaN", "psnr", float("nan"), "NaN", _DECIBELS),
    _json("JSON's Infinity", "ms_ssim", float("inf"), "infinity", _RATIO),
    _json("true for a number", "psnr", True, "True", _NUMBER),
    _json("an object for a number", "psnr", {"$gt": 0}, "an object of 1 entries", _NUMBER),
    text(
        "an object for a picture",
        f"image: found an object of 1 entries; expected {_PICTURE}",
        json_of(with_value("image", {"$ne": ""})),
    ),
    text(
        "a number of 5,000 digits",
        f"kodim01, bytes at quality 1: found infinity; expected {_WHOLE}",
        '{"images": [{"image": "kodim01", "quality": 1, "psnr": 30, "bytes": ' + "9" * 5000 + "}]}",
    ),
    text(
        "means that are not the rows'",
        "results.psnr-rgb at quality 1: found 45; expected 28.505, the mean of the rows",
        json_of(rows(), results={"quality": [1, 2, 3, 4], "psnr-rgb": [45, 46, 47, 48]}),
    ),
    text(
        "another data set", "dataset: found 'clic'; expected kodak", json_of(rows(), dataset="clic")
    ),
    _means(
        "means of unequal lengths",
        "results.psnr-rgb: found a list of 1; expected a list of 2, as bpp has",
        bpp=[0.1, 0.2],
        psnr_rgb=[30],
    ),
    _means(
        "means of 90 dB at 0.0003 bpp",
        f"(mean), psnr at quality 1: found 90.0; expected at most 27 at 0.0003 bpp: {_NOBODY}",
        bpp=[0.0003],
        psnr_rgb=[90],
    ),
    _means(
        "means at no rate",
        "(mean), bpp at quality 1: found 0.0; expected bits per pixel, more than 0",
        bpp=[0],
        psnr_rgb=[30],
    ),
    _means(
        "means beyond the pixels",
        "(mean), bpp at quality 1: found 24.0; expected less than 24, the pixels as they are",
        bpp=[24],
        psnr_rgb=[30],
    ),
]
"""Results that cannot be true."""

FILES = [
    text("an empty file", "file: found an empty file; expected a results file or a ZIP", ""),
    text(
        "a header alone",
        "file: found no rows; expected one row per picture and quality",
        f"{_HEAD}\n",
    ),
    text(
        "a row cut short",
        "line 3: found 2 values; expected 4, as the header has",
        f"{_HEAD}\nkodim01,1,5000,30\nkodim02,1\n",
    ),
    text(
        "a quote that never ends",
        "line 2: found no CSV (unexpected end of data); expected whole, quoted values",
        f'{_HEAD}\n"kodim01,1,5000,30\n',
    ),
    text(
        "a column of another name",
        "column: found 'filename'; expected image",
        "filename,quality,bytes,psnr\nkodim01,1,5000,30\n",
    ),
    text(
        "a column that is a formula",
        "column: found '=1+1'; expected only image, quality, bytes, bpp, header_bytes, map_bytes, "
        "code_bytes, checksum_bytes, psnr, ms_ssim, ssim, si_ssim, si_ssim_2, encode_s, decode_s, "
        "encode_wall_s, decode_wall_s, top_ssim, top_ssim_2, ssimulacra2, lpips, width, height",
        f"{_HEAD},=1+1\nkodim01,1,5000,30,2\n",
    ),
    text(
        "a column twice",
        "column: found 'psnr' twice; expected each column once",
        f"{_HEAD},psnr\nkodim01,1,5000,30,40\n",
    ),
    text(
        "a flood of columns",
        "columns: found 200,001 of them; expected at most 23",
        "image," + ",".join(f"c{number}" for number in range(200_000)),
    ),
    text(
        "a flood of columns, in objects",
        "columns: found 100,000 of them; expected at most 23",
        json.dumps({"images": [{f"c{number}": 1 for number in range(100_000)}]}),
    ),
    text(
        "a flood of broken rows",
        "file: found more than 1,536 rows; expected one row per picture and quality",
        f"{_HEAD}\n" + "kodim01\n" * 100_000,
    ),
    _means(
        "a flood of means",
        "file: found more than 1,536 rows; expected one row per picture and quality",
        bpp=[0.5] * 100_000,
    ),
    text(
        "no rate",
        "column: found no column bytes; expected 'bytes'",
        "image,quality,psnr\nkodim01,1,30\n",
    ),
    text(
        "another alphabet",
        "file: found no UTF-8 text (byte 0); expected a file saved as UTF-8",
        csv_of(rows()).encode("utf-16"),
    ),
    text(
        "zero bytes",
        "file: found zero bytes; expected a text file saved as UTF-8",
        f"{_HEAD}\0\n",
    ),
    text(
        "a flood of text",
        "file: found 4.0 MiB; expected at most 4.0 MiB for a results file",
        b"x" * ((4 << 20) + 1),
    ),
    _start("a PDF", "a PDF document", b"%PDF-1.7\n"),
    _start("a 7-Zip archive", "a 7-Zip archive", b"7z\xbc\xaf\x27\x1c"),
    _start("a RAR archive", "a RAR archive", b"Rar!\x1a\x07\x01\0"),
    _start("a gzip bomb", "a gzip file", gzip.compress(bytes(1 << 20))),
    _start("a picture", "a PNG picture", png("alone", (8, 8))),
    _start("a page that runs", "a web page or other markup", "<script>alert(1)</script>"),
    _start("a pickle", "a Python pickle", b"\x80\x04\x95cos\nsystem\n."),
    _start("a program", "a program", b"\x7fELF\x02\x01\x01"),
    _start("a script", "a program", b"#!/bin/sh\nrm -rf /\n"),
    Hostile(
        "one .semc file",
        lambda: semc("alone"),
        f"file: found a single .semc file; expected {_KIND}",
    ),
    text(
        "JSON cut short",
        "line 1, column 12: found no JSON (Expecting value); expected valid JSON",
        '{"images": ',
    ),
    text(
        "endless nesting",
        "file: found endless nesting; expected a plain results file",
        '{"images":' + "[" * 100_000,
    ),
    text(
        "a key twice",
        "file: found 'results' twice; expected each name once",
        '{"results": {"bpp": [1]}, "results": {"bpp": [2]}}',
    ),
    text(
        "a list of lists",
        "file: found a list of 1; expected an object with 'images' or 'results'",
        "[[1]]",
    ),
    text(
        "results that are none",
        "results: found 'none'; expected an object of lists: bpp, psnr-rgb, ...",
        '{"results": "none"}',
    ),
    text(
        "images that are no table",
        "images: found 3; expected an object with lists 'columns' and 'rows'",
        '{"images": 3}',
    ),
    text(
        "rows that are no rows",
        "images.rows[0]: found 7; expected a list of 3 values",
        '{"images": {"columns": ["image", "quality", "bytes"], "rows": [7]}}',
    ),
]
"""Files that are not what they claim to be, or made to break their reader."""


@pytest.mark.parametrize("hostile", [*VALUES, *FILES], ids=lambda each: each.name)
def test_refused(hostile, check_refused):
    check_refused(hostile)
