"""Files that are kept no longer: at once when withdrawn, after some days when decided against."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from leaderboard.store.database import NotFound, Store
from leaderboard.store.models import ChunkRow, UploadRow
from semcomp.demo.hosting.settings import Settings, SettingsError
from tests.support.store_samples import CONTACT, Clock, results, send

DAY = 86_400.0
DAYS = "SEMCOMP_UPLOAD_DAYS"


@pytest.fixture
def clock(store: Store) -> Clock:
    own = Clock()
    store._clock = own
    return own


def pieces(store: Store, entry_id: int) -> int:
    with store._reading() as session:
        query = select(func.count()).select_from(ChunkRow).where(ChunkRow.entry_id == entry_id)
        return session.scalar(query) or 0


def is_here(store: Store, entry_id: int) -> bool:
    try:
        with store.upload(entry_id) as path:
            return path.stat().st_size > 0
    except NotFound as error:
        assert "is kept no longer: it was removed on 20" in str(error)
        assert pieces(store, entry_id) == 0
        return False


def test_a_withdrawn_file_goes_at_once_and_the_rest_stays(store: Store, tmp_path: Path) -> None:
    mine = send(store, tmp_path, b"mine" * 600_000)
    theirs = send(store, tmp_path, b"theirs")
    assert pieces(store, mine.entry.id) == 3
    store.withdraw(mine.token)
    store.withdraw_by_maintainer(theirs.entry.id, "me", "a test")
    for entry in (mine.entry, theirs.entry):
        assert not is_here(store, entry.id)
        assert store.results(entry.id) == results()
        assert store.contact(entry.id) == CONTACT
        assert [event.action for event in store.history(entry.id)] == ["submit", "withdraw"]
    assert store.lookup(mine.token).digest == mine.entry.digest
    store.withdraw(mine.token)
    with store._reading() as session:
        assert session.get_one(UploadRow, mine.entry.id).size == 2_400_000


def test_a_rejected_file_stays_for_some_days(store: Store, clock: Clock, tmp_path: Path) -> None:
    kept = {name: send(store, tmp_path, name.encode()).entry.id for name in ("on", "waits", "late")}
    rejected = send(store, tmp_path, b"rejected").entry.id
    failed = send(store, tmp_path, b"failed", "recomputed").entry.id
    job = store.claim("worker", 60)
    assert job is not None
    store.fail(job, ["no picture"])
    store.approve(kept["on"], "me")
    store.reject(rejected, "me", "a test")
    clock.now += 2 * DAY
    store.reject(kept["late"], "me", "a test")
    clock.now += DAY
    assert store.purge_uploads(4) == 0
    assert store.purge_uploads(2) == 2
    assert store.purge_uploads(2) == 0
    assert not is_here(store, rejected) and not is_here(store, failed)
    assert all(is_here(store, entry_id) for entry_id in kept.values())
    assert store.history(failed)[-1].reason == "no picture"
    store.approve(rejected, "me")  # on second thoughts: its results are all that is needed
    assert store.results(rejected) == results()


def test_files_of_a_backup_that_are_gone_stay_gone(
    store: Store, tmp_path: Path, sqlite_template: Path
) -> None:
    from leaderboard.store.database import open_store

    gone = send(store, tmp_path, b"gone")
    here = send(store, tmp_path, b"here")
    store.withdraw(gone.token)
    assert store.backup(tmp_path / "board.zip") == 2
    elsewhere = open_store(f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}")
    assert elsewhere.import_board(tmp_path / "board.zip") == 2
    assert not is_here(elsewhere, gone.entry.id) and is_here(elsewhere, here.entry.id)
    elsewhere.close()


def test_the_setting_is_a_number_of_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DAYS, raising=False)
    assert Settings.read().upload_days == 30
    for text, days in (("0", 0.0), (" 7 ", 7.0), ("0.5", 0.5)):
        monkeypatch.setenv(DAYS, text)
        assert Settings.read().upload_days == days
    for wrong in ("-1", "soon", "nan", "inf", "1e9"):
        monkeypatch.setenv(DAYS, wrong)
        with pytest.raises(SettingsError, match=r"SEMCOMP_UPLOAD_DAYS=.*from 0 to"):
            Settings.read()


def test_the_worker_lets_them_go(
    store: Store, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leaderboard.scoring.worker import run_worker

    monkeypatch.setenv(DAYS, "3")
    rejected = send(store, tmp_path, b"rejected").entry.id
    store.reject(rejected, "me", "a test")
    said: list[str] = []
    run_worker(store, once=True, report=said.append, folder=tmp_path / "kept")
    assert is_here(store, rejected) and not said
    clock.now += 3 * DAY
    run_worker(store, once=True, report=said.append, folder=tmp_path / "kept")
    assert not is_here(store, rejected)
    assert said == ["1 file removed, decided against more than 3 days ago"]
