"""Map and average level in, codec iterations per 8x8 block out.

The decoder repeats ``uniform`` and ``proportional`` from the file's header and its small grey map,
so both are integer arithmetic from end to end: every machine gets the same levels, bit for bit.
``rd_levels`` runs in the encoder only (its levels travel in the file) and may use floats.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import AllocationError
from semcomp.geometry import BLOCK, ITERATIONS

from .lagrangian import minimise_cost

MAX_FOCUS = 2.0
"""The strongest focus: bits go only where it matters. 1 is as the map says, 0 everywhere alike."""
SHARPEST = 4.0
"""Power of the grey values at the strongest focus."""
_UNIT_BITS = 16
_UNIT = 1 << _UNIT_BITS
"""Parts of a level that `growing_levels` reckons in."""


@dataclass(frozen=True)
class AllocationTrace:
    """What Algorithm 1 did, step by step (for lessons and `explain`).

    budget: levels to hand out, sum of K_i.
    floor: levels every block got first; already reduced to what the budget allows.
    before_cap: int64 (hb, wb), the floor plus ⌊L_i·rest⌋; may exceed 24.
    excess: levels cut off above 24 in each round that capped a block; empty if none did.
    remainder: levels that rounding down left over, placed one per block at the end.
    levels: uint8 (hb, wb), 0..24, the result.
    """

    budget: int
    floor: int
    before_cap: NDArray[np.int64]
    excess: tuple[int, ...]
    remainder: int
    levels: NDArray[np.uint8]


def level_to_centi(level: float) -> int:
    """Average level K̄ as the file stores it: hundredths, 10..2400.

    Everything below works from this integer, never from the float, because the decoder has
    nothing else. Raises AllocationError unless 0.1 <= level <= 24.
    """
    if 0 < level < 2 * ITERATIONS:  # times 100 the largest floats are infinite
        centi = round(level * 100)
        if 10 <= centi <= 100 * ITERATIONS:
            return centi
    raise AllocationError(f"average level {level} is outside 0.1..{ITERATIONS}; choose one inside")


def budget(level: float, n_blocks: int) -> int:
    """Levels that average level K̄ buys for `n_blocks` blocks: ⌊K̄·N⌋ (paper, section 3.3)."""
    if n_blocks < 1:
        raise AllocationError(f"cannot allocate to {n_blocks} blocks; the picture is empty")
    return level_to_centi(level) * n_blocks // 100


def check_focus(focus: float) -> None:
    """Raise AllocationError for a focus outside 0..`MAX_FOCUS`."""
    if not 0 <= focus <= MAX_FOCUS:  # written so that NaN fails
        raise AllocationError(
            f"focus {focus} is outside 0..{MAX_FOCUS:g}: 0 is everywhere alike, 1 as the map says, "
            f"{MAX_FOCUS:g} only where it matters"
        )


def focused_map(grey: NDArray[np.uint8], focus: float) -> NDArray[np.uint8]:
    """A map under a focus: grey values 0..255, uint8 of any shape, to a power.

    focus: 0 to 1 is the power itself, from a flat map to the map as it is; from 1 to 2 the power
    goes from 1 to `SHARPEST`. What every block gets whatever its importance, the floor of
    `proportional` and the base of `rd_weights`, goes from all to nothing there (`shared_by_all`).
    """
    check_focus(focus)
    power = focus if focus <= 1 else 1 + (SHARPEST - 1) * (focus - 1)
    table = np.rint(255 * (np.arange(256) / 255) ** power).astype(np.uint8)
    return table[grey]


def shared_by_all(focus: float) -> float:
    """How much of what every block gets first is left under a focus: 1 up to 1, then less."""
    return min(1.0, MAX_FOCUS - focus)


def default_floor(level: float, focus: float = 1.0) -> float:
    """Levels each block gets before importance counts: max(min(K̄, 1), (2 K̄ - 1) / 3, K̄ - 4).

    focus: above 1 they become fewer, none at 2; see `focused_map`.

    The paper has no floor, and lets what is not important vanish. On nine held-out training
    pictures about two thirds of the level take 18 to 23% fewer bytes than equal levels at equal
    SI-SSIM (levels 4 to 16). Half the level takes 12 to 23% fewer, but loses twice as much in
    MS-SSIM: beyond a few levels more, bits for what is important buy little. Below K̄ = 1 all is
    floor, and not every block can have one.
    """
    check_focus(focus)
    return growing_floor(level, floor_percent(focus))


def floor_percent(focus: float) -> int:
    """How much of the floor is left under a focus, as files say it: 0..100."""
    return round(100 * shared_by_all(focus))


def growing_floor(level: float, percent: int) -> float:
    """So much of the default floor at an average level."""
    return _floor(level_to_centi(level) * _UNIT // 100, percent) / _UNIT


def _floor(average: int, percent: int) -> int:
    """`growing_floor` of an average, both in 1/65536 level.

    It rises no faster than the average, and ends in 24 even where nothing was left of it.
    """
    whole = max(min(average, _UNIT), (2 * average - _UNIT) // 3, average - 4 * _UNIT)
    return max(whole * percent // 100, average - ITERATIONS * _UNIT)


def block_importance(grey: NDArray[np.uint8], hb: int, wb: int) -> NDArray[np.int64]:
    """V_i, the sum of the upsampled grey values over each 8x8 block (paper, equation 10).

    grey: uint8 (h, w), 0..255, any size; stretched over the padded picture of 8·hb x 8·wb pixels
    by bilinear interpolation with pixel centres at half-integers (`align_corners=False`).
    Returns int64 (hb, wb) on a scale of 16384·hb·wb times grey values; the scale cancels in L_i.
    A map without a single positive value says nothing, so it gives ones: uniform importance.
    """
    if grey.ndim != 2 or grey.size == 0 or grey.dtype != np.uint8:
        raise AllocationError(
            f"the map must be a non-empty uint8 (h, w) array, got {grey.dtype} {grey.shape}"
        )
    if hb < 1 or wb < 1:
        raise AllocationError(f"cannot allocate to {hb} x {wb} blocks; the picture is empty")
    if not grey.any():
        return np.ones((hb, wb), np.int64)
    rows = _bilinear_block_sums(grey.shape[0], hb)
    columns = _bilinear_block_sums(grey.shape[1], wb)
    return rows @ grey.astype(np.int64) @ columns.T


def uniform_levels(level: float, hb: int, wb: int) -> NDArray[np.uint8]:
    """Every block ⌊K̄⌋, with what a fractional K̄ adds spread evenly in raster order.

    Returns uint8 (hb, wb), 0..24, whose sum is exactly ``budget(level, hb * wb)``: the George
    baseline.
    """
    n = hb * wb
    return _even_split(budget(level, n), n).astype(np.uint8).reshape(hb, wb)


def proportional_levels(
    importance: NDArray[np.int64], level: float, floor: int | None = None
) -> NDArray[np.uint8]:
    """Levels in proportion to importance above a floor, at most 24.

    importance: int64 (hb, wb), V_i >= 0, from `block_importance`; all zero counts as all equal.
    level: average level K̄, 0.1..24.
    floor: levels every block gets first, 0..24: the paper's Algorithm 1, 0 being its text; one
    above what the budget allows is reduced to what fits, ⌊K̄⌋. None: `growing_levels`.
    Returns uint8 (hb, wb), 0..24, whose sum is exactly ``budget(level, hb * wb)``. A block never
    gets fewer levels than a less important one.
    """
    if floor is None:
        return growing_levels(importance, level)
    return proportional_trace(importance, level, floor).levels


def growing_levels(
    importance: NDArray[np.int64], level: float, percent: int = 100
) -> NDArray[np.uint8]:
    """`proportional_levels` above `growing_floor`: where K̄ rises no block loses a level.

    Files therefore grow with K̄, as a search for a size needs it; under Algorithm 1 a block may
    lose one, because a floor of whole levels jumps and because roundings change places. Here::

        q_i(x) = f(x) + (x - f(x)) · V_i / mean V        f: `growing_floor`

    never falls along x, nor then do the levels, q_i rounded and capped at 24. The largest x whose
    levels fit the budget is taken; it exceeds K̄ by what the cap cuts off. What is left goes to
    blocks about to rise, the most important first. percent: see `growing_floor`. The other
    arguments and the result are as for `proportional_levels`.
    """
    values = _check_importance(importance)
    n = values.size
    total = budget(level, n)
    if not values.any():
        values = np.ones_like(values)
    exact = _exact(values, n * _UNIT)
    relative = (exact * (n * _UNIT) // int(exact.sum())).astype(np.int64)

    def levels_at(x: int) -> NDArray[np.int64]:
        floor = _floor(x, percent)
        quota = floor + ((x - floor) * relative >> _UNIT_BITS)
        return np.asarray(np.minimum((quota + _UNIT // 2) >> _UNIT_BITS, ITERATIONS))

    low, high = 0, 2 * ITERATIONS * _UNIT  # no level, all levels
    while high - low > 1:
        middle = (low + high) // 2
        if levels_at(middle).sum() <= total:
            low = middle
        else:
            high = middle
    levels = levels_at(low)
    # Equal blocks take turns all over the picture, in an order that no budget changes.
    turn = np.arange(n) * 0x9E3779B1 % 2**32
    order = np.lexsort((turn, -values))
    rise = (levels_at(high) - levels)[order]
    left = total - int(levels.sum())
    levels[order] += np.clip(left - (np.cumsum(rise) - rise), 0, rise)
    return levels.astype(np.uint8).reshape(importance.shape)


def proportional_trace(importance: NDArray[np.int64], level: float, floor: int) -> AllocationTrace:
    """Algorithm 1 above a floor of whole levels, with its intermediate values.

    Each round shares what the capped blocks left, V_i·(rest - cap·capped) / ΣV over the open
    blocks. That is equation 11 plus the excess E shared by importance, in one division: adding
    E's shares to shares already rounded down would lose a fraction per block in every round.
    Once every important block is full, blocks of importance zero share the rest equally.
    """
    values = _check_importance(importance)
    n = values.size
    total = budget(level, n)
    if not 0 <= floor <= ITERATIONS:
        raise AllocationError(f"floor {floor} is outside 0..{ITERATIONS}")
    floor = min(floor, total // n)
    cap, rest = ITERATIONS - floor, total - floor * n
    values = _exact(values, max(rest, n))

    extra = np.full(n, cap, np.int64)  # on top of the floor; capped blocks keep this value
    before_cap = extra
    excess: list[int] = []
    remainder = 0
    is_open = np.ones(n, bool)
    while is_open.any():
        left = rest - cap * int(n - is_open.sum())
        shares, fractions = _share(left, values[is_open])
        if not excess:
            before_cap = shares
        over = shares >= cap
        if over.any():
            excess.append(int((shares[over] - cap).sum()))
            is_open[is_open] = ~over
            continue
        # Shares and fractions both grow with importance, so placing the remainder by largest
        # fraction cannot put a block ahead of a more important one.
        remainder = left - int(shares.sum())
        extra[is_open] = shares + _largest(fractions, remainder)
        break
    return AllocationTrace(
        budget=total,
        floor=floor,
        before_cap=(floor + before_cap).reshape(importance.shape),
        excess=tuple(excess),
        remainder=remainder,
        levels=(floor + extra).astype(np.uint8).reshape(importance.shape),
    )


def rd_levels(
    distortion: NDArray[Any],
    rate: NDArray[Any],
    importance: NDArray[Any],
    budget: float,
    *,
    minimum: int = 1,
) -> NDArray[np.uint8]:
    """Levels that make Σ L_i·D_i(K_i) small under Σ R_i(K_i) <= budget (`rd` in docs/architecture).

    distortion: float (N, K + 1), D_i(k) of block i after k = 0..K iterations, K <= 24, any unit.
    rate: float (N, K + 1), R_i(k) >= 0 in levels or coded bits, never falling along k.
    importance: (N,), >= 0, any scale; all zero counts as all equal.
    budget: in the unit of `rate`.
    minimum: levels no block goes below, 0..24, so that no block stays empty. One that the budget
    cannot pay for is reduced to what fits.
    Returns uint8 (N,), 0..K. Budget that no block gains from is left unspent.
    Raises AllocationError for malformed tables, or if the budget does not even cover R_i(0).
    """
    distortion, rate, weight = _check_tables(distortion, rate, importance, budget)
    if not 0 <= minimum <= ITERATIONS:
        raise AllocationError(f"minimum {minimum} is outside 0..{ITERATIONS}")
    # Integer rates, rounded up, so that float sums cannot overspend. The unit is a power of two
    # that leaves sums 52 bits: levels and whole bits are represented exactly.
    scale = 2.0 ** (52 - math.ceil(math.log2(max(rate[:, -1].sum(), budget, 1e-9))))
    fine_rate = np.ceil(rate * scale).astype(np.int64)
    fine_budget = math.floor(budget * scale)
    affordable = np.flatnonzero(fine_rate.sum(axis=0)[: minimum + 1] <= fine_budget)
    if not affordable.size:
        raise AllocationError(
            f"a budget of {budget:g} does not cover {rate[:, 0].sum():g}, the rate of level 0; "
            "raise the level"
        )
    if not weight.any():
        weight = np.ones_like(weight)
    cost = distortion * (weight / weight.max())[:, None]
    return minimise_cost(cost, fine_rate, fine_budget, int(affordable[-1])).astype(np.uint8)


def _check_tables(
    distortion: NDArray[Any], rate: NDArray[Any], importance: NDArray[Any], budget: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The three tables of `rd_levels` as float64, or AllocationError."""
    distortion, rate = np.asarray(distortion, np.float64), np.asarray(rate, np.float64)
    weight = np.asarray(importance, np.float64)
    shape = distortion.shape
    fits = len(shape) == 2 and shape[0] == weight.size and 2 <= shape[1] <= ITERATIONS + 1
    if weight.ndim != 1 or not weight.size or not fits or rate.shape != shape:
        raise AllocationError(
            f"need importance (N,) with N >= 1, distortion and rate (N, 2..{ITERATIONS + 1}); got "
            f"{weight.shape}, {distortion.shape} and {rate.shape}"
        )
    finite = all(np.isfinite(table).all() for table in (distortion, rate, weight, budget))
    if not finite or weight.min() < 0 or rate.min() < 0 or np.diff(rate).min() < 0:
        raise AllocationError(
            "distortion, rate, importance and budget must be finite, importance and rate not "
            "negative, and rate must not fall from one level to the next"
        )
    return distortion, rate, weight


