"""One round of bits, walked through in coding order: where encoder and decoder know the same.

Compiled by numba, which is loaded with this module and keeps what it made beside it. Within a step
no bit may see another, so all probabilities of a step come first, then its bits.

The tables know pictures in general. What is particular to one, slots learn from it: after every bit
the last layer moves against the gradient of what the bit has cost (stochastic gradient descent, as
in paq's mixers, Mahoney 2005), and so does a factor that says how far logits can be trusted where
the bits around have cost so much more, or less, than foreseen::

    logit = (scale + trust[class]) * (w2 . hidden + bias) + shift       at first (1 + 0) * (...) + 0
    error = bit - P(bit = 1)
    rate  = 1 + EARLY / (1 + bits of the slot so far / SETTLED)
    w2    += RATE_OF_WEIGHTS * rate * error * hidden                    in whole steps of 1 / FINE
    scale += RATE * rate * error * (w2 . hidden + bias)
    shift += RATE * rate * error
    trust[class] += RATE_OF_TRUST * error * (w2 . hidden + bias)

A slot's w2, scale and shift begin anew with every picture, as its bits are all in one round; trust
stays through all rounds. Every operation is one whose result no machine may change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numba
import numpy as np
from numba import float32, float64, int16, int32, int64, uint64

from semcomp.geometry import BITS
from semcomp.networks.quantizer import COEFFICIENTS

from .entropy import (
    HIDDEN_BITS,
    HIDDEN_LIMIT,
    LOGIT_UNIT,
    PRECISION,
    TABLE_RANGE,
    TABLE_STEPS,
    Networks,
)
from .features import (
    BEHIND,
    BEYOND,
    CAUSAL,
    COUNT,
    FIRST,
    GRADIENT,
    GROUPS,
    LIMIT,
    OWN,
    PENDING,
    SUMS,
    TRACKED,
    SlotTables,
)

BORDER = 2
"""Blocks around a picture that stand for "outside"."""
FINE = 4096
"""Steps of a weight of the last layer, which moves in them."""
RATE, RATE_OF_TRUST = 1 / 128, 1 / 256
RATE_OF_WEIGHTS = 1 / 2
"""By how much what is learnt follows an error; the weights' in units of 1 / LOGIT_UNIT."""
EARLY, SETTLED = 2.0, 256.0
"""How much faster a slot learns at first, and for how many bits."""
CLASSES, LEAST, MOST = 8, -0.5, 1.0
"""Classes of what the 3x3 blocks around have cost too much, as part of what was foreseen."""
SLACK = 2.0
"""Bits added to what was foreseen, for blocks that have hardly any."""
NOT_SENT = -1
"""What `Round.chosen` holds where a block sends nothing."""

_GROUP = np.searchsorted(GROUPS, np.arange(TRACKED), "right") - 1


class Reader:
    """Decodes what `constriction`'s range coder wrote: 32-bit words, 64-bit state."""

    def __init__(self, words: np.ndarray) -> None:
        """words: uint32; zeros are implied after their end."""
        self.words = words.astype(np.uint64)
        first = np.zeros(2, np.uint64)
        first[: min(2, len(words))] = self.words[:2]
        point = int(first[0]) << 32 | int(first[1])
        # lower end, range, where the code points, words read
        self.state = np.array([0, 2**64 - 1, point, 2], np.uint64)


NOTHING = Reader(np.zeros(0, np.uint32))
"""For walks that are told the bits."""


