"""Design of the quantizer's tables."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from semcomp.quantizer import (
    COEFFICIENTS,
    ITERATIONS,
    MAX_DEPTH,
    EmbeddedQuantizer,
    QuantizerTables,
)
from semcomp.training.design import (
    design_quantizer,
    karhunen_loeve,
    sample_blocks,
    visibility,
)
from semcomp.training.unroll import linear_path
from tests.pictures import smooth_picture

PICTURES = [smooth_picture(96, 128, seed) for seed in range(6)]


@pytest.fixture(scope="module")
def designed() -> QuantizerTables:
    """Tables designed for `PICTURES`."""
    return design_quantizer(*sample_blocks(PICTURES, 150))


def test_blocks_are_centred_and_in_channel_order():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[..., 1] = 200
    blocks, _ = sample_blocks([picture], 5)
    assert blocks.shape == (5, COEFFICIENTS)
    np.testing.assert_array_equal(blocks.reshape(5, 3, 64)[:, :, 0], [[-128, 72, -128]] * 5)


def test_karhunen_loeve_sorts_orthonormal_directions():
    blocks, _ = sample_blocks(PICTURES, 150)
    basis = karhunen_loeve(blocks)
    np.testing.assert_allclose(basis.T @ basis, np.eye(COEFFICIENTS), atol=1e-4)
    energy = ((blocks @ basis) ** 2).mean(0)
    assert (np.diff(energy) <= 1e-2 * energy[:-1]).all()
    assert energy[0] > 0.5 * energy.sum()


def test_visibility_is_that_of_ssim() -> None:
    """Its square is SSIM's weight of small errors: 1 / (2 s^2 + C2), s^2 as scikit-image has it."""
    picture = PICTURES[0].copy()
    picture[:, 64:] = 90  # flat: nothing hides an error
    seen = visibility(picture)
    assert seen.shape == (12, 16)
    np.testing.assert_allclose(seen[:, 10:], 1 / (0.03 * 255), rtol=1e-6)
    gentle = np.random.default_rng(4).normal(0, 0.5, picture.shape)
    _, similarity = structural_similarity(
        picture.astype(float),
        picture + gentle,
        full=True,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        use_sample_covariance=False,
    )
    lost = (1 - similarity)[16:-16, 16:-16].reshape(8, 8, 12, 8, 3).mean((1, 3, 4))
    ratio = lost / seen[2:-2, 2:-2] ** 2
    assert ratio.std() < 0.2 * ratio.mean()
    assert lost.max() > 3 * lost.min()


def test_design_spares_what_is_visible() -> None:
    """With visibility the quiet half of the blocks is coded better than without."""
    quiet = [smooth_picture(96, 128, seed) // 8 + 100 for seed in range(3)]
    blocks, seen = sample_blocks([*PICTURES[:3], *quiet], 150)
    calm = seen > np.median(seen)
    errors = []
    for weights in (np.ones(len(seen)), seen):
        tables = design_quantizer(blocks, weights)
        quantizer = EmbeddedQuantizer(tables)
        images = torch.from_numpy(blocks).reshape(-1, 3, 8, 8)
        levels = torch.full((len(images), 1, 1, 1), ITERATIONS)
        linear = linear_path(quantizer, images, levels, 12)[1]
        error = (quantizer.synthesis(linear[11]) - images).square().mean((1, 2, 3))
        errors.append(float(error[torch.from_numpy(calm)].mean()))
    assert errors[1] < 0.95 * errors[0]


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
    blocks = torch.from_numpy(sample_blocks(PICTURES, 150)[0]).reshape(-1, 3, 8, 8)
    quantizer = EmbeddedQuantizer(designed)
    coefficients = quantizer.analysis(blocks)
    nodes, linear = quantizer.initial(coefficients)
    for k in range(4):
        bits = quantizer.quantize(k, coefficients, nodes.clone())
        for i, slot in enumerate(quantizer.slots(k)):
            linear[:, quantizer.schedule[slot]] += quantizer.advance(slot, bits[:, i], nodes)
        measured = (linear - coefficients).square().mean().sqrt()
        assert float(measured) == pytest.approx(rms[k + 1], rel=0.01)
