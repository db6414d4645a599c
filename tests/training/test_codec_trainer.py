"""Training: pictures, quantizer design, codec trainer, fitting of the entropy tables."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semcomp.coding.entropy import ContextTables, EntropyCoder
from semcomp.geometry import BITS, ITERATIONS
from semcomp.networks.quantizer import COEFFICIENTS, MAX_DEPTH, EmbeddedQuantizer, QuantizerTables
from semcomp.training.codec import checkpoint
from semcomp.training.codec.data import (
    HOLD_OUT_EVERY,
    center_crops,
    load_pictures,
    picture_paths,
    random_levels,
)
from semcomp.training.codec.design import design_quantizer, karhunen_loeve, sample_blocks
from semcomp.training.codec.entropy_fit import collect_codes, fit_contexts
from semcomp.training.codec.losses import loss_of
from semcomp.training.codec.options import TrainOptions, iterations_for
from semcomp.training.codec.pool import PicturePool
from semcomp.training.codec.trainer import Trainer, tables_for, train
from semcomp.training.codec.unroll import unroll
from semcomp.training.codec.validation import validate
from tests.support.small_runs import add_tiny_presets
from tests.support.tables import (
    MIXED,
    SLOTS,
    TINY,
    TINY_PAPER,
    integers,
    quantizer_tables,
    random_codes,
)


def smooth_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A random walk in both directions, like a natural picture's spectrum: uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=(height, width, 1)).cumsum(0).cumsum(1)
    walk = walk + 0.3 * rng.normal(size=(height, width, 3)).cumsum(1)
    walk = (walk - walk.min()) / np.ptp(walk) * 255 + rng.normal(0, 3, (height, width, 3))
    return np.clip(walk, 0, 255).astype(np.uint8)


PICTURES = [smooth_picture(96, 128, seed) for seed in range(6)]


@pytest.fixture(scope="module")
def designed() -> QuantizerTables:
    """Tables designed for `PICTURES`."""
    return design_quantizer(sample_blocks(PICTURES, 150))


@pytest.fixture
def tiny_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets that train in milliseconds."""
    add_tiny_presets(monkeypatch)


# Pictures


def write_pictures(folder: Path, count: int, side: int) -> None:
    for index in range(count):
        Image.fromarray(smooth_picture(side, side, index)).save(folder / f"{index:03}.png")


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


def test_center_crops_take_the_middle():
    crop = center_crops([PICTURES[0]], 32)[0].permute(1, 2, 0).numpy() + 128
    np.testing.assert_array_equal(crop, PICTURES[0][32:64, 48:80])


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


# Design of the quantizer


def test_blocks_are_centred_and_in_channel_order():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[..., 1] = 200
    blocks = sample_blocks([picture], 5)
    assert blocks.shape == (5, COEFFICIENTS)
    np.testing.assert_array_equal(blocks.reshape(5, 3, 64)[:, :, 0], [[-128, 72, -128]] * 5)


def test_karhunen_loeve_sorts_orthonormal_directions():
    blocks = sample_blocks(PICTURES, 150)
    basis = karhunen_loeve(blocks)
    np.testing.assert_allclose(basis.T @ basis, np.eye(COEFFICIENTS), atol=1e-4)
    energy = ((blocks @ basis) ** 2).mean(0)
    assert (np.diff(energy) <= 1e-2 * energy[:-1]).all()
    assert energy[0] > 0.5 * energy.sum()


def test_designed_tables_are_trees(designed: QuantizerTables) -> None:
    assert max(Counter(designed.schedule.tolist()).values()) <= MAX_DEPTH
    assert designed.schedule.max() < 96
    for slot, depth in enumerate(designed.depth):
        low, high = designed.values[slot, : 2 ** (depth + 1)].astype(int).reshape(-1, 2).T
        threshold = designed.thresholds[slot, : 2**depth]
        assert (low <= threshold + 1).all()
        assert (threshold <= high + 1).all()


def test_every_iteration_reduces_the_error(designed: QuantizerTables) -> None:
    rms = np.sqrt((designed.rms**2).mean(1))
    assert (np.diff(rms) < 0).all()
    assert rms[8] < 0.2 * rms[0]
    blocks = torch.from_numpy(sample_blocks(PICTURES, 150)).reshape(-1, 3, 8, 8)
    quantizer = EmbeddedQuantizer(designed)
    coefficients = quantizer.analysis(blocks)
    nodes, linear = quantizer.initial(coefficients)
    for k in range(4):
        bits = quantizer.quantize(k, coefficients, nodes.clone())
        for i, slot in enumerate(quantizer.slots(k)):
            linear[:, quantizer.schedule[slot]] += quantizer.advance(slot, bits[:, i], nodes)
        measured = (linear - coefficients).square().mean().sqrt()
        assert float(measured) == pytest.approx(rms[k + 1], rel=0.01)


# Codec trainer


def options(preset: str = "tiny") -> TrainOptions:
    return TrainOptions(preset=preset, work=8, crop=32, lr=1e-2)


def test_curriculum_starts_with_few_iterations():
    rng = np.random.default_rng(0)
    early = {iterations_for(0, rng) for _ in range(100)}
    late = {iterations_for(1000, rng) for _ in range(100)}
    assert early == {4, 8, 12}
    assert late == {4, 8, 12, ITERATIONS}


