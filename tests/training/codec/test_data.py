"""Training pictures, level maps and crops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semcomp.errors import TrainingError
from semcomp.geometry import ITERATIONS
from semcomp.training.codec.data import (
    DETAIL_CELL,
    HOLD_OUT_EVERY,
    PicturePool,
    center_crops,
    load_pictures,
    picture_paths,
    random_levels,
    training_pictures,
)
from semcomp.training.codec.options import TrainOptions, options_from
from semcomp.training.codec.run import train
from tests.support.small_runs import (
    PICTURES,
    picture,
    write_pictures,
)

# Pictures


def test_every_26th_picture_is_held_out(tmp_path: Path) -> None:
    write_pictures(tmp_path, 2 * HOLD_OUT_EVERY, 2)
    (tmp_path / "notes.txt").write_text("no picture")
    training, held_out = picture_paths(tmp_path)
    assert [path.name for path in held_out] == ["013.png", "039.png"]
    assert len(training) == 2 * HOLD_OUT_EVERY - 2
    assert not set(training) & set(held_out)


def test_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give a folder"):
        picture_paths(tmp_path)


def test_small_pictures_are_left_out(tmp_path: Path) -> None:
    Image.new("L", (20, 30)).save(tmp_path / "grey.png")
    Image.new("RGB", (40, 9)).save(tmp_path / "flat.png")
    pictures = load_pictures(sorted(tmp_path.iterdir()), 16)
    assert [picture.shape for picture in pictures] == [(30, 20, 3)]
    with pytest.raises(FileNotFoundError, match="at least 100 pixels"):
        load_pictures(sorted(tmp_path.iterdir()), 100)


def test_center_crops_take_the_middle():
    crop = center_crops([PICTURES[0]], 32)[0].permute(1, 2, 0).numpy() + 128
    np.testing.assert_array_equal(crop, PICTURES[0][32:64, 48:80])


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


# Level maps


def test_random_levels_are_half_full_half_smooth():
    levels = random_levels(8, 16, 12, np.random.default_rng(0))
    assert levels.shape == (8, 1, 16, 16)
    assert (levels[1::2] == ITERATIONS).all()
    smooth = levels[0::2]
    assert smooth.min() >= 1
    assert smooth.max() <= ITERATIONS
    assert all(len(one.unique()) > 2 for one in smooth)
    assert (smooth[..., 1:] - smooth[..., :-1]).abs().max() <= 4


def test_rough_levels_jump_from_group_to_group():
    levels = random_levels(60, 16, 12, np.random.default_rng(0), 1.0, 0.0, rough=0.5)
    assert levels.min() >= 1 and levels.max() <= ITERATIONS
    steps = (levels[..., 1:] - levels[..., :-1]).abs().amax((1, 2, 3))
    assert 15 <= int((steps > 4).sum()) <= 40  # a smooth map has no step beyond 4
    plain = random_levels(8, 16, 12, np.random.default_rng(1))
    assert (random_levels(8, 16, 12, np.random.default_rng(1), rough=0.0) == plain).all()


def test_levels_may_reach_down_to_0():
    levels = random_levels(60, 16, 12, np.random.default_rng(0), 1.0, least=0)
    assert levels.min() == 0 and levels.max() <= ITERATIONS
    means = levels.float().mean((1, 2, 3))
    assert 15 <= int((means < 2.5).sum()) <= 45  # 2.5 is the geometric mean of 0.5 and 12
    with pytest.raises(TrainingError, match="least 2: use 0 or 1"):
        TrainOptions(least=2).check()


def test_share_of_masked_crops():
    rng = np.random.default_rng(0)
    for share in (0.0, 0.25, 1.0):
        full = [
            int((random_levels(4, 8, 12, rng, share, rng.random()) == 24).all((1, 2, 3)).sum())
            for _ in range(5)
        ]
        assert full == [4 - 4 * share] * 5


# Crops


def test_random_crops_are_parts_of_the_pictures():
    y, x = np.mgrid[:40, :50].astype(np.uint8)
    pool = PicturePool([PICTURES[0], np.stack([y, x, y], 2)])
    drawn = pool.draw(20, 16, np.random.default_rng(0))
    assert set(drawn.index.tolist()) == {0, 1}
    drawn.index[:] = 1
    drawn.y[:] %= 24
    drawn.x[:] %= 34
    crops = pool.cut(drawn, 16) + 128
    assert crops.shape == (20, 3, 16, 16)
    rows, columns = crops[:, 0], crops[:, 1]
    assert (rows[:, 1:] - rows[:, :-1] == 1).all()
    steps = columns[:, :, 1:] - columns[:, :, :-1]
    assert set(steps.unique().tolist()) == {-1, 1}  # some are flipped
    assert columns.max() <= 49


def ramps() -> PicturePool:
    y, x = np.mgrid[:40, :50].astype(np.uint8)
    return PicturePool([np.stack([y, x, y], 2)])


def test_transposed_crops_are_still_parts_of_the_picture():
    pool = ramps()
    crops = pool.cut(pool.draw(64, 16, np.random.default_rng(0), transposes=True), 16) + 128
    down = crops[:, 0, 1:, 0] - crops[:, 0, :-1, 0]
    across = crops[:, 0, 0, 1:] - crops[:, 0, 0, :-1]
    kinds = set(zip(down[:, 0].tolist(), across[:, 0].tolist(), strict=True))
    assert kinds == {(1, 0), (-1, 0), (0, 1), (0, -1)}


def test_pool_adds_reduced_copies():
    picture = np.full((64, 96, 3), 77, np.uint8)
    pool = PicturePool([picture, picture[:40, :40]], scales=(0.5,), minimum=32)
    assert len(pool) == 3  # the small picture's copy would be smaller than a crop
    assert pool.heights.tolist() == [64, 40, 32]
    drawn = pool.draw(50, 32, np.random.default_rng(0))
    assert set(drawn.index.tolist()) == {0, 1, 2}
    assert (pool.cut(drawn, 32) == 77 - 128).all()


def test_high_detail_crops_have_more_detail():
    rng = np.random.default_rng(0)
    picture = np.full((128, 256, 3), 100, np.uint8)
    picture[:, 192:] = rng.integers(0, 256, (128, 64, 3))
    pool = PicturePool([picture])
    spread = []
    for detail in (0.0, 0.5, 1.0):
        drawn = pool.draw(100, 32, np.random.default_rng(1), detail=detail)
        spread.append(float(pool.cut(drawn, 32).std((2, 3)).mean()))
    assert spread[0] < spread[1] < spread[2]
    assert 32 % DETAIL_CELL == 0


def test_importance_crops_follow_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ramps()
    with pytest.raises(ValueError, match="weigh"):
        pool.cut_weights(pool.draw(1, 16, np.random.default_rng(0)), 16)

    class Found:
        grey = np.array([[0, 255]], np.uint8)

    monkeypatch.setattr("semcomp.semantics.activation.analyse", lambda picture: Found)
    pool.weigh(lambda line: None)
    drawn = pool.draw(8, 16, np.random.default_rng(0))
    weight, columns = pool.cut_weights(drawn, 16), pool.cut(drawn, 16)[:, 1]
    torch.testing.assert_close(weight.mean((1, 2, 3)), torch.ones(8))
    for one, column in zip(weight[:, 0], columns, strict=True):
        order = column.flatten().argsort()
        assert (one.flatten()[order].diff() >= -1e-6).all()  # the map grows to the right
