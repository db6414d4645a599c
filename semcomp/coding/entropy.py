"""Entropy coding of the binary codes: context model in integers, range coder from `constriction`.

The codes are not fair coins: trees with a dead zone make most bits of flat blocks nearly certain,
and neighbours tell much about the rest. One small network per bit slot turns the features of
`features.py` into a probability::

    features (89) --W1--> relu --> hidden (24) --W2--> + bias of the tree node --> logit --> table

All weights are integers, bounded so that every sum is exact in float32 whatever its order; the
probabilities, and so the decoded bits, are the same on every machine and any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import constriction
import numpy as np

from semcomp.geometry import BITS
from semcomp.networks.quantizer import COEFFICIENTS, MAX_DEPTH, QuantizerTables

from .features import CAUSAL, COUNT, LIMIT, Grid, SlotTables, Values, bit_features, round_states

HIDDEN = 24
"""Hidden units of a slot's network."""
HIDDEN_SHIFT = 256
"""Divisor of the first layer's sums."""
HIDDEN_LIMIT = 2047
"""Largest hidden activation."""
LOGIT_UNIT = 4096
"""Logit sums per nat."""
TABLE_STEPS = 64
"""Entries of the probability table per nat."""
TABLE_RANGE = 9
"""Largest logit in nats: a certain bit costs at least 1/5600 bit."""
EXACT = 2**24
"""Whole numbers below this are exact in float32."""
CHUNK = 1 << 15
"""Bits whose features are computed together; bounds the memory on large pictures."""


@dataclass(frozen=True)
class ContextTables:
    """Integer weights of the context model, as they travel with the codec's weights.

    For S slots: w1: int16 (S, 89, 24). b1: int32 (S, 24). w2: int16 (S, 24). bias: int32 (S, 128).
    probability: uint16 (1153,), P(bit = +1) in 1/65536 for logits -9..9 nats in steps of 1/64.
    """

    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray
    bias: np.ndarray
    probability: np.ndarray

    def check(self) -> None:
        """Raise ValueError if a sum could leave float32's exact whole numbers."""
        first = np.abs(self.w1.astype(np.int64)).sum(1) * LIMIT + np.abs(self.b1.astype(np.int64))
        second = np.abs(self.w2.astype(np.int64)).sum(1) * HIDDEN_LIMIT
        second = second + np.abs(self.bias.astype(np.int64)).max(1)
        if max(first.max(), second.max()) >= EXACT:
            raise ValueError("context tables overflow exact float32 sums: refit them")

    @classmethod
    def fair(cls, slots: int) -> ContextTables:
        """Every bit costs one bit: for a codec whose tables have not been fitted."""
        return cls(
            np.zeros((slots, COUNT, HIDDEN), np.int16),
            np.zeros((slots, HIDDEN), np.int32),
            np.zeros((slots, HIDDEN), np.int16),
            np.zeros((slots, 2 ** (MAX_DEPTH - 1)), np.int32),
            probability_table(),
        )


def probability_table() -> np.ndarray:
    """Logistic function in 1/65536, uint16 (1153,); stored with the weights, never recomputed."""
    logits = np.arange(-TABLE_RANGE * TABLE_STEPS, TABLE_RANGE * TABLE_STEPS + 1) / TABLE_STEPS
    return np.round(65536 / (1 + np.exp(-logits))).astype(np.uint16)


