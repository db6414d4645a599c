"""Embedded tree quantizer: which coefficient each of a block's bits refines, and how.

A block is 8x8 RGB pixels = 192 numbers, taken after a filter across the blocks' borders
(`overlap.py`). A fixed orthonormal basis (a Karhunen-Loeve transform)
turns them into 192 coefficients, and a fixed *schedule* says, for each of the block's S bit slots,
which coefficient the slot refines. Eight slots are a round; an iteration is one round, or several
in the late ones (`GROWING`), whose single bits change little any more. Every coefficient has a
binary tree of intervals: the bit says whether the value lies above the threshold of the tree node
reached so far, and each child node has a reconstruction value.

::

    slot:        0      1      2      3     ...          iteration 1 = slots 0..7
    coefficient: 0      0      1      0                  (schedule)
    tree of coefficient 0:        [all]
                           bit-  /     \\  bit+           thresholds[0, 0]
                            [low]       [high]           values[0, 0], values[0, 1]
                            /    \\      /    \\          thresholds[1, 0..1]
                         [ll]   [lh] [hl]   [hh]         values[1, 0..3]

With symmetric trees this is the successive approximation by signs of the literature; trees whose
first two cuts lie either side of zero have a dead zone, so that a flat block spends bits that are
certain, and certain bits are free after entropy coding. All tables are integers in units of 1/8
grey level, so that the values a decoder reaches, and with them every entropy coding context, are
the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from semcomp.geometry import (
    BITS,
    BLOCK,  # others take it from here
    ITERATIONS,
)

from .overlap import across_borders, no_overlap

COEFFICIENTS = 3 * BLOCK * BLOCK
"""Numbers in an RGB block: 192."""
MOST_ROUNDS = 4
"""Most rounds of an iteration."""
EVEN = (1,) * ITERATIONS
"""Rounds of the iterations: one each, 192 bits a block in all, as in the paper."""
GROWING = (1,) * 12 + (2,) * 4 + (3,) * 4 + (4,) * 4
"""Rounds of the iterations: 384 bits a block in all. Entropy coding makes bits cheap: with 192,
files of the most iterations ended at 0.85 bits per pixel and 34 dB on photographs."""
UNIT = 8
"""Table units per grey level."""
MAX_DEPTH = 8
"""Most bits one coefficient receives."""


@dataclass(frozen=True)
class QuantizerTables:
    """The integer tables of an embedded tree quantizer, as they travel with the weights.

    basis: float32 (192, 192), columns are orthonormal directions; rows are in the order channel,
        row, column of a block.
    schedule: int16 (S,), coefficient refined by each slot.
    start: int16 (192,), value of each coefficient before any bit, in 1/8 grey levels.
    thresholds: int16 (S, 128), slot x tree node, in 1/8 grey levels.
    values: int16 (S, 256), slot x child node, in 1/8 grey levels.
    rms: float32 (25, 192), root mean square error of each coefficient after k iterations on
        training blocks, in grey levels; scales the networks' inputs and outputs.
    overlap: float32 (8, 8), the filter across block borders before the basis (`overlap.py`).
    rounds: int16 (24,), rounds of each iteration, 1..4; S is 8 times their sum.
    """

    basis: np.ndarray
    schedule: np.ndarray
    start: np.ndarray
    thresholds: np.ndarray
    values: np.ndarray
    rms: np.ndarray
    overlap: np.ndarray = field(default_factory=no_overlap)
    rounds: np.ndarray = field(default_factory=partial(np.array, EVEN, np.int16))

    @property
    def ends(self) -> np.ndarray:
        """int64 (25,): slots of the first k iterations; iteration k has ends[k] to ends[k + 1]."""
        return BITS * np.concatenate([[0], np.cumsum(self.rounds, dtype=np.int64)])

    @property
    def planes(self) -> int:
        """Planes that a picture's codes need: the most bits of any iteration."""
        return BITS * int(self.rounds.max())

    def check(self) -> None:
        """Raise ValueError unless the iterations' rounds share out the slots."""
        fits = self.rounds.shape == (len(self.rms) - 1,) and self.ends[-1] == len(self.schedule)
        if not fits or self.rounds.min() < 1 or self.rounds.max() > MOST_ROUNDS:
            raise ValueError(
                f"rounds {self.rounds.tolist()}: need {len(self.rms) - 1} numbers of 1 to "
                f"{MOST_ROUNDS} with the sum {len(self.schedule) / BITS:g}"
            )

    @property
    def depth(self) -> np.ndarray:
        """int64 (S,): how many bits the slot's coefficient has received before the slot."""
        seen = np.zeros(COEFFICIENTS, np.int64)
        depth = np.empty(len(self.schedule), np.int64)
        for slot, coefficient in enumerate(self.schedule):
            depth[slot] = seen[coefficient]
            seen[coefficient] += 1
        return depth

    @property
    def parents(self) -> np.ndarray:
        """int16 (S, 128): value of each tree node a slot starts from, in 1/8 grey levels."""
        parents = np.zeros((len(self.schedule), 2 ** (MAX_DEPTH - 1)), np.int16)
        latest: dict[int, int] = {}
        for slot, coefficient in enumerate(self.schedule.tolist()):
            if coefficient in latest:
                parents[slot] = self.values[latest[coefficient], : parents.shape[1]]
            else:
                parents[slot] = self.start[coefficient]
            latest[coefficient] = slot
        return parents

    @classmethod
    def binary(cls) -> QuantizerTables:
        """Tables for a codec without a linear path (preset `paper`), whose bits are mere signs.

        Bit i of iteration k is "coefficient" i + 8 (k mod 4), whose value becomes +-1 whatever it
        was: the entropy coder then knows the signs of four iterations, its tree nodes the history
        of one sign.
        """
        slots = BITS * sum(EVEN)
        values = np.empty((slots, 2**MAX_DEPTH), np.int16)
        values[:, 0::2], values[:, 1::2] = -UNIT, UNIT
        return cls(
            basis=np.eye(COEFFICIENTS, dtype=np.float32),
            schedule=(np.arange(slots) % (4 * BITS)).astype(np.int16),
            start=np.zeros(COEFFICIENTS, np.int16),
            thresholds=np.zeros((slots, 2 ** (MAX_DEPTH - 1)), np.int16),
            values=values,
            rms=np.ones((ITERATIONS + 1, COEFFICIENTS), np.float32),
        )


