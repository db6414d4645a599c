"""Design of the quantizer from pictures."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from semcomp.networks.quantizer import COEFFICIENTS, MAX_DEPTH, EmbeddedQuantizer, QuantizerTables
from semcomp.training.codec.design import karhunen_loeve, sample_blocks, widen_ends
from tests.support.small_runs import PICTURES


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


def test_ends_of_trees_reach_all_that_pixels_can_be(designed: QuantizerTables) -> None:
    """With the basis of greys and few colours, what photographs hold least of."""
    slots = np.flatnonzero(designed.schedule == 0)
    last, leaves = slots[-1], 2 ** len(slots)
    near = replace(designed, values=designed.values.clip(-2000, 2000))
    wide = widen_ends(near, np.zeros((1, COEFFICIENTS)))
    reach = 8 * 128 * np.abs(designed.basis[:, 0]).sum()
    assert np.abs(near.values[last]).max() < 0.3 * reach
    assert wide.values[last].min() < -0.97 * reach
    assert wide.values[last].max() > 0.97 * reach
    crowded = widen_ends(near, np.full((1, COEFFICIENTS), -1000.0))
    assert crowded.values[last].min() > -0.3 * reach
    inner = slice(16, leaves - 16)  # between the last four bits' leaves at both ends
    np.testing.assert_array_equal(wide.values[last][inner], near.values[last][inner])
    again = widen_ends(wide, np.zeros((1, COEFFICIENTS)))
    np.testing.assert_array_equal(again.values, wide.values)
    np.testing.assert_array_equal(again.thresholds, wide.thresholds)


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