@dataclass(eq=False)
class Walk:
    """What is known of a picture's blocks, moved on round by round.

    rows, columns: blocks. nodes: int16 (192, blocks), the tree node each coefficient has reached.
    values: float32 (positions, 101), C order: of every block, inside a border of two blocks that
    stands for "outside", sums of magnitudes over `GROUPS` and the first 96 values, in 1/8 grey
    levels relative to their start. before: the same as the round before left it. surprise: float64
    (positions, 2), the bits that a block's codes have cost more than foreseen, and those foreseen.
    trust: float64 (8,), see above.
    """

    slots: SlotTables
    rows: int
    columns: int
    nodes: np.ndarray = field(init=False)
    values: np.ndarray = field(init=False)
    before: np.ndarray = field(init=False)
    surprise: np.ndarray = field(init=False)
    trust: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        blocks = self.rows * self.columns
        positions = (self.rows + 2 * BORDER) * (self.columns + 2 * BORDER)
        self.nodes = np.zeros((COEFFICIENTS, blocks), np.int16)
        self.values = np.zeros((positions, SUMS + TRACKED), np.float32)
        self.before = np.zeros_like(self.values)
        self.surprise = np.zeros((positions, 2))
        self.trust = np.zeros(CLASSES)

    def round(
        self,
        number: int,
        bits: np.ndarray,
        networks: Networks,
        active: np.ndarray,
        reader: Reader | None = None,
        features: bool = False,
        adapt: bool = True,
    ) -> Round:
        """Walk through a round.

        bits: int8 (8, blocks) of -1 and +1 where active; written, not read, where there is a
        reader. active: bool (blocks,). features: whether they are kept. adapt: whether slots
        learn from the picture.
        """
        slots, tables = slice(BITS * number, BITS * (number + 1)), self.slots
        sent = BITS * int(active.sum())
        found = Round(
            order=np.empty(sent, np.int64),
            chosen=np.full(bits.shape, NOT_SENT, np.int16),
            nodes=np.zeros(bits.shape, np.int16),
            features=np.empty((sent if features else 0, COUNT), np.int16),
        )
        np.copyto(self.before, self.values)
        source = reader or NOTHING
        _round(
            (self.rows, self.columns),
            active,
            _Slots(
                *(tables.channel[slots], tables.thresholds[slots]),
                *(tables.values[slots], tables.gain[slots]),
                *(networks.w1[slots], networks.b1[slots]),
                *(networks.w2[slots], networks.bias[slots]),
            ),
            _Chances(networks.center, networks.split, networks.chance, networks.price),
            _Known(self.nodes, self.values, self.before, self.surprise, self.trust),
            bits,
            _Source(reader is not None, source.words, source.state),
            adapt,
            found,
        )
        return found


class Round(NamedTuple):
    """What a walk through a round showed, M bits.

    order: int64 (M,), flat indices into (8, blocks) in coding order. chosen: int16 (8, blocks),
    entry of the probability table that was used, `NOT_SENT` elsewhere. nodes: int16 (8, blocks),
    the tree nodes before the bits. features: int16 (M, 96) in coding order, or none.
    """

    order: np.ndarray
    chosen: np.ndarray
    nodes: np.ndarray
    features: np.ndarray


class _Slots(NamedTuple):
    """A round's part of `SlotTables` and `Networks`."""

    channel: np.ndarray
    thresholds: np.ndarray
    values: np.ndarray
    gain: np.ndarray
    w1: np.ndarray
    b1: np.ndarray
    w2: np.ndarray
    bias: np.ndarray


class _Chances(NamedTuple):
    """The probability table of `Networks`."""

    center: int
    split: np.ndarray
    chance: np.ndarray
    price: np.ndarray


class _Known(NamedTuple):
    """What a `Walk` knows and moves on."""

    nodes: np.ndarray
    values: np.ndarray
    before: np.ndarray
    surprise: np.ndarray
    trust: np.ndarray


class _Source(NamedTuple):
    """Whether bits are read, and the reader's words and state."""

    reading: bool
    words: np.ndarray
    state: np.ndarray


@numba.njit(cache=True)
def _compand(difference, gain):  # type: ignore[no-untyped-def]
    """Signed square root, whole numbers in -255..255; a difference of one scale gives 32.

    Single IEEE operations, whose results no machine may change.
    """
    root = np.floor(np.sqrt(np.abs(difference) * gain))
    return np.copysign(min(root, float32(LIMIT)), difference)


