"""Tests of the host's settings, the queue's rules, and when visitors' files go."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semcomp.demo.hosting import links
from semcomp.demo.hosting.files import Files
from semcomp.demo.hosting.limits import WINDOW, Limits, Waiting
from semcomp.demo.hosting.settings import Settings, SettingsError
from semcomp.demo.hosting.uploads import Uploads


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def job(name: str) -> Waiting:
    """A visitor's job, at an address of its own."""
    return Waiting(name, f"at {name}")


def jobs(names: str) -> list[Waiting]:
    """One job per letter."""
    return [job(name) for name in names]


# settings


def test_settings_have_defaults_and_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMCOMP_QUEUE", " ")
    assert Settings.read() == Settings()
    monkeypatch.setenv("SEMCOMP_QUEUE", "7")
    monkeypatch.setenv("SEMCOMP_MAX_FILE_MB", "3")
    monkeypatch.setenv("SEMCOMP_UPLOAD_DAYS", "0.5")
    assert Settings.read() == Settings(queue=7, max_file_mb=3, upload_days=0.5)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "ten", "²", "1_0", "10001", "9" * 5000])
def test_a_setting_out_of_range_is_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMCOMP_QUEUE", value)
    with pytest.raises(SettingsError, match=r"SEMCOMP_QUEUE=.*from 1 to 10,000.*100"):
        Settings.read()


def test_secrets_are_not_in_what_settings_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMCOMP_REVIEW_TOKEN", "a secret")
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", "postgresql://ann:secret@host/board")
    assert "secret" in Settings.read().review_token and "secret" not in repr(Settings.read())


# rules of the queue


def test_a_full_queue_says_so() -> None:
    limits = Limits(Settings(queue=3))
    assert limits.refusal(job("d"), jobs("ab")) is None
    assert "3 jobs are waiting" in str(limits.refusal(job("d"), jobs("abc")))


def test_one_visitor_or_one_network_cannot_fill_the_queue() -> None:
    limits = Limits(Settings(queue=8, visitor_jobs=2))
    assert limits.refusal(job("a"), jobs("ab")) is None
    assert "2 of your jobs" in str(limits.refusal(job("a"), jobs("aba")))
    many = [Waiting(f"name {i}", "one place") for i in range(4)]
    assert "your network" in str(limits.refusal(Waiting("another", "one place"), many))
    assert limits.refusal(job("b"), many) is None


def test_time_counts_while_others_wait_and_is_forgotten() -> None:
    clock = Clock()
    limits = Limits(Settings(visitor_seconds=60), clock)
    limits.ran("a", 50)
    clock.now += 100
    limits.ran("a", 20)
    refusal = str(limits.refusal(job("a"), jobs("b")))
    assert "70 seconds of computing" in refusal and "8 minutes" in refusal  # 500 s: the 50 go
    assert limits.refusal(job("a"), []) is None, "nobody else waits"
    assert limits.refusal(job("b"), jobs("c")) is None, "it is not b's time"
    clock.now += WINDOW - 99
    assert limits.spent("a")[0] == 20 and limits.refusal(job("a"), jobs("b")) is None
    clock.now += WINDOW
    limits.ran("b", 1)
    assert set(limits._spent) == {"b"}, "visitors who left take no memory"


@settings(deadline=None)
@given(st.text("abcd", max_size=20), st.text("abcd", max_size=2))
def test_turns_serve_everybody_once_and_each_visitor_in_order(queue: str, running: str) -> None:
    order = Limits(Settings()).turns(jobs(queue), jobs(running))
    assert sorted(order) == list(range(len(queue)))
    for visitor in set(queue):
        own = [i for i in order if queue[i] == visitor]
        assert own == sorted(own)


