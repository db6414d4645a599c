"""What a run computes on: several processes, compiled cells."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from semcomp.__main__ import main
from semcomp.networks.quantizer import QuantizerTables
from semcomp.networks.recurrence import Cells, ConvLSTM, forward_cell
from semcomp.training.codec import checkpoint, parallel
from semcomp.training.codec.options import TrainOptions
from semcomp.training.codec.trainer import Trainer
from tests import ROOT


def command(run: Path, pictures: Path, network: str) -> list[str]:
    words = f"train codec {network} --steps 2 --data {pictures} --out {run} --device cpu"
    chosen = "crop=32 curriculum=low warmup=1 ssim_weight=0.5 clip=1e9"
    return [*words.split(), *(w for name in chosen.split() for w in ("--set", name))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    ["--preset plain --set work=48", "--preset small --set work=6 --tables assets/small"],
    ids=["plain", "small"],
)
def test_two_processes_agree_with_one(folder: Path, tmp_path: Path, network: str) -> None:
    preset = network.split()[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launcher += ["--master-addr", "127.0.0.1", "--master-port", str(port), "-m", "semcomp"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, *command(tmp_path / "two", folder, network)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert main(command(tmp_path / "one", folder, network)) == 0
    one, two = (checkpoint.read(tmp_path / name / "checkpoint.pt") for name in ("one", "two"))
    assert one["step"] == two["step"] == 2
    assert one["rng"] == two["rng"]
    moved = 0.0
    torch.manual_seed(0)
    fresh = Trainer(TrainOptions(preset), QuantizerTables(**one["tables"])).codec.state_dict()
    for name, tensor in one["codec"].items():
        # Adam's first steps have the size of the learning rate, whatever the gradient.
        torch.testing.assert_close(two["codec"][name], tensor, atol=2e-4, rtol=0)
        moved = max(moved, float((tensor - fresh[name]).abs().max()))
    assert moved > 1e-3
    with (tmp_path / "two" / "log.csv").open() as file:
        logged = [row["loss"] for row in csv.DictReader(file)]
    with (tmp_path / "one" / "log.csv").open() as file:
        expected = [row["loss"] for row in csv.DictReader(file)]
    assert len(logged) == 2  # written by one of them alone
    assert float(logged[1]) == pytest.approx(float(expected[1]), abs=1e-4)


def test_compiler_that_fails_is_reported_and_not_used(monkeypatch) -> None:
    def broken(function, **words):
        def run(*arguments):
            raise RuntimeError("no compiler\nand many more lines")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    lines: list[str] = []
    assert not parallel.use_compiled_cells(torch.device("cpu"), torch.float32, lines.append)
    assert lines == ["torch.compile does not work here, going on without: no compiler"]
    assert Cells.forward is forward_cell


def test_compiled_cells_are_used(monkeypatch) -> None:
    calls = []

    def traced(function, **words):
        def run(*arguments):
            calls.append(function.__name__)
            return function(*arguments)

        return run

    monkeypatch.setattr(torch, "compile", traced)
    for name in ("forward", "backward"):  # put back when the test ends
        monkeypatch.setattr(Cells, name, getattr(Cells, name))
    assert parallel.use_compiled_cells(torch.device("cpu"), torch.float32, print)
    calls.clear()
    hidden, _ = ConvLSTM(2, 3)(torch.randn(4, 2, 4, 4), None, 2)
    hidden.sum().backward()
    assert calls == ["forward_cell"] * 2 + ["backward_cell"] * 2
