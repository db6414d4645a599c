"""A process is killed at every statement of what it does to the board: nothing half is left."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from sqlalchemy import event
from sqlalchemy.exc import TimeoutError

from leaderboard.store.database import StoreError, open_store
from leaderboard.store.models import STATES
from tests.support.store_children import Children
from tests.support.store_samples import CONTACT, results, send

POINTS = 60  # more than any operation has


def check(store) -> list[tuple]:
    """Entries' ids and states; asserts that each of them is whole."""
    entries = store.entries(STATES)
    jobs = set()
    for entry in entries:
        events = store.history(entry.id)
        assert events[0].action == "submit"
        assert events[-1].after == entry.state
        assert store.contact(entry.id) == CONTACT
        with store.upload(entry.id):  # its hash is right
            pass
        if entry.state == "scoring":
            jobs.add(entry.id)
        else:
            assert store.results(entry.id) == results()
        if entry.state == "superseded":
            assert store.entry(entry.superseded_by).state == "approved"
    with store._engine.connect() as connection:
        assert set(connection.exec_driver_sql("SELECT entry_id FROM jobs").scalars()) == jobs
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").first() is None
    return [(entry.id, entry.state) for entry in entries]


def prepare(store, folder, operation) -> None:
    """What the operation of `store_children` works on."""
    if operation == "replace":
        old = send(store, folder, b"old")
        store.approve(old.entry.id, "me")
        send(store, folder, b"new", replaces=old.token)
    elif operation == "finish":
        send(store, folder, b"zip", "recomputed")


@pytest.fixture(scope="module")
def children():
    started = Children()
    yield started
    started.close()


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ("submit", [], ["pending"]),
        ("replace", [(1, "approved"), (2, "pending")], ["superseded", "approved"]),
        ("finish", [(1, "scoring")], ["pending"]),
    ],
)
def test_killed_at_any_point(store, board_url, children, tmp_path, operation, before, after):
    prepare(store, tmp_path, operation)
    revision = store.revision()
    assert check(store) == before
    for point in range(1, POINTS):
        outcome = children.ask("die", board_url, str(tmp_path), operation, point)
        if outcome == "done":
            break
        assert outcome == "killed"
        assert check(store) == before
        assert store.revision() == revision
    assert outcome == "done"
    assert point > 8  # it was killed many times
    assert [state for _, state in check(store)] == after


def test_a_full_disk_stores_nothing(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'board.sqlite3'}")
    send(store, tmp_path, b"first")
    before = check(store)

    def fill(connection, _record, _proxy):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 100}")

    event.listen(store._engine, "checkout", fill)
    with pytest.raises(StoreError, match=r"no room left .*nothing was stored"):
        send(store, tmp_path, b"content" * 200_000)
    assert check(store) == before
    assert send(store, tmp_path, b"small").entry.state == "pending"
    store.close()


def test_too_many_at_once_is_told(tmp_path, monkeypatch):
    store = open_store(f"sqlite:///{tmp_path / 'board.sqlite3'}")
    monkeypatch.setattr(store._engine.pool, "_timeout", 0.01)
    with ExitStack() as stack:
        with pytest.raises(TimeoutError):
            while True:
                stack.enter_context(store._engine.connect())
        with pytest.raises(StoreError, match="too many use the board at this moment: try again"):
            store.revision()
    assert store.revision() == 0
    store.close()


def test_what_was_killed_can_be_sent_again_at_once(store, board_url, children, tmp_path):
    assert children.ask("die", board_url, str(tmp_path), "submit", 12) == "killed"
    assert send(store, tmp_path, b"content" * 200_000).entry.state == "pending"
