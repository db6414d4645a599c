"""A board moved to another database, and backed up while it runs."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from pathlib import Path

import pytest

from leaderboard.store.database import NotFound, StoreError, open_store
from leaderboard.store.models import STATES
from leaderboard.store.results import pack
from leaderboard.submissions.inspection import Inspected
from leaderboard.submissions.method import Method
from tests.support.store_samples import CONTACT, approved, bd_rate, results, send, write_upload


@pytest.fixture
def full(store, tmp_path):
    """A board with an entry in every state, and the receipts by state."""
    receipts = {}
    for state in ("pending", "approved", "rejected", "withdrawn", "superseded", "failed"):
        kind = "re-decoded" if state == "failed" else "self-reported"
        content = state.encode() * (400_000 if state == "approved" else 1)
        receipts[state] = send(store, tmp_path, content, kind, name=f"{state} é\0\ud800")
        id = receipts[state].entry.id
        if state in ("approved", "superseded"):
            store.approve(id, "maintainer")
        elif state == "rejected":
            store.reject(id, "maintainer", "no")
        elif state == "withdrawn":
            store.withdraw(receipts[state].token)
        elif state == "failed":
            store.fail(store.claim("worker", 60), ["broken"])
    newer = send(store, tmp_path, b"newer", replaces=receipts["superseded"].token)
    store.approve(newer.entry.id, "maintainer")
    store.put_bd_rates({newer.entry.id: [bd_rate(1.5)]})
    receipts["scoring"] = send(store, tmp_path, b"scoring", "recomputed", submitter="another")
    assert store.claim("worker", 3600) is not None  # its lease does not move
    return receipts


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request, tmp_path):
    """Another, new board, of either kind."""
    if request.param == "sqlite":
        store = open_store(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
        yield store
        store.close()
        return
    with request.getfixturevalue("postgres").board() as url:
        store = open_store(url)
        yield store
        store.close()


@pytest.mark.parametrize("private", [True, False])
def test_a_whole_board_moves(store, full, elsewhere, tmp_path, private):
    path = tmp_path / "board.zip"
    count = store.backup(path) if private else store.export_board(path)
    assert count == 8
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.partial"))
    before = elsewhere.revision()
    assert elsewhere.import_board(path) == 8
    assert elsewhere.revision() > before
    entries = store.entries(STATES)
    assert [e for e in elsewhere.entries(STATES)] == entries
    assert {entry.state for entry in entries} == set(STATES)
    for entry in entries:
        assert elsewhere.history(entry.id) == store.history(entry.id)
        assert elsewhere.contact(entry.id) == (CONTACT if private else "")
        if entry.state == "withdrawn":  # its file went at once, and is in no export
            for board in (store, elsewhere):
                with pytest.raises(NotFound, match="is kept no longer"), board.upload(entry.id):
                    raise AssertionError
            continue
        with store.upload(entry.id) as here, elsewhere.upload(entry.id) as there:
            assert here.name == there.name
            assert here.read_bytes() == there.read_bytes()
    assert approved(elsewhere) == approved(store)
    rates = store.bd_rates("kodak", "bpg", "psnr", "basis")
    assert len(rates) == 1
    assert elsewhere.bd_rates("kodak", "bpg", "psnr", "basis") == rates
    assert (elsewhere.salt() == store.salt()) is private
    for state, receipt in full.items():
        assert elsewhere.lookup(receipt.token).state == state
    job = elsewhere.claim("other worker", 60)
    assert (job.entry.id, job.attempt) == (full["scoring"].entry.id, 2)
    elsewhere.finish(job, results())
    # Life goes on: new entries get new numbers.
    assert send(elsewhere, tmp_path, b"new", submitter="x").entry.id > max(e.id for e in entries)


def test_an_export_names_nobody(store, full, tmp_path):
    store.export_board(tmp_path / "export.zip")
    store.backup(tmp_path / "backup.zip")

    def text(path):
        with zipfile.ZipFile(path) as archive:
            return b"\n".join(archive.read(name) for name in archive.namelist()).decode("latin-1")

    exported, kept = text(tmp_path / "export.zip"), text(tmp_path / "backup.zip")
    for secret in (CONTACT, store.salt(), "somebody"):  # the submitter
        assert secret in kept
        assert secret not in exported
    for receipt in full.values():
        assert receipt.token not in kept


def test_only_a_new_board_is_filled(store, full, tmp_path):
    path = tmp_path / "board.zip"
    store.backup(path)
    entries = store.entries(STATES)
    with pytest.raises(StoreError, match="holds entries already, or votes: import into a new one"):
        store.import_board(path)
    assert store.entries(STATES) == entries


@pytest.fixture(scope="module")
def two_entries(tmp_path_factory):
    """A backup of a board with two entries."""
    folder = tmp_path_factory.mktemp("two")
    store = open_store(f"sqlite:///{folder / 'board.sqlite3'}")
    for n in range(2):
        send(store, folder, bytes([n]))
    store.backup(folder / "board.zip")
    store.close()
    return folder / "board.zip"


def change_member(path, name, change):
    """Rewrite a ZIP with one member changed, or left out if the change gives None."""
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w") as archive:
        for each, data in members.items():
            if data is not None:
                archive.writestr(each, data)


def edit(**values):
    """A change of a JSON member."""
    return lambda data: json.dumps(json.loads(data) | values).encode()


def sql(statement):
    """A change of the tables."""

    def change(data):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "board.sqlite3"
            path.write_bytes(data)
            connection = sqlite3.connect(path)
            connection.execute(statement)
            connection.commit()
            connection.close()
            return path.read_bytes()

    return change


def impossible():
    """Packed results with a score that no measurement gives."""
    text = zlib.decompress(pack(results())).replace(b"0.9,", b"9.9,")
    return zlib.compress(text).hex()


@pytest.mark.parametrize(
    ("member", "change", "message"),
    [
        ("board.json", edit(format=3), "written by newer code .*: update this program"),
        ("board.json", edit(format=1), "written by version 0.1 of this program: import it with"),
        ("board.json", edit(schema="0999"), "written by newer code .*: update this program"),
        ("board.json", edit(kind="diary"), "damaged .*it holds a 'diary'"),
        ("board.json", lambda _: None, "damaged .*board.json"),
        ("board.json", lambda _: b"{", "damaged"),
        ("board.json", edit(entries=3), "damaged .2 entries of 3"),
        ("board.sqlite3", lambda _: None, "damaged .*board.sqlite3"),
        ("board.sqlite3", sql("DELETE FROM entries WHERE id = 2"), "contradicts itself"),
        ("board.sqlite3", sql("UPDATE entries SET state = 'famous'"), "damaged .*'famous'"),
        ("board.sqlite3", sql("UPDATE entries SET method = '{\"diary\": 1}'"), "damaged .*diary"),
        ("board.sqlite3", sql("UPDATE entries SET superseded_by = 77"), "contradicts itself"),
        (
            "board.sqlite3",
            sql(f"UPDATE results SET packed = x'{impossible()}'"),
            "damaged .*expected -1 to",
        ),
        ("board.sqlite3", sql("DELETE FROM results"), "damaged .*entry 1 has no results"),
        (
            "board.sqlite3",
            sql("UPDATE upload_chunks SET data = x'00' WHERE entry_id = 2"),
            "damaged .*upload of entry 2 is not what was sent",
        ),
        (
            "board.sqlite3",
            sql("DELETE FROM upload_chunks WHERE entry_id = 2"),
            "damaged .*upload of entry 2 is not what was sent",
        ),
    ],
)
def test_a_damaged_file_leaves_nothing(store, two_entries, tmp_path, member, change, message):
    path = tmp_path / "board.zip"
    shutil.copy(two_entries, path)
    change_member(path, member, change)
    with pytest.raises(StoreError, match=f"(?s){message}"):
        store.import_board(path)
    assert store.entries(STATES) == []
    assert store.revision() == 0


def test_files_that_are_no_boards(store, full, tmp_path):
    path = tmp_path / "board.zip"
    store.backup(path)
    empty = open_store(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:-200])
    (tmp_path / "letter.txt").write_text("dear aunt")
    for name in ("cut.zip", "letter.txt"):
        with pytest.raises(StoreError, match=f"{name} is no board's file, or is damaged"):
            empty.import_board(tmp_path / name)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match="damaged"):
        empty.import_board(path)
    with pytest.raises(StoreError, match=r"cannot read .*missing.zip: No such file"):
        empty.import_board(tmp_path / "missing.zip")
    assert empty.entries(STATES) == []
    empty.close()


def test_a_place_that_cannot_be_written_keeps_what_is_there(store, tmp_path):
    send(store, tmp_path)
    with pytest.raises(StoreError, match=r"cannot write .*: No such file or directory; name a"):
        store.backup(tmp_path / "missing" / "board.zip")
    path = tmp_path / "board.zip"
    path.write_bytes(b"yesterday's")
    with store._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM upload_chunks")
    with pytest.raises(StoreError, match="upload of entry 1 is damaged in the database"):
        store.backup(path)
    assert path.read_bytes() == b"yesterday's"
    assert sorted(p.suffix for p in tmp_path.iterdir() if "partial" in p.name) == []


def test_a_backup_has_the_state_of_one_moment(store, tmp_path, monkeypatch):
    """Entries that arrive, and decisions that fall, while it is written are not in it."""
    from leaderboard.store import transfer

    receipt = send(store, tmp_path, b"1")
    copy_table, calls = transfer._copy_table, []

    def copy_and_disturb(source, target, table, instead):
        if not calls:
            calls.append(table.name)
            send(store, tmp_path, b"2")
            store.approve(receipt.entry.id, "me")
        copy_table(source, target, table, instead)

    monkeypatch.setattr(transfer, "_copy_table", copy_and_disturb)
    assert store.backup(tmp_path / "board.zip") == 1
    assert len(calls) == 1
    monkeypatch.undo()
    assert len(store.entries(STATES)) == 2
    other = open_store(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    other.import_board(tmp_path / "board.zip")
    assert other.lookup(receipt.token) == receipt.entry  # still pending
    other.close()


def test_means_without_pictures_survive_exactly(store, tmp_path):
    """CompressAI's files hold means alone, which rounding would change."""
    from leaderboard.data.results import Results

    stated = {"bpp": [0.1234567891, 0.3], "psnr-rgb": [30.123456789, 33.0]}
    found = Results.from_json({"name": "m", "dataset": "kodak", "results": stated})
    path, digest = write_upload(tmp_path, b"means")
    method = Method("m", contact=CONTACT)
    id = store.add(Inspected("self-reported", method, digest, found), path, submitter="x").entry.id
    assert store.results(id) == found
    store.export_board(tmp_path / "board.zip")
    other = open_store(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    other.import_board(tmp_path / "board.zip")
    assert other.results(id) == found
    other.close()
