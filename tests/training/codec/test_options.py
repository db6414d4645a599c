"""What decides a training run: options, recipes, curricula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from semcomp.geometry import ITERATIONS
from semcomp.networks.codec import PRESETS
from semcomp.networks.one_pass import OnePassDecoder
from semcomp.networks.quantizer import COEFFICIENTS
from semcomp.training.codec.options import (
    CURRICULA,
    RECIPES,
    TrainOptions,
    differences,
    iterations_for,
    options_from,
    parse_setting,
)
from tests.support.small_runs import options


def test_recipes_are_valid_and_the_words_of_an_option_override_them():
    for name in RECIPES:
        assert options_from(name, {}).preset == name
    base = options_from("base", {"minutes": 3.0, "lr": None})
    assert base.minutes == 3.0
    assert base.lr == RECIPES["base"]["lr"]
    assert base.total_minutes >= 2 * RECIPES["base"]["minutes"]
    plain = options_from("plain", {})
    assert plain.plain_l1 and plain.gain and plain.crop == 64 and not plain.ssim_weight
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


def test_curriculum_starts_with_few_iterations():
    rng = np.random.default_rng(0)
    early = {iterations_for(0, rng) for _ in range(100)}
    late = {iterations_for(1000, rng) for _ in range(100)}
    assert early == {4, 8, 12}
    assert late == {4, 8, 12, ITERATIONS}


def test_differences_say_what_was_chosen():
    chosen = options("somewhere", ssim_weight=0.5)
    assert differences(TrainOptions()) == {}
    assert differences(chosen)["ssim_weight"] == 0.5
    assert "data" not in differences(chosen)
