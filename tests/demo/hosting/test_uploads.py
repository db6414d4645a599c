"""Tests that callers reach files they uploaded and results they got, and no other file."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import skimage.data
from gradio_client import Client, handle_file  # type: ignore[import-untyped]
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import ExifTags, Image

import app

META = {"meta": {"_type": "gradio.FileData"}}
REFUSED = "was not uploaded to this server"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gr.Blocks]:
    """The demo, with uploads and the board in folders of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        patch.setenv("SEMCOMP_DATA_DIR", str(tmp_path_factory.mktemp("board")))
        made = app.build()
        app.launch(made, prevent_thread_lock=True, quiet=True)
        yield made
        made.close()


@pytest.fixture(scope="module")
def url(page: gr.Blocks) -> str:
    assert page.local_url is not None
    return page.local_url.rstrip("/")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A picture of the operator's, with metadata, for the owner's eyes."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "the operator's own"
    path = tmp_path / "private.jpg"
    Image.fromarray(skimage.data.chelsea()[40:136, 100:228]).save(path, exif=exif)
    path.chmod(0o600)
    return path


@pytest.fixture
def uploaded(url: str, tmp_path: Path) -> str:
    """Path on the server of a picture that was uploaded."""
    path = tmp_path / "mine.png"
    Image.fromarray(skimage.data.chelsea()[40:136, 100:228]).save(path)
    answer = httpx.post(f"{url}/gradio_api/upload", files={"files": path.open("rb")})
    return str(answer.json()[0])


def number(page: gr.Blocks, name: str) -> int:
    """The event of the function of a name."""
    return next(i for i, fn in page.fns.items() if getattr(fn.fn, "__name__", "") == name)


def ask(page: gr.Blocks, event: int, data: list[Any]) -> str:
    """Send raw data to an event as anybody can; returns all that the server answers."""
    api = f"{str(page.local_url).rstrip('/')}/gradio_api"
    session = secrets.token_hex(8)
    # Written here, for httpx would not send half a letter.
    body = json.dumps({"data": data, "fn_index": event, "session_hash": session})
    sent: dict[str, Any] = {"content": body, "headers": {"content-type": "application/json"}}
    if not page.fns[event].queue:
        return httpx.post(f"{api}/run/predict", **sent, timeout=60).text
    joined = httpx.post(f"{api}/queue/join", **sent, timeout=60)
    if joined.status_code != 200:
        return joined.text
    said = ""
    with httpx.stream("GET", f"{api}/queue/data?session_hash={session}", timeout=60) as stream:
        for line in stream.iter_lines():
            said += line
            if "process_completed" in line:
                return said
    return said


def ways(folder: str, private: Path) -> dict[str, str]:
    """Names of a file outside the upload folder, by what is special about them."""
    link = Path(folder) / f"{private.parent.name}.jpg"
    link.symlink_to(private)
    circle = link.with_suffix(".png")
    circle.symlink_to(circle)
    (Path(folder) / "x:").mkdir(exist_ok=True)
    up = "/".join([".."] * len(Path(folder).parts))
    return {
        "plain": str(private),
        "not there": f"{private}.not",
        "up": f"{folder}/{up}{private}",
        "as an address": f"{folder}/x://../{up}{private}",
        "relative": os.path.relpath(private),
        "link": str(link),
        "links in a circle": str(circle),
        "nul": f"{folder}/a\0b.png",
        "nul in front": f"\0{private}",
        "half a letter": f"{folder}/\ud800.png",
        "long": "/" + "a/" * 5000,
        "file address": f"file://{private}",
    }


@pytest.mark.parametrize("meta", [{}, META], ids=["bare", "with meta"])
def test_no_way_of_naming_reaches_a_file_that_was_not_uploaded(
    page: gr.Blocks, private: Path, uploaded: str, meta: dict[str, Any]
) -> None:
    before = private.read_bytes()
    for way, path in ways(page.GRADIO_CACHE, private).items():
        file = {"path": path, **meta}
        for event, data in {"score": [{"path": uploaded}, file], "same_file": [file]}.items():
            said = ask(page, number(page, event), data)
            assert REFUSED in said, (way, event)
            assert private.name not in said, (way, event)
    assert private.read_bytes() == before
    assert not [p for p in Path(page.GRADIO_CACHE).rglob(private.name) if p.is_file()]


def test_no_event_takes_a_file_that_was_not_uploaded(page: gr.Blocks, private: Path) -> None:
    """Public or not, queued or not, whatever it takes, and however deep the file lies."""
    asked = 0
    for event, fn in page.fns.items():
        if fn.fn is None or not fn.inputs:
            continue
        files = {0: {"path": "https://example.org/a.png", **META}, -1: {"path": str(private)}}
        for at, file in files.items():
            data: list[Any] = [None] * len(fn.inputs)
            data[at] = {"value": {"layers": [None, {"image": file}]}}
            assert REFUSED in ask(page, event, data), fn.name
        asked += 1
    assert asked > 50


def test_the_board_s_own_database_is_not_opened(page: gr.Blocks) -> None:
    database = Path(os.environ["SEMCOMP_DATA_DIR"]) / "board.sqlite3"
    for event in ("score", "decompress", "submit", "check"):
        data: list[Any] = [None] * len(page.fns[number(page, event)].inputs)
        data[0] = {"path": str(database)}
        assert REFUSED in ask(page, number(page, event), data)


async def _score(url: str, arguments: dict[str, Any]) -> Any:
    async with (
        streamablehttp_client(f"{url}/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        return await session.call_tool("score", arguments)


def test_tools_neither_read_nor_rewrite_nor_delete_such_a_file(
    page: gr.Blocks, url: str, private: Path, uploaded: str
) -> None:
    before = private.read_bytes()
    data = "data:image/png;base64," + base64.b64encode(Path(uploaded).read_bytes()).decode()
    good = {"picture": data, "second_picture": data}
    for file in ({"path": str(private)}, {"path": str(private), **META}):
        for extra in ({"picture": file}, {"other": file}, {"other": [{"deep": file}]}):
            with ThreadPoolExecutor(1) as thread:  # where no other test's event loop runs
                asked = thread.submit(asyncio.run, _score(url, {**good, **extra}))
            assert asked.result().isError, extra
            assert private.read_bytes() == before, extra
            assert str(private) not in page.upload_file_set, extra
    assert not [p for p in Path(page.GRADIO_CACHE).rglob(private.name) if p.is_file()]


def test_uploads_and_results_are_taken_however_they_are_named(
    page: gr.Blocks, url: str, uploaded: str
) -> None:
    event = number(page, "score")
    around = f"{page.GRADIO_CACHE}/../{Path(page.GRADIO_CACHE).name}"
    for first in (
        {"path": uploaded},
        {"path": uploaded.replace(page.GRADIO_CACHE, around), **META},
    ):
        assert '"si_ssim"' in ask(page, event, [first, {"path": uploaded, **META}])
    client = Client(url, verbose=False)
    file, _ = client.predict(handle_file(uploaded), level=1, api_name="/compress")
    assert client.predict(handle_file(file), api_name="/decompress")[1]["bytes"] > 0
    client.close()
    made = json.loads(ask(page, number(page, "same_file"), [{"path": uploaded, **META}]))
    assert Path(made["data"][0]["path"]).read_bytes() == Path(uploaded).read_bytes()
