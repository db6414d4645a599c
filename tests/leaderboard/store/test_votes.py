"""Votes in the database, on SQLite and on PostgreSQL: whole, without names, found again."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from leaderboard.store import votes as store_votes
from leaderboard.store.database import NotFound, Store, StoreError, open_store
from leaderboard.store.models import Base
from leaderboard.store.votes import Vote
from tests.support.store_children import Children

VOTE = Vote("kodak/kodim01", 0.2, "bpg", "semantic", "left", 2.5)


def add(store: Store, number: int = 1, visit: int | None = None, **changes) -> int:
    """Store an answer; gives its visit."""
    public, code = changes.pop("public", True), changes.pop("class_code", None)
    vote = replace(VOTE, **changes)
    return store.add_vote(vote, visit, number, public=public, class_code=code)


def test_votes_come_back_as_they_were(store: Store) -> None:
    first, second = add(store), add(store, choice="none", picture="漢/é")
    assert add(store, 2, first, choice="right") == first != second
    votes = store.votes()
    assert [(v.visit, v.number, v.choice) for v in votes] == [
        (first, 1, "left"),
        (first, 2, "right"),
        (second, 1, "none"),
    ]
    assert replace(votes[0], visit=0, number=0, day="") == VOTE
    assert [vote.chosen for vote in votes] == ["bpg", "semantic", "none"]
    assert len(votes[0].day) == 10 and store.count_votes() == 3


def test_what_others_chose_in_a_pair(store: Store) -> None:
    add(store)
    add(store, left="semantic", right="bpg")  # the same pair the other way round
    add(store, choice="none")
    for other in ({"rate": 0.4}, {"picture": "kodak/kodim02"}, {"left": "jpeg"}):
        add(store, **other)
    assert store.answers(VOTE) == {"bpg": 1, "semantic": 1, "none": 1}


def test_a_round_is_answered_once(store: Store) -> None:
    visit = add(store)
    with pytest.raises(Exception, match=r"UNIQUE|duplicate key"):
        add(store, 1, visit)
    assert store.count_votes() == 1


def test_a_class_has_its_own_votes(store: Store) -> None:
    code, other = store.make_class(), store.make_class()
    assert len(code) == store_votes.CODE and set(code) <= set(store_votes.ALPHABET)
    assert store.is_class(code) and not store.is_class("NOSUCH")
    mine = add(store, class_code=code)
    hidden = add(store, class_code=code, public=False)
    everybody = add(store)
    assert [vote.visit for vote in store.votes(code)] == [mine, hidden]
    assert [vote.visit for vote in store.votes()] == [mine, everybody]
    assert store.votes(other) == []
    with pytest.raises(NotFound, match="NOSUCH"):
        add(store, class_code="NOSUCH")
    assert store.count_votes() == 3


def test_classes_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_votes, "MOST_VISITS", 2)
    monkeypatch.setattr(store_votes, "MOST_CLASSES", 2)
    used, unused = store.make_class(), store.make_class()
    with pytest.raises(StoreError, match="next month"):
        store.make_class()
    for _ in range(2):
        add(store, class_code=used)
    with pytest.raises(StoreError, match="make a new code"):
        add(store, class_code=used)
    later = time.time() + (store_votes.UNUSED + timedelta(days=1)).total_seconds()
    store._clock = lambda: later
    assert store.make_class() and store.is_class(used) and not store.is_class(unused)


def test_nothing_of_who_voted_is_kept() -> None:
    """A column more here would have to be thought over."""
    columns = {
        name: {column.name for column in table.columns}
        for name, table in Base.metadata.tables.items()
        if name.startswith("blind_")
    }
    assert columns == {
        "blind_classes": {"code", "made"},
        "blind_visits": {"id", "day", "class_code", "public"},
        "blind_votes": {
            *("visit_id", "number", "picture", "rate"),
            *("left_codec", "right_codec", "choice", "seconds"),
        },
    }


def test_many_vote_at_once(store: Store, board_url: str) -> None:
    replica = open_store(board_url)
    start, visits = threading.Barrier(16), []

    def vote(each: Store) -> None:
        start.wait(60)
        visit = add(each)
        visits.append(visit)
        for number in range(2, 6):
            add(each, number, visit)

    threads = [threading.Thread(target=vote, args=([store, replica][n % 2],)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    replica.close()
    assert len(set(visits)) == 16 and len(store.votes()) == 80


def test_a_kill_leaves_whole_votes(store: Store, board_url: str, tmp_path) -> None:
    add(store)
    children = Children()
    for point in range(1, 20):
        outcome = children.ask("die", board_url, str(tmp_path), "vote", point)
        if outcome == "done":
            break
        assert outcome == "killed" and store.count_votes() == 1
    children.close()
    assert outcome == "done" and point > 2
    assert [vote.number for vote in store.votes()] == [1, 1]


@pytest.mark.parametrize("private", [True, False])
def test_votes_move_with_the_board(store: Store, tmp_path, private: bool) -> None:
    code = store.make_class()
    add(store, class_code=code)
    add(store, class_code=code, public=False)
    path = tmp_path / "board.zip"
    (store.backup if private else store.export_board)(path)
    there = open_store(f"sqlite:///{tmp_path / 'there.sqlite3'}")
    there.import_board(path)
    assert there.votes(code) == store.votes(code) and there.votes() == store.votes()
    assert add(there) == 3
    with pytest.raises(StoreError, match="already, or votes"):
        there.import_board(path)
    there.close()