@pytest.mark.parametrize(
    ("queue", "running", "served"),
    [
        ("a a a b", "", "a b a a"),
        ("a a a b b c", "", "a b c a b a"),
        ("a a b", "a", "b a a"),
        ("a b c", "x", "a b c"),
        ("", "", ""),
        ("a1 a2 a3 b1", "", "a1 b1 a2 a3"),
        ("a1 a2 b1", "a3", "b1 a1 a2"),
        ("a1 a1 a2 b1 b1", "", "a1 b1 a2 b1 a1"),
        ("a1 a1 a2", "", "a1 a2 a1"),
        ("a1 a2", "a1", "a2 a1"),
    ],
)
def test_addresses_take_turns_then_visitors(queue: str, running: str, served: str) -> None:
    """A letter is an address, a number a visitor there: fifty names are one address's jobs."""
    waiting = [Waiting(name, name[0]) for name in queue.split()]
    busy = [Waiting(name, name[0]) for name in running.split()]
    order = Limits(Settings()).turns(waiting, busy)
    assert " ".join(waiting[i].visitor for i in order) == served


def test_a_job_is_stopped_after_its_time() -> None:
    limits = Limits(Settings(job_seconds=120))
    assert limits.too_long(119) is None
    assert "2 minutes" in str(limits.too_long(121))
    assert str(limits.too_long(121)).endswith("your own machine.")


# addresses


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%1", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("2002:7f00:1::", False),
        ("2002:5db8:d822::", False),
        ("2001:0:5db8:d822::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:100.64.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("ff02::1", False),
    ],
)
def test_only_addresses_of_the_whole_world_are_public(address: str, public: bool) -> None:
    assert links.is_public(address) == public


def test_names_are_asked_of_no_other_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx.AsyncClient, "get", lambda *_, **__: pytest.fail("asked outside"))
    with (
        ThreadPoolExecutor(1) as thread,  # where no other test's event loop runs
        pytest.raises(links.LinkError, match="not a public address"),
    ):
        address = {"path": "http://localhost/x.png"}
        thread.submit(asyncio.run, links.fetch([address], 1000, lambda *_: "")).result()


# files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of uploads and results."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def put(path: Path) -> dict[str, Any]:
    """A file as events name it."""
    path.write_bytes(b"something")
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def ledger(own: Path | None = None, delay: float = 60.0) -> Files:
    """The files of a page; own: a file that belongs to the page itself."""
    block = SimpleNamespace(keep_in_cache={str(own)} if own else set())
    page: Any = SimpleNamespace(blocks={0: block})
    return Files(page, delay)


def test_files_go_with_the_last_visitor_who_used_them(folder: Path) -> None:
    own, shared, mine = (folder / name for name in ("own", "shared", "mine"))
    files = ledger(own)
    for session in ("a", "b"):
        files.note(session, {"data": [put(own), [put(shared)]]})
    files.note("a", [put(mine), {"path": "https://example.org/x.png"}])
    files.forget("a")
    assert not mine.exists() and shared.exists() and own.exists()
    files.forget("b")
    assert not shared.exists() and own.exists()


def test_files_outside_the_folder_are_never_touched(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name} outside"
    files = ledger()
    files.note("a", [put(outside), {"path": f"{folder}/../{outside.name}"}])
    files.forget("a")
    assert outside.exists()


def test_a_visitor_who_comes_back_keeps_the_files(folder: Path) -> None:
    path = folder / "picture"
    files = ledger(delay=3600)
    files.note("a", put(path))
    files.left("a")
    timer = files._leaving["a"]
    files.arrived("a", [])
    assert timer.finished.is_set() and path.exists(), "the deletion is called off"
    files.left(None)
    files.left("never seen")


def test_files_go_after_the_delay(folder: Path) -> None:
    path = folder / "picture"
    files = ledger(delay=0.01)
    files.note("a", put(path))
    files.left("a")
    files._leaving.get("a", SimpleNamespace(join=lambda: None)).join()
    assert not path.exists()


def test_gradio_still_has_what_the_queue_builds_on() -> None:
    from semcomp.demo.hosting.turns import TurnQueue

    with gr.Blocks() as page:
        gr.Button().click(lambda: None, concurrency_id="model")
    page.queue(default_concurrency_limit=3)
    made = TurnQueue(page, Limits(Settings()), Files(page), Uploads(Settings()))
    assert page._queue is made and made.default_concurrency_limit == 3
    assert made.waiting() == made.running() == []
