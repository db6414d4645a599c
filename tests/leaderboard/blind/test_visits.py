"""Visits: fair rounds, nothing told before the answer, floods and kills without effect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.blind import visits as visiting
from leaderboard.blind.opinion import FRESH, Chooser, Opinion
from leaderboard.blind.pairs import load_pairs
from leaderboard.blind.ranks import CLEAR, POOR, ranks_of
from leaderboard.blind.visits import PUBLIC_VISITS, ROUNDS, Gone, Visits
from leaderboard.store.database import Store, StoreError, open_store
from tests.leaderboard.blind.made_pairs import CODECS, CREDIT, write_pairs
from tests.leaderboard.blind.test_commands import fill
from tests.leaderboard.blind.test_ranks import visits as made_votes
from tests.support.store_samples import Clock


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("blind"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def blind(folder: Path, store: Store, clock: Clock) -> Visits:
    opened = lambda: store  # noqa: E731
    return Visits(lambda: folder, opened, Opinion(opened, clock), clock, seed=1)


def play(
    blind: Visits,
    clock: Clock,
    address: str = "1.2.3.4",
    prefers: str = "",
    seconds: float = 3.0,
    right: bool = True,
    class_code: str | None = None,
) -> list[dict[str, Any]]:
    """A whole visit; prefers: the codec that is chosen wherever it is. right: at the check."""
    begun = blind.start(address, class_code)
    answers, asked = [], begun["round"]
    while asked is not None:
        clock.now += 5
        shown = blind._visits[begun["visit"]].now
        assert shown is not None
        wanted = (CLEAR if right else POOR) if shown.pair.rate == 0 else prefers
        choice = next(
            (
                s
                for s, side in zip(("left", "right"), shown.sides, strict=True)
                if side.codec == wanted
            ),
            "none",
        )
        answer = blind.vote(begun["visit"], asked["number"], choice, seconds)
        answers.append(answer)
        asked = answer["round"]
    return answers


def test_a_whole_visit(blind: Visits, store: Store, clock: Clock) -> None:
    answers = play(blind, clock, prefers="semantic")
    votes = store.votes()
    assert len(answers) == len(votes) == ROUNDS
    assert [vote.number for vote in votes] == list(range(1, 11))
    assert sum(vote.rate == 0 for vote in votes) == 1  # one in ten is a check
    assert len({vote.picture for vote in votes}) == ROUNDS
    assert all(vote.seconds == 3.0 for vote in votes)
    result = answers[-1]["result"]
    assert result["codecs"][0][0] == "semantic"
    _, chosen, shown = result["codecs"][0]
    assert chosen == shown == sum("semantic" in (vote.left, vote.right) for vote in votes)
    assert result["semantic"][1] >= 5  # the question of this project is asked often
    assert set(result["of_tags"]) <= {"faces", "text"} and result["of_tags"]
    assert ranks_of(votes).votes == 9
    with pytest.raises(Gone):
        blind.vote(next(iter(blind._visits)), 11, "left", 3)


def test_sides_are_at_random_and_bytes_equal(blind: Visits, store: Store, clock: Clock) -> None:
    for address in range(20):
        for answer in play(blind, clock, str(address)):
            sizes = [side["bytes"] for side in answer["sides"]]
            assert answer["check"] or max(sizes) <= 1.02 * min(sizes)
    votes = [vote for vote in store.votes() if vote.rate]
    sorted_sides = sum(vote.left < vote.right for vote in votes)
    assert 0.4 < sorted_sides / len(votes) < 0.6


def test_nothing_is_told_before_the_answer(blind: Visits, clock: Clock) -> None:
    begun = blind.start("1.2.3.4")
    asked = begun["round"]
    for _ in range(ROUNDS):
        shown = blind._visits[begun["visit"]].now
        assert shown is not None
        text = json.dumps([begun, asked])
        secret = {side.stem for side in shown.pair.sides} | set(CODECS) | {CLEAR, POOR}
        assert not [word for word in secret if f'"{word}"' in text or word in asked["tokens"]]
        assert set(asked) == {"number", "tokens", "width", "height", "name", "credit"}
        assert asked["credit"] == CREDIT
        left, right = (blind.picture(token) for token in asked["tokens"][1:])
        assert left and right and left != right and len(left) == len(right)
        clock.now += 5
        answer = blind.vote(begun["visit"], asked["number"], "none", 3.0)
        assert all(blind.picture(token) is None for token in asked["tokens"])
        asked = answer["round"]
    assert asked is None


def test_what_others_chose(blind: Visits, store: Store, clock: Clock) -> None:
    begun = blind.start("1.2.3.4")
    shown = blind._visits[begun["visit"]].now
    assert shown is not None
    for choice in ("left", "left", "none"):
        store.add_vote(shown.vote(choice, 2.0), None, 1, public=True, class_code=None)
    left, right = shown.sides
    answer = blind.vote(begun["visit"], 1, "right", 2.0)
    assert answer["others"] == {left.codec: 2, "none": 1}
    assert [side["codec"] for side in answer["sides"]] == [left.codec, right.codec]
    assert answer["chosen"] == right.codec


def test_what_does_not_count_is_said(blind: Visits, store: Store, clock: Clock) -> None:
    assert play(blind, clock, "a", right=False)[-1]["counts"]["failed"]
    quick = play(blind, clock, "b", seconds=0.2)
    assert quick[0]["quick"] and not quick[0]["counts"]["hasty"] and quick[1]["counts"]["hasty"]
    assert ranks_of(store.votes()).votes == 0 and len(store.votes()) == 20
    fine = play(blind, clock, "c")[-1]["counts"]
    assert fine == {"stored": True, "public": True, "failed": False, "hasty": False}


def test_a_page_cannot_claim_more_time_than_passed(
    blind: Visits, store: Store, clock: Clock
) -> None:
    begun = blind.start("1.2.3.4")
    clock.now += 0.1
    assert blind.vote(begun["visit"], 1, "left", 60.0)["quick"]
    assert store.votes()[0].seconds == pytest.approx(0.1)


def test_a_flood_from_one_address_changes_nothing(
    blind: Visits, store: Store, clock: Clock
) -> None:
    fill(store, made_votes(60, np.random.default_rng(3)))
    before = ranks_of(store.votes())
    for _ in range(PUBLIC_VISITS):  # its share, as anybody has
        play(blind, clock, "6.6.6.6")
    share = store.votes()
    for _ in range(60):
        answers = play(blind, clock, "6.6.6.6", prefers="jpeg")
        assert not answers[-1]["counts"]["stored"]
    assert store.votes() == share and store.count_votes() == len(share)
    flooded = ranks_of(store.votes())
    order = [each.codec for each in flooded.standings if each.codec in before.codecs]
    assert order == [each.codec for each in before.standings]
    play(blind, clock, "7.7.7.7")
    assert len(store.votes()) == len(share) + ROUNDS  # others are not kept out
    clock.now += visiting.DAY
    assert play(blind, clock, "6.6.6.6")[-1]["counts"]["public"]


def test_memory_is_bounded(blind: Visits, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visiting, "MOST_OF_ADDRESS", 3)
    monkeypatch.setattr(visiting, "MOST_VISITS", 5)
    monkeypatch.setattr(visiting, "MOST_ADDRESSES", 4)
    other = blind.start("other")["visit"]
    for _ in range(20):
        blind.start("flood")
    assert other in blind._visits and len(blind._visits) == 4
    for number in range(20):
        play(blind, clock, str(number))
    assert len(blind._visits) == 5 and len(blind._tokens) <= 15
    assert len(blind._addresses._had) == 4


def test_a_class_votes_for_itself_and_within_its_share(
    blind: Visits, store: Store, clock: Clock
) -> None:
    code = blind.make_class("school")
    for _ in range(PUBLIC_VISITS + 4):  # a class sits behind one address
        assert play(blind, clock, "school", class_code=code)[-1]["counts"]["stored"]
    assert len(store.votes(code)) == (PUBLIC_VISITS + 4) * ROUNDS
    assert len(store.votes()) == PUBLIC_VISITS * ROUNDS
    with pytest.raises(StoreError, match="NOSUCH"):
        blind.start("school", "NOSUCH")
    for _ in range(visiting.CLASSES - 1):
        blind.make_class("school")
    with pytest.raises(StoreError, match="use those"):
        blind.make_class("school")


def test_a_round_is_answered_once(blind: Visits, store: Store, clock: Clock) -> None:
    begun = blind.start("1.2.3.4")
    clock.now += 3
    blind.vote(begun["visit"], 1, "left", 3.0)
    for number, choice in ((1, "left"), (3, "left"), (2, "up"), (2, "")):
        with pytest.raises(Gone):
            blind.vote(begun["visit"], number, choice, 3.0)
    with pytest.raises(Gone):
        blind.vote("nobody", 1, "left", 3.0)
    assert len(store.votes()) == 1 and blind.picture("nobody") is None


def test_a_vote_that_cannot_be_stored_can_be_given_again(
    blind: Visits, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = blind.start("1.2.3.4")
    clock.now += 3
    with monkeypatch.context() as patch:
        patch.setattr(Store, "add_vote", _refuse)
        with pytest.raises(StoreError, match="no room"):
            blind.vote(begun["visit"], 1, "left", 3.0)
    assert blind.vote(begun["visit"], 1, "left", 3.0)["round"]["number"] == 2
    assert len(store.votes()) == 1


def _refuse(*_: Any, **__: Any) -> int:
    raise StoreError("no room")


def test_votes_survive_the_server(
    folder: Path, board_url: str, blind: Visits, store: Store, clock: Clock
) -> None:
    begun = blind.start("1.2.3.4")
    clock.now += 3
    blind.vote(begun["visit"], 1, "left", 3.0)
    again = open_store(board_url)
    restarted = Visits(lambda: folder, lambda: again, Opinion(lambda: again, clock), clock)
    with pytest.raises(Gone):  # the page begins a new visit then
        restarted.vote(begun["visit"], 2, "left", 3.0)
    assert len(again.votes()) == 1 and restarted.start("1.2.3.4")["round"]["number"] == 1
    again.close()


@pytest.fixture
def chooser(store: Store, clock: Clock) -> Iterator[tuple[Chooser, Opinion]]:
    opinion = Opinion(lambda: store, clock)
    yield Chooser(opinion, seed=1), opinion


def test_pairs_that_tell_most_come_first(
    chooser: tuple[Chooser, Opinion], store: Store, clock: Clock, tmp_path: Path
) -> None:
    """Five codecs that were compared often, and a new one."""
    pairs = load_pairs(write_pairs(tmp_path, 3))
    fill(store, made_votes(60, np.random.default_rng(3)))
    choose, opinion = chooser
    assert "semantic-rd" not in opinion.ranks().codecs
    asked = [choose.choose(pairs) for _ in range(10)]
    assert all(pair is not None and "semantic-rd" in pair.codecs for pair in asked[:5])
    others = Counter(name for pair in asked if pair for name in pair.codecs)
    assert len(others) >= 4  # what is out already counts, so that visitors are not all asked alike


def test_ranks_are_worked_out_once_a_minute(
    chooser: tuple[Chooser, Opinion], store: Store, clock: Clock
) -> None:
    _, opinion = chooser
    first = opinion.ranks()
    assert first.votes == 0
    fill(store, made_votes(3, np.random.default_rng(3)))
    assert opinion.ranks() is first
    clock.now += FRESH
    second = opinion.ranks()
    assert second.votes == 27
    clock.now += FRESH
    assert opinion.ranks() is second  # no new votes, no new work


def test_nothing_prepared(store: Store, clock: Clock, tmp_path: Path) -> None:
    opinion = Opinion(lambda: store, clock)
    empty = Visits(lambda: tmp_path / "none", lambda: store, opinion, clock)
    assert empty.start("1.2.3.4")["round"] is None
