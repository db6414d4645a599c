"""What the entropy coder may know about a bit: integer features of values already decoded.

Every bit of the codes refines one coefficient of one block (`quantizer.py`), and the value each
coefficient has reached is an integer. The features of a bit are companded differences and
magnitudes of such integers, in the block itself and in its eight neighbours. They are computed
with single IEEE operations (multiply, square root, floor) whose results no machine may change.

Which values are known when a bit is decoded is a matter of order. Inside a round the blocks
are decoded in wavefronts so that many bits share one step::

    step of (block x, y; bit i) = x + 2 y + i

    state of a neighbour, counted in bits of the running round:
        NW  i + 3      N  i + 2      NE  i + 1
        W   i + 1      .             E   0          (0 = as the previous round left it)
        SW  0          S  0          SE  0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semcomp.geometry import BITS
from semcomp.networks.quantizer import UNIT, QuantizerTables, slot_scales

TRACKED = 96
"""Leading coefficients whose values the features look at."""
CAUSAL = ((-1, -1, 3), (-1, 0, 2), (-1, 1, 1), (0, -1, 1))
"""Neighbours decoded before: (row offset, column offset, bits ahead)."""
PENDING = ((0, 1), (1, -1), (1, 0), (1, 1))
"""Neighbours not yet decoded in this round: (row offset, column offset)."""
GRADIENT = 8
"""Leading coefficients compared with the four nearest neighbours'."""
OWN = 32
"""Leading coefficients of the block itself."""
GROUPS = np.array([1, 4, 9, 16, 32, TRACKED])
"""Borders of the coefficient groups whose magnitudes are summed into activities."""
SUMS = len(GROUPS) - 1
"""Activities of a block: 5."""
COUNT = 8 + 2 + 4 * GRADIENT + OWN + 3 * SUMS
"""Features of a bit: 89."""
LIMIT = 255
"""Largest magnitude of a feature."""

_GROUP = np.searchsorted(GROUPS, np.arange(TRACKED), "right") - 1
_NEAREST = (1, 3, 4, 6)
"""N, W, E, S among the causal and then the pending neighbours."""


@dataclass(frozen=True)
class Grid:
    """A picture's blocks inside a border of one block that stands for "outside".

    rows, columns: blocks. Positions are flat indices into the bordered grid.
    """

    rows: int
    columns: int

    @property
    def stride(self) -> int:
        """Positions per bordered row."""
        return self.columns + 2

    @property
    def size(self) -> int:
        """Positions of the bordered grid."""
        return (self.rows + 2) * self.stride

    @property
    def positions(self) -> np.ndarray:
        """int64 (rows * columns,): position of every block, raster order."""
        y, x = np.divmod(np.arange(self.rows * self.columns), self.columns)
        return np.asarray((y + 1) * self.stride + x + 1)

    @property
    def wavefronts(self) -> np.ndarray:
        """int64 (rows * columns,): x + 2 y of every block, raster order."""
        y, x = np.divmod(np.arange(self.rows * self.columns), self.columns)
        return np.asarray(x + 2 * y)


@dataclass
class Values:
    """Coefficient values of a bordered grid, in 1/8 grey levels relative to their start.

    table: float32 (positions, 5 + 96), C order, whole numbers: activities, then values, so that
    what the features of a bit read of a neighbour lies together.
    """

    table: np.ndarray

    @property
    def activity(self) -> np.ndarray:
        """(positions, 5), a view: sums of magnitudes over `GROUPS`, in step with the values."""
        return self.table[:, :SUMS]

    @property
    def values(self) -> np.ndarray:
        """(positions, 96): the values; a view."""
        return self.table[:, SUMS:]

    @classmethod
    def start(cls, grid: Grid) -> Values:
        """All zero: every coefficient at its start value."""
        return cls(np.zeros((grid.size, SUMS + TRACKED), np.float32))

    def copy(self) -> Values:
        """Independent copy."""
        return Values(self.table.copy())

    def set(self, positions: np.ndarray, channels: np.ndarray | int, new: np.ndarray) -> None:
        """Move coefficients (distinct positions) to new values, activities with them."""
        column = SUMS + np.asarray(channels)
        change = np.abs(new) - np.abs(self.table[positions, column])
        self.table[positions, column] = new
        group = _GROUP[channels]
        counted = group >= 0  # the mean brightness says nothing about activity
        self.table[positions, np.maximum(group, 0)] += np.where(counted, change, 0)


