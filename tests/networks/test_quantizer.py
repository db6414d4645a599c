"""Embedded quantizer: transform, trees, and the integer walk of the entropy coder beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semcomp.coding.entropy import ContextTables, Networks
from semcomp.coding.features import SUMS, TRACKED, SlotTables
from semcomp.coding.walk import Walk
from semcomp.geometry import BITS, ITERATIONS
from semcomp.networks.quantizer import (
    COEFFICIENTS,
    MAX_DEPTH,
    UNIT,
    EmbeddedQuantizer,
    QuantizerTables,
    slot_scales,
)
from tests.support.tables import SLOTS, quantizer_tables

TABLES = quantizer_tables("quantizer")
QUANTIZER = EmbeddedQuantizer(TABLES)


def noise(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    """Picture float32 (1, 3, 8 rows, 8 columns) in -128..127."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((1, 3, 8 * rows, 8 * columns), generator=generator) * 255 - 128


def all_bits(image: torch.Tensor) -> torch.Tensor:
    """Open-loop bits of every iteration, float (24, 8, Hb, Wb)."""
    coefficients = QUANTIZER.analysis(image)
    nodes, _ = QUANTIZER.initial(coefficients)
    return torch.stack([QUANTIZER.quantize(k, coefficients, nodes)[0] for k in range(ITERATIONS)])


def test_synthesis_inverts_analysis():
    image = noise(3, 5)
    torch.testing.assert_close(
        QUANTIZER.synthesis(QUANTIZER.analysis(image)), image, atol=1e-3, rtol=0
    )


def test_analysis_of_one_block_by_hand():
    image = noise(2, 2)
    block = image[0, :, 8:, :8].reshape(COEFFICIENTS).numpy()  # channel, row, column
    by_hand = block @ TABLES.basis
    np.testing.assert_allclose(QUANTIZER.analysis(image)[0, :, 1, 0], by_hand, atol=1e-3)


def test_transform_keeps_energy():
    image = noise(2, 3)
    energy = QUANTIZER.analysis(image).square().sum()
    torch.testing.assert_close(energy, image.square().sum(), rtol=1e-5, atol=0)


def test_depth_counts_a_coefficients_bits():
    seen = [0] * COEFFICIENTS
    for coefficient, depth in zip(TABLES.schedule, TABLES.depth, strict=True):
        assert depth == seen[coefficient] < MAX_DEPTH
        seen[coefficient] += 1


def test_parents_are_what_the_slot_before_reached() -> None:
    parents = TABLES.parents
    latest: dict[int, int] = {}
    for slot, coefficient in enumerate(TABLES.schedule.tolist()):
        nodes = 2 ** TABLES.depth[slot]
        if coefficient in latest:
            expected = TABLES.values[latest[coefficient], :nodes]
        else:
            expected = TABLES.start[coefficient]
        assert (parents[slot, :nodes] == expected).all()
        latest[coefficient] = slot


def test_slot_scales_are_half_the_typical_step():
    scales = slot_scales(TABLES)
    slot = int(np.flatnonzero(TABLES.depth == 0)[0])
    low, high = TABLES.values[slot, :2]
    assert scales[slot] == pytest.approx((high - low) / 2 / UNIT)
    assert scales.min() >= 1 / UNIT


def test_bits_are_comparisons_with_the_tree():
    image = noise(1, 1, seed=3)
    coefficients = QUANTIZER.analysis(image)[0, :, 0, 0].numpy()
    bits = all_bits(image).reshape(SLOTS).numpy()
    nodes = np.zeros(COEFFICIENTS, int)
    for slot, channel in enumerate(TABLES.schedule):
        above = coefficients[channel] > TABLES.thresholds[slot, nodes[channel]] / UNIT
        assert bits[slot] == (1 if above else -1)
        nodes[channel] = 2 * nodes[channel] + above


def test_advance_adds_up_to_the_values_of_the_tree() -> None:
    image = noise(2, 2, seed=4)
    bits = all_bits(image).reshape(1, SLOTS, 2, 2)
    nodes, linear = QUANTIZER.initial(QUANTIZER.analysis(image))
    for slot, channel in enumerate(QUANTIZER.schedule):
        linear[:, channel] += QUANTIZER.advance(slot, bits[:, slot], nodes)
        reached = QUANTIZER.values[slot][nodes[:, channel]]
        torch.testing.assert_close(linear[:, channel], reached, atol=1e-3, rtol=0)


def test_unsent_bits_change_nothing():
    nodes, _ = QUANTIZER.initial(torch.zeros(1, COEFFICIENTS, 2, 2))
    change = QUANTIZER.advance(0, torch.zeros(1, 2, 2), nodes)
    assert not change.any()
    assert not nodes.any()


def test_change_is_differentiable_in_the_bit():
    bits = torch.ones(1, 2, 2, requires_grad=True)
    nodes, _ = QUANTIZER.initial(torch.zeros(1, COEFFICIENTS, 2, 2))
    QUANTIZER.advance(0, bits, nodes).sum().backward()
    low, high = TABLES.values[0, :2].astype(float) / UNIT
    assert bits.grad is not None
    torch.testing.assert_close(bits.grad, torch.full_like(bits, (high - low) / 2))


@given(seed=st.integers(0, 2**31), iterations=st.integers(1, ITERATIONS))
@settings(max_examples=10, deadline=None)
def test_integer_walk_agrees_with_torch(seed: int, iterations: int) -> None:
    """bits -> nodes -> values in `walk` (whole numbers) and here (torch) are the same."""
    rows, columns = 2, 3
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, iterations + 1, (rows, columns))
    bits = all_bits(noise(rows, columns, seed))[:iterations]
    bits = bits * torch.from_numpy(levels > np.arange(iterations)[:, None, None])[:, None]
    nodes, linear = QUANTIZER.initial(torch.zeros(1, COEFFICIENTS, rows, columns))
    walk = Walk(SlotTables(TABLES), rows, columns)
    networks = Networks.of(ContextTables.fair(len(TABLES.schedule)))
    for k in range(iterations):
        plane = bits[k].to(torch.int8).numpy().reshape(BITS, -1)
        walk.round(k, plane, networks, plane[0] != 0)
        for i in range(BITS):
            slot = BITS * k + i
            linear[:, QUANTIZER.schedule[slot]] += QUANTIZER.advance(slot, bits[k, i][None], nodes)
    np.testing.assert_array_equal(walk.nodes, nodes[0].reshape(COEFFICIENTS, -1).numpy())
    from_start = (linear - QUANTIZER.start[None, :, None, None])[0, :TRACKED] * UNIT
    inside = walk.values.reshape(rows + 4, columns + 4, -1)[2:-2, 2:-2, SUMS:]
    np.testing.assert_array_equal(inside.transpose(2, 0, 1), from_start.round().numpy())


def test_binary_tables_are_signs():
    tables = QuantizerTables.binary()
    assert tables.depth.max() < MAX_DEPTH
    quantizer = EmbeddedQuantizer(tables)
    slots = SlotTables(tables)
    nodes, linear = quantizer.initial(torch.zeros(1, COEFFICIENTS, 1, 1))
    rng = np.random.default_rng(0)
    for slot, channel in enumerate(quantizer.schedule):
        bit = int(rng.integers(0, 2)) * 2 - 1
        linear[:, channel] += quantizer.advance(slot, torch.full((1, 1, 1), float(bit)), nodes)
        assert float(linear[0, channel, 0, 0]) == bit
        assert slots.values[slot, int(nodes[0, channel, 0, 0])] == bit * UNIT
