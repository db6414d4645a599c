"""Opening a board: where it is, what can be wrong with the place, and its tables' versions."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy import text

from leaderboard.store import migrate
from leaderboard.store.database import StoreError, open_store
from leaderboard.store.engine import board_url as url_of
from leaderboard.store.engine import make_engine
from leaderboard.store.models import Base
from leaderboard.store.results import pack
from leaderboard.submissions.method import Method
from tests import ROOT
from tests.support.store_samples import approved, results, send


def test_the_default_place(tmp_path, monkeypatch):
    monkeypatch.delenv("SEMCOMP_DATABASE_URL", raising=False)
    monkeypatch.delenv("SEMCOMP_DATA_DIR", raising=False)
    monkeypatch.setenv("SEMCOMP_CACHE_DIR", str(tmp_path / "cache"))
    assert url_of(None).database == str(tmp_path / "cache" / "board" / "board.sqlite3")
    monkeypatch.setenv("SEMCOMP_DATA_DIR", str(tmp_path / "100% mine"))
    store = open_store()
    assert (tmp_path / "100% mine" / "board.sqlite3").exists()
    store.close()
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", f"sqlite:///{tmp_path / 'named.sqlite3'}")
    open_store().close()
    assert (tmp_path / "named.sqlite3").exists()
    for name in ("postgres", "postgresql", "postgresql+psycopg"):
        assert url_of(f"{name}://a:b@host/c").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no address", "cannot be read: SEMCOMP_DATABASE_URL has the form postgresql://USER"),
        ("postgresql://u:secret@host:many/name", "cannot be read: SEMCOMP_DATABASE_URL"),
        ("mysql://u:secret@host/name", "of the kind 'mysql'"),
        ("sqlite://", "would be lost"),
        ("sqlite:///:memory:", "would be lost"),
    ],
)
def test_addresses_that_are_none(url, message):
    with pytest.raises(StoreError, match=message) as error:
        open_store(url)
    assert "secret" not in str(error.value)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StoreError,
        match=r"cannot write the board into .*: a file is where its folder.*SEMCOMP_DATA_DIR",
    ):
        open_store(f"sqlite:///{tmp_path}/file/board.sqlite3")
    with pytest.raises(StoreError, match="cannot write the board into"):
        open_store(f"sqlite:///{tmp_path}")
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(StoreError, match="Permission denied; make the folder writable"):
            open_store(f"sqlite:///{tmp_path}/locked/board.sqlite3")


def test_a_new_file_is_its_owner_s_alone_wherever_a_link_leads(tmp_path):
    (tmp_path / "board.sqlite3").symlink_to(tmp_path / "real.sqlite3")
    open_store(f"sqlite:///{tmp_path}/board.sqlite3").close()
    assert stat.S_IMODE((tmp_path / "real.sqlite3").stat().st_mode) == 0o600


def test_opening_a_board_once_more_leaves_it_locked(tmp_path):
    """Else the next process that closes the board deletes the log that this one writes."""
    path = tmp_path / "board.sqlite3"
    stores = [open_store(f"sqlite:///{path}") for _ in range(2)]
    code = (
        f"from leaderboard.store.database import open_store; open_store('sqlite:///{path}').close()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)
    assert path.with_name(f"{path.name}-wal").exists()
    assert send(stores[0], tmp_path).entry.id == 1
    for store in stores:
        store.close()
    store = open_store(f"sqlite:///{path}")
    assert store.entry(1).id == 1
    store.close()


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "board.sqlite3"
    path.write_text("a letter to my aunt " * 500)
    with pytest.raises(StoreError, match=r"cannot be used as a board \(file is not a database\)"):
        open_store(f"sqlite:///{path}")
    assert path.read_text().startswith("a letter")


def test_a_server_that_does_not_answer(caplog):
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match="cannot reach the board's database: ") as e:
        open_store("postgresql://u:secret@127.0.0.1:1/name")
    assert "start the server, or correct SEMCOMP_DATABASE_URL" in str(e.value)
    assert "127.0.0.1" not in str(e.value), "visitors see it"
    assert "postgresql://u:***@127.0.0.1:1/name: connection" in caplog.text
    assert "secret" not in str(e.value) + caplog.text


def test_a_check_of_the_board(tmp_path, monkeypatch):
    path = tmp_path / "board.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.check()
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: usage)
        with pytest.raises(StoreError, match="no room left"):
            store.check()
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="the board's file is gone"):
        store.check()
    store.close()


def test_a_server_without_its_database_or_going_away(postgres, tmp_path, caplog):
    with pytest.raises(StoreError, match="cannot reach the board's database: "):
        open_store(f"{postgres.url}/nobody_made_it")
    assert 'database "nobody_made_it" does not exist' in caplog.text
    with postgres.empty() as url:
        store = open_store(url)
        name = store._engine.url.database
        kick = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        postgres.execute(kick)
        assert store.revision() == 0  # connected again by itself
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgres.execute(kick)
        with pytest.raises(StoreError, match="the board's database does not answer: ") as error:
            send(store, tmp_path)
        assert "not currently accepting" in caplog.text
        assert str(error.value).endswith("; nothing was stored")
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert send(store, tmp_path).entry.id == 1
        store.close()


def test_a_user_who_may_not_make_tables(postgres):
    with postgres.empty() as url:
        postgres.execute("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'secret'")
        name = "postgresql://guest:secret@" + url.split("@")[1]
        with pytest.raises(
            StoreError, match=r"cannot make the board's tables .*schema.*let this user own"
        ) as error:
            open_store(name)
        assert "secret" not in str(error.value)


def test_newer_tables_are_left_alone(empty_url):
    open_store(empty_url).close()
    engine = make_engine(url_of(empty_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"written by newer code .*version 9999.*update this"):
        open_store(empty_url)
    engine.dispose()


def test_somebody_elses_tables_are_left_alone(empty_url):
    engine = make_engine(url_of(empty_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE entries (diary TEXT)"))
    with pytest.raises(StoreError, match="tables that are not a board's: name another database"):
        open_store(empty_url)
    with engine.connect() as connection:
        assert migrate.schema_version(connection) is None
    engine.dispose()


def test_migrations_make_the_models(board_url):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = make_engine(url_of(board_url))
    with engine.connect() as connection:
        assert migrate.schema_version(connection) == migrate.HEAD
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_every_step_counts_on_from_the_one_before():
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(migrate._config())
    assert scripts.get_heads() == [migrate.HEAD]
    numbers = [script.revision for script in scripts.walk_revisions()]
    assert numbers == [f"{n:04}" for n in range(len(numbers), 0, -1)]
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"v{script.revision}_")


def test_a_board_of_the_first_version_is_brought_up(empty_url, tmp_path):
    """As 0001 made it, filled by hand: what is in it stays, and life goes on."""
    engine = make_engine(url_of(empty_url))
    migrate.upgrade(engine, "0001")
    digest = hashlib.sha256(b"old file").hexdigest()
    receipt = "receipt-of-long-ago"
    method = {"name": "Old", "authors": "A", "side_information_bytes": None, "model_bytes": 3}
    cells = {
        "method": json.dumps(method),
        "digest": digest,
        "receipt": hashlib.sha256(receipt.encode()).hexdigest(),
        "packed": pack(results()),
        "data": b"old file",
    }
    with engine.begin() as connection:
        salt = connection.execute(text("SELECT salt FROM board")).scalar_one()
        for statement in (
            "INSERT INTO entries (state, kind, dataset, method, digest, claim, submitter, receipt,"
            " submitted_at, reason, incomplete) VALUES ('approved', 'self-reported', 'kodak',"
            " :method, :digest, :digest, 's', :receipt, '2026-01-02 03:04:05', '', '[]')",
            "INSERT INTO contacts VALUES (1, '\"a@b.cd\"')",
            "INSERT INTO results VALUES (1, :packed)",
            "INSERT INTO uploads VALUES (1, '.csv', 8)",
            "INSERT INTO upload_chunks VALUES (1, 0, :data)",
            "INSERT INTO history (entry_id, at, by, action, after, reason) VALUES (1,"
            " '2026-01-02 03:04:05', 'submitter', 'submit', 'approved', '')",
        ):
            names = [name for name in cells if f":{name}" in statement]
            connection.execute(text(statement), {name: cells[name] for name in names})
    engine.dispose()
    store = open_store(empty_url)
    entry = store.lookup(receipt)
    assert entry.method == Method("Old", "A", model_bytes=3)
    assert entry.submitted_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert approved(store) == [(entry, results())]
    assert store.contact(entry.id) == "a@b.cd"
    assert store.salt() == salt
    with store.upload(entry.id) as path:
        assert path.read_bytes() == b"old file"
    store.count_try("somebody")
    assert send(store, tmp_path).entry.id == 2
    store.close()


def test_a_migration_that_fails_changes_nothing(empty_url, monkeypatch):
    from alembic import op

    def fail(*_args, **_options):
        raise RuntimeError("power cut")

    engine = make_engine(url_of(empty_url))
    with monkeypatch.context() as patch:
        patch.setattr(op, "create_index", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            migrate.upgrade(engine)
    with engine.connect() as connection:
        assert migrate.schema_version(connection) is None
    open_store(empty_url).close()
    engine.dispose()


def test_many_open_a_new_board_at_once(empty_url):
    failures, revisions = [], []

    def open_one():
        try:
            store = open_store(empty_url)
            revisions.append((store.revision(), store.salt()))
            store.close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(revisions) == 4
    assert len(set(revisions)) == 1  # the tables, and the salt in them, were made once


def test_sqlite_waits_and_checks_references(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'board.sqlite3'}")
    with store._engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        for pragma, value in (("foreign_keys", 1), ("synchronous", 2), ("busy_timeout", 30_000)):
            assert raw.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    store.close()


def test_opening_a_board_loads_no_network():
    """The commands that look after a board answer at once."""
    code = (
        "import sys, leaderboard.store.database, leaderboard.cli.review;"
        "assert not {'torch', 'gradio', 'pandas', 'alembic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
