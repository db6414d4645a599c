"""Hostile results: rows whose values cannot be true."""

from __future__ import annotations

from tests.leaderboard.submissions.hostile_cases import table, text
from tests.support.submitted import csv_of, json_of, rows, with_value


def _copied() -> str:
    changed = rows()
    for mine, theirs in zip(changed[4:], changed, strict=False):
        mine.update(bytes=theirs["bytes"], psnr=theirs["psnr"], ms_ssim=theirs["ms_ssim"])
    return csv_of(changed)


_SCORES = "psnr, ms_ssim, ssim, si_ssim, si_ssim_2"
_PICTURE = "a picture of kodak: kodim01 to kodim24"
_RAW = "1 to 1179647 (1179648 are the pixels as they are)"
_NUMBER = "a number, with a point for its decimals"
_WHOLE = "a whole number, 0 or more"
_QUALITY = "a number, or a name of letters and digits (at most 40)"
_AT = "at quality 1: found"
_NOBODY = (
    "no codec comes near; check that rates are of whole files, and scores of the pictures decoded "
    "from them"
)

RESULTS = [
    table("nan", f"kodim01, psnr {_AT} NaN; expected decibels, 0 or more", "psnr", "NaN"),
    table(
        "infinite score",
        f"kodim01, ms_ssim {_AT} infinity; expected a number from 0 to 1",
        *("ms_ssim", "inf"),
    ),
    table(
        "minus infinity",
        f"kodim01, psnr {_AT} -infinity; expected decibels, 0 or more",
        *("psnr", "-Infinity"),
    ),
    table("negative PSNR", f"kodim01, psnr {_AT} -3.0; expected decibels, 0 or more", "psnr", -3),
    table(
        "negative MS-SSIM",
        f"kodim01, ms_ssim {_AT} -0.2; expected a number from 0 to 1",
        *("ms_ssim", -0.2),
    ),
    table(
        "score above one",
        f"kodim01, ms_ssim {_AT} 1.01; expected a number from 0 to 1, not decibels",
        *("ms_ssim", 1.01),
    ),
    table(
        "per cent for a score",
        f"kodim01, ms_ssim {_AT} 97000.0; expected a number from 0 to 1",
        *("ms_ssim", 97e3),
    ),
    table(
        "a number that overflows",
        f"kodim01, ms_ssim {_AT} infinity; expected a number from 0 to 1",
        *("ms_ssim", "1e999"),
    ),
    text(
        "90 dB at 0.0003 bpp",
        f"kodim01, psnr {_AT} 90.0; expected at most 27 at 0.000305 bpp: {_NOBODY}",
        csv_of([{"image": "kodim01", "quality": 1, "bytes": 15, "psnr": 90}]),
    ),
    text(
        "MS-SSIM of 0.9999 at 0.1 bpp",
        f"kodim01, ms_ssim {_AT} 0.9999; expected at most 0.9921 at 0.1 bpp: {_NOBODY}",
        csv_of([{"image": "kodim01", "quality": 1, "bytes": 4915, "ms_ssim": 0.9999}]),
    ),
    text(
        "the original at a low rate",
        f"kodim01, psnr {_AT} infinity; expected a finite number: no photograph is stored without "
        "loss at 0.2035 bpp",
        csv_of(with_value("psnr", "inf")),
    ),
    text(
        "one score perfect, the other not",
        f"kodim01, ms_ssim {_AT} 1.0; expected less than 1: the PSNR is 30 dB, so the pictures "
        "differ",
        csv_of([{"image": "kodim01", "quality": 1, "bytes": 900000, "psnr": 30, "ms_ssim": 1}]),
    ),
    text(
        "identical pictures that are not alike",
        f"kodim01, ms_ssim {_AT} 0.5; expected 1: the PSNR is infinite, so the pictures are "
        "identical",
        csv_of(
            [{"image": "kodim01", "quality": 1, "bytes": 900000, "psnr": "inf", "ms_ssim": 0.5}]
        ),
    ),
    text(
        "finer than 8 bits",
        f"kodim01, psnr {_AT} 500.0; expected at most 108.8, which is one value of all pixels off "
        "by one",
        csv_of([{"image": "kodim01", "quality": 1, "bytes": 900000, "psnr": 500}]),
    ),
    table(
        "quality falls as the rate rises",
        "kodim01, psnr at quality 4: found 20.0 at 1.628 bpp; expected no less than the 33.5 at "
        "0.8138 bpp: quality must not fall as the rate rises",
        *("psnr", 20, 3),
    ),
    table(
        "MS-SSIM falls as the rate rises",
        "kodim02, ms_ssim at quality 3: found 0.6 at 0.8158 bpp; expected no less than the "
        "0.909 at "
        "0.4089 bpp: quality must not fall as the rate rises",
        *("ms_ssim", 0.6, 6),
    ),
    text(
        "one picture's results for all",
        f"kodim02, bytes and scores {_AT} exactly those of kodim01; expected a measurement of this "
        "picture",
        _copied(),
    ),
    table(
        "no bytes at all",
        f"kodim01, bytes {_AT} 0; expected the compressed file's size, {_RAW}",
        "bytes",
        0,
    ),
    table("negative bytes", f"kodim01, bytes {_AT} '-5000'; expected {_WHOLE}", "bytes", -5000),
    table("half a byte", f"kodim01, bytes {_AT} '5000.5'; expected {_WHOLE}", "bytes", 5000.5),
    table(
        "larger than the pixels",
        f"kodim01, bytes {_AT} 1179648; expected the compressed file's size, {_RAW}",
        *("bytes", 1179648),
    ),
    table(
        "a rate without a file",
        f"kodim01, bytes {_AT} nothing; expected the size of the whole compressed file (a rate "
        "alone may be an estimate)",
        *("bytes", ""),
    ),
    table(
        "a rate that is not the bytes'",
        f"kodim01, bpp {_AT} 0.05; expected 0.203451, which is 10000 bytes over 768x512 pixels",
        *("bpp", 0.05),
    ),
    table(
        "bytes of too many digits",
        f"kodim01, bytes {_AT} '{'9' * 76}...; expected {_WHOLE}",
        "bytes",
        "9" * 5000,
    ),
    table(
        "a width that is not the picture's",
        f"kodim01, width {_AT} '384'; expected 768: the picture has 768x512 pixels",
        *("width", 384),
    ),
    table("a picture too many", f"image: found 'kodim25'; expected {_PICTURE}", "image", "kodim25"),
    table(
        "a path for a picture",
        f"image: found '../../etc/passwd'; expected {_PICTURE}",
        *("image", "../../etc/passwd"),
    ),
    table(
        "a formula for a picture",
        f"image: found '=cmd|calc!A0'; expected {_PICTURE}",
        *("image", "=cmd|calc!A0"),
    ),
    table("the means' own name", f"image: found '(mean)'; expected {_PICTURE}", "image", "(mean)"),
    table(
        "a row twice",
        "kodim01, quality: found 1; expected each quality of a picture once",
        "quality",
        1,
        1,
    ),
    text(
        "a picture twice under two names",
        "kodim01, quality: found 1; expected each quality of a picture once",
        csv_of([*rows(), {**rows()[0], "image": "KODIM01.png"}]),
    ),
    text(
        "no score",
        f"kodim01, scores {_AT} none; expected at least one of {_SCORES}",
        csv_of([{"image": "kodim01", "quality": 1, "bytes": 5000}]),
    ),
    table("a word for a number", f"kodim01, psnr {_AT} 'good'; expected {_NUMBER}", "psnr", "good"),
    table(
        "markup for a number",
        f"kodim01, psnr {_AT} '<img src=x>'; expected {_NUMBER}",
        "psnr",
        "<img src=x>",
    ),
    text(
        "decimal commas",
        f"kodim01, psnr {_AT} '28,5'; expected {_NUMBER}",
        "image;quality;bytes;psnr\nkodim01;1;5000;28,5\n",
    ),
    table("no quality", f"kodim01, quality: found nothing; expected {_QUALITY}", "quality", ""),
    table(
        "a quality beyond numbers",
        f"kodim01, quality: found '1e300'; expected {_QUALITY}",
        "quality",
        "1e300",
    ),
    table(
        "a quality that is no number",
        f"kodim01, quality: found 'nan'; expected {_QUALITY}",
        "quality",
        "nan",
    ),
    table(
        "markup for a quality",
        f"kodim01, quality: found '<b>1</b>'; expected {_QUALITY}",
        "quality",
        "<b>1</b>",
    ),
    table(
        "time that runs backwards",
        f"kodim01, encode_s {_AT} '-1'; expected seconds, 0 or more",
        "encode_s",
        -1,
    ),
    table(
        "endless time",
        f"kodim01, decode_s {_AT} 'inf'; expected seconds, 0 or more",
        "decode_s",
        "inf",
    ),
    text(
        "parts that are not the whole",
        f"kodim01, bytes {_AT} 5000; expected 400, the sum of the file's parts",
        json_of(
            [
                dict(
                    zip(
                        (
                            "image",
                            "quality",
                            "bytes",
                            "header_bytes",
                            "map_bytes",
                            "code_bytes",
                            "checksum_bytes",
                            "psnr",
                        ),
                        ("kodim01", 1, 5000, 100, 100, 100, 100, 30),
                        strict=True,
                    )
                )
            ]
        ),
    ),
    text(
        "more rows than there can be",
        "file: found more than 1,536 rows; expected one row per picture and quality",
        csv_of([{**rows()[0], "quality": number} for number in range(2000)]),
    ),
]
