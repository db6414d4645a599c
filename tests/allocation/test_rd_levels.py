"""Rate-distortion allocation: budget and minimum held, optimal where it can be."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semcomp.allocation.levels import budget, proportional_levels, rd_levels, uniform_levels
from semcomp.errors import AllocationError
from semcomp.geometry import ITERATIONS
from tests.support.strategies import levels

ROUNDS = np.arange(ITERATIONS + 1)


def _convex(rng: np.random.Generator, n: int) -> np.ndarray:
    """Random decreasing convex distortions, float (n, 25)."""
    drops = np.sort(rng.exponential(rng.uniform(0.1, 10, (n, 1)), (n, ITERATIONS)))[:, ::-1]
    return np.concatenate([np.zeros((n, 1)), -np.cumsum(drops, axis=1)], axis=1) + 100


def _objective(distortion: np.ndarray, importance: np.ndarray, chosen: np.ndarray) -> float:
    return float(importance @ distortion[np.arange(len(chosen)), chosen])


@given(st.integers(0, 2**32), st.integers(1, 30), levels, st.booleans(), st.booleans())
def test_rd_holds_budget_and_minimum(seed: int, n: int, level: float, convex: bool, coded: bool):
    rng = np.random.default_rng(seed)
    distortion = _convex(rng, n) if convex else rng.normal(size=(n, 25))
    steps = rng.exponential(size=(n, 24)) * rng.integers(0, 2, (n, 24)) if coded else 1.0
    rate = np.concatenate([np.zeros((n, 1)), np.cumsum(steps + np.zeros((n, 24)), axis=1)], axis=1)
    importance = rng.integers(0, 256, n)
    limit = level * rate.mean(axis=0)[-1] * n / 24
    chosen = rd_levels(distortion, rate, importance, limit)
    assert chosen.dtype == np.uint8 and chosen.shape == (n,) and chosen.max() <= ITERATIONS
    assert rate[np.arange(n), chosen].sum() <= limit * (1 + 1e-12)
    if rate[:, 1].sum() <= limit * (1 - 1e-9):
        assert chosen.min() >= 1
        for k in range(1, 25):
            if importance.any() and rate[:, k].sum() <= limit * (1 - 1e-9):
                constant = _objective(distortion, importance, np.full(n, k))
                assert _objective(distortion, importance, chosen) <= constant + 1e-9


@given(st.integers(0, 2**32), levels)
def test_rd_is_no_worse_than_uniform_or_proportional(seed: int, level: float):
    # In levels and with convex distortions `rd` is the optimum, so nothing may beat it.
    rng = np.random.default_rng(seed)
    n = 24
    distortion, importance = _convex(rng, n), rng.integers(0, 256, n) + 1
    rate = np.broadcast_to(ROUNDS, (n, 25))
    chosen = rd_levels(distortion, rate, importance, budget(level, n), minimum=0)
    ours = _objective(distortion, importance, chosen)
    others = uniform_levels(level, 4, 6), proportional_levels(importance.reshape(4, 6), level)
    for other in others:
        assert ours <= _objective(distortion, importance, other.ravel()) + 1e-9


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(3, 72))
def test_rd_is_optimal_on_convex_data(seed: int, limit: int):
    rng = np.random.default_rng(seed)
    distortion, importance = _convex(rng, 3), rng.integers(1, 256, 3)
    choices = np.array(list(itertools.product(range(1, 25), repeat=3)))
    choices = choices[choices.sum(axis=1) <= limit]
    best = sum(importance[i] * distortion[i, choices[:, i]] for i in range(3)).min()
    chosen = rd_levels(distortion, np.broadcast_to(ROUNDS, (3, 25)), importance, limit)
    assert _objective(distortion, importance, chosen) == pytest.approx(best)


def test_rd_skips_a_plateau():
    # Block 0 gains only at level 3: the hull jumps there at once, if the budget reaches.
    distortion = np.full((2, 25), 10.0)
    distortion[0, 3:] = 1.0
    distortion[1, 2:] = 8.0
    rate = np.broadcast_to(ROUNDS, (2, 25))
    assert rd_levels(distortion, rate, np.ones(2), 4, minimum=1).tolist() == [3, 1]
    assert rd_levels(distortion, rate, np.ones(2), 3, minimum=1).tolist() == [1, 2]


def test_rd_free_steps_stop_at_the_lowest_cost():
    distortion = np.full((1, 25), 10.0)
    distortion[0, 1:4] = 5, 2, 4
    assert rd_levels(distortion, np.zeros((1, 25)), np.ones(1), 0.0).tolist() == [2]


def test_rd_ignores_importance_that_says_nothing():
    distortion = _convex(np.random.default_rng(3), 5)
    rate = np.broadcast_to(ROUNDS, (5, 25))
    zero, one = (rd_levels(distortion, rate, w, 40.0) for w in (np.zeros(5), np.ones(5)))
    assert zero.tolist() == one.tolist() and zero.sum() == 40


def test_rd_reduces_a_minimum_it_cannot_pay_for():
    rate = np.broadcast_to(ROUNDS, (4, 25))
    distortion = _convex(np.random.default_rng(4), 4)
    assert rd_levels(distortion, rate, np.ones(4), 3.0).sum() == 3
    chosen = rd_levels(distortion, rate, np.ones(4), 10.0, minimum=9)
    assert chosen.sum() == 10 and chosen.min() >= 2


def test_rd_refuses_bad_tables():
    good, weight = np.broadcast_to(ROUNDS, (2, 25)).astype(float), np.ones(2)
    with pytest.raises(AllocationError, match="need importance"):
        rd_levels(good[:, :24], good, weight, 10)
    with pytest.raises(AllocationError, match="need importance"):
        rd_levels(np.zeros((2, 26)), np.zeros((2, 26)), weight, 10)
    with pytest.raises(AllocationError, match="must be finite"):
        rd_levels(good * np.nan, good, weight, 10)
    with pytest.raises(AllocationError, match="must not fall"):
        rd_levels(good, good[:, ::-1], weight, 10)
    with pytest.raises(AllocationError, match="must be finite"):
        rd_levels(good, good, -weight, 10)
    with pytest.raises(AllocationError, match="does not cover"):
        rd_levels(good, good + 6, weight, 10)
    with pytest.raises(AllocationError, match="minimum 25"):
        rd_levels(good, good, weight, 10, minimum=25)


def test_rd_stays_within_the_measured_levels():
    """Tables may stop before level 24: what was not measured is not chosen."""
    table = np.broadcast_to(np.arange(10.0), (3, 10))
    assert (rd_levels(-table, table, np.ones(3), 100.0) == 9).all()
