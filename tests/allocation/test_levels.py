"""Allocation: budgets held to the level, importance order kept, Algorithm 1 by hand.

Properties are checked on any map and any level, because one level too many is a broken file.
"""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semcomp.allocation.levels import (
    MAX_FOCUS,
    block_importance,
    budget,
    check_focus,
    default_floor,
    focused_map,
    growing_levels,
    level_to_centi,
    proportional_levels,
    proportional_trace,
    uniform_levels,
)
from semcomp.errors import AllocationError
from semcomp.geometry import ITERATIONS
from tests.support.strategies import grey_maps, importances, levels, sides


def test_level_is_stored_in_hundredths():
    assert level_to_centi(6) == 600
    assert level_to_centi(0.1) == 10
    assert level_to_centi(24) == 2400
    assert level_to_centi(5.999) == 600


@pytest.mark.parametrize("level", [0, 0.05, 24.01, -1, math.nan, math.inf, -math.inf, 1e308])
def test_levels_outside_the_range_are_refused(level: float):
    with pytest.raises(AllocationError, match="average level"):
        level_to_centi(level)


def test_budget_rounds_down():
    assert budget(0.1, 6144) == 614
    assert budget(6, 6144) == 36864
    with pytest.raises(AllocationError, match="0 blocks"):
        budget(6, 0)


@pytest.mark.parametrize(
    ("level", "floor"),
    [
        (0.1, 0.1),
        (1, 1),
        (1.2, 1),
        (2, 1),
        (3.5, 2),
        (4, 7 / 3),
        (11, 7),
        (12, 8),
        (16.5, 12.5),
        (24, 20),
    ],
)
def test_default_floor(level: float, floor: float):
    assert default_floor(level) == pytest.approx(floor, abs=1e-4)


def test_default_floor_is_the_same_for_encoder_and_decoder():
    # The decoder only has the hundredths: 0.996 is 1.00 to it.
    assert default_floor(0.996) == default_floor(level_to_centi(0.996) / 100) == 1


# focus


@given(grey_maps(), st.floats(0, MAX_FOCUS))
def test_a_focus_keeps_the_order_and_both_ends(grey: np.ndarray, focus: float):
    result = focused_map(grey, focus)
    order = np.argsort(grey, axis=None)
    assert result.dtype == np.uint8 and result.shape == grey.shape
    assert (np.diff(result.ravel()[order].astype(int)) >= 0).all()
    assert (result[grey == 255] == 255).all()
    assert (focus == 0) or (result[grey == 0] == 0).all()


def test_a_focus_by_hand():
    grey = np.array([[0, 51, 128, 255]], np.uint8)
    assert (focused_map(grey, 0) == 255).all()
    np.testing.assert_array_equal(focused_map(grey, 0.5), [[0, 114, 181, 255]])
    np.testing.assert_array_equal(focused_map(grey, 1), grey)
    np.testing.assert_array_equal(focused_map(grey, 2), [[0, 0, 16, 255]])
    floors = [default_floor(5, focus) for focus in (0, 1, 1.5, 2)]
    assert floors == pytest.approx([3, 3, 1.5, 0], abs=1e-4)


@pytest.mark.parametrize("focus", [-0.1, 2.1, math.nan, math.inf])
def test_a_focus_outside_the_range_is_refused(focus: float):
    with pytest.raises(AllocationError, match=r"focus .* is outside 0\.\.2"):
        check_focus(focus)


# block_importance


def test_importance_matches_pixelwise_upsampling():
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (3, 5), np.uint8)
    hb, wb = 4, 7
    rows, columns = _pixel_weights(3, 8 * hb), _pixel_weights(5, 8 * wb)
    pixels = rows @ grey @ columns.T
    expected = pixels.reshape(hb, 8, wb, 8).sum(axis=(1, 3))
    importance = block_importance(grey, hb, wb)
    assert importance.dtype == np.int64
    np.testing.assert_allclose(importance / (16384 * hb * wb), expected / 64, rtol=1e-12)


def test_importance_matches_torch_interpolation():
    torch = pytest.importorskip("torch")
    grey = np.random.default_rng(1).integers(0, 256, (6, 9), np.uint8)
    pixels = torch.nn.functional.interpolate(
        torch.from_numpy(grey).double()[None, None], size=(96, 120), mode="bilinear"
    )[0, 0].numpy()
    expected = pixels.reshape(12, 8, 15, 8).mean(axis=(1, 3))
    importance = block_importance(grey, 12, 15)
    np.testing.assert_allclose(importance / (16384 * 12 * 15), expected, rtol=1e-9)


