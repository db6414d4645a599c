"""Tests of the fuzz command: what goes wrong is told and saved, and what a target may refuse."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from semcomp.errors import SemcompError
from tests.fuzz.cases import TARGETS, Target
from tests.fuzz.harness import MEMORY, fuzz


def _numbered(source: random.Random) -> bytes:
    return source.randbytes(4)


def _refused(data: bytes) -> None:
    raise SemcompError(data.hex())


def _mistaken(data: bytes) -> None:
    raise KeyError("a fault of the program")


def _slow(data: bytes) -> None:
    time.sleep(60)


def _crashing(data: bytes) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _greedy(data: bytes) -> None:
    bytearray(2 * MEMORY)


@pytest.mark.parametrize(
    ("tried", "told"),
    [
        (_mistaken, "KeyError at test_fuzz.py"),
        (_slow, "took longer than 0.5 seconds"),
        (_crashing, "the process ended with -11"),
        (_greedy, "MemoryError at test_fuzz.py"),
    ],
)
def test_what_goes_wrong_is_told_and_saved(tried, told: str, tmp_path: Path, capsys) -> None:
    problems = fuzz({"trial": Target(_numbered, tried)}, 0.1, tmp_path, seed=3, limit=0.5)
    (problem,) = problems
    assert problem.startswith(f"trial: {told}") and problem in capsys.readouterr().out
    assert problems[problem].read_bytes() == random.Random(3).randbytes(4)


def test_a_refusal_is_no_problem(tmp_path: Path) -> None:
    assert fuzz({"trial": Target(_numbered, _refused)}, 0.1, tmp_path) == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["parse", "grid", "picture", "metadata"])
def test_some_inputs_of_every_quick_target(name: str) -> None:
    target = TARGETS[name]
    for seed in range(40):
        with suppress(SemcompError):
            target.tried(target.make(random.Random(seed)))