@numba.njit(cache=True)
def _features(companded, out, values, before, at, stride, column, threshold, gain):  # type: ignore[no-untyped-def]
    """Features of a bit into int16 (96,): see `features.py`. Whole sums below 2^24 are exact."""
    near = float32(0)
    far = float32(0)
    for i, (dy, dx, _) in enumerate(CAUSAL):
        value = values[at + dy * stride + dx, column]
        near += abs(value)
        out[i] = value - threshold
    for i, (dy, dx) in enumerate(PENDING):
        value = before[at + dy * stride + dx, column]
        far += abs(value)
        out[4 + i] = value - threshold
    out[8] = near
    out[9] = far
    mine = values[at]
    place = 10
    north, west = values[at - stride], values[at - 1]
    east, south = before[at + 1], before[at + stride]
    for other in (north, west, east, south):
        for i in range(GRADIENT):
            out[place + i] = other[SUMS + i] - mine[SUMS + i]
        place += GRADIENT
    for i in range(OWN):
        out[place + i] = mine[SUMS + i]
    place += OWN
    for i in range(SUMS):
        out[place + i] = mine[i]
        out[place + SUMS + i] = (
            values[at - stride - 1, i] + north[i] + values[at - stride + 1, i] + west[i]
        )
        out[place + 2 * SUMS + i] = (
            east[i] + before[at + stride - 1, i] + south[i] + before[at + stride + 1, i]
        )
    place = FIRST
    for i, (dy, dx, _) in enumerate(BEHIND):
        out[place + i] = values[at + dy * stride + dx, column] - threshold
    for i, (dy, dx) in enumerate(BEYOND):
        out[place + len(BEHIND) + i] = before[at + dy * stride + dx, column] - threshold
    unit = gain / float32(64)
    for i in range(COUNT):
        companded[i] = int16(_compand(out[i], unit))


@numba.njit(cache=True)
def _hidden(out, features, w1, b1):  # type: ignore[no-untyped-def]
    """Activations of a slot's hidden units into int32 (units,)."""
    for j in range(len(b1)):
        total = int32(0)
        weights = w1[j]
        for i in range(COUNT):  # in 32 bits: processors multiply and add pairs of such products
            total = int32(total + int32(int32(features[i]) * int32(weights[i])))
        out[j] = min(max((total + b1[j]) >> HIDDEN_BITS, 0), HIDDEN_LIMIT)


@numba.njit(cache=True, fastmath={"reassoc", "contract"})
def _logit(hidden, w2, bias):  # type: ignore[no-untyped-def]
    """The last layer's sum, in 1 / (FINE * LOGIT_UNIT) nats.

    Whole numbers below 2^53, so that the compiler may order them as it likes: 64 activations of 11
    bits, weights of 27 and what a bit adds to one, 10 bits, at most a million times.
    """
    total = float64(bias) * FINE
    for j in range(len(w2)):
        total += float64(hidden[j]) * w2[j]
    return total


@numba.njit(cache=True)
def _class(surprise, at, stride):  # type: ignore[no-untyped-def]
    """The class of a block by what it and those around it have cost so far."""
    more, foreseen = 0.0, SLACK
    for row in (at - stride, at, at + stride):
        for place in range(row - 1, row + 2):
            more += surprise[place, 0]
            foreseen += surprise[place, 1]
    number = np.floor((more / foreseen - LEAST) / (MOST - LEAST) * CLASSES)
    return int64(min(max(number, 0.0), CLASSES - 1.0))


@numba.njit(cache=True)
def _follow(weights, hidden, step):  # type: ignore[no-untyped-def]
    for j in range(len(weights)):
        weights[j] += np.floor(step * float64(hidden[j]) + 0.5)


@numba.njit(cache=True)
def _read(words, state, split):  # type: ignore[no-untyped-def]
    """The next bit, 0 or 1, whose 0 has `split` of 2^24."""
    scale = state[1] >> uint64(PRECISION)
    quantile = (state[2] - state[0]) // scale
    if quantile >= uint64(1 << PRECISION):  # no encoder wrote this
        return int64(split < uint64(1 << (PRECISION - 1)))
    if quantile >= split:
        bit = 1
        state[0] += scale * split
        state[1] = scale * (uint64(1 << PRECISION) - split)
    else:
        bit = 0
        state[1] = scale * split
    if state[1] < uint64(1 << 32):
        state[0] <<= uint64(32)
        state[1] <<= uint64(32)
        state[2] <<= uint64(32)
        if state[3] < uint64(len(words)):
            state[2] |= words[state[3]]
        state[3] += uint64(1)
    return int64(bit)


