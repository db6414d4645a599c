"""Entropy coding of the binary codes: context model in integers, range coder from `constriction`.

The codes are not fair coins: trees with a dead zone make most bits of flat blocks nearly certain,
and neighbours tell much about the rest. One small network per bit slot turns the features of
`features.py` into a probability::

    features (96) --W1--> relu --> hidden (64) --W2--> + bias of the tree node --> logit --> table

All weights are integers, and every slot goes on learning while it codes a picture (`walk.py`), by
operations whose results no machine may change; the probabilities, and so the decoded bits, are the
same on every machine and any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import constriction
import numpy as np

from semcomp.geometry import BITS
from semcomp.networks.quantizer import MAX_DEPTH, QuantizerTables

from .bitstream import VERSION
from .features import COUNT, LIMIT, SlotTables

if TYPE_CHECKING:
    from .walk import Round

HIDDEN_BITS = 8
"""Bits of the first layer's sums that the activations leave out."""
HIDDEN_LIMIT = 2047
"""Largest hidden activation."""
LOGIT_UNIT = 4096
"""Logit sums per nat."""
TABLE_STEPS = 64
"""Entries of the probability table per nat."""
TABLE_RANGE = 9
"""Largest logit in nats: a certain bit costs at least 1/5600 bit."""
EXACT = 2**24
"""Whole numbers below this are exact in float32, in which tables are fitted."""
PRECISION = 24
"""Bits of the range coder's probabilities."""