@given(st.integers(1, 255), sides(5), sides(5), sides(9), sides(9))
def test_constant_map_gives_constant_importance(value: int, h: int, w: int, hb: int, wb: int):
    importance = block_importance(np.full((h, w), value, np.uint8), hb, wb)
    assert (importance == value * 16384 * hb * wb).all()


def test_all_zero_map_gives_uniform_importance():
    assert (block_importance(np.zeros((2, 3), np.uint8), 4, 5) == 1).all()


@pytest.mark.parametrize(
    "grey",
    [np.zeros((0, 3), np.uint8), np.zeros((2, 2), np.float32), np.zeros((2, 2, 3), np.uint8)],
)
def test_importance_refuses_other_maps(grey: np.ndarray):
    with pytest.raises(AllocationError, match="uint8"):
        block_importance(grey, 2, 2)


def _pixel_weights(source: int, target: int) -> np.ndarray:
    """Bilinear weights (target, source), align_corners=False, written the plain way."""
    weights = np.zeros((target, source))
    for i in range(target):
        position = min(max((i + 0.5) * source / target - 0.5, 0), source - 1)
        left = int(position)
        weights[i, left] += 1 - (position - left)
        weights[i, min(left + 1, source - 1)] += position - left
    return weights


# uniform


@given(levels, sides(9), sides(9))
def test_uniform_spends_the_budget_evenly(level: float, hb: int, wb: int):
    result = uniform_levels(level, hb, wb)
    assert result.shape == (hb, wb) and result.dtype == np.uint8
    assert result.sum() == budget(level, hb * wb)
    assert int(result.max()) - int(result.min()) <= 1 and result.max() <= ITERATIONS


def test_uniform_spreads_a_fraction_in_raster_order():
    assert uniform_levels(2.25, 2, 4).tolist() == [[2, 2, 2, 3], [2, 2, 2, 3]]


# proportional


