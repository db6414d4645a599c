"""Hostile files: not what they claim to be, or made to break their reader."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.leaderboard.submissions.hostile_cases import Hostile, text
from tests.support.submitted import csv_of, json_of, png, rows, semc, with_value


def _means(**lists: Any) -> str:
    """A file of CompressAI's kind."""
    return json.dumps({"name": "x", "results": lists})


_PICTURE = "a picture of kodak: kodim01 to kodim24"
_KIND = "results as CSV or JSON, or a ZIP of pictures and bitstreams or of .semc files"
_NUMBER = "a number, with a point for its decimals"
_WHOLE = "a whole number, 0 or more"
_AT = "at quality 1: found"
_NOBODY = (
    "no codec comes near; check that rates are of whole files, and scores of the pictures decoded "
    "from them"
)

FILES = [
    text("an empty file", "file: found an empty file; expected a results file or a ZIP", ""),
    text(
        "a header alone",
        "file: found no rows; expected one row per picture and quality",
        "image,quality,bytes,psnr\n",
    ),
    text(
        "a row cut short",
        "line 3: found 2 values; expected 4, as the header has",
        "image,quality,bytes,psnr\nkodim01,1,5000,30\nkodim02,1\n",
    ),
    text(
        "a quote that never ends",
        "line 2: found no CSV (unexpected end of data); expected whole, quoted values",
        'image,quality,bytes,psnr\n"kodim01,1,5000,30\n',
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
        "encode_wall_s, decode_wall_s, width, height",
        "image,quality,bytes,psnr,=1+1\nkodim01,1,5000,30,2\n",
    ),
    text(
        "a column twice",
        "column: found 'psnr' twice; expected each column once",
        "image,quality,bytes,psnr,psnr\nkodim01,1,5000,30,40\n",
    ),
    text(
        "a flood of columns",
        "columns: found 200,001 of them; expected at most 19",
        "image," + ",".join(f"c{number}" for number in range(200_000)),
    ),
    text(
        "a flood of columns, in objects",
        "columns: found 100,000 of them; expected at most 19",
        json.dumps({"images": [{f"c{number}": 1 for number in range(100_000)}]}),
    ),
    text(
        "a flood of broken rows",
        "file: found more than 1,536 rows; expected one row per picture and quality",
        "image,quality,bytes,psnr\n" + "kodim01\n" * 100_000,
    ),
    text(
        "a flood of means",
        "file: found more than 1,536 rows; expected one row per picture and quality",
        _means(bpp=[0.5] * 100_000),
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
        b"image,quality,bytes,psnr\0\n",
    ),
    text(
        "a flood of text",
        "file: found 4.0 MiB; expected at most 4.0 MiB for a results file",
        b"x" * ((4 << 20) + 1),
    ),
    text("a PDF", f"file: found a PDF document; expected {_KIND}", b"%PDF-1.7\n"),
    text(
        "a 7-Zip archive", f"file: found a 7-Zip archive; expected {_KIND}", b"7z\xbc\xaf\x27\x1c"
    ),
    text("a RAR archive", f"file: found a RAR archive; expected {_KIND}", b"Rar!\x1a\x07\x01\0"),
    text(
        "a gzip bomb", f"file: found a gzip file; expected {_KIND}", gzip.compress(bytes(1 << 20))
    ),
    text("a picture", f"file: found a PNG picture; expected {_KIND}", png("alone", (8, 8))),
    text(
        "a page that runs",
        f"file: found a web page or other markup; expected {_KIND}",
        "<script>alert(1)</script>",
    ),
    text(
        "a pickle", f"file: found a Python pickle; expected {_KIND}", b"\x80\x04\x95cos\nsystem\n."
    ),
    text("a program", f"file: found a program; expected {_KIND}", b"\x7fELF\x02\x01\x01"),
    text("a script", f"file: found a program; expected {_KIND}", b"#!/bin/sh\nrm -rf /\n"),
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
    text(
        "JSON's NaN",
        f"kodim01, psnr {_AT} NaN; expected decibels, 0 or more",
        json_of(with_value("psnr", float("nan"))),
    ),
    text(
        "JSON's Infinity",
        f"kodim01, ms_ssim {_AT} infinity; expected a number from 0 to 1",
        json_of(with_value("ms_ssim", float("inf"))),
    ),
    text(
        "true for a number",
        f"kodim01, psnr {_AT} True; expected {_NUMBER}",
        json_of(with_value("psnr", True)),
    ),
    text(
        "an object for a number",
        f"kodim01, psnr {_AT} an object of 1 entries; expected {_NUMBER}",
        json_of(with_value("psnr", {"$gt": 0})),
    ),
    text(
        "an object for a picture",
        f"image: found an object of 1 entries; expected {_PICTURE}",
        json_of(with_value("image", {"$ne": ""})),
    ),
    text(
        "a number of 5,000 digits",
        f"kodim01, bytes {_AT} infinity; expected {_WHOLE}",
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
    text(
        "means of unequal lengths",
        "results.psnr-rgb: found a list of 1; expected a list of 2, as bpp has",
        _means(bpp=[0.1, 0.2], **{"psnr-rgb": [30]}),
    ),
    text(
        "means of 90 dB at 0.0003 bpp",
        f"(mean), psnr {_AT} 90.0; expected at most 27 at 0.0003 bpp: {_NOBODY}",
        _means(bpp=[0.0003], **{"psnr-rgb": [90]}),
    ),
    text(
        "means at no rate",
        f"(mean), bpp {_AT} 0.0; expected bits per pixel, more than 0",
        _means(bpp=[0], **{"psnr-rgb": [30]}),
    ),
    text(
        "means beyond the pixels",
        f"(mean), bpp {_AT} 24.0; expected less than 24, the pixels as they are",
        _means(bpp=[24], **{"psnr-rgb": [30]}),
    ),
]
