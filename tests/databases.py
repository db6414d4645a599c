"""Databases for the tests of the board: SQLite, and a real PostgreSQL server of the tests' own.

A test that asks for `board_url` or `store` runs on both. The server lives in a temporary folder on
a free port, as a user without privileges, and ends with the tests.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
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
    """A running server. template: a database with the board's tables, copied for each test."""

    url: str
    numbers: Iterator[int] = field(default_factory=count)
    template: str | None = None

    def empty(self) -> str:
        """Address of a new, empty database."""
        return self._create("template0")

    def board(self) -> str:
        """Address of a new database with the board's tables."""
        from leaderboard.store.database import open_store

        if self.template is None:
            url = self._create("template0")
            open_store(url).close()
            self.template = url.rsplit("/", 1)[1]
        return self._create(self.template)

    def execute(self, statement: str) -> None:
        """Run a statement on the server, outside any board."""
        import psycopg

        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            connection.execute(statement)

    def _create(self, template: str) -> str:
        name = f"board{next(self.numbers)}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE {template} ENCODING "UTF8"')
        return f"{self.url}/{name}"


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
def board_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a new board, once in each kind of database."""
    if request.param == "sqlite":
        path = tmp_path / "board.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.board()


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
