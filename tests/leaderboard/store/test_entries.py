"""The board's entries: what is stored comes back, and what must not be stored is refused whole."""

from __future__ import annotations

import json
import sqlite3

import pytest
from sqlalchemy import text

from leaderboard.data.results import Results, dump
from leaderboard.store.database import (
    Duplicate,
    NotFound,
    Rates,
    StoreError,
    TooMany,
    WrongState,
    open_store,
)
from leaderboard.store.limits import OPERATOR
from leaderboard.store.models import Base
from leaderboard.store.results import pack, unpack
from tests.support.store_samples import CONTACT, inspected, results, send, write_upload


def everything(store) -> str:
    """All cells of all tables as text."""
    with store._engine.connect() as connection:
        return "\n".join(
            repr(tuple(row))
            for table in Base.metadata.sorted_tables
            for row in connection.execute(text(f"SELECT * FROM {table.name}"))
        )


def counts(store) -> dict[str, int]:
    """Number of rows of every table."""
    with store._engine.connect() as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in Base.metadata.tables
        }


def test_what_is_submitted_comes_back(store, tmp_path):
    content = bytes(range(256)) * 9000  # several pieces
    hostile = "<script>é\0\ud800 '; DROP TABLE entries; -- 漢字"
    receipt = send(store, tmp_path, content, name=hostile, notes="a\nb", model_bytes=10**13)
    entry = receipt.entry
    assert (entry.state, entry.kind, entry.dataset) == ("pending", "self-reported", "kodak")
    assert entry.method.name == hostile
    assert entry.method.model_bytes == 10**13
    assert entry.method.contact == ""
    assert entry.submitted_at.utcoffset().total_seconds() == 0
    assert store.lookup(f" {receipt.token}\n") == store.entry(entry.id) == entry
    assert store.entries(["pending"]) == store.entries(["pending"], "kodak") == [entry]
    assert store.entries(["pending"], "other") == store.entries(["approved"]) == []
    assert store.results(entry.id) == results()
    assert store.contact(entry.id) == CONTACT
    with store.upload(entry.id) as path:
        assert path.read_bytes() == content
        assert path.suffix == ".json"
    assert not path.exists()
    (event,) = store.history(entry.id)
    assert (event.by, event.action, event.before, event.after) == (
        "submitter",
        "submit",
        None,
        "pending",
    )
    assert event.at == entry.submitted_at


def test_texts_that_no_file_can_hold_are_mended():
    odd = Results("m", "\ud800", "kodak", results().rows, {"a": {"\udfff": ["\ud800b"]}})
    found = unpack(pack(odd))
    assert (found.description, found.provenance) == ("?", {"a": {"?": ["?b"]}})
    assert dump(found).encode("utf-8")
    assert unpack(pack(found)) == found


def test_what_is_to_be_scored_gets_a_job(store, tmp_path):
    entry = send(store, tmp_path, b"zip", "recomputed").entry
    assert entry.state == "scoring"
    assert entry.progress is None
    with pytest.raises(NotFound, match=f"entry {entry.id} has no results: it is scoring"):
        store.results(entry.id)
    with pytest.raises(WrongState, match="is scoring: only an entry that is pending"):
        store.approve(entry.id, "me")


def test_unknown_entries_and_receipts(store, tmp_path):
    receipt = send(store, tmp_path)
    for ask in (store.entry, store.results, store.contact, store.history):
        with pytest.raises(NotFound, match="no entry 99 on this board"):
            ask(99)
    with pytest.raises(NotFound, match="no upload of entry 99"), store.upload(99):
        pass
    for wrong in ("", receipt.token[:-1], receipt.token + "x", "x" * 10_000, "\ud800\0"):
        with pytest.raises(NotFound, match="no entry has this receipt: copy it whole"):
            store.lookup(wrong)
        with pytest.raises(NotFound):
            store.withdraw(wrong)
    with pytest.raises(ValueError, match="no state gone"):
        store.entries(["gone"])


def test_receipts_and_contacts_are_nowhere_to_be_read(store, tmp_path):
    tokens = {send(store, tmp_path, bytes([n]), name=f"m{n}").token for n in range(4)}
    assert len(tokens) == 4
    stored = everything(store)
    for token in tokens:
        assert token not in stored
        assert token.removeprefix("receipt-") not in stored
        assert len(token) > 43  # 256 bits
    entry = store.entries(["pending"])[0]
    assert CONTACT not in repr(entry)
    assert CONTACT not in json.dumps(entry.method.to_json())
    assert CONTACT not in repr([store.history(entry.id), store.results(entry.id)])
    assert stored.count(CONTACT) == 4  # one row each, in a table of their own


def test_a_receipt_shows_itself_to_its_owner_alone(store, tmp_path):
    receipt = send(store, tmp_path)
    assert receipt.token not in repr(receipt)
    assert receipt.token not in repr(store.lookup(receipt.token))


