"""The command `train codec`: dry run, wrong words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from semcomp.__main__ import main
from semcomp.training.codec.trainer import Trainer
from tests.support.small_runs import (
    add_tiny_presets,
    options,
    picture_folder,
)
from tests.support.tables import quantizer_tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return picture_folder(tmp_path)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    add_tiny_presets(monkeypatch)


def test_dry_run_says_what_it_would_cost(folder, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "codec", "--data", str(folder), "--preset", "tiny", "--device", "cpu"]
    words += ["--set", "crop=32", "--set", "work=24", "--dry-run", "--minutes", "2"]
    monkeypatch.setattr("semcomp.training.codec.run.measure", quick_measure)
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