@dataclass(frozen=True)
class ContextTables:
    """Integer weights of the context model, as they travel with the codec's weights.

    For S slots and H hidden units: w1: int16 (S, 96, H), or with 89 features, of tables from before
    the second ring. b1: int32 (S, H). w2: int16 (S, H). bias: int32 (S, 128).
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
        if max(first.max(initial=0), second.max(initial=0)) >= EXACT:
            raise ValueError("context tables overflow exact float32 sums: refit them")

    @classmethod
    def fair(cls, slots: int) -> ContextTables:
        """Every bit costs one bit: for a codec whose tables have not been fitted."""
        return cls(
            np.zeros((slots, COUNT, 0), np.int16),
            np.zeros((slots, 0), np.int32),
            np.zeros((slots, 0), np.int16),
            np.zeros((slots, 2 ** (MAX_DEPTH - 1)), np.int32),
            probability_table(),
        )


def probability_table() -> np.ndarray:
    """Logistic function in 1/65536, uint16 (1153,); stored with the weights, never recomputed."""
    logits = np.arange(-TABLE_RANGE * TABLE_STEPS, TABLE_RANGE * TABLE_STEPS + 1) / TABLE_STEPS
    return np.round(65536 / (1 + np.exp(-logits))).astype(np.uint16)


@dataclass(frozen=True, eq=False)
class Networks:
    """Context networks of all slots in the form that they run in: see `ContextTables`.

    w1: int16 (S, hidden, 96), zeros for features that the tables do not know. b1: int32 (S,
    hidden). w2: float64 (S, hidden). bias: int32 (S, 128). center: entry of logit 0. chance:
    float64 (entries,), P(+1) of each entry. split: uint64 (entries,), P(-1) in 1/2^24, as
    `constriction` rounds it. price: float64 (3, entries), bits that -1, +1 and, foreseen, either
    cost, in whole 1/1024.
    """

    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray
    bias: np.ndarray
    center: int
    chance: np.ndarray
    split: np.ndarray
    price: np.ndarray

    @classmethod
    def of(cls, contexts: ContextTables) -> Networks:
        """The networks of tables."""
        slots, features, units = contexts.w1.shape
        w1 = np.zeros((slots, units, COUNT), np.int16)
        w1[..., :features] = contexts.w1.transpose(0, 2, 1)
        chance = contexts.probability.astype(np.float64) / 65536
        split = np.floor((1 - chance) * (2**PRECISION - 2)).astype(np.uint64) + np.uint64(1)
        w2, center = contexts.w2.astype(np.float64), TABLE_RANGE * TABLE_STEPS
        bits = -np.log2([1 - chance, chance])
        foreseen = (1 - chance) * bits[0] + chance * bits[1]
        price = np.round(1024 * np.append(bits, [foreseen], 0)) / 1024
        return cls(w1, contexts.b1, w2, contexts.bias, center, chance, split, price)


class EntropyCoder:
    """Codes of one picture <-> one byte string per iteration."""

    def __init__(self, quantizer: QuantizerTables, contexts: ContextTables) -> None:
        contexts.check()
        self.slots = SlotTables(quantizer)
        self.networks = Networks.of(contexts)

    def _rounds(self, codes: np.ndarray) -> Iterator[tuple[int, np.ndarray, Round]]:
        """(iteration, bits (8, blocks), what the walk showed) of every round."""
        from .walk import Walk

        walk = Walk(self.slots, *codes.shape[2:])
        for k, planes in enumerate(codes):
            for number, bits in self._cut(k, planes.reshape(len(planes), -1)):
                yield k, bits, walk.round(number, bits, self.networks, bits[0] != 0)

    def _cut(self, k: int, bits: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Bits (P, blocks) of an iteration -> number and bits (8, blocks) of its rounds: views."""
        for i, number in enumerate(self.slots.rounds(k)):
            yield number, bits[BITS * i : BITS * (i + 1)]

    def encode(self, codes: np.ndarray) -> list[bytes]:
        """Codes int8 (iterations, P, Hb, Wb) of -1, +1, 0 (not sent) -> bytes per iteration."""
        encoders = [constriction.stream.queue.RangeEncoder() for _ in codes]
        model = constriction.stream.model.Bernoulli(perfect=False)
        for k, bits, found in self._rounds(codes):
            if len(found.order):
                symbols = (bits.ravel()[found.order] > 0).astype(np.int32)
                chances = self.networks.chance[found.chosen.ravel()[found.order]]
                encoders[k].encode(symbols, model, chances)
        return [_finished(encoder) for encoder in encoders]

    def cost(self, codes: np.ndarray) -> np.ndarray:
        """Ideal cost in bits of every block in every iteration: float64 (iterations, Hb, Wb)."""
        costs = np.zeros((len(codes), codes.shape[2] * codes.shape[3]))
        # Two rows, of bits -1 and +1; an entry more that costs nothing stands for what is not sent.
        chance = self.networks.chance
        price = np.append(-np.log2([1 - chance, chance]), [[0], [0]], 1)
        for k, bits, found in self._rounds(codes):
            costs[k] += price[(bits > 0).astype(np.int8), found.chosen].sum(0)
        return costs.reshape(len(codes), *codes.shape[2:])

    def decode(
        self,
        chunks: list[bytes],
        levels: np.ndarray,
        progress: Callable[[int], None] | None = None,
        version: int = VERSION,
    ) -> np.ndarray:
        """Bytes per iteration and levels uint8 (Hb, Wb) -> codes int8 (iterations, P, Hb, Wb).

        version: of the file format. Before version 3 nothing was learnt from the picture, and in
        version 1 words of 32 bits were little endian.
        Damaged bytes give wrong bits, never an error: the container's checksums come first.
        """
        from .walk import Reader, Walk

        rows, columns = levels.shape
        walk = Walk(self.slots, rows, columns)
        codes = np.zeros((len(chunks), self.slots.planes, rows * columns), np.int8)
        for k, chunk in enumerate(chunks):
            active, reader = levels.ravel() > k, Reader(_words(chunk, version))
            for number, bits in self._cut(k, codes[k]) if active.any() else ():
                walk.round(number, bits, self.networks, active, reader, adapt=version > 2)
            if progress is not None:
                progress(k + 1)
        return codes.reshape(*codes.shape[:2], rows, columns)


def _finished(encoder: constriction.stream.queue.RangeEncoder) -> bytes:
    """The shortest bytes of a number in the encoder's interval; zeros are implied behind them.

    `constriction` itself writes whole words of 32 bits.
    """
    words, (lower, width) = encoder.pos()  # the interval's last 64 bits, behind so many words
    sealed = encoder.get_compressed().astype(">u4").tobytes()
    size = 4 * words + 8
    inside: int = int.from_bytes(sealed.ljust(size, b"\0"), "big")
    lowest: int = inside - (inside - lower) % 2**64
    for bits in range(64, -1, -8):
        number = -(-lowest >> bits) << bits
        if number < lowest + width:
            break
    return number.to_bytes(size, "big").rstrip(b"\0")


def _words(data: bytes, version: int) -> np.ndarray:
    """The range coder's words of 32 bits, uint32."""
    words = np.frombuffer(data + bytes(-len(data) % 4), ">u4" if version > 1 else "<u4")
    return words.astype(np.uint32)