def test_the_same_file_is_stored_once(store, tmp_path):
    first = send(store, tmp_path, b"same")
    before = counts(store)
    with pytest.raises(Duplicate, match="this very file is waiting for review already"):
        send(store, tmp_path, b"same", submitter="somebody else", name="another name")
    assert counts(store) == before
    store.approve(first.entry.id, "me")
    with pytest.raises(Duplicate, match="this very file is on the board already"):
        send(store, tmp_path, b"same")
    store.withdraw(first.token)
    assert send(store, tmp_path, b"same").entry.state == "pending"


def test_a_file_that_changed_since_it_was_checked_leaves_nothing(store, tmp_path):
    before = counts(store)
    path, digest = write_upload(tmp_path, b"checked")
    path.write_bytes(b"changed")
    with pytest.raises(StoreError, match="has changed since it was checked"):
        store.add(inspected(digest), path, submitter="somebody")
    path.unlink()
    with pytest.raises(StoreError, match=r"can no longer be read \(No such file"):
        store.add(inspected(digest), path, submitter="somebody")
    assert counts(store) == before


def test_a_damaged_upload_is_not_handed_out(store, tmp_path):
    entry = send(store, tmp_path).entry
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE upload_chunks SET data = :data"), {"data": b"other"})
    with pytest.raises(StoreError, match="is damaged in the database"), store.upload(entry.id):
        pass


def test_limits_of_one_submitter(board_url, tmp_path):
    store = open_store(board_url, rates=Rates(per_hour=2, per_day=3, waiting=9, board_per_day=9))
    now = 1.8e9
    store._clock = lambda: now
    send(store, tmp_path, b"1")
    now += 600
    send(store, tmp_path, b"2")
    before = counts(store)
    with pytest.raises(
        TooMany, match=r"you have sent 2 entries within an hour.* again in 50 minutes"
    ) as too_many:
        send(store, tmp_path, b"3")
    assert too_many.value.retry_after == 3000
    assert counts(store) == before
    send(store, tmp_path, b"3", submitter="another")
    now += 3000
    send(store, tmp_path, b"4")
    now += 3600
    with pytest.raises(TooMany, match=r"3 entries within a day.* again in 22 hours") as too_many:
        send(store, tmp_path, b"5")
    now += too_many.value.retry_after
    send(store, tmp_path, b"5")
    store.close()


def test_limits_of_what_waits_and_of_all_together(board_url, tmp_path):
    store = open_store(board_url, rates=Rates(per_hour=9, per_day=9, waiting=2, board_per_day=4))
    first, _ = send(store, tmp_path, b"1"), send(store, tmp_path, b"2", "recomputed")
    with pytest.raises(TooMany, match="2 of your entries wait for review already"):
        send(store, tmp_path, b"3")
    store.withdraw(first.token)
    send(store, tmp_path, b"3")
    send(store, tmp_path, b"4", submitter="another")
    with pytest.raises(TooMany, match="the board has received 4 entries within a day"):
        send(store, tmp_path, b"5", submitter="a third")
    store.close()


def test_files_checked_for_one_submitter(board_url, tmp_path):
    store = open_store(board_url, rates=Rates(tries_per_hour=3))
    now = 1.8e9
    store._clock = lambda: now
    for _ in range(3):
        store.count_try("a")
        now += 60
    with pytest.raises(TooMany, match=r"3 files were checked .* again in 57 minutes") as too_many:
        store.count_try("a")
    assert too_many.value.retry_after == 3420
    with pytest.raises(TooMany, match="3 files were checked"):
        store.count_try("account", "a")  # either of them is enough
    store.count_try("b", "account")
    assert counts(store)["tries"] == 5  # what was refused was not noted
    now += 3420
    store.count_try("a")
    with pytest.raises(TooMany, match="again in a minute"):
        store.count_try("a")
    now += 3600
    store.count_try("a")
    assert counts(store)["tries"] == 1  # what does not count any more is not kept
    store.close()


def test_who_has_the_database_has_no_limit(board_url, tmp_path):
    store = open_store(board_url, rates=Rates(per_hour=1, per_day=1, waiting=1, board_per_day=1))
    for number in range(3):
        send(store, tmp_path, f"by the operator {number}".encode(), submitter=OPERATOR)
    send(store, tmp_path, b"by a visitor", submitter="visitor")  # the operator took nothing away
    with pytest.raises(TooMany):
        send(store, tmp_path, b"another", submitter="visitor")
    store.close()


def test_the_board_is_the_same_when_opened_again(board_url, store, tmp_path):
    receipt = send(store, tmp_path)
    salt = store.salt()
    store.close()
    again = open_store(board_url)
    assert again.lookup(receipt.token) == receipt.entry
    assert again.salt() == salt
    assert len(salt) == 64
    again.close()


def test_the_file_is_its_owners_alone(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/new/folder/board.sqlite3")
    send(store, tmp_path)
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "new" / "folder").iterdir()}
    assert set(modes.values()) == {0o600}
    with sqlite3.connect(tmp_path / "new" / "folder" / "board.sqlite3") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()
