"""Training runs: recipes, dry run, log and curve, weights in parts, warm start, two processes."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semcomp.__main__ import main
from semcomp.codec import PRESETS, CodecConfig, Decoder
from semcomp.quantizer import COEFFICIENTS, ITERATIONS, QuantizerTables
from semcomp.recurrence import Cells, ConvLSTM, forward_cell
from semcomp.training import ablation, checkpoint, compiled
from semcomp.training.classifier_options import TrainingError
from semcomp.training.codec_trainer import Trainer, start, train
from semcomp.training.curves import draw_curves, series
from semcomp.training.data import random_levels, training_pictures
from semcomp.training.log import append_row, duration, read_rows
from semcomp.training.options import CURRICULA, TrainOptions, iterations_for
from semcomp.training.pool import PicturePool
from semcomp.training.recipes import RECIPES, differences, options_from, parse_setting
from semcomp.training.validation import level_weighted_error, validation_maps
from tests.tables import TINY, TINY_PAPER, quantizer_tables

ROOT = Path(__file__).parents[1]


def picture(side: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3), np.uint8)
    smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    noisy = np.asarray(smooth, np.float32) + rng.normal(0, 3, (side, side, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fourteen pictures of 48 pixels; the fourteenth is held out."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(14):
        Image.fromarray(picture(48, index)).save(pictures / f"{index:02}.png")
    return pictures


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets that train in milliseconds."""
    for config in (TINY, TINY_PAPER):
        monkeypatch.setitem(PRESETS, config.preset, config)


def options(folder: Path | str = "", **changes) -> TrainOptions:
    plain = TrainOptions("tiny", str(folder), work=8, crop=32, lr=1e-2, steps=2)
    return dataclasses.replace(plain, **changes)


@pytest.fixture
def tables() -> QuantizerTables:
    return quantizer_tables("runs")


# Options and recipes


def test_recipes_are_valid_and_the_words_of_an_option_override_them():
    for name in RECIPES:
        assert options_from(name, {}).preset == name
    base = options_from("base", {"minutes": 3.0, "lr": None})
    assert base.minutes == 3.0
    assert base.lr == RECIPES["base"]["lr"]
    assert base.total_minutes >= 2 * RECIPES["base"]["minutes"]
    paper = options_from("paper", {})
    assert (paper.lr, paper.lr * paper.final) == (0.01, pytest.approx(0.0005))
    assert paper.speed(0.0) == 1 and paper.speed(0.5) == 0.5 and paper.speed(1.0) == 0.05
    assert paper.steps_for(50_000) == math.ceil(100 * 50_000 / 32)
    with pytest.raises(ValueError, match="no recipe"):
        options_from("huge", {})
    with pytest.raises(ValueError, match="no training option"):
        options_from(None, {"speed": 3})


def test_base_fits_what_may_be_shipped():
    with torch.device("meta"):
        decoder = Decoder(PRESETS["base"], COEFFICIENTS, ITERATIONS)
    assert 20 << 20 < sum(2 * p.numel() for p in decoder.parameters()) < 55 << 20


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("gain=true", True),
        ("priming=2", 2),
        ("lr=3e-4", 3e-4),
        ("scales=0.75,0.5", (0.75, 0.5)),
        ("importance=cam", "cam"),
    ],
)
def test_settings_have_their_options_type(words: str, value: object) -> None:
    assert parse_setting(words) == (words.partition("=")[0], value)


@pytest.mark.parametrize("words", ["gain", "gain=maybe", "speed=3", "priming=few", "scales=a"])
def test_wrong_settings_name_the_problem(words: str) -> None:
    with pytest.raises(ValueError, match=words.partition("=")[0]):
        parse_setting(words)


@pytest.mark.parametrize(
    "wrong",
    [
        {"curriculum": "none"},
        {"importance": "much"},
        {"precision": "fp8"},
        {"crop": 40},
        {"masked": 1.5},
        {"scales": (2.0,)},
    ],
    ids=str,
)
def test_options_that_cannot_be_trained_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        options(**wrong).check()


def test_every_curriculum_can_be_drawn_from():
    rng = np.random.default_rng(0)
    for name, stages in CURRICULA.items():
        assert all(sum(shares.values()) == pytest.approx(1) for _, shares in stages)
        assert iterations_for(10**6, rng, name) in stages[-1][1]


def test_differences_say_what_was_chosen():
    chosen = options("somewhere", ssim_weight=0.5)
    assert differences(TrainOptions()) == {}
    assert differences(chosen)["ssim_weight"] == 0.5
    assert "data" not in differences(chosen)


def test_old_options_can_be_read():
    old = {"preset": "small", "lr": 1e-3, "work": 48, "no longer": 1}
    assert TrainOptions.from_dict(old) == TrainOptions(preset="small", lr=1e-3, work=48)


# Log and curve


