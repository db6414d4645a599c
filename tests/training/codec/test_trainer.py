"""Steps of the codec's trainer, their continuation, validation."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from semcomp.geometry import ITERATIONS
from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.codec import checkpoint
from semcomp.training.codec.data import (
    PicturePool,
    center_crops,
)
from semcomp.training.codec.losses import loss_of
from semcomp.training.codec.trainer import Trainer, tables_for
from semcomp.training.codec.unroll import unroll
from semcomp.training.codec.validation import level_weighted_error, validate, validation_maps
from tests.support.small_runs import PICTURES, options, picture
from tests.support.tables import (
    TINY,
    TINY_PAPER,
    quantizer_tables,
)


def test_tables_follow_the_preset():
    assert (tables_for(TINY_PAPER, PICTURES, 0).rms == 1).all()
    assert (tables_for(TINY, PICTURES, 0).rms != 1).any()


@pytest.mark.parametrize("preset", ["tiny", "tiny-one-pass", "tiny-paper"])
def test_a_few_steps_reduce_the_loss(preset: str) -> None:
    # Random trees, so that there is much to correct at once.
    tables = QuantizerTables.binary() if "paper" in preset else quantizer_tables("training")
    trainer = Trainer(options(preset=preset), tables)
    pool = PicturePool(PICTURES)
    crops = pool.cut(pool.draw(8, 32, np.random.default_rng(9)), 32)
    levels = torch.full((8, 1, 4, 4), ITERATIONS)

    def losses() -> tuple[float, float]:
        with torch.no_grad():
            current, average = (
                float(loss_of(unroll(network, crops, levels, 2), crops))
                for network in (trainer.codec, trainer.average)
            )
            return current, average

    before = losses()
    assert before[0] == before[1]
    for _ in range(60):
        trainer.train_step(pool, 1.0)
    after = losses()
    assert max(after) < before[0] - 0.02


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
    for network in ("codec", "average"):
        own = getattr(resumed, network).state_dict()
        for name, tensor in getattr(whole, network).state_dict().items():
            assert torch.equal(tensor, own[name])


@pytest.mark.parametrize("preset", ["tiny", "tiny-one-pass"])
def test_validation_improves_with_the_iterations(preset: str, designed: QuantizerTables) -> None:
    trainer = Trainer(options(preset=preset), designed)
    row = validate(trainer.average, center_crops(PICTURES, 96), (1, 2, 4))
    for score in ("psnr", "ms_ssim", "ssim"):
        assert row[f"{score}_1"] < row[f"{score}_2"] < row[f"{score}_4"]
    assert row["map_psnr"] < row["psnr_4"]
    assert {"map_ms_ssim", "map_ssim", "map_weighted_psnr"} < set(row)


def test_validation_maps_are_the_same_in_every_run():
    maps = validation_maps(3, 12)
    assert torch.equal(maps, validation_maps(3, 12))
    assert all(len(one.unique()) > 2 for one in maps)
    x = torch.zeros(1, 3, 16, 16)
    y = x.clone()
    y[..., :8, :8] = 0.1
    levels = torch.tensor([[[[4, 1], [1, 2]]]])
    assert float(level_weighted_error(x, y, levels)) == pytest.approx(20 - 10 * math.log10(0.5))
