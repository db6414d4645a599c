"""Algorithm 1 of the paper one round at a time, for a lesson.

`semcomp.allocation.levels` decides the levels; this walks the same way and keeps what it saw
between the rounds. The two agree value for value, which the tests hold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semcomp.allocation.levels import AllocationTrace, proportional_trace
from semcomp.geometry import ITERATIONS


@dataclass(frozen=True, eq=False)
class Round:
    """One sharing among the blocks that are not full yet.

    shares: int64 (hb, wb), levels each block would have, above 24 where the cap will cut.
    capped: how many blocks the cap fills in this round. excess: levels it cuts off, the paper's E.
    """

    shares: NDArray[np.int64]
    capped: int
    excess: int


@dataclass(frozen=True, eq=False)
class Walk:
    """All rounds and how they end.

    exact: float64 (hb, wb), L_i times the budget, before rounding down and the cap.
    rounds: the last one capped nothing, unless every block is full.
    trace: `proportional_trace`'s own account of the same.
    """

    exact: NDArray[np.float64]
    rounds: tuple[Round, ...]
    trace: AllocationTrace

    @property
    def levels(self) -> NDArray[np.uint8]:
        """uint8 (hb, wb), the result."""
        return self.trace.levels


def walk(importance: NDArray[np.int64], level: float) -> Walk:
    """Follow Algorithm 1, without a floor, on V_i, int64 (hb, wb), for an average of 0.1..24.

    Raises AllocationError for what `proportional_trace` refuses.
    """
    trace = proportional_trace(importance, level, 0)
    budget, shape = trace.budget, importance.shape
    values = importance.ravel().astype(object)  # Python's integers cannot overflow
    whole = int(values.sum())
    exact = values * budget / whole if whole else np.full(values.size, budget / values.size)
    levels = np.full(values.size, ITERATIONS, np.int64)
    is_open = np.ones(values.size, bool)
    rounds = []
    while is_open.any():
        left = budget - ITERATIONS * int((~is_open).sum())
        inside = values[is_open]
        total = int(inside.sum())
        if total == 0:
            inside, total = np.ones_like(inside), len(inside)
        shares = (inside * left // total).astype(np.int64)
        levels[is_open] = shares
        over = shares >= ITERATIONS
        excess = int((shares[over] - ITERATIONS).sum())
        rounds.append(Round(levels.copy().reshape(shape), int(over.sum()), excess))
        if not over.any():
            break
        levels[is_open] = np.minimum(shares, ITERATIONS)
        is_open[is_open] = ~over
    return Walk(exact.astype(np.float64).reshape(shape), tuple(rounds), trace)
