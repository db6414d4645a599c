"""What a block's error counts for in `rd` allocation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from semcomp.allocation.distortion import (
    MS_SSIM_WEIGHT,
    SCALES,
    SSIM_WEIGHT,
    BlockDistortion,
    block_means,
)
from semcomp.geometry import HALO
from semcomp.metrics import ssim_map


def _picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours with noise on them, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(0, 1, (height, width, 3)), (9, 9, 0))
    noisy = 128 + 40 * smooth / smooth.std() + rng.normal(0, 8, smooth.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def _damaged(picture: np.ndarray, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 12, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def _by_the_book(original: np.ndarray, decoded: np.ndarray) -> float:
    """Mean over the blocks, by SSIM's formulas as they stand in Wang et al. 2003, in float64."""
    a, b = original.astype(float), decoded.astype(float)
    found = ((a - b) ** 2).mean() + SSIM_WEIGHT * (1 - ssim_map(original, decoded).mean())
    for number, exponent in enumerate(SCALES):
        if number:
            a, b = (v.reshape(len(v) // 2, 2, -1, 2, 3).mean((1, 3)) for v in (a, b))
        mean_a, mean_b, squares_a, squares_b, products = (
            gaussian_filter(values, (1.5, 1.5, 0), mode="mirror", radius=(5, 5, 0))
            for values in (a, b, a * a, b * b, a * b)
        )
        variances = squares_a - mean_a**2 + squares_b - mean_b**2
        structure = (2 * (products - mean_a * mean_b) + 58.5225) / (variances + 58.5225)
        if number == 4:
            structure *= (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025)
        found += MS_SSIM_WEIGHT * exponent * (1 - structure.mean())
    return float(found)


def test_the_blocks_add_up_to_the_formulas() -> None:
    picture = _picture(160, 208)
    decoded = _damaged(picture)
    found = BlockDistortion(picture).of(decoded)
    assert found.shape == (2, 20, 26)
    assert found.sum(0).mean() == pytest.approx(_by_the_book(picture, decoded), rel=1e-4)


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32))
def test_the_same_picture_costs_nothing_and_another_something(
    rows: int, columns: int, seed: int
) -> None:
    picture = _picture(16 * rows, 16 * columns, seed)
    against = BlockDistortion(picture)
    assert np.abs(against.of(picture)).max() < 1e-6
    assert against.of(_damaged(picture)).min() > 0


def test_blocks_far_from_an_error_cost_nothing() -> None:
    picture = _picture(320, 320)
    decoded = picture.copy()
    decoded[:8, :8] = 255 - decoded[:8, :8]
    found = BlockDistortion(picture).of(decoded).sum(0)
    assert found[0, 0] == found.max() > 1000
    reach = HALO // 8
    assert np.abs(found[reach:, reach:]).max() < 1e-6


def test_lost_coarse_structure_weighs_more_than_lost_detail() -> None:
    position = np.arange(256)
    coarse, fine = (12 * np.sin(2 * np.pi * position / period) for period in (64, 4))
    base = 128 + np.random.default_rng(0).normal(0, 4, (256, 256, 3))

    def picture(*waves: np.ndarray) -> np.ndarray:
        return (base + np.sum(waves, 0)[None, :, None]).round().astype(np.uint8)

    against = BlockDistortion(picture(coarse, fine))
    without_coarse, without_fine = against.of(picture(fine)), against.of(picture(coarse))
    assert without_coarse[1].mean() > 1.5 * without_fine[1].mean()
    assert without_fine[0].mean() > without_coarse[0].mean()


def test_a_tile_with_its_halo_gives_what_the_whole_picture_gives() -> None:
    picture = _picture(416, 416)
    decoded = _damaged(picture)
    whole = BlockDistortion(picture).of(decoded)
    tile = BlockDistortion(picture[:320, :320]).of(decoded[:320, :320])
    core = np.s_[:, : (320 - HALO) // 8, : (320 - HALO) // 8]
    np.testing.assert_allclose(tile[core], whole[core], rtol=1e-6)


def test_block_means() -> None:
    values = np.arange(32 * 48, dtype=float).reshape(32, 48)
    means = block_means(values)
    assert means.shape == (4, 6)
    assert means[1, 2] == values[8:16, 16:24].mean()


def test_flat_bright_places_count_like_grey_ones() -> None:
    """The squares of bright levels have few digits left for a small variance."""
    noise = np.random.default_rng(0).integers(-1, 2, (64, 64, 3))
    grey, bright = (
        BlockDistortion((level + noise).astype(np.uint8)).of(np.full((64, 64, 3), level, np.uint8))
        for level in (128, 253)
    )
    np.testing.assert_allclose(bright.sum(0), grey.sum(0), rtol=0.01)
