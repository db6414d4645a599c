"""Archives: downloads from a server of their own, what is unpacked, and pickles."""

from __future__ import annotations

import hashlib
import os
import pickle
import socket
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from semcomp.errors import DatasetError
from semcomp.training.archives import RETRIES, fetch, read_pickle, unpack
from tests.support.archives import tar_of

# Downloads

CONTENT = bytes(range(256)) * 10_000
SUM = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT in the way its fields say."""

    cut = 0  # so many answers end in the middle
    status = 200
    announce = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data.tar"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.path)
        if server.status != 200:
            self.send_error(server.status)
            return
        self.send_response(200)
        if server.announce:
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        body = CONTENT
        if server.cut > 0:
            server.cut -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(url: str, target: Path, sha256: str = SUM) -> None:
    fetch(url, target, sha256, "https://example.org/data")


def test_a_file_comes_once(server, tmp_path):
    target = tmp_path / "new" / "data.tar"
    get(server.url, target)
    assert target.read_bytes() == CONTENT
    get(server.url, target)
    assert server.asked == ["/data.tar"]
    assert [path.name for path in target.parent.iterdir()] == ["data.tar"]


def test_a_file_without_announced_size(server, tmp_path):
    server.announce = False
    get(server.url, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize("announce", [True, False])
def test_another_file_is_thrown_away(server, tmp_path, announce):
    server.announce = announce  # if not, half a file looks like another one
    server.cut = 0 if announce else 99
    target = tmp_path / "data.tar"
    with pytest.raises(DatasetError, match="does not match the known hash") as caught:
        get(server.url, target, "0" * 64 if announce else SUM)
    assert str(target) in str(caught.value) and "by other means" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_broken_transfer_starts_again(server, tmp_path):
    server.cut = RETRIES
    get(server.url, tmp_path / "data.tar")
    assert (tmp_path / "data.tar").read_bytes() == CONTENT
    assert len(server.asked) == RETRIES + 1


def test_a_broken_transfer_leaves_nothing(server, tmp_path):
    server.cut = RETRIES + 1
    with pytest.raises(DatasetError, match="cannot fetch"):
        get(server.url, tmp_path / "data.tar")
    assert not list(tmp_path.iterdir())
    get(server.url, tmp_path / "data.tar")
    assert (tmp_path / "data.tar").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 503])
def test_missing_and_broken_servers(server, tmp_path, status):
    server.status = status
    with pytest.raises(DatasetError, match=f"cannot fetch.*{status}"):
        get(server.url, tmp_path / "data.tar")


def test_no_network(server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/data.tar"
    target = tmp_path / "data.tar"
    with pytest.raises(DatasetError, match="cannot fetch") as caught:
        get(url, target)
    text = str(caught.value)
    assert f"put it at {target}" in text and SUM in text and url in text


def test_a_proxy_is_asked(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    get("http://nowhere.invalid/data.tar", tmp_path / "data.tar")
    assert server.asked == ["http://nowhere.invalid/data.tar"]


def test_a_file_put_there_by_hand(tmp_path):
    target = tmp_path / "data.tar"
    target.write_bytes(CONTENT)
    get("http://127.0.0.1:9/", target)
    target.write_bytes(CONTENT[:-1])
    with pytest.raises(DatasetError, match="Remove it"):
        get("http://127.0.0.1:9/", target)
    assert target.exists()  # what the user put there is the user's


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="SEMCOMP_CACHE_DIR"):
        get(server.url, tmp_path / "file" / "data.tar")


# Contents


def link(name: str, kind: bytes, target: str) -> tuple[str, tarfile.TarInfo]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return name, info


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_files_are_unpacked(tmp_path, name):
    archive = tar_of(tmp_path / name, ("a/b/c.jpg", b"one"), ("a/d", b""))
    unpack(archive, tmp_path / "out")
    names = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*")}
    assert names == {"a", "a/b", "a/b/c.jpg", "a/d"}
    assert (tmp_path / "out" / "a" / "b" / "c.jpg").read_bytes() == b"one"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "out"])


@pytest.mark.parametrize(
    "member",
    [
        ("../evil.jpg", b"x"),
        ("a/../../evil.jpg", b"x"),
        link("a/s", tarfile.SYMTYPE, "/etc"),
        link("a/s", tarfile.SYMTYPE, "../../evil"),
        link("a/h", tarfile.LNKTYPE, "/etc/passwd"),
        link("a/d", tarfile.CHRTYPE, ""),
    ],
)
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_what_leads_out_of_the_folder_is_refused(tmp_path, member, suffix):
    home = tmp_path / "home"
    home.mkdir()
    archive = tar_of(home / f"a{suffix}", ("good.jpg", b"good"), member)
    with pytest.raises(DatasetError, match="is damaged"):
        unpack(archive, home / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["home"]
    assert [p.name for p in home.iterdir()] == [archive.name]


def test_another_process_was_quicker(tmp_path):
    archive = tar_of(tmp_path / "a.tar", ("a.jpg", b"one"))
    unpack(archive, tmp_path / "out")
    unpack(archive, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar", "out"]


def test_a_place_that_cannot_be_written(tmp_path):
    archive = tar_of(tmp_path / "a.tar", ("a.jpg", b"one"))
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DatasetError, match=r"cannot unpack .* SEMCOMP_CACHE_DIR"):
        unpack(archive, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar", "out"]


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_damaged_archives(tmp_path, suffix):
    archive = tar_of(tmp_path / f"a{suffix}", ("a.jpg", os.urandom(5000)))
    whole = archive.read_bytes()
    for damaged in (whole[:2000], b"no archive" * 100, b""):
        archive.write_bytes(damaged)
        with pytest.raises(DatasetError, match="is damaged"):
            unpack(archive, tmp_path / "out")
        assert not (tmp_path / "out").exists()


# Pickles


class Evil:
    """Runs a command where it is unpickled carelessly."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo run > evil",)


@pytest.mark.parametrize("content", [Evil(), {b"data": [Evil()]}])
def test_a_pickle_runs_no_code(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "train"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(pickle.UnpicklingError, match=r"asks for (posix|nt)\.system"):
        read_pickle(path)
    assert not (tmp_path / "evil").exists()


def test_arrays_of_bytes_are_read(tmp_path):
    """As this Python pickles them, and as Python 2, which wrote CIFAR, did."""
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    path = tmp_path / "train"
    for content in (pickle.dumps({b"data": pixels, b"n": [1]}), pickle_of_python_2(pixels)):
        path.write_bytes(content)
        np.testing.assert_array_equal(read_pickle(path)[b"data"], pixels)


def pickle_of_python_2(pixels: np.ndarray) -> bytes:
    """{"data": pixels} as Python 2 pickles it, with its 8-bit strings."""

    def string(data: bytes) -> bytes:
        return b"T" + len(data).to_bytes(4, "little") + data  # BINSTRING

    dtype = b"cnumpy\ndtype\n" + string(b"u1") + b"K\x00K\x01\x87R(K\x03" + string(b"|")
    dtype += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"".join(b"K" + bytes([side]) for side in pixels.shape) + b"\x86"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b")
    array += b"\x87R(K\x01" + shape + dtype + b"\x89" + string(pixels.tobytes()) + b"tb"
    return b"\x80\x02}" + string(b"data") + array + b"s."
