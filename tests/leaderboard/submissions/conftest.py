"""A board to which hostile submissions are sent, and which must take none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leaderboard.__main__ import main
from leaderboard.store.database import open_store
from tests.support.hostile import Hostile

STATES = ("scoring", "pending", "approved", "rejected", "withdrawn", "superseded", "failed")


@pytest.fixture(scope="module")
def hostile_board(tmp_path_factory):
    """The board that everything of a module is sent to."""
    url = f"sqlite:///{tmp_path_factory.mktemp('board') / 'board.db'}"
    store = open_store(url)
    yield store, url
    store.close()


@pytest.fixture
def check_refused(hostile_board, tmp_path, capsys, monkeypatch) -> Callable[[Hostile], None]:
    """Checks that a submission is refused with its message, and nothing of it is stored."""
    store, url = hostile_board

    def check(hostile: Hostile) -> None:
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

    return check
