"""Training runs: what they leave, resuming, warm start, errors."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from semcomp.errors import TrainingError
from semcomp.networks.codec import CodecConfig
from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.codec import checkpoint
from semcomp.training.codec.data import training_pictures
from semcomp.training.codec.log import read_rows
from semcomp.training.codec.pool import PicturePool
from semcomp.training.codec.recipes import options_from
from semcomp.training.codec.trainer import Trainer, start, train
from tests.support.small_runs import add_tiny_presets, options, picture, picture_folder
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


# Runs


def test_run_leaves_checkpoint_log_curve_and_parts(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    lines: list[str] = []
    trainer = train(options(folder, ship=True), out, report=lines.append)
    assert trainer.step == 2
    assert {path.name for path in out.iterdir()} == {
        "checkpoint.pt",
        "curve.png",
        "log.csv",
        "weights",
    }
    state = checkpoint.read(out / "weights")
    assert state["step"] == 2
    assert CodecConfig.from_dict(state["config"]) == trainer.codec.config
    for name, tensor in trainer.average.state_dict().items():
        torch.testing.assert_close(state["average"][name], tensor.half().float())
    for name, table in dataclasses.asdict(trainer.tables).items():
        np.testing.assert_array_equal(state["tables"][name], table)
    again = train(options(folder), tmp_path / "more", out / "weights", lines.append)
    assert again.step == 4
    assert math.isnan(float(read_rows(out / "log.csv")[0]["loss"]))


def test_schedule_over_several_calls(folder: Path, tmp_path: Path) -> None:
    """Each call anneals at its end, unless the calls share a schedule."""
    shared = options(folder, steps=0, minutes=0.01, total_minutes=1.0, decay=1.0)
    first = train(shared, tmp_path, report=lambda line: None)
    second = train(shared, tmp_path, tmp_path / "checkpoint.pt", lambda line: None)
    assert second.scheduled > first.scheduled >= 0.6
    speed = second.optimizer.param_groups[0]["lr"] / shared.lr / min(1, second.step / 100)
    assert 1 - second.scheduled / 60 <= speed < 1 - first.scheduled / 60 + 1e-6


def test_warm_start_takes_what_fits(folder: Path, tables: QuantizerTables, tmp_path: Path) -> None:
    first = Trainer(options(), tables)
    pool = PicturePool([picture(48)])
    first.train_step(pool, 1.0)
    checkpoint.save(first, tmp_path / "checkpoint.pt")
    lines: list[str] = []
    wider = options(folder, priming=1, gain=True, seed=3)
    source = tmp_path / "checkpoint.pt"
    second = start(wider, [picture(48)], warm_start=source, tables=source, report=lines.append)
    assert (second.step, second.tables.schedule.tolist()) == (0, tables.schedule.tolist())
    assert not second.optimizer.state
    assert "priming_bias" in lines[0] and "gains" in lines[0] and "unit_e" not in lines[0]
    own = second.codec.state_dict()
    for name, tensor in first.average.state_dict().items():
        assert torch.equal(own[name], tensor)
    assert second.origin == {"steps": 1, "hours": 0.0}
    second.seconds, second.step = 1800.0, 4
    checkpoint.save(second, tmp_path / "second.pt")
    third = start(wider, [picture(48)], warm_start=tmp_path / "second.pt", tables=source)
    assert third.origin == {"steps": 5, "hours": 0.5}
    with pytest.raises(ValueError, match="warm-start"):
        start(wider, [picture(48)], resume=source)
    with pytest.raises(ValueError, match="no weight"):
        checkpoint.warm_start(Trainer(options(preset="tiny-paper"), QuantizerTables.binary()),
                              checkpoint.read(source))  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x80\x04K\x01."])
def test_damaged_checkpoints_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        checkpoint.read(path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.read(path)


@pytest.mark.parametrize("preset", ["tiny", "tiny-one-pass"])
def test_resumed_steps_equal_uninterrupted_ones_with_every_option(
    preset: str, tables: QuantizerTables, tmp_path: Path
) -> None:
    chosen = options(
        preset=preset, importance="smooth", ssim_weight=0.5, ms_ssim_weight=0.5,
        detail=0.5, transposes=True, precision="bf16", masked=0.25,
    )  # fmt: skip
    if preset == "tiny":
        chosen = dataclasses.replace(chosen, priming=1, gain=True)
    pool = PicturePool([picture(48, seed) for seed in range(3)], scales=(0.75,), minimum=32)
    whole, first, resumed = (Trainer(chosen, tables) for _ in range(3))
    losses = [float(whole.train_step(pool, 1.0)) for _ in range(4)]
    assert losses[:2] == [float(first.train_step(pool, 1.0)) for _ in range(2)]
    checkpoint.save(first, tmp_path / "checkpoint.pt")
    checkpoint.resume(resumed, checkpoint.read(tmp_path / "checkpoint.pt"))
    assert [float(resumed.train_step(pool, 1.0)) for _ in range(2)] == losses[2:]
    for name, tensor in whole.average.state_dict().items():
        assert torch.equal(tensor, resumed.average.state_dict()[name])


def test_a_loss_that_is_not_finite_stops_the_run(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="lower learning rate"):
        train(options(folder, lr=math.inf, steps=4, warmup=1), tmp_path, report=lambda line: None)
    assert checkpoint.read(tmp_path / "checkpoint.pt")["step"] == 0


def test_data_sets_by_name_train_the_paper_recipe(tmp_path, monkeypatch) -> None:
    class Cifar:
        def pictures(self, limit: int | None = None) -> list[np.ndarray]:
            return [picture(32, seed) for seed in range(4)]

    monkeypatch.setattr(
        "semcomp.training.classifier.data.load_dataset", lambda name, split, report: Cifar()
    )
    pictures, held_out = training_pictures("cifar-100", 32)
    assert len(pictures) == 4 and held_out.shape == (4, 3, 32, 32)
    recipe = options_from("paper", {"preset": "tiny-paper", "epochs": 32, "minutes": math.inf})
    lines: list[str] = []
    trainer = train(recipe, tmp_path, report=lines.append)
    assert trainer.step == 32 * 4 / 32
    assert trainer.optimizer.param_groups[0]["lr"] < 0.01
