"""Tests of what is known of memory before a job: what there is, and what it will take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import semcomp
from semcomp.demo.hosting import memory
from semcomp.demo.shared import work
from semcomp.errors import ImageError
from semcomp.image import to_file


def test_what_there_is_no_memory_for_is_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.full((100, 200, 3), 90, np.uint8)
    path = tmp_path / "picture.png"
    path.write_bytes(to_file(picture))
    data = semcomp.compress(picture, 1, "uniform").data
    monkeypatch.setattr(memory, "available", lambda: 20_000 * memory.JOB_BYTES)
    assert work.read_picture(str(path))[0].shape == picture.shape
    assert work.file_facts(data)["width"] == 200
    monkeypatch.setattr(memory, "available", lambda: 19_999 * memory.JOB_BYTES)
    with pytest.raises(ImageError, match=r"needs more memory .* scale it down first"):
        work.read_picture(str(path))
    with pytest.raises(ImageError, match="needs more memory"):
        work.file_facts(data)
    assert work.read_picture(str(path), 5000)[0].shape == (50, 100, 3), "a smaller one is"
    monkeypatch.setattr(memory, "available", lambda: None)
    memory.check(10_000, 10_000)


def test_a_job_is_stopped_when_memory_runs_short(monkeypatch: pytest.MonkeyPatch) -> None:
    for free, stopped in ((None, False), (memory.LEAST, False), (memory.LEAST - 1, True)):
        monkeypatch.setattr(memory, "available", lambda free=free: free)
        assert bool(memory.short()) == stopped


def test_a_container_has_what_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, machine = memory.used(), memory.available()
    if used is None or machine is None:
        pytest.skip("this system does not tell")
    assert used > 1 and machine > 0
    monkeypatch.setattr(memory, "_GROUP", tmp_path)
    free = memory.available()
    assert free is not None and free > 3_000_000, "no container"
    texts = {"max": "9000000", "current": "7000000", "stat": "anon 1\ninactive_file 1000000\n"}
    for name, text in texts.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert memory.available() == 3_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available() != 3_000_000


@pytest.mark.skipif(memory._glibc() is None, reason="no glibc here")
def test_memory_of_many_threads_is_given_back() -> None:
    """What jobs in ever new threads have freed does not stay with the process."""
    script = """
import threading
from semcomp.demo.hosting import memory
memory.bound()
parts = []
def work():
    parts.append([bytearray(60_000) for _ in range(300)])  # below the size that is mapped alone
def job():
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    held = [each.pop() for each in parts[:3]]  # a little stays, in between
    parts.clear()
    memory.release()
    return held
kept = [job()]
first = memory.used()
kept += [job() for _ in range(8)]
print(first, memory.used())
"""
    made = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    first, last = map(float, made.stdout.split())
    assert last < first + 30  # one job has 144 MB in use
