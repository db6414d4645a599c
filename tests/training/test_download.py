"""Downloads against a server of their own: right, wrong, cut short, resumed, not there."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from semcomp.errors import DatasetError
from semcomp.training import download
from semcomp.training.download import fetch, sha256_of

CONTENT = bytes(range(256)) * 1000
SUM = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT in the way its fields say."""

    content = CONTENT
    ranges = True
    cut = 0  # so many answers end in the middle
    status = 200
    announce = True
    wrong_range = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data.tar"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(wanted[6:-1]) if wanted and server.ranges else 0
        body = server.content[start:]
        if wanted and server.ranges:
            if not body:
                self.send_error(416)
                return
            self.send_response(206)
            first = start + 7 if server.wrong_range else start
            size = len(server.content)
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        else:
            self.send_response(200)
        if server.announce:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cut > 0:
            server.cut -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(url: str, target: Path, **options: object) -> Path:
    settings: dict = {"sha256": SUM, "limit": 10**6, "pause": 0.0, "timeout": 5.0}
    return fetch(url, target, **{**settings, "report": lambda line: None, **options})


def test_a_file_comes_once(server, tmp_path):
    target = tmp_path / "new" / "data.tar"
    assert get(server.url, target) == target
    assert target.read_bytes() == CONTENT
    assert get(server.url, target) == target
    assert server.asked == [None]
    assert not target.with_name("data.tar.partial").exists()


def test_a_file_without_announced_size(server, tmp_path):
    server.announce = False
    assert get(server.url, tmp_path / "x").read_bytes() == CONTENT


def test_another_file_is_thrown_away(server, tmp_path):
    target = tmp_path / "data.tar"
    with pytest.raises(DatasetError, match="is another file: SHA-256") as caught:
        get(server.url, target, sha256="0" * 64)
    assert str(target) in str(caught.value) and "by other means" in str(caught.value)
    assert not target.exists() and not target.with_name("data.tar.partial").exists()
    assert len(server.asked) == 1


def test_a_broken_transfer_is_continued(server, tmp_path):
    server.cut = 2
    assert get(server.url, tmp_path / "data.tar").read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert server.asked == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]


def test_a_broken_transfer_starts_again_where_ranges_are_unknown(server, tmp_path):
    server.cut, server.ranges = 2, False
    assert get(server.url, tmp_path / "data.tar").read_bytes() == CONTENT


def test_what_came_is_kept_for_the_next_run(server, tmp_path):
    server.cut = 1
    target = tmp_path / "data.tar"
    with pytest.raises(DatasetError, match=r"128,000 bytes are kept, a new run continues"):
        get(server.url, target, attempts=1)
    assert not target.exists()
    assert get(server.url, target).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=128000-"]


def test_the_beginning_of_another_file_is_not_continued(server, tmp_path):
    target = tmp_path / "data.tar"
    target.with_name("data.tar.partial").write_bytes(b"x" * 1000)
    assert get(server.url, target).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


def test_a_complete_partial_file_is_used(server, tmp_path):
    target = tmp_path / "data.tar"
    target.with_name("data.tar.partial").write_bytes(CONTENT)
    assert get(server.url, target).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_a_wrong_range_is_not_pasted_in(server, tmp_path):
    target = tmp_path / "data.tar"
    target.with_name("data.tar.partial").write_bytes(CONTENT[:1000])
    server.wrong_range = True
    assert get(server.url, target).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


@pytest.mark.parametrize("announce", [True, False])
def test_too_large_a_file_is_refused(server, tmp_path, announce):
    server.announce = announce
    with pytest.raises(DatasetError, match="1,000 "):
        get(server.url, tmp_path / "data.tar", limit=1000)
    left = [path.stat().st_size for path in tmp_path.glob("*.partial")]
    assert left in ([], [0])


def test_missing_and_broken_servers(server, tmp_path):
    server.status = 404
    with pytest.raises(DatasetError, match="answers 404"):
        get(server.url, tmp_path / "data.tar")
    assert len(server.asked) == 1
    server.status = 503
    with pytest.raises(DatasetError, match="answers 503"):
        get(server.url, tmp_path / "data.tar", attempts=3)
    assert len(server.asked) == 4


def test_no_network(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/data.tar"
    target = tmp_path / "data.tar"
    with pytest.raises(DatasetError, match="no connection") as caught:
        get(url, target)
    text = str(caught.value)
    assert f"put it at {target}" in text and SUM in text and url in text


def test_a_file_put_there_by_hand(tmp_path):
    target = tmp_path / "data.tar"
    target.write_bytes(CONTENT)
    assert get("http://127.0.0.1:9/", target) == target
    target.write_bytes(CONTENT[:-1])
    with pytest.raises(DatasetError, match="Remove it"):
        get("http://127.0.0.1:9/", target)
    assert target.exists()  # what the user put there is the user's


def test_only_the_web(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    with pytest.raises(DatasetError, match="no address of the web"):
        get(secret.as_uri(), tmp_path / "copy")


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="SEMCOMP_CACHE_DIR"):
        get(server.url, tmp_path / "file" / "data.tar")


def test_two_at_once(server, tmp_path):
    target = tmp_path / "data.tar"
    with (
        download._only_one(target.with_name("data.tar.partial")),
        pytest.raises(DatasetError, match=r"another process is fetching data\.tar"),
    ):
        get(server.url, target)
    assert get(server.url, target) == target


def test_sum_of_a_file(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(CONTENT * 9)  # more than a chunk
    assert sha256_of(path) == hashlib.sha256(CONTENT * 9).hexdigest()
