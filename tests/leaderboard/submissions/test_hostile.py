"""The hostile corpus: each submission is refused with its message, and nothing of it is stored."""

from __future__ import annotations

import pytest

from leaderboard.__main__ import main
from leaderboard.store.database import open_store
from tests.leaderboard.submissions.hostile import CORPUS
from tests.leaderboard.submissions.hostile_cases import Hostile

STATES = ("scoring", "pending", "approved", "rejected", "withdrawn", "superseded", "failed")


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The board that everything is submitted to."""
    path = tmp_path_factory.mktemp("board") / "board.db"
    store = open_store(f"sqlite:///{path}")
    yield store, f"sqlite:///{path}"
    store.close()


def test_corpus_is_large_and_told_apart():
    assert len({each.name for each in CORPUS}) == len(CORPUS) >= 60


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda each: each.name)
def test_refused(hostile: Hostile, board, tmp_path, capsys, monkeypatch):
    store, url = board
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", url)
    before = store.revision()
    file, method = tmp_path / "upload", tmp_path / "method.json"
    file.write_bytes(hostile.make())
    method.write_bytes(hostile.method)
    assert main(["submit", str(file), "--method", str(method)]) == 1
    said = capsys.readouterr()
    assert f"  {hostile.message}" in said.err.splitlines()
    assert not said.out
    assert store.entries(STATES) == []
    assert store.revision() == before
    assert sorted(tmp_path.iterdir()) == [method, file]