@numba.njit(cache=True)
def _round(shape, active, slots, chances, known, bits, source, adapt, found):  # type: ignore[no-untyped-def]
    """`Walk.round`: by step x + 2 y + i, then bit i, then raster."""
    channels, thresholds, reached, gains, w1, b1, w2, biases = slots
    center, split, chance, price = chances
    nodes, values, before, surprise, trust = known
    reading, words, state = source
    order, chosen, visited, kept = found
    rows, columns = shape
    blocks, stride = rows * columns, columns + 2 * BORDER
    raw, features = np.zeros(COUNT, np.float32), np.zeros(COUNT, np.int16)
    hidden = np.empty((BITS * rows, w1.shape[1]), np.int32)  # of a step's bits
    logits = np.empty(BITS * rows)
    classes = np.zeros(BITS * rows, np.int64)
    last = w2 * FINE
    scale, shift, seen = np.ones(BITS), np.zeros(BITS), np.zeros(BITS)
    done = 0
    for step in range(columns + 2 * rows + BITS):
        start = done
        for i in range(BITS):
            front = step - i
            column = SUMS + channels[i]
            first = max(0, (front - columns + 2) // 2)
            for y in range(first, min(rows, front // 2 + 1)):
                x = front - 2 * y
                block = y * columns + x
                if not active[block]:
                    continue
                node = nodes[channels[i], block]
                visited[i, block] = node
                at = (y + BORDER) * stride + x + BORDER
                threshold = thresholds[i, node]
                _features(features, raw, values, before, at, stride, column, threshold, gains[i])
                item = done - start
                _hidden(hidden[item], features, w1[i], b1[i])
                logit = _logit(hidden[item], last[i], biases[i, node]) / (FINE * LOGIT_UNIT)
                logits[item] = min(max(logit, -TABLE_RANGE), TABLE_RANGE)
                factor = scale[i]
                if adapt:
                    classes[item] = _class(surprise, at, stride)
                    factor += trust[classes[item]]
                entry = int64(np.floor((factor * logits[item] + shift[i]) * TABLE_STEPS)) + center
                chosen[i, block] = min(max(entry, 0), len(split) - 1)
                if len(kept):
                    kept[done] = features
                order[done] = i * blocks + block
                done += 1
        for item in range(done - start):
            i, block = order[start + item] // blocks, order[start + item] % blocks
            if reading:
                bit = _read(words, state, split[chosen[i, block]])
                bits[i, block] = 2 * bit - 1
            else:
                bit = int64(bits[i, block] > 0)
            channel = channels[i]
            child = 2 * nodes[channel, block] + bit
            nodes[channel, block] = int16(child)
            at = (block // columns + BORDER) * stride + block % columns + BORDER
            if adapt:
                entry = chosen[i, block]
                error = bit - chance[entry]
                rate = 1 + EARLY / (1 + seen[i] / SETTLED)
                seen[i] += 1
                scale[i] += RATE * rate * error * logits[item]
                shift[i] += RATE * rate * error
                trust[classes[item]] += RATE_OF_TRUST * error * logits[item]
                step_of_weights = RATE_OF_WEIGHTS * FINE / LOGIT_UNIT * rate * error
                _follow(last[i], hidden[item], step_of_weights)
                surprise[at, 0] += price[bit, entry] - price[2, entry]
                surprise[at, 1] += price[2, entry]
            value = reached[i, child]
            group = _GROUP[channel]
            if group >= 0:  # the mean brightness says nothing about activity
                values[at, group] += abs(value) - abs(values[at, SUMS + channel])
            values[at, SUMS + channel] = value
