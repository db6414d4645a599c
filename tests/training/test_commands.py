"""Training from the command line: dry run, ablation, two processes, compiled cells."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from semcomp.__main__ import main
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.quantizer import QuantizerTables
from semcomp.networks.recurrence import Cells, ConvLSTM, forward_cell
from semcomp.training.codec import ablation, checkpoint, compiled
from semcomp.training.codec.options import TrainOptions
from semcomp.training.codec.recipes import options_from
from semcomp.training.codec.trainer import Trainer
from semcomp.training.codec.unroll import linear_path
from tests import ROOT
from tests.support.small_runs import add_tiny_presets, options, picture_folder
from tests.support.tables import quantizer_tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return picture_folder(tmp_path)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    add_tiny_presets(monkeypatch)


@pytest.fixture
def tables() -> QuantizerTables:
    return quantizer_tables("runs")


# Commands


def test_dry_run_says_what_it_would_cost(folder, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "codec", "--data", str(folder), "--preset", "tiny", "--device", "cpu"]
    words += ["--set", "crop=32", "--set", "work=24", "--dry-run", "--minutes", "2"]
    monkeypatch.setattr("semcomp.training.codec.trainer.measure", quick_measure)
    assert main(words) == 0
    printed = capsys.readouterr().out
    parameters = sum(
        p.numel() for p in Trainer(options(), quantizer_tables("x")).codec.parameters()
    )
    assert f"{parameters:,} parameters" in printed
    for part in ("peak memory", "steps per second", "crop=32", "steps in 2 minutes"):
        assert part in printed
    assert not (tmp_path / "run").exists()


def quick_measure(trainer, pool):
    from semcomp.training.codec.dry_run import measure

    cost = measure(trainer, pool, seconds=0.1)
    assert cost.peak > 1 << 20 and cost.steps_per_second > 0
    assert cost.blocks == 24 * 16
    return cost


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--recipe", "huge", "--data", "."], "no recipe"),
        (["--set", "speed=1", "--data", "."], "speed=1"),
        ([], "--data"),
        (["--precision", "fp8", "--data", "."], "fp8"),
    ],
)
def test_wrong_words(words, text, capsys) -> None:
    assert main(["train", "codec", *words]) == 2
    assert text in capsys.readouterr().err


def test_device_that_is_not_here(capsys, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["train", "codec", "--data", ".", "--device", "cuda"]) == 1
    assert "--device cpu" in capsys.readouterr().err


def test_ablation_compares_variants(folder, tmp_path, capsys, tables) -> None:
    first = Trainer(options(), tables)
    checkpoint.save(first, tmp_path / "checkpoint.pt")
    out = tmp_path / "ablations"
    words = ["train", "ablation", "--data", str(folder), "--out", str(out), "--device", "cpu"]
    words += ["--start", str(tmp_path / "checkpoint.pt"), "--steps", "1", "--set", "preset=tiny"]
    words += ["--set", "crop=32", "--set", "work=16"]
    assert main([*words, "--variants", "baseline,gain"]) == 0
    assert main([*words, "--variants", "gain,patches-64"]) == 1  # the pictures have 48 pixels
    assert main([*words, "--variants", "gain,no-masks"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("gain: 1 steps") == 1  # what is there is not done again
    stored = json.loads((out / "ablation.json").read_text())
    assert list(stored["variants"]) == ["baseline", "gain", "no-masks"]
    assert stored["variants"]["gain"]["options"]["gain"] is True
    assert "raw" in stored["variants"]["baseline"]
    table = (out / "ABLATION.md").read_text()
    assert "| no-ema |" in table and "| gain |" in table and "from weights after 0 steps" in table
    assert main([*words, "--variants", "baseline", "--scratch"]) == 0
    stored = json.loads((out / "ablation.json").read_text())
    assert list(stored["variants"]) == ["baseline"]  # another start: nothing is comparable
    assert "from random weights" in (out / "ABLATION.md").read_text()
    assert main([*words, "--variants", "all"]) == 1


def test_every_variant_can_be_built():
    base = options_from(None, {"curriculum": "late"})
    for name, variant in ablation.VARIANTS.items():
        chosen = ablation.options_of(variant, base)
        chosen.check()
        assert (chosen == base and not variant.forgets) == (name == "baseline")
        pixels = chosen.work * chosen.crop**2 / (base.work * base.crop**2)
        assert pixels == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("forgetful", [False, True])
def test_forgetful_units_start_every_iteration_afresh(
    tables: QuantizerTables, forgetful: bool
) -> None:
    codec = Trainer(options(), tables).codec
    assert isinstance(codec, EmbeddedCodec)
    with torch.no_grad():  # let what the units know reach the picture
        codec.decoder.pixels.weight.mul_(100)
    if forgetful:
        ablation.forget_states(codec)
    image = torch.rand(2, 3, 32, 32) * 255 - 128
    levels = torch.full((2, 1, 4, 4), 24)
    bits, linear = linear_path(codec.quantizer, image, levels, 3)
    with torch.no_grad():
        together = codec.reconstruct(0, bits.flatten(0, 1), linear.flatten(0, 1), [None] * 4, 3)
        alone = codec.reconstruct(2, bits[2], linear[2], [None] * 4)
    assert torch.allclose(together[4:], alone, atol=1e-3) == forgetful


# Several processes


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


# Compiled cells


def test_compiler_that_fails_is_reported_and_not_used(monkeypatch) -> None:
    def broken(function, **words):
        def run(*arguments):
            raise RuntimeError("no compiler\nand many more lines")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    lines: list[str] = []
    assert not compiled.use_compiled_cells(torch.device("cpu"), torch.float32, lines.append)
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
    try:
        assert compiled.use_compiled_cells(torch.device("cpu"), torch.float32, print)
        calls.clear()
        hidden, _ = ConvLSTM(2, 3)(torch.randn(4, 2, 4, 4), None, 2)
        hidden.sum().backward()
        assert calls == ["forward_cell"] * 2 + ["backward_cell"] * 2
    finally:
        compiled.use_plain_cells()
    assert Cells.forward is forward_cell