class SlotTables:
    """Quantizer tables in the form the entropy coder walks: integers held in float32."""

    def __init__(self, tables: QuantizerTables) -> None:
        tables.check()
        self.channel = tables.schedule.astype(np.int64)
        if self.channel.max() >= TRACKED:
            raise ValueError(f"the schedule refines coefficients beyond the first {TRACKED}")
        start = tables.start[self.channel][:, None].astype(np.float32)
        self.thresholds = tables.thresholds.astype(np.float32) - start
        self.values = tables.values.astype(np.float32) - start
        # 2^16 / scale: features are square roots of differences in units of scale / 1024.
        self.gain = np.round(65536 / (slot_scales(tables) * UNIT)).astype(np.float32)
        self.planes = tables.planes
        self._ends = (tables.ends // BITS).tolist()

    def rounds(self, k: int) -> range:
        """The rounds of iteration k, counted over all iterations."""
        return range(self._ends[k], self._ends[k + 1])


def compand(difference: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Signed square root, whole numbers in -255..255; a difference of one scale gives 32."""
    root = np.abs(difference)
    root *= gain / np.float32(64)
    np.sqrt(root, out=root)
    np.floor(root, out=root)
    np.minimum(root, np.float32(LIMIT), out=root)
    return np.asarray(np.copysign(root, difference, out=root))


def _read(
    states: tuple[Values, ...], offsets: np.ndarray, positions: np.ndarray, column: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Four neighbours of M blocks: a value each (4, M), and sums and first values (4, M, 13).

    column: int64 (M,), of the value in the states' tables.
    """
    at = positions + offsets[:, None]
    head = SUMS + GRADIENT
    if all(state is states[0] for state in states):
        table = states[0].table
        return table[at, column], table[at, :head]
    values = [state.table[row, column] for state, row in zip(states, at, strict=True)]
    heads = [state.table[row, :head] for state, row in zip(states, at, strict=True)]
    return np.stack(values), np.stack(heads)


def bit_features(
    slots: SlotTables,
    slot: np.ndarray,
    positions: np.ndarray,
    nodes: np.ndarray,
    own: Values,
    causal: tuple[Values, Values, Values, Values],
    previous: Values,
    stride: int,
) -> np.ndarray:
    """Features of M bits.

    slot, positions, nodes: int64 (M,), the bits' slots, blocks and tree nodes. own: state of the
    blocks before their bits. causal: state from which each `CAUSAL` neighbour is read. previous:
    state after the previous round. stride: positions per row.
    Returns float32 (M, 89) of whole numbers in -255..255.
    """
    column = SUMS + slots.channel[slot]
    threshold = slots.thresholds[slot, nodes]
    before = np.array([dy * stride + dx for dy, dx, _ in CAUSAL])
    behind = np.array([dy * stride + dx for dy, dx in PENDING])
    near, near_heads = _read(causal, before, positions, column)
    far, far_heads = _read((previous,) * len(PENDING), behind, positions, column)
    same = np.concatenate([near, far])
    heads = np.concatenate([near_heads, far_heads])
    mine = own.table[positions, : SUMS + OWN]
    # Whole numbers below 2^24: every sum is exact.
    gradients = heads[_NEAREST, :, SUMS:] - mine[:, SUMS : SUMS + GRADIENT]
    parts = (
        (same - threshold).T,
        np.abs(near).sum(0)[:, None],
        np.abs(far).sum(0)[:, None],
        gradients.transpose(1, 0, 2).reshape(len(slot), 4 * GRADIENT),
        mine[:, SUMS:],
        mine[:, :SUMS],
        near_heads[:, :, :SUMS].sum(0),
        far_heads[:, :, :SUMS].sum(0),
    )
    return compand(np.concatenate(parts, 1), slots.gain[slot][:, None])


def round_states(
    slots: SlotTables, grid: Grid, number: int, bits: np.ndarray, nodes: np.ndarray, before: Values
) -> tuple[list[Values], np.ndarray]:
    """States after 0..8 bits of a round, and each bit's tree node (encoder side).

    bits: int8 (8, blocks) of -1, +1, 0. nodes: integers (192, blocks), up to 255, moved in place.
    Returns ([9 states], int64 (8, blocks)).
    """
    positions = grid.positions
    states = [before]
    at = np.zeros(bits.shape, np.int64)
    for i in range(BITS):
        slot = BITS * number + i
        channel = int(slots.channel[slot])
        sent = np.flatnonzero(bits[i])
        at[i] = nodes[channel]
        child = 2 * nodes[channel, sent] + (bits[i, sent] > 0)
        nodes[channel, sent] = child
        after = states[-1].copy()
        after.set(positions[sent], channel, slots.values[slot, child])
        states.append(after)
    return states, at
