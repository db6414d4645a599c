"""What decides a training run and what it shows: options, recipes, log, curve."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semcomp.geometry import ITERATIONS
from semcomp.networks.codec import PRESETS
from semcomp.networks.one_pass import OnePassDecoder
from semcomp.networks.quantizer import COEFFICIENTS
from semcomp.training.codec.data import random_levels
from semcomp.training.codec.log import Progress, append_row, duration, read_rows
from semcomp.training.codec.options import CURRICULA, TrainOptions, iterations_for
from semcomp.training.codec.recipes import RECIPES, differences, options_from, parse_setting
from semcomp.training.codec.validation import level_weighted_error, validation_maps
from semcomp.training.curves import draw_curves, series
from tests.support.small_runs import options

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
        decoder = OnePassDecoder(PRESETS["base"], COEFFICIENTS, ITERATIONS)
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


def test_bar_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, shown in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        bar = Progress(True)
        bar.update(0.25, "10 steps", 61)
        bar.update(0.5, "11 steps", 60)  # too soon after the first
        bar.clear()
        if shown:
            assert stream.getvalue().startswith(
                "\r[######..................]  25%  10 steps, 1 min 01 s left"
            )
        assert ("10 steps" in stream.getvalue()) == shown
        assert "11 steps" not in stream.getvalue()
