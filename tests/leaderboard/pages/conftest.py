"""What the tests of the leaderboard's pages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.store.database import Store, open_store
from tests.support.board_results import write_folder
from tests.support.large_board import LIMITLESS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of five codecs under Kodak's names; WebP lacks a picture."""
    root = tmp_path_factory.mktemp("results")
    write_folder(root / "kodak")
    return root


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A new board in a file, and a folder for downloads."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    opened = open_store(f"sqlite:///{tmp_path / 'board.sqlite3'}", rates=LIMITLESS)
    yield opened
    opened.close()
