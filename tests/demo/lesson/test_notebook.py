"""The lesson's notebook is stored without outputs and runs from the first cell to the last."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests import ROOT

FILE = ROOT / "assets" / "lesson" / "lesson.ipynb"


def test_the_file_has_no_outputs() -> None:
    book = nbformat.read(FILE, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert code and not any(cell.outputs or cell.execution_count for cell in code)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    book = nbformat.read(FILE, as_version=4)
    settings = next(cell for cell in book.cells if cell.source.startswith("PICTURE"))
    settings.source = "PICTURE, LEVEL, SIDE = None, 3, 128"
    client = NotebookClient(book, timeout=600, resources={"metadata": {"path": str(FILE.parent)}})
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
