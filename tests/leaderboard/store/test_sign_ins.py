"""Sign-ins in the database: the same in every replica, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from leaderboard.store import sign_ins
from leaderboard.store.database import Store, open_store
from leaderboard.store.models import SignInRow, WrongTokenRow
from tests.support.store_samples import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replicas(board_url: str, clock: Clock) -> Iterator[list[Store]]:
    """Two apps on one board."""
    stores = [open_store(board_url) for _ in range(2)]
    for store in stores:
        store._clock = clock
    yield stores
    for store in stores:
        store.close()


def rows(store: Store, table: type) -> int:
    with store._reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_key_is_good_in_every_replica_until_it_leaves(replicas: list[Store]) -> None:
    here, there = replicas
    assert there.who("a" * 64) is None
    here.enter("a" * 64, "Ann \0 (token)")
    assert here.who("a" * 64) == there.who("a" * 64) == "Ann \ufffd (token)"
    assert there.who("b" * 64) is None
    there.leave("a" * 64)
    assert here.who("a" * 64) is None and there.who("a" * 64) is None
    there.leave("a" * 64)  # twice is as good as once


def test_an_idle_key_ends_and_a_used_one_goes_on(replicas: list[Store], clock: Clock) -> None:
    here, there = replicas
    here.enter("a" * 64, "Ann")
    clock.now += sign_ins.IDLE - 1
    assert there.who("a" * 64) == "Ann"  # the idle time starts anew, for the other replica too
    clock.now += sign_ins.IDLE - 1
    assert here.who("a" * 64) == "Ann"
    clock.now += sign_ins.IDLE
    assert here.who("a" * 64) is None and there.who("a" * 64) is None


def test_no_key_lasts_however_much_it_is_used(replicas: list[Store], clock: Clock) -> None:
    here, there = replicas
    here.enter("a" * 64, "Ann")
    for _ in range(int(sign_ins.LONGEST / 1800) - 1):
        clock.now += 1800
        assert there.who("a" * 64) == "Ann"
    clock.now += 1800
    assert there.who("a" * 64) is None
    here.enter("b" * 64, "Bob")
    assert rows(here, SignInRow) == 1  # what has ended is not kept


def test_wrong_tokens_lock_an_address_out_everywhere(replicas: list[Store], clock: Clock) -> None:
    here, there = replicas
    for number in range(sign_ins.FAILURES):
        assert replicas[number % 2].knock("a" * 64, False) == 0
    clock.now += 1
    for store in replicas:
        assert store.knock("a" * 64, True) == sign_ins.PAUSE - 1  # not even with the right one
        assert store.knock("b" * 64, True) == 0
    clock.now += sign_ins.PAUSE
    assert there.knock("a" * 64, True) == 0
    for _ in range(sign_ins.FAILURES - 1):  # the right one has set the count back
        assert here.knock("a" * 64, False) == 0
    assert there.knock("a" * 64, True) == 0


def test_many_wrong_tokens_at_once_are_all_counted(replicas: list[Store]) -> None:
    waits: list[float] = []
    start = threading.Barrier(2 * sign_ins.FAILURES)

    def guess(store: Store) -> None:
        start.wait(60)
        waits.append(store.knock("a" * 64, False))

    threads = [
        threading.Thread(target=guess, args=(replicas[n % 2],))
        for n in range(2 * sign_ins.FAILURES)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        sorted(wait > 0 for wait in waits)
        == [False] * sign_ins.FAILURES + [True] * sign_ins.FAILURES
    )


def test_nobody_fills_the_database(
    replicas: list[Store], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_ins, "MOST", 3)
    here = replicas[0]
    for number in range(6):
        clock.now += 1
        here.knock(f"{number:064}", False)
        here.enter(f"{number:064}", "Ann")
    assert rows(here, WrongTokenRow) == rows(here, SignInRow) == 3
    assert here.who(f"{5:064}") == "Ann" and here.who(f"{0:064}") is None
    clock.now += sign_ins.FORGOTTEN
    here.knock("a" * 64, True)
    assert rows(here, WrongTokenRow) == 0


def test_the_clock_is_the_databases_own(board_url: str) -> None:
    store = open_store(board_url)
    store.enter("a" * 64, "Ann")
    assert store.who("a" * 64) == "Ann"
    assert store.knock("a" * 64, False) == 0
    store.close()
