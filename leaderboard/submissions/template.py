"""Files to fill in: a results file or an archive's folders, with the method's description."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from leaderboard.data.datasets import title_of
from leaderboard.data.problems import Problem, Rejected, describe, refusal
from semcomp.files import write_file

from .layout import BITSTREAMS, METHOD_FILE, RECONSTRUCTIONS
from .method import Method
from .shape import DatasetShape

FORMATS = ("csv", "json", "zip")
COLUMNS = ("image", "quality", "bytes", "psnr", "ms_ssim", "ssim", "encode_s", "decode_s")
"""Columns of the results to fill in; `leaderboard.data.rows.COLUMNS` has more."""

_HOW_TO = """How to submit pictures that are scored by the board
====================================================

The pictures are those of {dataset}.

1. Fill in method.json. The contact is never shown.
2. Choose one of two ways, and delete the folders of the other.
   a) Any codec: put what your decoder gives into
        {reconstructions}/QUALITY/PICTURE.png      (8-bit RGB, the size of the original)
      and the compressed files, whose size is the rate, into
        {bitstreams}/QUALITY/PICTURE.ANY_SUFFIX
   b) Files of one format that the board decodes itself, which proves their rate
      (.jpg, .webp, .avif, .jxl, .heic, .bpg, .semc):
        QUALITY/PICTURE.jpg
   QUALITY is your setting, a number or a short name; use at least four of them.
   PICTURE is one of: {pictures}
3. Pack everything as one ZIP and check it:
        python -m leaderboard submit submission.zip --check

A picture that is missing makes the entry incomplete: it is shown, but not ranked.
"""


def template_files(format: str, shape: DatasetShape) -> dict[str, bytes]:
    """Files to fill in, by name. format: one of `FORMATS`. Raises Rejected for another."""
    method = Method("", dataset=shape.name).to_json(contact=True)  # nothing said but the pictures
    if format == "csv":
        return {"results.csv": _csv(shape), METHOD_FILE: _json(method)}
    if format == "json":
        rows = [_row(image) for image in shape.images]
        return {"results.json": _json({"dataset": shape.name, "method": method, "images": rows})}
    if format == "zip":
        return {"submission.zip": _zip(shape, method)}
    raise refusal("template", describe(format), ", ".join(FORMATS))


def write_template(format: str, folder: Path, shape: DatasetShape) -> list[Path]:
    """Write `template_files` into a folder, which is made; files there are left as they are.

    Raises Rejected for an unknown format, a file that is there already, and a folder that cannot
    be written.
    """
    files = template_files(format, shape)
    there = [folder / name for name in files if (folder / name).exists()]
    if there:
        raise Rejected(
            Problem("template", None, f"{path} is there already", "another folder, or none there")
            for path in there
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            write_file(folder / name, data)
    except OSError as error:
        value = f"cannot write to {folder} ({error.strerror or error})"
        raise refusal("template", value, "a folder that can be written") from error
    return [folder / name for name in files]


def _row(image: str) -> dict[str, Any]:
    return {**dict.fromkeys(COLUMNS), "image": image, "quality": 1}


def _csv(shape: DatasetShape) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(image) for image in shape.images)
    return text.getvalue().encode()


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


def _zip(shape: DatasetShape, method: dict[str, Any]) -> bytes:
    how_to = _HOW_TO.format(
        dataset=title_of(shape.name),
        reconstructions=RECONSTRUCTIONS,
        bitstreams=BITSTREAMS,
        pictures=", ".join(shape.images),
    )
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(METHOD_FILE, _json(method))
        archive.writestr("HOW-TO.txt", how_to)
        for folder in (f"{RECONSTRUCTIONS}/1/", f"{BITSTREAMS}/1/"):
            archive.writestr(folder, b"")
    return data.getvalue()
