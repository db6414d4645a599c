"""Training runs: what they leave, resuming, warm start, errors."""

from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from semcomp.errors import TrainingError
from semcomp.networks.codec import CodecConfig
from semcomp.networks.integer import steps
from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.codec import checkpoint
from semcomp.training.codec.data import (
    HOLD_OUT_EVERY,
    PicturePool,
)
from semcomp.training.codec.run import start, train
from semcomp.training.codec.trainer import Trainer
from semcomp.training.outputs import read_rows
from tests.support.small_runs import (
    options,
    picture,
    write_pictures,
)


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


def test_train_leaves_a_checkpoint_and_a_log(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    write_pictures(data, HOLD_OUT_EVERY // 2 + 1, 192)
    chosen = options(data, steps=0, minutes=0.01)
    lines: list[str] = []
    trainer = train(chosen, out, report=lines.append)
    assert trainer.step > 0
    resumed = train(chosen, out, resume=out / "checkpoint.pt", report=lines.append)
    assert resumed.step > trainer.step
    assert resumed.seconds > trainer.seconds
    assert any(" 24:" in line for line in lines)
    with (out / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [0, trainer.step, trainer.step, resumed.step]
    state = torch.load(out / "checkpoint.pt", weights_only=False)
    assert state["step"] == resumed.step


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


def test_saturated_units_are_relaxed_at_a_warm_start(folder: Path, tmp_path: Path) -> None:
    first = Trainer(options(preset="tiny-paper"), QuantizerTables.binary())
    with torch.no_grad():
        for name, parameter in first.average.named_parameters():
            parameter.mul_({"encoder.1": 100.0, "decoder.2": 0.1}.get(name[:9], 1.0))
    source = tmp_path / "checkpoint.pt"
    checkpoint.save(first, source)
    chosen = options(folder, preset="tiny-paper", relax=0.5)
    second = start(chosen, [picture(48)], warm_start=source, report=lambda line: None)
    before, after = first.average.state_dict(), second.codec.state_dict()
    for name in ("conv_in.weight", "conv_in.bias", "conv_hid.weight"):
        share = after[f"encoder.1.{name}"].norm() / before[f"encoder.1.{name}"].norm()
        assert 0.05 < share < 0.5
        assert torch.equal(after[f"decoder.2.{name}"], before[f"decoder.2.{name}"])
    for name, tensor in second.average.state_dict().items():
        assert torch.equal(after[name], tensor)
    with pytest.raises(TrainingError, match=r"relax 2\.0: use a power"):
        options(relax=2.0).check()


def test_units_that_run_open_loop_are_relaxed_too(
    folder: Path, tables: QuantizerTables, tmp_path: Path
) -> None:
    first = Trainer(options(), tables)
    with torch.no_grad():
        for name, parameter in first.average.named_parameters():
            parameter.mul_(100.0 if "unit_f" in name else 1.0)
    source = tmp_path / "checkpoint.pt"
    checkpoint.save(first, source)
    second = start(
        options(folder, relax=1.0),
        [picture(48)],
        warm_start=source,
        tables=source,
        report=lambda line: None,
    )
    relaxed = second.codec.state_dict()
    names = [name for name in relaxed if "unit_f" in name]
    assert len(names) == 3
    for name in names:
        assert relaxed[name].norm() < 0.3 * first.average.state_dict()[name].norm()


def test_wide_layers_learn_more_slowly(tmp_path: Path) -> None:
    trainer = Trainer(options(preset="tiny-paper", fan_in=20.0, warmup=0), QuantizerTables.binary())
    trainer.train_step(PicturePool([picture(48)]), 1.0)
    rates = {p: group["lr"] for group in trainer.optimizer.param_groups for p in group["params"]}
    for name, parameter in trainer.codec.named_parameters():
        inputs = parameter[0].numel() if parameter.dim() > 1 else 1
        share = 20 / inputs if inputs > 20 else 1.0
        assert rates[parameter] == pytest.approx(trainer.options.lr * share), name
    checkpoint.save(trainer, tmp_path / "wide.pt")
    alike = options(preset="tiny-paper")
    with pytest.raises(TrainingError, match="give the same fan_in, or start"):
        start(alike, [picture(48)], resume=tmp_path / "wide.pt", report=lambda line: None)
    with pytest.raises(TrainingError, match=r"fan_in -1\.0: use a number"):
        options(fan_in=-1.0).check()


def test_floats_become_integers(folder: Path, tables: QuantizerTables, tmp_path: Path) -> None:
    """Steps of 8-bit inputs are fitted to what weights of floats see, then learn."""
    pictures = [picture(48)]
    first = Trainer(options(preset="tiny-one-pass"), tables)
    checkpoint.save(first, tmp_path / "floats.pt")
    source = tmp_path / "floats.pt"
    chosen = options(folder, preset="tiny-one-pass", integer=True)
    second = start(chosen, pictures, warm_start=source, tables=source, report=lambda line: None)
    steps = {k: v for k, v in second.codec.state_dict().items() if k.endswith("log_step")}
    assert len(steps) == 8 and all(len(set(step.tolist())) > 1 for step in steps.values())
    for name, step in steps.items():
        assert torch.equal(second.average.state_dict()[name], step)
    before = {name: step.clone() for name, step in steps.items()}
    second.train_step(PicturePool(pictures), 1.0)
    assert any(bool((steps[name] != step).any()) for name, step in before.items())
    checkpoint.save(second, tmp_path / "integers.pt")
    third = start(chosen, pictures, warm_start=tmp_path / "integers.pt", tables=source)
    for name, step in second.average.state_dict().items():
        assert torch.equal(third.codec.state_dict()[name], step)


def test_steps_are_the_same_in_every_process(
    tables: QuantizerTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fits them to crops of its own: their mean over the processes counts."""
    trainer = Trainer(options(preset="tiny-one-pass", integer=True), tables)
    monkeypatch.setattr(trainer.processes, "mean", lambda value: torch.full_like(value, -2))
    trainer.fit_steps(PicturePool([picture(48)]))
    for network in (trainer.codec, trainer.average):
        assert {v for step in steps(network) for v in step.tolist()} == {-2.0}


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\x80\x04K\x01."])
def test_damaged_checkpoints_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        checkpoint.read(path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.read(path)


def test_a_loss_that_is_not_finite_stops_the_run(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="lower learning rate"):
        train(options(folder, lr=math.inf, steps=4, warmup=1), tmp_path, report=lambda line: None)
    assert checkpoint.read(tmp_path / "checkpoint.pt")["step"] == 0
