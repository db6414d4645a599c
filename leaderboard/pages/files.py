"""Files that the pages hand out, in the folder that Gradio sweeps by their age."""

from __future__ import annotations

import secrets
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from gradio.utils import get_upload_folder
from numpy.typing import NDArray
from PIL import Image

from leaderboard.submissions.shape import DatasetShape
from leaderboard.submissions.template import template_files
from semcomp.files import write_file

TEMPLATES = {
    "csv": "Template: results (CSV)",
    "json": "Template: results (JSON)",
    "zip": "Template: ZIP, with a how-to",
}
"""Formats of templates, and their buttons."""


def text_file(name: str, text: str) -> str:
    """Path of a file to download."""
    data = text.encode("utf-8")
    path = _folder(sha256(data).hexdigest()) / _safe(name)
    if not path.is_file():
        write_file(path, data)
    path.touch()  # the sweeper goes by age
    return str(path)


def picture_file(name: str, pixels: NDArray[np.uint8]) -> str:
    """Path of a picture's file, PNG. pixels: uint8 (H, W, 3)."""
    path = _folder(sha256(pixels.tobytes()).hexdigest()) / f"{_safe(name)}.png"
    if not path.is_file():
        packed = BytesIO()
        Image.fromarray(pixels).save(packed, "PNG", compress_level=3)
        write_file(path, packed.getvalue())
    path.touch()
    return str(path)


def template(form: str, shape: DatasetShape) -> str:
    """Path of the file to fill in. form: one of `TEMPLATES`. shape: of the data set it is for."""
    # The first file: the page's form takes the place of method.json.
    name, data = next(iter(template_files(form, shape).items()))
    # Archives differ by their time, so the folder is named by what is in them.
    folder = _folder(sha256(f"{form} {shape.name}".encode()).hexdigest())
    write_file(folder / name, data)  # anew, because the sweeper goes by age
    return str(folder / name)


def private_folder() -> Path:
    """A new folder for one maintainer's files, under a name that nobody else can know."""
    return _folder(secrets.token_hex(32))


def _folder(name: str) -> Path:
    folder = Path(get_upload_folder()) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _safe(name: str) -> str:
    """A file's name; data sets and codecs are named by results files."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:100].lstrip(".")