@given(importances(), levels, st.data())
def test_proportional_properties(importance: np.ndarray, level: float, data: st.DataObject):
    floor = data.draw(st.none() | st.integers(0, int(level)))
    result = proportional_levels(importance, level, floor)
    assert result.shape == importance.shape and result.dtype == np.uint8
    assert result.sum() == budget(level, importance.size)
    least = min(floor or 0, budget(level, importance.size) // importance.size)
    assert least <= result.min() and result.max() <= ITERATIONS
    by_importance = result.ravel()[np.argsort(importance, axis=None)].astype(int)
    values = np.sort(importance, axis=None)
    rises = np.diff(values) > 0
    assert (np.diff(by_importance)[rises] >= 0).all()
    for value in np.unique(importance):
        assert np.ptp(result[importance == value].astype(int)) <= 1


@given(grey_maps(), sides(8), sides(8), levels)
def test_any_map_can_be_allocated(grey: np.ndarray, hb: int, wb: int, level: float):
    result = proportional_levels(block_importance(grey, hb, wb), level)
    assert result.sum() == budget(level, hb * wb)


@given(st.integers(0, 2**40), sides(8), sides(8), levels)
def test_flat_importance_is_uniform(value: int, hb: int, wb: int, level: float):
    flat = np.full((hb, wb), value, np.int64)
    uniform = uniform_levels(level, hb, wb)
    np.testing.assert_array_equal(proportional_levels(flat, level, 0), uniform)
    # A floor that grows hands out the same, one block after the other in an order of its own.
    np.testing.assert_array_equal(
        np.sort(proportional_levels(flat, level), None), np.sort(uniform, None)
    )


@given(importances(), levels, st.integers(1, 2**20))
def test_scale_of_importance_cancels(importance: np.ndarray, level: float, scale: int):
    np.testing.assert_array_equal(
        proportional_levels(importance, level), proportional_levels(importance * scale, level)
    )


@given(importances(), levels, levels, st.integers(0, 100))
def test_no_block_loses_a_level_where_the_average_rises(
    importance: np.ndarray, one: float, other: float, percent: int
):
    low, high = sorted((one, other))
    lower, higher = (growing_levels(importance, level, percent) for level in (low, high))
    assert (lower <= higher).all()
    assert higher.sum() == budget(high, importance.size)


def test_a_growing_floor_by_hand():
    # K̄ = 5: f = 3, and 2 · V / mean V on top: 1, 1, 2, 4.
    importance = np.array([[2, 2, 4, 8]])
    assert proportional_levels(importance, 5).tolist() == [[4, 4, 5, 7]]
    # At x = 5.25 the last has 3 1/6 + 4 1/6, at 5.3 it has 3.2 + 4.2 and at 5.5 7.67: it rises
    # before the third, which has x.
    assert proportional_levels(importance, 5.25).tolist() == [[4, 4, 5, 8]]
    # The first levels go to the most important, and between equals the order is fixed.
    assert proportional_levels(importance, 0.75).tolist() == [[1, 0, 1, 1]]
    # Without any floor, T = 5/8 · V.
    assert growing_levels(importance, 2.5, 0).tolist() == [[1, 1, 3, 5]]
    # What the cap cuts off the last goes to the others.
    assert proportional_levels(np.array([[1, 1, 1, 97]]), 12).tolist() == [[8, 8, 8, 24]]


def test_algorithm_1_by_hand():
    # K̄·N = 32, ΣV = 100: T = 28.8, 1.92, 0.96, 0.32. The first is capped, E = 4 is cut off, and
    # the other three share 32 − 24 = 8 as 6 : 3 : 1 = 4.8, 2.4, 0.8. Rounded down that is 6; the
    # 2 that are left go to the largest fractions, 0.8 and 0.8.
    trace = proportional_trace(np.array([[90, 6], [3, 1]]), 8, floor=0)
    assert trace.budget == 32 and trace.floor == 0
    assert trace.before_cap.tolist() == [[28, 1], [0, 0]]
    assert trace.excess == (4,)
    assert trace.remainder == 2
    assert trace.levels.tolist() == [[24, 5], [2, 1]]


def test_algorithm_1_by_hand_with_a_second_round_of_excess():
    # T = 36, 14.4, 6, 3.6. Then 36 are left for 24 : 10 : 6 = 21.6, 9, 5.4; nothing else exceeds.
    trace = proportional_trace(np.array([[60, 24, 10, 6]]), 15, floor=0)
    assert trace.before_cap.tolist() == [[36, 14, 6, 3]]
    assert trace.excess == (12,)
    assert trace.levels.tolist() == [[24, 22, 9, 5]]
    # At K̄ = 18: T = 43.2, 17.28, 7.2, 4.32; then 28.8, 12, 7.2 of 48; then 15, 9 of 24.
    trace = proportional_trace(np.array([[60, 24, 10, 6]]), 18, floor=0)
    assert trace.excess == (19, 4)
    assert trace.levels.tolist() == [[24, 24, 15, 9]]


def test_algorithm_1_by_hand_with_a_floor():
    # 3 each first; 12 are left for 3 : 1, that is 9 and 3.
    trace = proportional_trace(np.array([[3, 1]]), 9, floor=3)
    assert trace.before_cap.tolist() == [[12, 6]]
    assert trace.excess == () and trace.remainder == 0
    assert trace.levels.tolist() == [[12, 6]]


def test_blocks_of_no_importance_get_what_nobody_else_can_take():
    importance = np.zeros((2, 4), np.int64)
    importance[1, 2] = 200
    assert proportional_levels(importance, 3, floor=0).sum() == 24
    assert proportional_levels(importance, 3, floor=0)[1, 2] == 24
    generous = proportional_levels(importance, 8, floor=0)
    assert generous.sum() == 64 and generous[1, 2] == 24 and set(generous.ravel()) == {5, 6, 24}


def test_unaffordable_floor_is_reduced():
    trace = proportional_trace(np.array([[5, 1]]), 2.5, floor=9)
    assert trace.floor == 2
    assert trace.levels.tolist() == [[3, 2]]
    assert proportional_trace(np.array([[5, 1]]), 0.5, floor=1).levels.tolist() == [[1, 0]]


def test_highest_level_fills_every_block():
    assert (proportional_levels(np.array([[7, 0, 1]]), 24, floor=24) == 24).all()
    assert (proportional_levels(np.array([[7, 0, 1]]), 24, floor=0) == 24).all()


def test_large_importance_is_exact():
    # Products beyond 64 bits: 2^62 and its neighbour are still told apart, and shared fairly.
    importance = np.array([[2**62, 2**62 + 1, 2**62 - 1]])
    assert proportional_levels(importance, 2.34, floor=0).tolist() == [[2, 3, 2]]


@pytest.mark.parametrize(
    "importance", [np.ones((2, 2)), np.array([[1, -1]]), np.zeros((0, 2), np.int64)]
)
def test_bad_importance_is_refused(importance: Any):
    with pytest.raises(AllocationError, match="importance"):
        proportional_levels(importance, 6)


@pytest.mark.parametrize("floor", [-1, 25])
def test_bad_floor_is_refused(floor: int):
    with pytest.raises(AllocationError, match="floor"):
        proportional_levels(np.ones((2, 2), np.int64), 6, floor)
