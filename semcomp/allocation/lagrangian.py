"""One choice per block under a common budget: convex hulls, then greedy filling.

Knows nothing of images. `semcomp.allocation.levels.rd_levels` gives it the tables.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T", bound=np.generic)


def minimise_cost(
    cost: NDArray[np.float64], rate: NDArray[np.int64], budget: int, start: int
) -> NDArray[np.int64]:
    """Choices c_i >= start with a small Σ cost[i, c_i], subject to Σ rate[i, c_i] <= budget.

    cost: float64 (N, K), finite, any shape along K.
    rate: int64 (N, K), non-decreasing along K; Σ rate[i, start] must fit the budget.
    Returns int64 (N,).

    The Lagrangian solution min Σ cost + λ·rate takes each block to a corner of its lower convex
    hull, and all blocks at the same slope λ (Shoham and Gersho 1988). It is optimal for what it
    spends; what the budget leaves goes to the steps that gain most per rate among those that fit.
    With unit rate steps and convex costs the result is exactly optimal. It is never worse than
    the best single choice for all blocks.
    """
    choice = _lagrangian(cost, rate, budget, start)
    _fill(choice, cost, rate, budget)

    # A hull step too large for the budget can leave a gap that greedy filling does not close,
    # and an optimised allocation that loses to a constant one would be hard to explain.
    fits = np.flatnonzero(rate[:, start:].sum(axis=0) <= budget) + start
    constant = int(fits[cost[:, fits].sum(axis=0).argmin()])
    if cost[:, constant].sum() < _pick(cost, choice).sum():
        choice = np.full_like(choice, constant)
        _fill(choice, cost, rate, budget)
    return choice


def _lagrangian(
    cost: NDArray[np.float64], rate: NDArray[np.int64], budget: int, start: int
) -> NDArray[np.int64]:
    """The hull steps of all blocks, steepest first, for as long as the next one fits."""
    choice = np.full(len(cost), start, np.int64)
    block, origin, target, slope = _hull_steps(cost, rate, start)
    # Stable, so that a block's steps of equal slope stay in order.
    order = np.argsort(-slope, kind="stable")
    block, origin, target = block[order], origin[order], target[order]
    spent = int(_pick(rate, choice).sum()) + np.cumsum(rate[block, target] - rate[block, origin])
    taken = int(np.searchsorted(spent, budget, side="right"))
    np.maximum.at(choice, block[:taken], target[:taken])
    return choice


def _hull_steps(
    cost: NDArray[np.float64], rate: NDArray[np.int64], start: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Every step along every block's lower convex hull: (block, from choice, to choice, slope).

    Step-major: all blocks' first steps, then all second steps and so on. Slopes are gains per
    rate, positive, and never rise along a block.
    """
    steps = []
    block = np.arange(len(cost))
    here = np.full(len(cost), start, np.int64)
    previous = np.full(len(cost), np.inf)
    while block.size:
        target, slope = _steepest(cost[block], rate[block], here)
        # Rounding may make a slope look steeper than the one before it, which would let the sort
        # swap the two.
        slope = np.minimum(slope, previous)
        gains = slope > 0
        block, previous = block[gains], slope[gains]
        steps.append((block, here[gains], target[gains], previous))
        here = target[gains]
    block, origin, target, slope = (np.concatenate(column) for column in zip(*steps, strict=True))
    return block, origin, target, slope


def _fill(
    choice: NDArray[np.int64], cost: NDArray[np.float64], rate: NDArray[np.int64], budget: int
) -> None:
    """Spend what is left, in place: per round each block's best step that fits, steepest first."""
    while True:
        left = budget - int(_pick(rate, choice).sum())
        target, slope = _steepest(cost, rate, choice, left)
        order = np.argsort(-slope, kind="stable")
        order = order[slope[order] > 0]
        step_rate = rate[order, target[order]] - rate[order, choice[order]]
        taken = order[np.cumsum(step_rate) <= left]
        if not taken.size:
            return
        choice[taken] = target[taken]


def _steepest(
    cost: NDArray[np.float64],
    rate: NDArray[np.int64],
    here: NDArray[np.int64],
    left: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each block the later choice with the greatest gain per rate, and that slope.

    The slope is 0 where no later choice gains (or none fits in `left`), infinite where a gain
    is free. Of equal slopes the greatest gain wins.
    """
    gain = _pick(cost, here)[:, None] - cost
    price = rate - _pick(rate, here)[:, None]
    useful = (gain > 0) & (np.arange(cost.shape[1]) > here[:, None])
    if left is not None:
        useful &= price <= left
    slope = np.zeros_like(gain)
    with np.errstate(divide="ignore", over="ignore"):
        np.divide(gain, price, out=slope, where=useful)
    best = slope.max(axis=1)
    target = np.where(slope == best[:, None], gain, -np.inf).argmax(axis=1)
    return target, best


def _pick(table: NDArray[_T], choice: NDArray[np.int64]) -> NDArray[_T]:
    """table[i, choice[i]] for every i."""
    return np.take_along_axis(table, choice[:, None], axis=1)[:, 0]
