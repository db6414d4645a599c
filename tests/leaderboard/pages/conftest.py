"""What the tests of the leaderboard's pages share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.board_results import write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of five codecs under Kodak's names; WebP lacks a picture."""
    root = tmp_path_factory.mktemp("results")
    write_folder(root / "kodak")
    return root
