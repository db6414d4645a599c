"""Tests of how much visitors may store: one cannot take all, and what is old goes."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import httpx
import pytest
from PIL import ExifTags, Image

from semcomp.demo.hosting import pictures, server
from semcomp.demo.hosting.settings import Settings
from semcomp.demo.hosting.uploads import MB, Uploads, sweep
from semcomp.image import to_file
from tests.support.pictures import RGB

SETTINGS = Settings(max_file_mb=1, stored_mb=30, visitor_mb=20)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of uploads and results."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return tmp_path / "uploads"


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    """A page that takes files, served under `SETTINGS`."""
    with gr.Blocks() as page:
        gr.File()
    app_kwargs = server.prepare(page, SETTINGS)
    page.launch(prevent_thread_lock=True, quiet=True, app_kwargs=app_kwargs)
    yield f"{str(page.local_url).rstrip('/')}/gradio_api"
    page.close()


def upload(url: str, data: bytes | Iterator[bytes], visitor: int = 1) -> httpx.Response:
    """Upload from an address of a visitor's own; an iterator does not say how long it is."""
    transport = httpx.HTTPTransport(local_address=f"127.0.0.{visitor}")
    with httpx.Client(transport=transport, timeout=60) as client:
        if isinstance(data, bytes):
            return client.post(f"{url}/upload", files={"files": (f"{visitor}.bin", data)})
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        parts = (part for parts in ((head,), data, (b"\r\n--x--\r\n",)) for part in parts)
        kind = {"content-type": "multipart/form-data; boundary=x"}
        return client.post(f"{url}/upload", content=parts, headers=kind)


def test_one_visitor_cannot_fill_the_folder_for_another(url: str) -> None:
    mine = upload(url, b"a" * 12 * MB, visitor=1)
    assert mine.status_code == 200
    refused = upload(url, b"b" * 12 * MB, visitor=1)
    assert refused.status_code == 413 and "your network take 12 MB" in refused.text
    assert upload(url, b"c" * 12 * MB, visitor=2).status_code == 200
    alone = upload(url, b"c" * 21 * MB, visitor=2)
    assert alone.status_code == 413 and "too large: uploads may have 20 MB" in alone.text
    full = upload(url, b"d" * 12 * MB, visitor=3)
    assert full.status_code == 413 and "folder of uploads is full" in full.text
    assert upload(url, b"e", visitor=3).status_code == 200, "there is room for a small one"
    Path(mine.json()[0]).unlink()
    assert upload(url, b"b" * 12 * MB, visitor=1).status_code == 200, "what has gone counts no more"


def test_an_upload_that_does_not_say_how_long_it_is_is_counted(url: str, folder: Path) -> None:
    refused = upload(url, (b"a" * MB for _ in range(40)))
    assert refused.status_code == 400 and "20 MB are allowed" in refused.text
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert upload(url, (b"a" * MB for _ in range(12))).status_code == 200


def test_an_upload_that_is_broken_off_leaves_nothing(url: str, folder: Path) -> None:
    head = (
        "POST /gradio_api/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    )
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(head.encode() + b"a" * 1000)
        wait(lambda: list(folder.glob("tmp*")))
    wait(lambda: not list(folder.glob("tmp*")))
    assert upload(url, b"a" * 19 * MB).status_code == 200, "it counts no more"


def wait(until: Any) -> None:
    while not until():
        time.sleep(0.02)


def test_other_requests_bring_little(url: str) -> None:
    for data in (b"x" * 3 * MB, (b"x" * MB for _ in range(3))):
        answer = httpx.post(f"{url}/queue/join", content=data, timeout=60)
        assert answer.status_code in (400, 413)
    assert (
        "upload large files instead" in httpx.post(f"{url}/queue/join", content=b"x" * 3 * MB).text
    )


def test_other_origins_send_no_cookies(url: str) -> None:
    """On a host that is not this machine: Gradio lets every origin read its answers there."""
    abroad = {"host": "semcomp.example", "origin": "https://other.example"}
    asked = {**abroad, "access-control-request-method": "POST"}
    for answer in (httpx.get(f"{url}/info", headers=abroad), httpx.options(url, headers=asked)):
        assert answer.headers["access-control-allow-origin"] == abroad["origin"]
        assert "access-control-allow-credentials" not in answer.headers


def test_files_that_come_otherwise_count_too(folder: Path) -> None:
    uploads = Uploads(SETTINGS)
    uploads.save("here", b"a" * 12 * MB, "picture", ".png")
    with pytest.raises(ValueError, match="your network take 12 MB"):
        uploads.save("here", b"b" * 12 * MB, "picture", ".png")
    uploads.save("there", b"c" * 12 * MB, "picture", ".png")
    with pytest.raises(ValueError, match="is full"):
        uploads.save("elsewhere", b"d" * 12 * MB, "picture", ".png")


def test_what_is_old_is_swept_whoever_made_it(folder: Path) -> None:
    old = [
        folder / ("a" * 64) / "b.png",
        folder / ("shelf-" + "0" * 32) / ("c" * 16) / "d.semc",
        folder / "tmpabcd1234",
    ]
    own, kept = folder / ("e" * 64) / "icon.png", [folder / "notes.txt", folder / "mine" / "x"]
    for path in (*old, own, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"something")
    assert sweep(folder, 60) == 0
    time.sleep(0.05)
    assert sweep(folder, 0.01, [own]) == 3
    assert not any(path.exists() for path in old)
    for _ in range(3):  # a folder goes when it has been empty for as long
        time.sleep(0.05)
        sweep(folder, 0.01, [own])
    assert not old[1].parent.parent.exists()
    assert own.exists() and all(path.exists() for path in kept), "names of others are theirs"


def test_the_system_s_own_folder_keeps_what_others_put_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    (folder / "tmpabcd1234").write_bytes(b"somebody's")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(folder))
    time.sleep(0.02)
    assert sweep(folder, 0.001) == 0


def photograph() -> bytes:
    """A picture that tells where it was made."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "where I live"
    return to_file(RGB, "JPEG", exif=exif)


def test_an_upload_has_lost_its_metadata_before_anybody_knows_its_name(url: str) -> None:
    """Whatever becomes of it: a call without a session, an event outside the queue, nothing."""
    (path,) = upload(url, photograph()).json()
    data = Path(path).read_bytes()
    assert b"where I live" not in data and data[:2] == b"\xff\xd8"


def test_so_has_a_file_that_comes_otherwise(folder: Path) -> None:
    path = Uploads(SETTINGS).save("here", photograph(), "photo", ".jpg")
    assert b"where I live" not in Path(path).read_bytes()


def test_one_that_cannot_be_cleaned_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError("no space left")

    folder.mkdir()
    path = folder / "photo.jpg"
    path.write_bytes(photograph())
    monkeypatch.setattr(pictures, "write_file", full)
    pictures.strip(path)
    assert not path.exists()
