"""Tests of what programs get: docs/api's examples, the tools, limits, health, forgotten files."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
import skimage.data
from gradio_client import Client, handle_file  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError, ValidationError  # type: ignore[import-untyped]
from gradio_client.utils import QueueError  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import ExifTags, Image

import app
import semcomp
from leaderboard.pages.board.view import View
from leaderboard.store.database import Store, StoreError
from semcomp.demo.hosting import memory
from semcomp.demo.hosting.limits import Limits
from semcomp.demo.hosting.settings import Settings
from semcomp.demo.hosting.turns import TurnQueue
from semcomp.demo.shared import work
from semcomp.formats.registry import WRITERS
from tests import ROOT
from tests.support.board_submissions import method, open_board, self_reported

EXAMPLE_ADDRESS = "http://127.0.0.1:7860"
SECRET = "a place nobody is to know"
TOOLS = {"compress", "decompress", "explain", "score"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gr.Blocks]:
    """The demo on a free port, with files and a board in folders of their own."""
    folder = tmp_path_factory.mktemp("board")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        for board in open_board(folder, f"sqlite:///{folder / 'board.sqlite3'}"):
            made = app.build(board=board.context)
            with socket.socket() as probe:  # a port of our own: Gradio's choice may meet another's
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            app.launch(made, board.context, prevent_thread_lock=True, quiet=True, server_port=port)
            yield made
            made.close()


@pytest.fixture(scope="module")
def url(page: gr.Blocks) -> str:
    assert page.local_url is not None
    return page.local_url.rstrip("/")


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


@pytest.fixture
def queue(page: gr.Blocks) -> TurnQueue:
    assert isinstance(page._queue, TurnQueue)
    return page._queue


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small photograph, as PNG."""
    path = tmp_path / "photo.png"
    Image.fromarray(skimage.data.chelsea()[40:136, 100:228]).save(path)
    return path


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Keeps the model busy: nothing is compressed until this is set."""
    released = threading.Event()
    real = work.make_result

    def wait(*args: Any, **kwargs: Any) -> Any:
        assert released.wait(300)
        return real(*args, **kwargs)

    monkeypatch.setattr(work, "make_result", wait)
    yield released
    released.set()


def _without_a_loop(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a thread of its own: a browser's event loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *arguments).result()


def snippets() -> list[str]:
    """The Python examples of docs/api, which use a running demo."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return [code for code in found if EXAMPLE_ADDRESS in code]


def test_there_are_examples_for_both_clients() -> None:
    text = "".join(snippets())
    assert "gradio_client" in text and "mcp.client" in text
    assert {f'api_name="/{name}"' for name in TOOLS} <= set(re.findall(r'api_name="/\w+"', text))