def slot_scales(tables: QuantizerTables) -> np.ndarray:
    """Half the typical distance between the two children of a slot's nodes.

    Returns float32 (S,), in grey levels, at least 1/8: the unit in which a decision's margin
    is measured, and the scale of the entropy coder's features.
    """
    scales = np.empty(len(tables.schedule), np.float32)
    for slot, depth in enumerate(tables.depth):
        pairs = tables.values[slot, : 2 ** (depth + 1)].astype(np.float64).reshape(-1, 2)
        # The median ignores the few huge intervals of the tails.
        scales[slot] = max(np.median(pairs[:, 1] - pairs[:, 0]) / 2, 1.0) / UNIT
    return scales


class EmbeddedQuantizer(torch.nn.Module):
    """Torch side of the tables: analysis, one slot's decision and its dequantization.

    State of a picture: `nodes` int64 (B, 192, Hb, Wb), the tree node each coefficient has reached;
    `linear` float32 (B, 192, Hb, Wb), the coefficients' values so far in grey levels.
    """

    basis: Tensor
    start: Tensor
    thresholds: Tensor
    parents: Tensor
    values: Tensor
    rms: Tensor
    scales: Tensor
    overlap: Tensor
    overlap_inverse: Tensor

    def __init__(self, tables: QuantizerTables) -> None:
        super().__init__()
        tables.check()
        self.schedule = [int(c) for c in tables.schedule]
        self.ends = tables.ends.tolist()
        self.planes = tables.planes
        # Not persistent: the tables are stored once, as integers, beside the networks' weights.
        floats = {
            "basis": tables.basis,
            "start": tables.start.astype(np.float32) / UNIT,
            "thresholds": tables.thresholds.astype(np.float32) / UNIT,
            "parents": tables.parents.astype(np.float32) / UNIT,
            "values": tables.values.astype(np.float32) / UNIT,
            "rms": np.maximum(tables.rms, 0.25),
            "scales": slot_scales(tables),
            "overlap": tables.overlap,
            "overlap_inverse": np.linalg.inv(tables.overlap.astype(np.float64)).astype(np.float32),
        }
        self.lapped = not np.array_equal(tables.overlap, no_overlap())
        for name, array in floats.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), False)

    def analysis(self, image: Tensor) -> Tensor:
        """Pixels float (B, 3, H, W) in -128..127 -> coefficients (B, 192, H/8, W/8)."""
        if self.lapped:
            image = across_borders(image, self.overlap)
        blocks = functional.pixel_unshuffle(image, BLOCK)
        return functional.conv2d(blocks, self.basis.t()[:, :, None, None])

    def synthesis(self, coefficients: Tensor) -> Tensor:
        """Inverse of `analysis`: (B, 192, Hb, Wb) -> (B, 3, 8 Hb, 8 Wb)."""
        blocks = functional.conv2d(coefficients, self.basis[:, :, None, None])
        image = functional.pixel_shuffle(blocks, BLOCK)
        return across_borders(image, self.overlap_inverse) if self.lapped else image

    def initial(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """State (nodes, linear) before the first bit, shaped like coefficients `like`."""
        nodes = torch.zeros(like.shape, dtype=torch.int64, device=like.device)
        linear = self.start[None, :, None, None].expand_as(like).to(like.dtype).clone()
        return nodes, linear

    def margin(self, slot: int, coefficients: Tensor, nodes: Tensor) -> Tensor:
        """Signed distance of the slot's coefficient to its threshold, in the slot's scale.

        Returns float (B, Hb, Wb); its sign is the plain (open-loop) decision.
        """
        channel = self.schedule[slot]
        threshold = self.thresholds[slot][nodes[:, channel]]
        return (coefficients[:, channel] - threshold) / self.scales[slot]

    def quantize(self, k: int, coefficients: Tensor, nodes: Tensor) -> Tensor:
        """The bits of iteration k: float (B, P, Hb, Wb) of -1, +1; moves `nodes` in place.

        P is `planes`; those that the iteration does not need are 0.
        """
        batch, _, rows, columns = coefficients.shape
        bits = coefficients.new_zeros((batch, self.planes, rows, columns))
        for i, slot in enumerate(self.slots(k)):
            above = self.margin(slot, coefficients, nodes) > 0
            bits[:, i] = torch.where(above, 1.0, -1.0)
            self.advance(slot, bits[:, i], nodes)
        return bits

    def slots(self, k: int) -> range:
        """The slots of iteration k."""
        return range(self.ends[k], self.ends[k + 1])

    def advance(self, slot: int, bits: Tensor, nodes: Tensor) -> Tensor:
        """Apply one slot's bits: moves `nodes` in place, returns the change of the coefficient.

        bits: float (B, Hb, Wb) of -1, +1, or 0 for a block that does not send the slot. The change
        is linear in the bit, so that gradients reach the encoder through it.
        Returns float (B, Hb, Wb) in grey levels, 0 where the bit is 0.
        """
        channel = self.schedule[slot]
        node = nodes[:, channel].clone()  # kept for the backward pass while nodes move on
        low = self.values[slot][2 * node]
        high = self.values[slot][2 * node + 1]
        sent = bits != 0
        change = (low + high) / 2 + bits * (high - low) / 2 - self.parents[slot][node]
        nodes[:, channel] = torch.where(sent, 2 * node + (bits > 0), node)
        return torch.where(sent, change, torch.zeros_like(change))
