"""Files that the pages for submitting and reviewing hand out, where Gradio sweeps by age."""

from __future__ import annotations

import secrets
from functools import cache
from hashlib import sha256
from pathlib import Path

from gradio.utils import get_upload_folder

from .submissions.shape import DatasetShape
from .submissions.template import template_files

TEMPLATES = {
    "csv": "Template: results (CSV)",
    "json": "Template: results (JSON)",
    "zip": "Template: ZIP, with a how-to",
}
"""Formats of templates, and their buttons."""


def template(form: str) -> str:
    """Path of the file to fill in. form: one of `TEMPLATES`."""
    name, data = _template(form)
    folder = Path(get_upload_folder()) / sha256(data).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if not path.is_file():
        path.write_bytes(data)
    path.touch()  # the sweeper goes by age
    return str(path)


def private_folder() -> Path:
    """A new folder for one maintainer's files, under a name that nobody else can know."""
    folder = Path(get_upload_folder()) / secrets.token_hex(32)
    folder.mkdir(parents=True)
    return folder


@cache
def _template(form: str) -> tuple[str, bytes]:
    """The first file of a template; the page's form takes the place of method.json."""
    return next(iter(template_files(form, DatasetShape.kodak()).items()))
