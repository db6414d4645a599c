"""`python -m leaderboard blind ranks`: from the board and from downloaded votes alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leaderboard.__main__ import main
from leaderboard.blind.tables import read_votes, votes_csv
from leaderboard.store.database import Store
from leaderboard.store.votes import Vote
from semcomp.errors import SemcompError
from tests.leaderboard.blind.test_ranks import visits


def fill(store: Store, votes: list[Vote], class_code: str | None = None) -> None:
    """Store votes as their visits."""
    ids: dict[int, int] = {}
    for vote in votes:
        ids[vote.visit] = store.add_vote(
            vote, ids.get(vote.visit), vote.number, public=True, class_code=class_code
        )


def test_ranks(
    store: Store,
    board_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", board_url)
    assert main(["blind", "ranks"]) == 0
    assert capsys.readouterr().out == (
        "0 votes of 0 visits count, of 0 in all.\n"
        "\nThe board shows no ranks yet: 0 of 200 votes needed.\n"
    )
    code = store.make_class()
    fill(store, visits(24, np.random.default_rng(7)))
    fill(store, visits(2, np.random.default_rng(8)), code)
    out = tmp_path / "ranks"
    assert main(["blind", "ranks", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("234 votes of 26 visits count, of 260 in all.")
    assert "| AVIF |" in text and "needed" not in text and text == (out / "ranks.md").read_text()
    # Anybody can recompute it from the raw votes.
    assert main(["blind", "ranks", "--votes", str(out / "votes.csv")]) == 0
    assert capsys.readouterr().out == text
    assert main(["blind", "ranks", "--class", code]) == 0
    assert "18 votes of 2 visits" in capsys.readouterr().out


def test_raw_votes_survive_their_file() -> None:
    votes = visits(3, np.random.default_rng(9))
    assert read_votes(votes_csv(votes)) == votes


@pytest.mark.parametrize(
    ("old", "new"),
    [("choice", "chosen"), ("left", ""), ("0.2", "-0.2"), ("0.2", "x"), ("2.0", "inf")],
)
def test_other_files_are_refused(old: str, new: str) -> None:
    text = votes_csv(visits(1, np.random.default_rng(9)))
    with pytest.raises(SemcompError, match="no file of votes"):
        read_votes(text.replace(old, new))