class EntropyCoder:
    """Codes of one picture <-> one byte string per iteration."""

    def __init__(self, quantizer: QuantizerTables, contexts: ContextTables) -> None:
        contexts.check()
        self.slots = SlotTables(quantizer)
        self.w1 = contexts.w1.astype(np.float32)
        self.b1 = contexts.b1.astype(np.float32)
        self.w2 = contexts.w2.astype(np.float32)
        self.bias = contexts.bias.astype(np.float32)
        self.table = contexts.probability.astype(np.float64) / 65536

    def _probability(
        self, slots: int | slice, features: np.ndarray, bias: np.ndarray
    ) -> np.ndarray:
        """P(+1) of bits, float64 (..., M): multiples of 1/65536.

        features: float32 (M, 89) of one slot, or (8, M, 89) of a slice of eight. bias: (..., M).
        """
        hidden = features @ self.w1[slots]
        hidden += self.b1[slots, None] if isinstance(slots, slice) else self.b1[slots]
        hidden *= np.float32(1 / HIDDEN_SHIFT)
        np.floor(hidden, out=hidden)
        np.clip(hidden, 0, HIDDEN_LIMIT, out=hidden)
        logit = (hidden @ self.w2[slots][..., None])[..., 0] + bias
        index = np.floor(logit / (LOGIT_UNIT // TABLE_STEPS)) + TABLE_RANGE * TABLE_STEPS
        return np.asarray(self.table[np.clip(index, 0, len(self.table) - 1).astype(np.int64)])

    def _probabilities(
        self, grid: Grid, number: int, bits: np.ndarray, states: list[Values], at: np.ndarray
    ) -> np.ndarray:
        """P(+1) of every bit of a round that is known whole: float64 (8, blocks)."""
        result = np.full(bits.shape, 0.5)
        for i in range(BITS):
            causal = causal_states(states, i)
            sent = np.flatnonzero(bits[i])
            for part in np.array_split(sent, len(sent) // CHUNK + 1):
                slot = np.full(len(part), BITS * number + i)
                features = bit_features(
                    self.slots,
                    slot,
                    grid.positions[part],
                    at[i, part],
                    states[i],
                    causal,
                    states[0],
                    grid.stride,
                )
                bias = self.bias[slot, at[i, part]]
                result[i, part] = self._probability(BITS * number + i, features, bias)
        return result

    def _rounds(
        self, codes: np.ndarray, grid: Grid
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """(iteration, bits, probabilities) of every round, bits and probabilities (8, blocks)."""
        nodes = np.zeros((COEFFICIENTS, grid.rows * grid.columns), np.int16)
        before = Values.start(grid)
        for k, planes in enumerate(codes):
            for number, bits in self._cut(k, planes.reshape(len(planes), -1)):
                states, at = round_states(self.slots, grid, number, bits, nodes, before)
                yield k, bits, self._probabilities(grid, number, bits, states, at)
                before = states[-1]
                del states  # or these nine copies would live beside the next nine

    def _cut(self, k: int, bits: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Bits (P, blocks) of an iteration -> number and bits (8, blocks) of its rounds: views."""
        for i, number in enumerate(self.slots.rounds(k)):
            yield number, bits[BITS * i : BITS * (i + 1)]

    def encode(self, codes: np.ndarray) -> list[bytes]:
        """Codes int8 (iterations, P, Hb, Wb) of -1, +1, 0 (not sent) -> bytes per iteration."""
        grid = Grid(codes.shape[2], codes.shape[3])
        encoders = [constriction.stream.queue.RangeEncoder() for _ in codes]
        model = constriction.stream.model.Bernoulli(perfect=False)
        for k, bits, probabilities in self._rounds(codes, grid):
            order = coding_order(grid, bits != 0)
            if len(order):
                symbols = (bits.ravel()[order] > 0).astype(np.int32)
                encoders[k].encode(symbols, model, probabilities.ravel()[order])
        return [_trim(encoder.get_compressed()) for encoder in encoders]

    def cost(self, codes: np.ndarray) -> np.ndarray:
        """Ideal cost in bits of every block in every iteration: float64 (iterations, Hb, Wb)."""
        grid = Grid(codes.shape[2], codes.shape[3])
        costs = np.zeros((len(codes), grid.rows * grid.columns))
        for k, bits, probabilities in self._rounds(codes, grid):
            chosen = np.where(bits > 0, probabilities, 1 - probabilities)
            costs[k] += np.where(bits != 0, -np.log2(chosen), 0).sum(0)
        return costs.reshape(len(codes), grid.rows, grid.columns)

    def decode(
        self,
        chunks: list[bytes],
        levels: np.ndarray,
        progress: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        """Bytes per iteration and levels uint8 (Hb, Wb) -> codes int8 (iterations, P, Hb, Wb).

        Damaged bytes give wrong bits, never an error: the container's checksums come first.
        """
        rows, columns = levels.shape
        grid = Grid(rows, columns)
        nodes = np.zeros((COEFFICIENTS, rows * columns), np.int16)
        codes = np.zeros((len(chunks), self.slots.planes, rows * columns), np.int8)
        previous = Values.start(grid)
        for k, chunk in enumerate(chunks):
            active = levels.ravel() > k
            decoder = constriction.stream.queue.RangeDecoder(_untrim(chunk))
            for number, bits in self._cut(k, codes[k]) if active.any() else ():
                previous = self._decode_round(decoder, number, grid, active, nodes, previous, bits)
            if progress is not None:
                progress(k + 1)
        return codes.reshape(*codes.shape[:2], rows, columns)

    def _decode_round(
        self,
        decoder: constriction.stream.queue.RangeDecoder,
        number: int,
        grid: Grid,
        active: np.ndarray,
        nodes: np.ndarray,
        previous: Values,
        bits: np.ndarray,
    ) -> Values:
        """Fill bits int8 (8, blocks) of a round; returns the state after it."""
        model = constriction.stream.model.Bernoulli(perfect=False)
        current = previous.copy()
        blocks = grid.rows * grid.columns
        positions = grid.positions
        slots = slice(BITS * number, BITS * (number + 1))
        for items in wavefronts(grid, np.broadcast_to(active, (BITS, blocks))):
            bit, block = np.divmod(items, blocks)
            slot = BITS * number + bit
            channel = self.slots.channel[slot]
            at = nodes[channel, block]
            features = bit_features(
                self.slots,
                slot,
                positions[block],
                at,
                current,
                (current,) * 4,
                previous,
                grid.stride,
            )
            # One product for all eight slots: as many rows for each as the most bits have.
            first = np.searchsorted(bit, np.arange(BITS))
            row = np.arange(len(items)) - first[bit]
            padded = np.zeros((BITS, int(row.max()) + 1, COUNT), np.float32)
            bias = np.zeros(padded.shape[:2], np.float32)
            padded[bit, row], bias[bit, row] = features, self.bias[slot, at]
            probabilities = self._probability(slots, padded, bias)[bit, row]
            try:
                symbols = decoder.decode(model, probabilities)
            except AssertionError:  # what constriction raises where no encoder can have been
                symbols = (probabilities > 0.5).astype(np.int32)
            bits[bit, block] = 2 * symbols - 1
            child = 2 * at + symbols
            nodes[channel, block] = child
            current.set(positions[block], channel, self.slots.values[slot, child])
        return current


def causal_states(states: list[Values], i: int) -> tuple[Values, Values, Values, Values]:
    """State from which bit i sees each `CAUSAL` neighbour."""
    nw, n, ne, w = (states[min(i + ahead, BITS)] for _, _, ahead in CAUSAL)
    return nw, n, ne, w


def coding_order(grid: Grid, sent: np.ndarray) -> np.ndarray:
    """Flat indices of bool (8, blocks) in coding order: by step, then bit, then raster."""
    indices = np.flatnonzero(sent)
    bit, block = np.divmod(indices, sent.shape[1])
    step = grid.wavefronts[block] + bit
    return np.asarray(indices[np.argsort(step, kind="stable")])


def wavefronts(grid: Grid, sent: np.ndarray) -> Iterator[np.ndarray]:
    """`coding_order` cut into its steps."""
    order = coding_order(grid, sent)
    bit, block = np.divmod(order, sent.shape[1])
    steps = grid.wavefronts[block] + bit
    return iter(np.split(order, np.flatnonzero(np.diff(steps)) + 1))


def _trim(words: np.ndarray) -> bytes:
    """Range coder words -> bytes; trailing zero bytes are implied."""
    return words.astype("<u4").tobytes().rstrip(b"\0")


def _untrim(data: bytes) -> np.ndarray:
    return np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(np.uint32)
