"""Files that the pages hand out, in the folder that Gradio sweeps by their age."""

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