def test_log_gains_columns(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    append_row(log, {"step": 0, "psnr_1": 20.5})
    append_row(log, {"step": 4, "psnr_1": 21.0, "ssim_1": 0.5})
    append_row(log, {"step": 8, "psnr_1": 22.0})
    rows = read_rows(log)
    assert [row["step"] for row in rows] == ["0", "4", "8"]
    assert [row["ssim_1"] for row in rows] == ["", "0.5", ""]


def test_curve_is_drawn_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for step, loss in ((0, math.nan), (100, 2.5), (200, 2.25)):
        row = {"step": step, "seconds": step, "loss": loss, "psnr_2": 20 + step / 100}
        append_row(log, {**row, "ms_ssim_2": 0.9, "ssim_2": 0.5, "map_psnr": 21.0})
    rows = read_rows(log)
    assert series(rows, "loss") == {"training": [(100, 2.5), (200, 2.25)]}
    assert series(rows, "psnr") == {
        "level 2": [(0, 20), (100, 21), (200, 22)],
        "level map": [(step, 21) for step in (0, 100, 200)],
    }
    assert series(rows, "ms_ssim")["level 2"][0][1] == pytest.approx(10)
    draw_curves(log, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as drawn:
        assert np.asarray(drawn.convert("L")).std() > 10


def test_durations_are_short():
    assert [duration(s) for s in (41.6, 61, 3725)] == ["42 s", "1 min 01 s", "1 h 02 min"]


def test_validation_maps_are_the_same_in_every_run():
    maps = validation_maps(3, 12)
    assert torch.equal(maps, validation_maps(3, 12))
    assert all(len(one.unique()) > 2 for one in maps)
    x = torch.zeros(1, 3, 16, 16)
    y = x.clone()
    y[..., :8, :8] = 0.1
    levels = torch.tensor([[[[4, 1], [1, 2]]]])
    assert float(level_weighted_error(x, y, levels)) == pytest.approx(20 - 10 * math.log10(0.5))


def test_share_of_masked_crops():
    rng = np.random.default_rng(0)
    for share in (0.0, 0.25, 1.0):
        full = [
            int((random_levels(4, 8, 12, rng, share, rng.random()) == 24).all((1, 2, 3)).sum())
            for _ in range(5)
        ]
        assert full == [4 - 4 * share] * 5


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
    speed = second.optimizer.param_groups[0]["lr"] / shared.lr * 100 / second.step
    assert speed == pytest.approx(1 - second.scheduled / 60, abs=0.05)


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


def test_resumed_steps_equal_uninterrupted_ones_with_every_option(
    tables: QuantizerTables, tmp_path: Path
) -> None:
    chosen = options(
        priming=1, gain=True, importance="smooth", ssim_weight=0.5, ms_ssim_weight=0.5,
        detail=0.5, transposes=True, precision="bf16", masked=0.25,
    )  # fmt: skip
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
        "semcomp.training.datasets.load_dataset", lambda name, split, report: Cifar()
    )
    pictures, held_out = training_pictures("cifar-100", 32)
    assert len(pictures) == 4 and held_out.shape == (4, 3, 32, 32)
    recipe = options_from("paper", {"preset": "tiny-paper", "epochs": 32, "minutes": math.inf})
    lines: list[str] = []
    trainer = train(recipe, tmp_path, report=lines.append)
    assert trainer.step == 32 * 4 / 32
    assert trainer.optimizer.param_groups[0]["lr"] < 0.01


# Commands


def test_dry_run_says_what_it_would_cost(folder, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "codec", "--data", str(folder), "--preset", "tiny", "--device", "cpu"]
    words += ["--set", "crop=32", "--set", "work=24", "--dry-run", "--minutes", "2"]
    monkeypatch.setattr("semcomp.training.codec_trainer.measure", quick_measure)
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
    from semcomp.training.dry_run import measure

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
    assert "| no-ema |" in table and "| gain |" in table
    assert main([*words, "--variants", "all"]) == 1


def test_every_variant_can_be_built():
    base = options_from(None, {"curriculum": "late"})
    for name, variant in ablation.VARIANTS.items():
        chosen = ablation.options_of(variant, base)
        chosen.check()
        assert (chosen == base) == (name == "baseline")
        pixels = chosen.work * chosen.crop**2 / (base.work * base.crop**2)
        assert pixels == pytest.approx(1, rel=0.05)


# Several processes


def command(run: Path, pictures: Path) -> list[str]:
    words = f"train codec --preset plain --steps 2 --data {pictures} --out {run} --device cpu"
    chosen = "crop=32 work=48 curriculum=low warmup=1 ssim_weight=0.5 clip=1e9"
    return [*words.split(), *(w for name in chosen.split() for w in ("--set", name))]


@pytest.mark.slow
def test_two_processes_agree_with_one(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    launcher += ["--master-addr", "127.0.0.1", "--master-port", str(port), "-m", "semcomp"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, *command(tmp_path / "two", folder)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert main(command(tmp_path / "one", folder)) == 0
    one, two = (checkpoint.read(tmp_path / name / "checkpoint.pt") for name in ("one", "two"))
    assert one["step"] == two["step"] == 2
    assert one["rng"] == two["rng"]
    moved = 0.0
    torch.manual_seed(0)
    fresh = Trainer(TrainOptions("plain"), QuantizerTables.binary()).codec.state_dict()
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
