"""Databases for the tests of the board: SQLite, and a real PostgreSQL server of the tests' own.

A test that asks for `board_url`, `empty_url` or `store` runs on both. The server lives in a
temporary folder on a free port, as a user without privileges, and ends with the tests.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from leaderboard.store.database import Store

START_SECONDS = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "16MB",
    "fsync": "off",  # the machine's power does not fail in a test
}


@dataclass
class Postgres:
    """A running server. free: databases that earlier tests have left, to be used again."""

    url: str
    free: list[str] = field(default_factory=list)
    made: int = 0

    @contextmanager
    def empty(self) -> Iterator[str]:
        """Address of a database without tables."""
        reset = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        name = self._take()
        self.execute(reset, name)
        yield f"{self.url}/{name}"
        self.execute(reset, name)  # what the test left may be no board
        self.free.append(name)

    @contextmanager
    def board(self) -> Iterator[str]:
        """Address of a new board."""
        from leaderboard.store.database import open_store
        from leaderboard.store.models import Base

        name = self._take()
        tables = ", ".join(set(Base.metadata.tables) - {"board"})
        open_store(f"{self.url}/{name}").close()
        salt = secrets.token_hex(32)
        clean = (
            f"TRUNCATE {tables} RESTART IDENTITY; UPDATE board SET revision = 0, salt = '{salt}'"
        )
        self.execute(clean, name)
        yield f"{self.url}/{name}"
        self.free.append(name)

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run statements on the server, beside any board."""
        import psycopg

        with psycopg.connect(f"{self.url}/{database}", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _take(self) -> str:
        if self.free:
            return self.free.pop()
        self.made += 1
        name = f"board{self.made}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE template0 ENCODING "UTF8"')
        return name


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; without one installed the test is skipped.

    With SEMCOMP_REQUIRE_POSTGRES=1 (set by `.ci/run`) a missing one is a failure instead.
    """
    programs = _programs()
    if programs is None:
        problem = "no PostgreSQL server found: install Debian's `postgresql` package"
        if os.environ.get("SEMCOMP_REQUIRE_POSTGRES") == "1":
            pytest.fail(problem)
        pytest.skip(problem)
    folder = Path(tempfile.mkdtemp(prefix="semcomp-postgres-"))
    server = None
    try:
        if os.geteuid() == 0:
            os.chown(folder, _user().pw_uid, _user().pw_gid)
        port = _free_port()
        server = _start(programs, folder, port)
        yield Postgres(f"postgresql://board@127.0.0.1:{port}")
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)  # at once: nobody needs what it holds
            try:
                server.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the board's tables, to be copied."""
    from leaderboard.store.database import open_store

    path = tmp_path_factory.mktemp("template") / "board.sqlite3"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def board_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a new board, once in each kind of database."""
    if request.param == "sqlite":
        path = tmp_path / "board.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        with server.board() as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a database without tables, in each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        with server.empty() as url:
            yield url


@pytest.fixture
def store(board_url: str) -> Iterator[Store]:
    """A new board, once in each kind of database."""
    from leaderboard.store.database import open_store

    opened = open_store(board_url)
    yield opened
    opened.close()


def _programs() -> Path | None:
    """Folder of initdb and postgres, which Debian keeps out of PATH."""
    found = shutil.which("postgres")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in [*([Path(found).resolve().parent] if found else []), *folders]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _user() -> pwd.struct_passwd:
    """Whom the server runs as if the tests run as root, which PostgreSQL refuses."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _as_user(command: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return command
    user = _user()
    ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *ids, "--pdeathsig=INT", *command]


def _start(programs: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    data, log = folder / "data", folder / "log"
    make = [str(programs / "initdb"), "-D", str(data), "-U", "board", "-E", "UTF8"]
    subprocess.run(
        _as_user([*make, "--locale=C", "--auth=trust", "--no-sync", "--no-instructions"]),
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    with log.open("wb") as output:
        server = subprocess.Popen(
            _as_user([str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings]),
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            pytest.fail(f"PostgreSQL did not start: {log.read_text()}")
        time.sleep(0.05)
    return server


def _answers(port: int) -> bool:
    import psycopg

    try:
        psycopg.connect(f"postgresql://board@127.0.0.1:{port}/postgres", connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