def _bilinear_block_sums(source: int, blocks: int) -> NDArray[np.int64]:
    """Weights (blocks, source) that upsample a line to 8·blocks pixels and sum each block.

    In units of 1/(16·blocks), the exact denominator of the half-pixel positions, so every row
    sums to 8 · 16 · blocks.
    """
    unit = 2 * BLOCK * blocks
    pixel = np.arange(BLOCK * blocks, dtype=np.int64)
    position = np.clip((2 * pixel + 1) * source - unit // 2, 0, (source - 1) * unit)
    left, fraction = np.divmod(position, unit)
    weights = np.zeros((blocks, source), np.int64)
    np.add.at(weights, (pixel // BLOCK, left), unit - fraction)
    np.add.at(weights, (pixel // BLOCK, np.minimum(left + 1, source - 1)), fraction)
    return weights


def _check_importance(importance: NDArray[np.int64]) -> NDArray[np.int64]:
    """Importance as a flat int64 array, or AllocationError."""
    if importance.size == 0 or not np.issubdtype(importance.dtype, np.integer):
        raise AllocationError(
            f"importance must be a non-empty integer array (see block_importance), "
            f"got {importance.dtype} {importance.shape}"
        )
    if importance.min() < 0 or int(importance.max()) > np.iinfo(np.int64).max:
        raise AllocationError("importance must lie in 0..2^63-1")
    return importance.ravel().astype(np.int64)


def _exact(values: NDArray[np.int64], factor: int) -> NDArray[Any]:
    """The same proportions in a dtype whose products with `factor`, and sums, cannot overflow."""
    divisor = int(np.gcd.reduce(values))
    if divisor > 1:
        values = values // divisor
    # Python integers are some fifty times slower, but pictures below 19 megapixels never need them.
    return values if int(values.max()) * factor < 2**63 else values.astype(object)


def _share(amount: int, values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """⌊amount · values / Σvalues⌋ and the numerators of what was rounded off."""
    total = int(values.sum())
    if total == 0:
        values, total = np.ones_like(values), values.size
    products = values * amount
    return (products // total).astype(np.int64), products % total


def _largest(fractions: NDArray[Any], count: int) -> NDArray[np.int64]:
    """1 for the `count` largest values, else 0; ties at the edge spread evenly in raster order.

    Spread, not first come: on a flat map the first `count` blocks would be a band at the top,
    and `proportional` would differ from `uniform` for no reason.
    """
    chosen = np.zeros(fractions.size, np.int64)
    if count:
        edge = np.sort(fractions)[-count]
        chosen[fractions > edge] = 1
        ties = np.flatnonzero(fractions == edge)
        chosen[ties] = _even_split(count - int(chosen.sum()), ties.size)
    return chosen


def _even_split(amount: int, parts: int) -> NDArray[np.int64]:
    """`amount` in `parts` integers that differ by one at most, the larger ones evenly spaced."""
    return np.diff(np.arange(parts + 1, dtype=np.int64) * amount // parts)
