"""Files that the pages for submitting and reviewing hand out, where Gradio sweeps by age."""

from __future__ import annotations

import secrets
from hashlib import sha256
from pathlib import Path

from gradio.utils import get_upload_folder

from leaderboard.submissions.shape import DatasetShape
from leaderboard.submissions.template import template_files
from semcomp.files import write_file

TEMPLATES = {
    "csv": "Template: results (CSV)",
    "json": "Template: results (JSON)",
    "zip": "Template: ZIP, with a how-to",
}
"""Formats of templates, and their buttons."""


def template(form: str, shape: DatasetShape) -> str:
    """Path of the file to fill in. form: one of `TEMPLATES`. shape: of the data set it is for."""
    # The first file: the page's form takes the place of method.json.
    name, data = next(iter(template_files(form, shape).items()))
    key = sha256(f"{form} {shape.name}".encode()).hexdigest()  # archives differ by their time
    folder = Path(get_upload_folder()) / key
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / name, data)  # anew, because the sweeper goes by age
    return str(folder / name)


def private_folder() -> Path:
    """A new folder for one maintainer's files, under a name that nobody else can know."""
    folder = Path(get_upload_folder()) / secrets.token_hex(32)
    folder.mkdir(parents=True)
    return folder