def test_tables_follow_the_preset():
    assert (tables_for(TINY_PAPER, PICTURES, 0).rms == 1).all()
    assert (tables_for(TINY, PICTURES, 0).rms != 1).any()


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("preset", ["tiny", "tiny-one-pass", "tiny-paper"])
def test_a_few_steps_reduce_the_loss(preset: str) -> None:
    # Random trees, so that there is much to correct at once.
    tables = QuantizerTables.binary() if "paper" in preset else quantizer_tables("training")
    trainer = Trainer(options(preset), tables)
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


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("preset", ["tiny", "tiny-one-pass"])
def test_resumed_run_equals_an_uninterrupted_one(
    preset: str, tmp_path: Path, designed: QuantizerTables
) -> None:
    pool = PicturePool(PICTURES)
    whole = Trainer(options(preset), designed)
    losses = [whole.train_step(pool, 1.0) for _ in range(6)]
    first = Trainer(options(preset), designed)
    for _ in range(3):
        first.train_step(pool, 1.0)
    checkpoint.save(first, tmp_path / "checkpoint.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=False)
    resumed = Trainer(TrainOptions(**state["options"]), QuantizerTables(**state["tables"]))
    checkpoint.resume(resumed, state)
    assert [resumed.train_step(pool, 1.0) for _ in range(3)] == losses[3:]
    assert resumed.step == whole.step
    for name in ("codec", "average"):
        continued = getattr(resumed, name).state_dict()
        for key, value in getattr(whole, name).state_dict().items():
            assert torch.equal(value, continued[key])


@pytest.mark.usefixtures("tiny_presets")
@pytest.mark.parametrize("preset", ["tiny", "tiny-one-pass"])
def test_validation_improves_with_the_iterations(preset: str, designed: QuantizerTables) -> None:
    trainer = Trainer(options(preset), designed)
    row = validate(trainer.average, center_crops(PICTURES, 96), (1, 2, 4))
    for score in ("psnr", "ms_ssim", "ssim"):
        assert row[f"{score}_1"] < row[f"{score}_2"] < row[f"{score}_4"]
    assert row["map_psnr"] < row["psnr_4"]
    assert {"map_ms_ssim", "map_ssim", "map_weighted_psnr"} < set(row)


@pytest.mark.usefixtures("tiny_presets")
def test_train_leaves_a_checkpoint_and_a_log(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    write_pictures(data, HOLD_OUT_EVERY // 2 + 1, 192)
    chosen = options()
    chosen.data, chosen.minutes = str(data), 0.01
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


# Entropy tables


def structured_codes(name: str) -> np.ndarray:
    """Bits that follow a smooth field with a little noise: int8 (24, 8, 12, 12) of -1, +1."""
    y, x = np.mgrid[:12, :12]
    phase = integers(name, (2,), 0, 12)
    field = ((x + phase[0]) // 5 + (y + phase[1]) // 4) % 3 == 0
    flipped = integers(f"{name} noise", (ITERATIONS, BITS, 12, 12), 0, 20) == 0
    return np.where(field ^ flipped, 1, -1).astype(np.int8)


def test_fitted_contexts_save_bits() -> None:
    tables = quantizer_tables("fit")
    reports: list[str] = []
    sources = [structured_codes(f"source {i}") for i in range(3)]
    contexts = fit_contexts(sources, tables, steps=25, batch=256, report=reports.append)
    assert len(reports) == ITERATIONS
    unseen = structured_codes("unseen")
    fitted = EntropyCoder(tables, contexts).cost(unseen).sum()
    fair = EntropyCoder(tables, ContextTables.fair(SLOTS)).cost(unseen).sum()
    assert fair == SLOTS * 144
    assert fitted < 0.75 * fair


def test_fitting_goes_on_where_known_tables_end() -> None:
    tables = quantizer_tables("fit", MIXED)
    codes = random_codes("source", np.full((6, 6), ITERATIONS), MIXED)
    fit = partial(fit_contexts, [codes], tables, steps=3, batch=64, report=lambda line: None)
    whole = fit()
    assert len(whole.w1) == len(tables.schedule)
    slots = int(tables.ends[3]) + BITS  # in the middle of an iteration
    first = {f.name: getattr(whole, f.name)[:slots] for f in fields(whole)}
    known = ContextTables(**{**first, "probability": whole.probability})
    continued = fit(known=known)
    assert all(
        np.array_equal(getattr(continued, f.name), getattr(whole, f.name)) for f in fields(whole)
    )
    known.w1[:] = 0
    assert not fit(known=known).w1[:slots].any()


def test_iterations_that_no_picture_reaches_stay_fair():
    tables = quantizer_tables("fit")
    codes = structured_codes("source")[:, :, :4, :4].copy()
    codes[1:] = 0
    contexts = fit_contexts([codes], tables, steps=2, batch=16, report=lambda line: None)
    assert contexts.w1[:BITS].any()
    assert not contexts.w1[BITS:].any()
    unseen = structured_codes("unseen")[:, :, :4, :4]
    assert (EntropyCoder(tables, contexts).cost(unseen)[1:] == BITS).all()


@pytest.mark.usefixtures("tiny_presets")
def test_collected_codes_cover_full_and_mixed_levels(designed: QuantizerTables) -> None:
    trainer = Trainer(options(), designed)
    pictures = [picture[:40, :60] for picture in PICTURES[:2]]
    full, mixed = collect_codes(trainer.codec, pictures, torch.device("cpu"))
    assert full.shape == mixed.shape == (ITERATIONS, designed.planes, 6, 8)
    needed = np.arange(designed.planes) < BITS * designed.rounds[:, None]
    assert ((full != 0) == needed[:, :, None, None]).all()
    assert (mixed[-1] == 0).any()
    assert (mixed[0, :BITS] != 0).all()
