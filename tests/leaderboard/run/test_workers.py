"""Workers: processes and Ray tasks that share the work, die, or are killed with their driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leaderboard.run.evaluate import EvaluationError
from leaderboard.run.provenance import identity
from leaderboard.run.workers import InThisProcess, Task, WorkerError
from tests import ROOT
from tests.support.noted import ALL, BRIGHT, Noted, calls, check_failed, evaluate, keys, pictures_in


@pytest.fixture
def pictures(tmp_path):
    return pictures_in(tmp_path)


def test_a_dead_worker_costs_one_point(pictures, tmp_path):
    out = tmp_path / "out"
    codecs = [Noted(tmp_path, name, name) for name in ("kill", "exit", "good")]
    with pytest.raises(EvaluationError, match="2 of 18 points failed") as end:
        evaluate(codecs, pictures, out, jobs=1)
    reasons = {
        "kill": "killed by signal 9 (SIGKILL): out of memory? use fewer --jobs, and run the",
        "exit": "the worker process ended with exit code 3: see its output",
    }
    check_failed(end.value, out, reasons)
    assert len(calls(tmp_path, "kill")) == len(calls(tmp_path, "exit")) == 6


def test_jobs_share_the_work(pictures, tmp_path):
    codecs = [Noted(tmp_path, name) for name in ("one", "two")]
    results = evaluate(codecs, pictures, tmp_path / "out", jobs=2)
    assert [keys(each) for each in results] == [ALL, ALL]
    notes = [(tmp_path / f"{name}.calls").read_text().split() for name in ("one", "two")]
    processes = {note for text in notes for note in text[2::3]}
    assert len(processes) == 2 and str(os.getpid()) not in processes
    with pytest.raises(WorkerError, match="-1 jobs"):
        evaluate(codecs, pictures, tmp_path / "other", jobs=-1)


def test_killed_run_goes_on(pictures, tmp_path):
    """kill -9 in the middle: nothing is lost, doubled or measured twice, and nobody is left."""
    out = tmp_path / "out"
    code = f"""
from pathlib import Path
from leaderboard.data.datasets import load_dataset
from leaderboard.run.evaluate import evaluate
from tests.support.noted import Noted
if __name__ == "__main__":
    here = Path({str(tmp_path)!r})
    slow = Noted(here, "noted", "slow")
    evaluate([slow, Noted(here, "quick")], load_dataset(here / "pictures"), here / "out", jobs=2)
"""
    script = tmp_path / "run.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, str(script)], env=environment, cwd=ROOT) as process:
        points = out / "points"
        wait_for(lambda: process.poll() is not None or len(list(points.glob("*/*.json"))) == 10)
        assert process.poll() is None
        process.kill()
    notes = (tmp_path / "noted.calls").read_text().splitlines()
    (sleeper,) = (int(line.split()[2]) for line in notes if line.startswith(BRIGHT))
    notes += (tmp_path / "quick.calls").read_text().splitlines()
    others = {int(line.split()[2]) for line in notes} - {sleeper}
    assert others
    kept = {path: path.read_bytes() for path in points.glob("*/*.json")}
    assert len(kept) == 10  # 12 but for the slow one and the one behind it
    wait_for(lambda: not any(map(alive, others)))
    os.kill(sleeper, signal.SIGKILL)  # it would see that nobody is there when it wakes up
    assert not list(out.glob("*.json"))

    codecs = [Noted(tmp_path), Noted(tmp_path, "quick")]
    results = evaluate(codecs, pictures, out)
    assert [keys(each) for each in results] == [ALL, ALL]
    assert {path: path.read_bytes() for path in kept} == kept
    assert len(list(points.glob("*/*.json"))) == 12
    assert sorted(calls(tmp_path, "quick")) == sorted(set(calls(tmp_path, "quick")))
    assert sorted(calls(tmp_path)) == sorted([*set(calls(tmp_path)), BRIGHT])  # it had not finished


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_ray_measures_the_same(pictures, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'semcomp[cluster]'")
    codecs = [Noted(tmp_path, "good"), Noted(tmp_path, "bad", "kill")]
    with pytest.raises(EvaluationError, match="1 of 12 points failed") as end:
        evaluate(codecs, pictures, tmp_path / "out", ray="local")
    (failure,) = end.value.failures
    assert (failure.codec, failure.image, failure.quality) == ("bad", "cup", 30)
    assert "the Ray worker failed (WorkerCrashedError" in failure.reason
    good, bad = end.value.results
    assert keys(good) == ALL and len(bad.rows) == 5
    local = evaluate(codecs[:1], pictures, tmp_path / "local")[0]
    for ours, theirs in zip(local.rows, good.rows, strict=True):
        assert (ours.bytes, ours.psnr, ours.si_ssim_2) == (
            theirs.bytes,
            theirs.psnr,
            theirs.si_ssim_2,
        )
    evaluate(codecs[:1], pictures, tmp_path / "out", ray="local")  # all is known
    assert len(calls(tmp_path, "good")) == 12


def test_no_cluster(pictures, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'semcomp[cluster]'")
    with pytest.raises(WorkerError, match=r"no Ray cluster at '127\.0\.0\.1:1' .*ray start --head"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", ray="127.0.0.1:1")
    with pytest.raises(WorkerError, match="cannot hand points back one by one"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", ray="ray://127.0.0.1:1")


@pytest.mark.parametrize(("address", "tries"), [("local", 3), ("auto", 1)])
def test_a_cluster_that_does_not_start(pictures, tmp_path, monkeypatch, address, tries):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'semcomp[cluster]'")
    asked = []

    def init(**options):
        asked.append(options["address"])
        raise Exception("The current node timed out during startup.")  # as Ray does

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(WorkerError, match=r"Ray.*timed out during startup.*use --"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", ray=address)
    assert asked == [address] * tries
    monkeypatch.undo()
    assert keys(evaluate([Noted(tmp_path)], pictures, tmp_path / "out")[0]) == ALL


def test_ray_missing(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkerError, match="Ray is not installed: pip install"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", ray="local")


def test_worker_with_other_libraries_measures_nothing(pictures, tmp_path):
    codec = Noted(tmp_path)
    known = {**identity(codec), "version": "libjpeg 6b"}
    task = Task(codec, pictures.pictures[0], (10, 30), known)
    outcomes = list(InThisProcess().run([task]))
    assert [outcome.quality for outcome in outcomes] == [10, 30]
    assert all(outcome.point is None for outcome in outcomes)
    assert "the worker has another version (libjpeg-turbo" in outcomes[0].problem
    assert "than the driver (libjpeg 6b)" in outcomes[0].problem