@pytest.mark.parametrize("code", snippets(), ids=range(len(snippets())))
def test_the_examples_run(
    code: str,
    url: str,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(photo.parent)
    # As a program of its own would be run.
    program = compile(code.replace(EXAMPLE_ADDRESS, url), "api.md", "exec")
    _without_a_loop(exec, program, {"__name__": "__main__"})
    printed = capsys.readouterr().out
    for promised in re.findall(r"print\(error\)  # (.*)", code):
        assert promised in printed
    if "decoded.png" in code:
        with Image.open("decoded.png") as decoded, Image.open(photo) as original:
            assert decoded.size == original.size


def test_the_map_is_a_choice(client: Client, photo: Path) -> None:
    pixels = skimage.data.chelsea()[::2, ::2]
    Image.fromarray(pixels).save(photo)
    seen = client.predict(handle_file(photo), 2, map_kind="people", api_name="/compress")[1]
    assert {each["kind"] for each in seen["subjects"]} == {"object", "class"}
    chosen: tuple[dict[str, Any], ...] = (
        {"map_kind": "people", "focus": 1.5},
        {"map_kind": "people", "without": ["class"]},
        {"class_name": "Persian cat", "focus": 0},
    )
    for asked in chosen:
        file, record = client.predict(handle_file(photo), 2, **asked, api_name="/compress")
        *_, steps = client.predict(handle_file(photo), 2, **asked, api_name="/explain")
        same = {"semantic_map" if key == "map_kind" else key: v for key, v in asked.items()}
        wanted = semcomp.compress(pixels, 2, **same).data
        assert Path(file).read_bytes() == wanted
        assert record["focus"] == asked.get("focus", 1)
        assert steps["bytes"] == record["bytes"] == len(wanted)
    assert record["chosen"][0]["name"] == "Persian cat" and record["subjects"] == []


@pytest.mark.parametrize("name", ["semc", *WRITERS])
def test_the_largest_file_of_a_format_within_a_size(client: Client, photo: Path, name: str) -> None:
    asked: dict[str, Any] = {"format": name, "max_bytes": 3000}
    file, record = client.predict(handle_file(photo), **asked, api_name="/compress")
    with Image.open(photo) as picture:
        wanted = semcomp.compress(np.asarray(picture), **asked)
    suffix = ".semc" if name == "semc" else WRITERS[name].suffixes[0]
    assert Path(file).read_bytes() == wanted.data and Path(file).name == f"photo{suffix}"
    assert record["format"] == name and record["bytes"] == len(wanted.data) <= 3000
    assert record["level" if name == "semc" else "quality"] == wanted.quality


def test_every_endpoint_says_what_it_takes(client: Client) -> None:
    described: Any = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {f"/{name}" for name in TOOLS} <= set(described)
    for name in TOOLS:
        assert described[f"/{name}"]["description"]
        for parameter in described[f"/{name}"]["parameters"]:
            assert parameter["label"], parameter


async def _ask_tools(url: str, picture: str) -> dict[str, Any]:
    """What the MCP server offers, and what its tools answer on a picture (a `data:` address)."""
    async with (
        streamablehttp_client(f"{url}/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        told = (await session.list_tools()).tools
        packed = await session.call_tool("compress", {"picture": picture, "level": 2})
        file = packed.content[0].text  # type: ignore[union-attr]
        ordinary = {"picture": picture, "format": "avif", "max_bytes": 2000}
        return {
            "tools": {tool.name: tool for tool in told},
            "compress": packed,
            "decompress": await session.call_tool("decompress", {"file": file}),
            "explain": await session.call_tool("explain", {"picture": picture, "level": 2}),
            "score": await session.call_tool(
                "score", {"picture": picture, "second_picture": picture}
            ),
            "ordinary": await session.call_tool("compress", ordinary),
            "wrong": await session.call_tool("compress", {"picture": picture, "level": 99}),
            "private": await session.call_tool(
                "score", {"picture": picture, "second_picture": "http://127.0.0.1:1/x.png"}
            ),
        }


def test_the_tools_of_an_mcp_client(url: str, photo: Path) -> None:
    data = "data:image/png;base64," + base64.b64encode(photo.read_bytes()).decode()
    answers = _without_a_loop(asyncio.run, _ask_tools(url, data))
    tools = answers["tools"]
    assert set(tools) >= TOOLS
    for name in TOOLS:
        assert "Args" not in tools[name].description
        for parameter in tools[name].inputSchema["properties"].values():
            assert parameter["description"]
        assert not answers[name].isError, answers[name]
    assert tools["compress"].inputSchema["required"] == ["picture"]
    record = json.loads(answers["compress"].content[1].text)
    packed = urllib.request.urlopen(answers["compress"].content[0].text).read()
    assert record["bytes"] == len(packed) and len(record["classes"]) == 5
    avif = urllib.request.urlopen(answers["ordinary"].content[0].text).read()
    with Image.open(BytesIO(avif)) as opened:
        assert opened.format == "AVIF" and len(avif) <= 2000
    shown, _, facts = answers["decompress"].content
    with Image.open(BytesIO(base64.b64decode(shown.data))) as picture:
        assert (np.asarray(picture) == np.asarray(semcomp.decompress(packed))).all()
    assert json.loads(facts.text)["bytes"] == len(packed)
    assert [part.type for part in answers["explain"].content].count("image") == 2
    assert json.loads(answers["score"].content[0].text)["ssim"] == pytest.approx(1)
    assert answers["wrong"].isError and "outside" in answers["wrong"].content[0].text
    assert answers["private"].isError and "upload the file" in answers["private"].content[0].text


async def _submit_by_tools(url: str) -> dict[str, Any]:
    """What the board's tools say of an entry that is sent, looked up and withdrawn."""
    data = "data:text/csv;base64," + base64.b64encode(self_reported()).decode()
    async with (
        streamablehttp_client(f"{url}/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        told = {tool.name: tool for tool in (await session.list_tools()).tools}
        entry = {"file": data, "method": method("By a tool")}
        said: dict[str, Any] = {"submit": await session.call_tool("submit", entry)}
        receipt = {"receipt": json.loads(said["submit"].content[0].text)["receipt"]}
        for name in ("submission", "withdraw_submission"):
            said[name] = await session.call_tool(name, receipt)
        said["leaderboard"] = await session.call_tool("leaderboard", {"dataset": "kodak"})
        jpeg = {"dataset": "kodak", "method": "jpeg"}
        said["leaderboard_results"] = await session.call_tool("leaderboard_results", jpeg)
        return {"tools": told, "said": said}


def test_the_board_s_tools(url: str) -> None:
    answers = _without_a_loop(asyncio.run, _submit_by_tools(url))
    tools, said = answers["tools"], answers["said"]
    assert set(tools) == TOOLS | set(said), "every tool is tried"
    for tool in tools.values():
        Draft202012Validator.check_schema(tool.inputSchema)
    records = {name: json.loads(answer.content[0].text) for name, answer in said.items()}
    assert records["submit"]["stored"] and records["submission"]["state"] == "pending"
    assert records["withdraw_submission"]["state"] == "withdrawn"
    assert records["leaderboard"]["ranking"] and records["leaderboard_results"]["images"]["rows"]


def test_a_link_from_the_second_page_of_the_board_opens(url: str) -> None:
    assert httpx.get(f"{url}/?{View(page=2).query()}").status_code == 200


def test_health_is_told(url: str, page: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = httpx.get(f"{url}/health")
    facts = answer.json()
    assert answer.status_code == 200 and facts["status"] == "ok"
    assert facts["version"] == semcomp.__version__ and re.fullmatch(r"[0-9a-f]{8}", facts["model"])
    assert facts["waiting"] == facts["running"] == 0
    # A stand-in: a real queue that finds itself stopped ends for good.
    monkeypatch.setattr(page, "_queue", SimpleNamespace(stopped=True))
    answer = httpx.get(f"{url}/health")
    assert answer.status_code == 503 and "restart" in answer.json()["status"]


def test_health_tells_of_a_full_disk_and_of_a_board_that_is_gone(
    url: str, page: gr.Blocks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usage = shutil.disk_usage(".")._replace(free=1_000_000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage)
        answer = httpx.get(f"{url}/health")
        assert answer.status_code == 503 and "the disk is full" in answer.json()["status"]

    def gone(store: Store) -> None:
        raise StoreError("nobody answers at db.example.org")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "check", gone)
        answer = httpx.get(f"{url}/health")
        assert answer.status_code == 503 and "the board's database" in answer.json()["status"]
    assert "db.example.org" in caplog.text and "db.example.org" not in answer.text
    assert httpx.get(f"{url}/health").status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/config", "/gradio_api/file=/etc/passwd"])
def test_every_answer_has_its_headers(url: str, path: str) -> None:
    headers = httpx.get(url + path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self' https://huggingface.co" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"


def test_scripts_and_styles_have_types_that_browsers_need_not_guess(url: str) -> None:
    named = re.findall(r"""(?:src|href)="(?:\./|/)?([^"]+\.(?:js|css))\"""", httpx.get(url).text)
    assert {Path(name).suffix for name in named} == {".js", ".css"}
    for name in named:
        address = name if "://" in name else f"{url}/{name}"
        if address.startswith(url):
            kind = httpx.get(address).headers["content-type"]
            assert re.match("text/css|(text|application)/javascript", kind), (name, kind)


@pytest.mark.parametrize("path", ["", "/summary", "/key"])
def test_the_page_that_watches_visitors_is_closed(url: str, path: str) -> None:
    answer = httpx.get(f"{url}/monitoring{path}")
    assert answer.status_code == 403 and "not enabled" in answer.text


def test_the_queue_cannot_be_passed_by(url: str) -> None:
    answer = httpx.post(f"{url}/gradio_api/run/compress", json={"data": [None, 2, "", "", 0]})
    assert answer.status_code == 404


def test_visitors_take_turns_and_limits_are_told(
    url: str,
    queue: TurnQueue,
    photo: Path,
    held: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queue, "limits", Limits(Settings(visitor_jobs=2, queue=100)))
    first, second = Client(url, verbose=False), Client(url, verbose=False)
    asked = {"level": 2, "max_area": 4096, "api_name": "/compress"}
    jobs = [first.submit(handle_file(photo), **asked) for _ in range(1)]
    _wait(lambda: len(queue.running()) == 1)
    for count in (1, 2):
        jobs.append(first.submit(handle_file(photo), **asked))
        _wait(lambda count=count: len(queue.waiting()) == count)
    late = second.submit(handle_file(photo), **asked)
    _wait(lambda: len(queue.waiting()) == 3)
    assert queue.waiting()[0].visitor == second.session_hash, "before the other's second job"
    _wait(lambda: late.status().rank == 0 and jobs[-1].status().rank == 2)
    with pytest.raises(QueueError):
        first.submit(handle_file(photo), **asked).result()
    body = {"data": [], "fn_index": _number(queue, "compress"), "session_hash": first.session_hash}
    refused = httpx.post(
        f"{url}/gradio_api/queue/join", json=body, headers={"sec-fetch-site": "same-origin"}
    )
    assert "2 of your jobs are waiting" in refused.json()["detail"]
    held.set()
    for job in [*jobs, late]:
        assert job.result()[1]["bytes"] > 0
    assert queue.limits.spent(first.session_hash)[0] > 0


@pytest.mark.parametrize(("seconds", "said"), [(1, "longer than"), (1000, "out of memory")])
def test_a_job_that_takes_too_much_is_stopped(
    client: Client,
    queue: TurnQueue,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    said: str,
) -> None:
    """Whatever it is at: it reports no progress, and takes exceptions for its own."""
    monkeypatch.setattr(queue, "limits", Limits(Settings(job_seconds=seconds)))
    started, stopped = threading.Event(), threading.Event()
    real = work.explain_picture
    enough = memory.available
    if seconds > 1:
        monkeypatch.setattr(memory, "available", lambda: 0 if started.is_set() else enough())

    def endless(*args: Any) -> None:
        try:
            started.set()
            while True:
                with suppress(Exception):
                    time.sleep(0.01)
        finally:
            stopped.set()

    monkeypatch.setattr(work, "explain_picture", endless)
    with pytest.raises(AppError, match=said):
        client.predict(handle_file(photo), level=2, api_name="/explain")
    assert stopped.is_set()
    started.clear()
    monkeypatch.setattr(work, "explain_picture", real)
    monkeypatch.setattr(queue, "limits", Limits(Settings()))
    *_, record = client.predict(handle_file(photo), level=2, api_name="/explain")
    assert record, "the next job is not struck"


@pytest.mark.parametrize("way", ["closes the page", "cancels"])
def test_a_job_is_stopped_when_its_visitor(
    way: str, url: str, queue: TurnQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, ended = threading.Event(), threading.Event()

    def endless(*args: Any) -> None:
        started.set()
        try:
            while True:
                time.sleep(0.01)
        finally:
            ended.set()

    monkeypatch.setattr(work, "read_picture", endless)
    monkeypatch.setattr(queue, "limits", Limits(Settings(job_seconds=100)))
    api, event = f"{url}/gradio_api", _number(queue, "explain")
    mine: dict[str, Any] = {"fn_index": event, "session_hash": f"a visitor who {way}"}
    body = {"data": [None, 2, "uniform", "", 0, "classifier", 1, []], **mine}
    joined = httpx.post(f"{api}/queue/join", json=body).json()
    with httpx.stream("GET", f"{api}/queue/data", params=mine, timeout=60) as stream:
        next(stream.iter_lines())
        assert started.wait(60)
        if way == "cancels":
            httpx.post(f"{api}/cancel", json={**mine, **joined}).raise_for_status()
            assert ended.wait(60)
    assert ended.wait(60)
    _wait(lambda: not queue.running())


def test_a_file_may_not_declare_more_pixels_than_a_picture_may_have(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "decompress", lambda *a, **k: pytest.fail("decoded"))
    path = tmp_path / "huge.semc"
    path.write_bytes(semcomp.compress(skimage.data.chelsea()[:64, :64], 1, "uniform").data)
    monkeypatch.setenv("SEMCOMP_MAX_PIXELS", "4095")
    with pytest.raises(AppError, match=r"64 x 64 pixels, more than the 4095 allowed"):
        client.predict(handle_file(path), api_name="/decompress")


@pytest.mark.parametrize(
    ("endpoint", "wrong", "said"),
    [
        ("/compress", {"level": None}, "level has to be a number, not null"),
        ("/compress", {"level": "<8>"}, 'level has to be a number, not "<8>"'),
        ("/compress", {"level": 1e308}, "Average level 1e+308 is outside 0.1..24"),
        ("/compress", {"class_name": "<cat>"}, "Unknown class '<cat>'"),
        ("/compress", {"max_area": [1]}, "max_area has to be a number"),
        ("/compress", {"map_kind": "cats"}, "No map of kind 'cats': use people or classifier"),
        ("/compress", {"focus": 3}, "Focus 3"),
        ("/compress", {"format": "xyz"}, "No format here is called 'xyz': take one of semc, jpeg"),
        ("/compress", {"format": ["jpeg"]}, "format has to be text"),
        ("/compress", {"format": "jpeg", "allocation": "rd"}, "`rd` is for .semc files"),
        ("/compress", {"format": "jpeg", "max_bytes": 9}, "The smallest JPEG of this picture has"),
        ("/compress", {"max_bytes": -1}, "The smallest .semc of this picture has"),
        ("/compress", {"max_bytes": "30kB"}, "max_bytes has to be a number"),
        ("/compress", {"without": ["cat"]}, "Only a map of people has subjects"),
        ("/explain", {"without": "face"}, "without has to be a list of names"),
        ("/explain", {"without": ["dog"], "map_kind": "people"}, "There is no 'dog' in this"),
        ("/compress", {"class_name": 5}, "class_name has to be text"),
        ("/compress", {"allocation": {"a": 1}}, "allocation has to be text"),
        ("/explain", {"level": {}}, "level has to be a number"),
        ("/explain", {"class_name": ["cat"]}, "class_name has to be text"),
    ],
)
def test_a_parameter_of_another_type_is_named(
    client: Client, photo: Path, endpoint: str, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(AppError, match=re.escape(said)):
        client.predict(handle_file(photo), **wrong, api_name=endpoint)


def test_iterations_of_another_type_are_named(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "small.semc"
    path.write_bytes(semcomp.compress(skimage.data.chelsea()[:64, :64], 1, "uniform").data)
    kinds: tuple[Any, ...] = (None, "3", [])
    for wrong in kinds:
        with pytest.raises(AppError, match="iterations has to be a number"):
            client.predict(handle_file(path), iterations=wrong, api_name="/decompress")


def test_a_file_too_large_is_named(
    client: Client, queue: TurnQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "limits", Limits(Settings(max_file_mb=1)))
    path = tmp_path / "large.png"
    path.write_bytes(bytes(1_000_001))
    with pytest.raises(ValidationError, match=r"picture: This file is too large: 1 MB"):
        client.predict(handle_file(path), level=2, api_name="/compress")


def test_addresses_inside_are_not_fetched(client: Client) -> None:
    nul = "http://127.0.0.1:1/gradio_api/file=a%00b.png"
    inside = ("http://127.0.0.1:1/x.png", "http://localhost/", "http://10.0.0.1/x.png", nul)
    shared = ("http://100.64.0.1/", "http://[2002:7f00:1::]/", "http://[fec0::1]/")
    damaged = ("http://a\0b/", "http://[::1", "http://a/x." + "y" * 5000, f"http://{'a' * 5000}/")
    for address in (*inside, *shared, *damaged):
        with pytest.raises(ValidationError, match=r"picture: cannot fetch .*upload"):
            client.predict(handle_file(address), level=2, api_name="/compress")


def test_metadata_is_in_nothing_that_is_kept(
    url: str, page: gr.Blocks, queue: TurnQueue, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.files, "_delay", 0)
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = SECRET
    path = photo.with_suffix(".jpg")
    with Image.open(photo) as picture:
        picture.save(path, exif=exif)
    assert SECRET.encode() in path.read_bytes()
    visitor = Client(url, verbose=False)
    # The client's own copies lie elsewhere, so what is under the server's folder is the server's.
    file, _ = visitor.predict(handle_file(path), level=2, api_name="/compress")
    picture_file, _ = visitor.predict(handle_file(file), api_name="/decompress")
    kept = [p for p in Path(_folder(page)).rglob("*") if p.is_file()]
    assert any(p.name == "photo.jpg" for p in kept)
    for one in (*kept, Path(file), Path(picture_file)):
        assert SECRET.encode() not in one.read_bytes(), one
    own = [p for p in kept if p in queue.files._of_session[visitor.session_hash]]
    assert any(p.name == "photo.jpg" for p in own) and any(p.suffix == ".semc" for p in own)
    visitor.close()
    _wait(lambda: not any(p.exists() for p in own))


def _folder(page: gr.Blocks) -> str:
    return page.GRADIO_CACHE


def _number(queue: TurnQueue, name: str) -> int:
    return next(i for i, fn in queue.blocks.fns.items() if fn.api_name == name)


def _wait(condition: Any, seconds: float = 240) -> None:
    """Until the condition holds; a condition that never does fails the test."""
    passed = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        passed.wait(0.02)
    pytest.fail("it never came to pass")
