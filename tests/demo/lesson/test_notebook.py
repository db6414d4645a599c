"""The lesson's notebook is what its text says, and runs from the first cell to the last."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from semcomp.demo.lesson import notebook
from tests import ROOT


def test_the_file_is_what_the_text_says() -> None:
    message = "write it again: python -m semcomp.demo.lesson.notebook"
    assert notebook.FILE.read_text(encoding="utf-8") == notebook.text(), message
    nbformat.validate(nbformat.read(notebook.FILE, as_version=4))


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    book = nbformat.read(notebook.FILE, as_version=4)
    settings = next(cell for cell in book.cells if cell.source.startswith("PICTURE"))
    settings.source = "PICTURE, LEVEL, SIDE = None, 3, 128"
    client = NotebookClient(
        book, timeout=600, resources={"metadata": {"path": str(ROOT / "assets" / "lesson")}}
    )
    client.execute()
    shown = [
        output.data["text/html"]
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    ]
    assert len(shown) == 8
    assert all(f"lesson-step-{n}" in html for n, html in enumerate(shown, 1))
