"""Design of the embedded quantizer's tables from training pictures.

The basis is the Karhunen-Loeve transform of 8x8 RGB blocks. The schedule is greedy: every slot
goes to the coefficient whose next cuts remove the most squared error per bit of entropy,

    gain = sum over leaves of (SSE(leaf) - SSE(left) - SSE(right)) / (H + c N),

where H is the entropy of the slot's bits given the leaf and the block's activity class (what a
context model can know) and c N charges every block for the slot itself. A small c favours cheap,
nearly certain bits (a wide dead zone); it grows along the schedule so that the slots still reach a
high quality.

The blocks are those of pictures filtered across the blocks' borders (`semcomp.networks.overlap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from semcomp.geometry import BITS, BLOCK
from semcomp.networks.overlap import across_borders, no_overlap
from semcomp.networks.quantizer import COEFFICIENTS, EVEN, GROWING, MAX_DEPTH, UNIT, QuantizerTables

CLASSES = 8
"""Activity classes of a block that the design supposes a context model to know."""
CANDIDATES = 40
"""Thresholds tried in every leaf."""
MIN_LEAF = 50
"""A leaf with fewer samples is cut in the middle without looking at its distribution."""
SLOT_COST = 0.3, 1.5
"""c at the first slot and from the 192nd on, in bits per block: of nine pairs the one of least
error at 0.2 to 1 bpp on held-out training pictures."""
TRACKED = 96
"""Leading coefficients that compete for slots."""
WIDENED = 12
"""Leading coefficients whose trees are made to reach all that a picture may hold. Further on an end
holds up to 5% of the blocks of photographs, which wider leaves would cost."""
REACHED = 0.97
"""Share of what pixels can give that the end of such a tree must have."""
END_BITS = 4
"""Last bits of such a coefficient that are dealt anew at an end."""
RARE = 0.001
"""Largest share of the blocks at an end that is dealt anew. On held-out training pictures the
linear path then loses 0.001 dB; with all ends of these coefficients it lost 0.12."""


def sample_blocks(
    pictures: Sequence[np.ndarray],
    per_picture: int,
    seed: int = 0,
    overlap: np.ndarray | None = None,
) -> np.ndarray:
    """Random 8x8 blocks of uint8 (H, W, 3) pictures, each picture on a random grid phase.

    overlap: float32 (8, 8), filter across the borders between blocks first; None for none.
    Returns float32 (n, 192) in -128..127, order channel, row, column.
    """
    rng = np.random.default_rng(seed)
    samples = []
    for picture in pictures:
        dy, dx = rng.integers(0, BLOCK, 2)
        shifted = picture[dy:, dx:]
        rows, columns = shifted.shape[0] // BLOCK, shifted.shape[1] // BLOCK
        grid = shifted[: rows * BLOCK, : columns * BLOCK].astype(np.float32) - 128
        if overlap is not None:
            image = torch.from_numpy(grid).permute(2, 0, 1)[None]
            filtered = across_borders(image, torch.from_numpy(overlap))
            grid = filtered[0].permute(1, 2, 0).numpy()
        blocks = grid.reshape(rows, BLOCK, columns, BLOCK, 3).transpose(0, 2, 4, 1, 3)
        blocks = blocks.reshape(-1, COEFFICIENTS)
        samples.append(blocks[rng.choice(len(blocks), min(per_picture, len(blocks)), False)])
    return np.concatenate(samples)


def karhunen_loeve(blocks: np.ndarray) -> np.ndarray:
    """Orthonormal basis of float32 (n, 192) blocks, float32 (192, 192), largest variance first."""
    second_moment = blocks.T.astype(np.float64) @ blocks / len(blocks)
    _, vectors = np.linalg.eigh(second_moment)
    return np.ascontiguousarray(vectors[:, ::-1], dtype=np.float32)


def _binary_entropy(ones: np.ndarray, total: np.ndarray) -> np.ndarray:
    p = np.clip(ones / np.maximum(total, 1), 1e-9, 1 - 1e-9)
    return np.asarray(-total * (p * np.log2(p) + (1 - p) * np.log2(1 - p)))


class _Tree:
    """One coefficient's tree while it grows; leaves are ranges of the sorted samples."""

    def __init__(self, samples: np.ndarray, classes: np.ndarray) -> None:
        order = np.argsort(samples, kind="stable")
        self.sorted = samples[order].astype(np.float64)
        self.sums = np.concatenate([[0.0], np.cumsum(self.sorted)])
        self.squares = np.concatenate([[0.0], np.cumsum(self.sorted**2)])
        one_hot = np.zeros((len(samples) + 1, CLASSES), np.int32)
        one_hot[np.arange(1, len(samples) + 1), classes[order]] = 1
        self.counts = one_hot.cumsum(0, dtype=np.int32)
        self.leaves = [(0, len(samples))]
        self.depth = 0

    def _error(self, low: np.ndarray | int, high: np.ndarray | int) -> np.ndarray:
        total = self.sums[high] - self.sums[low]
        size = np.maximum(np.asarray(high) - low, 1)
        return np.asarray(self.squares[high] - self.squares[low] - total**2 / size)

    def plan(self, slot_cost: float) -> tuple[float, list[tuple[float, int]]]:
        """Best cut of every leaf -> (gain per cost of the slot, [(threshold, index)])."""
        gain, cost = 0.0, 1e-9
        cuts = []
        for low, high in self.leaves:
            if high - low < MIN_LEAF:
                middle = (low + high) // 2
                threshold = float(self.sorted[min(middle, len(self.sorted) - 1)])
                cuts.append((threshold, middle))
                continue
            tail = (high - low) // 500
            first, last = self.sorted[low + tail], self.sorted[high - 1 - tail]
            thresholds = np.linspace(first, last, CANDIDATES + 2)[1:-1]
            index = np.searchsorted(self.sorted[low:high], thresholds) + low
            index = np.clip(index, low + 1, high - 1)
            removed = self._error(low, high) - self._error(low, index) - self._error(index, high)
            left = self.counts[index] - self.counts[low]
            leaf = (self.counts[high] - self.counts[low])[None]
            price = _binary_entropy(left, leaf).sum(-1) + slot_cost * (high - low)
            best = int(np.argmax(removed / price))
            cuts.append((float(thresholds[best]), int(index[best])))
            gain += float(removed[best])
            cost += float(price[best])
        return (gain / cost if self.depth < MAX_DEPTH else -1.0), cuts

    def split(self, cuts: Sequence[tuple[float, int]]) -> np.ndarray:
        """Apply cuts; returns the children's means, float64 (2 * leaves,)."""
        parents = self.leaves
        self.leaves = [
            child
            for (low, high), (_, index) in zip(parents, cuts, strict=True)
            for child in ((low, index), (index, high))
        ]
        self.depth += 1
        means = []
        for position, (low, high) in enumerate(self.leaves):
            if high > low:
                means.append((self.sums[high] - self.sums[low]) / (high - low))
            else:  # never seen in training: stay at the threshold
                means.append(cuts[position // 2][0])
        return np.array(means)


def design_quantizer(blocks: np.ndarray, overlap: np.ndarray | None = None) -> QuantizerTables:
    """Greedy design of all tables from training blocks.

    blocks: float32 (n, 192) in -128..127, a hundred thousand or so.
    overlap: float32 (8, 8), the filter the blocks' pictures have gone through; None for none.
    """
    slots = BITS * sum(GROWING)
    basis = karhunen_loeve(blocks)
    samples = blocks @ basis
    activity = (samples[:, 3:] ** 2).sum(1)
    quantiles = np.quantile(activity, np.arange(1, CLASSES) / CLASSES)
    classes = np.digitize(activity, quantiles)

    trees = [_Tree(samples[:, c], classes) for c in range(TRACKED)]
    start = np.round(samples.mean(0) * UNIT).astype(np.int16)
    schedule = np.zeros(slots, np.int16)
    thresholds = np.zeros((slots, 2 ** (MAX_DEPTH - 1)), np.int16)
    values = np.zeros((slots, 2**MAX_DEPTH), np.int16)
    rms = np.zeros((len(GROWING) + 1, COEFFICIENTS), np.float32)

    plans: list[tuple[float, list[tuple[float, int]]] | None] = [None] * TRACKED
    for slot in range(slots):
        grown = min(slot / (BITS * sum(EVEN) - 1), 1.0)
        cost = SLOT_COST[0] + (SLOT_COST[1] - SLOT_COST[0]) * grown
        if slot % BITS == 0:  # the cost drifts slowly: refresh old plans once a round
            plans = [None] * TRACKED
        plans = [plan or tree.plan(cost) for plan, tree in zip(plans, trees, strict=True)]
        gains = [plan[0] for plan in plans if plan is not None]
        best = int(np.argmax(gains))
        chosen = plans[best]
        assert chosen is not None
        cuts, plans[best] = chosen[1], None
        leaves = len(cuts)
        means = trees[best].split(cuts)
        schedule[slot] = best
        thresholds[slot, :leaves] = np.round([t * UNIT for t, _ in cuts])
        values[slot, : 2 * leaves] = np.round(means * UNIT)
    through = no_overlap() if overlap is None else overlap
    dealt = np.array(GROWING, np.int16)
    tables = QuantizerTables(basis, schedule, start, thresholds, values, rms, through, dealt)
    tables = widen_ends(tables, samples)
    return replace(tables, rms=_errors(tables, samples))


def _errors(tables: QuantizerTables, samples: np.ndarray) -> np.ndarray:
    """Root mean square error of samples (n, 192) after 0 to 24 iterations, float32 (25, 192)."""
    reached = np.repeat(tables.start[None].astype(np.float32) / UNIT, len(samples), 0)
    nodes = np.zeros(samples.shape, np.int64)
    errors = [np.sqrt(((samples - reached) ** 2).mean(0))]
    for slot, best in enumerate(tables.schedule):
        above = samples[:, best] > tables.thresholds[slot][nodes[:, best]] / UNIT
        nodes[:, best] = 2 * nodes[:, best] + above
        reached[:, best] = tables.values[slot][nodes[:, best]] / UNIT
        if slot + 1 in tables.ends:
            errors.append(np.sqrt(((samples - reached) ** 2).mean(0)))
    return np.array(errors, np.float32)


def widen_ends(tables: QuantizerTables, samples: np.ndarray) -> QuantizerTables:
    """Let the trees of the leading coefficients reach as far as the pixels of any block do.

    Photographs hold few saturated colours: designed on them alone, the tree of a block's mean
    between green and magenta ends at half of what pure green needs. Where a tree ends too near, the
    last bits there are dealt evenly to all that lies beyond; all other bits stay as they are, and
    with them the codes of ordinary blocks. samples: coefficients (n, 192) of such; an end where
    more than `RARE` of them lie stays too.
    """
    thresholds, values = tables.thresholds.copy(), tables.values.copy()
    reach = np.round(128 * UNIT * np.abs(tables.basis).sum(0)).astype(int)

    def deal(slots: Sequence[int], node: int, low: float, high: float) -> None:
        """Cut an interval of a tree's node in the middle, and its halves, by the slots left."""
        if not slots:
            return
        middle = (low + high) / 2
        thresholds[slots[0], node] = round(middle)
        for child, (start, end) in enumerate(((low, middle), (middle, high)), 2 * node):
            values[slots[0], child] = round((start + end) / 2)
            deal(slots[1:], child, start, end)

    for coefficient in range(WIDENED):
        slots = np.flatnonzero(tables.schedule == coefficient).tolist()
        before, left = slots[:-END_BITS], slots[-END_BITS:]
        if not before:
            continue
        last, far = 2 ** len(before) - 1, reach[coefficient]
        lowest, highest = tables.values[slots[-1], [0, 2 ** len(slots) - 1]]
        low, high = tables.thresholds[before[-1], [0, last // 2]]
        there = UNIT * samples[:, coefficient]
        if lowest > -REACHED * far and (there < low).mean() < RARE:
            deal(left, 0, -far, low)
        if highest < REACHED * far and (there > high).mean() < RARE:
            deal(left, last, high, far)
    return replace(tables, thresholds=thresholds, values=values)
