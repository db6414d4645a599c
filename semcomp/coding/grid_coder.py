"""A small picture of small integers <-> bytes: the semantic map, or the level of every block.

Each value is predicted from its neighbours W, N, NW, NE; its prediction error is spelt out as
yes/no questions (zero? positive? more than 1? more than 2? ...), and each answer is coded with an
adaptive probability. A question is asked only while both answers are possible, so whatever bytes
a decoder is given, it cannot leave the alphabet.

A grid holds few values, so the model must learn fast: every question looks up one adaptive
probability in each of three small context sets and averages them, trusting those that have seen
more answers. Everything is integer arithmetic: the same bytes give the same grid everywhere.

Compiled by numba. Encoder and decoder run the same `_pass`; which of them it is, the range coder
knows that they are given.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from .bitstream import DECISIONS_PER_VALUE
from .range_coder import ONE, PROBABILITY_BITS, Coder, code, decoder, encoder, finish

# Adaptive probabilities: the n-th answer moves a probability by 1/(n + 1.5) of the way, as
# counting would; from the 30th on the rate stays, so that old answers fade. Rounding down stops
# the move some 1/2000 short of certainty, so no probability reaches 0 or 1.
_RATES = np.array([2 * ONE // (2 * n + 3) for n in range(31)])
_MAX_COUNT = len(_RATES) - 1
# Weight of a probability that has seen n answers: a context met for the first time says little.
_TRUST = np.array([min(2 * n + 1, 9) for n in range(len(_RATES))])

# Questions about a prediction error, numbered within each context: zero?; positive? (nine forms,
# by the signs of the errors at W and N); magnitude above 1, 2, ... 8?. Larger ones are escaped.
_UNARY = 8
_SIGN = 1
_MORE = 10
_QUESTIONS = _MORE + _UNARY
# Context sets, one after the other in one table: errors around (bit length of a sum up to 765),
# prediction (32 classes) x roughness (4), and neighbours against the prediction (6 x 6 x 6).
_ERRORS, _VALUES, _SHAPES = 11, 32 * 4, 6**3
_ESCAPES = 9


def encode_grid(grid: NDArray[np.uint8], alphabet: int) -> bytes:
    """Bytes for a grid of values below `alphabet`; neither size nor alphabet is in them.

    grid: uint8 (height, width), values 0..alphabet-1. alphabet: 1..256.
    A constant grid takes a few bytes. Raises ValueError for an empty grid or a value outside.
    """
    values = np.asarray(grid)
    if values.ndim != 2 or values.dtype != np.uint8:
        raise ValueError(f"a grid is uint8 (height, width), not {values.dtype} {values.shape}")
    _check(values.shape[0], values.shape[1], alphabet)
    if int(values.max()) >= alphabet:
        raise ValueError(f"grid value {values.max()} needs an alphabet above {alphabet}")
    coder = encoder(values.size * DECISIONS_PER_VALUE)
    _pass(coder, _new_model(), values.astype(np.int64), alphabet)
    return finish(coder)


def decode_grid(data: bytes, height: int, width: int, alphabet: int) -> NDArray[np.uint8]:
    """The grid that `encode_grid` made `data` from: uint8 (height, width), 0..alphabet-1.

    Any bytes decode to some grid of that size and alphabet in bounded time, so damage has to be
    found by a checksum around them. Raises ValueError for an impossible size or alphabet.
    """
    _check(height, width, alphabet)
    values = np.zeros((height, width), np.int64)
    _pass(decoder(data), _new_model(), values, alphabet)
    return values.astype(np.uint8)


def _check(height: int, width: int, alphabet: int) -> None:
    if height < 1 or width < 1:
        raise ValueError(f"a grid of {height} x {width} values is empty")
    if not 1 <= alphabet <= 256:
        raise ValueError(f"alphabet {alphabet} is outside 1..256")


class _Model(NamedTuple):
    """Adaptive probabilities of one grid, int64, with how often each has been asked.

    probabilities, counts: of the three context sets. rare, rare_counts: of single questions.
    """

    probabilities: NDArray[np.int64]
    counts: NDArray[np.int64]
    rare: NDArray[np.int64]
    rare_counts: NDArray[np.int64]


def _new_model() -> _Model:
    questions, rare = (_ERRORS + _VALUES + _SHAPES) * _QUESTIONS, _ESCAPES + (_ESCAPES << 8)
    return _Model(
        *(np.full(questions, ONE // 2), np.zeros(questions, np.int64)),
        *(np.full(rare, ONE // 2), np.zeros(rare, np.int64)),
    )


@numba.njit(cache=True)
def _pass(coder: Coder, model: _Model, values: NDArray[np.int64], alphabet: int) -> None:
    """Pass all values in raster order; a decoder's answers overwrite them."""
    height, width = values.shape
    top = alphabet - 1
    shift = max(0, _bits(top) - 5)
    errors = np.zeros(width + 1, np.int64)  # of this row so far and of the row above from here on
    for y in range(height):
        w = values[y - 1, 0] if y else alphabet // 2
        nw = n = w
        error_w = 0
        for x in range(width):
            if y:
                n = values[y - 1, x]
                ne = values[y - 1, x + 1] if x + 1 < width else n
            else:
                nw = n = ne = w
            # Median edge detector (JPEG-LS), drawn to a plainer average: noise likes that.
            low, high = min(w, n), max(w, n)
            median = low if nw >= high else high if nw <= low else w + n - nw
            average = min(max((2 * (w + n) + ne - nw + 2) >> 2, 0), top)
            predicted = (2 * median + average + 1) // 3

            error_n = errors[x]
            around = _bits(abs(error_w) + abs(error_n) + abs(errors[x + 1]))
            roughness = min(_bits(abs(w - nw) + abs(n - nw) + abs(n - ne)), 3)
            value = 4 * (predicted >> shift) + roughness
            shape = 36 * _difference(w - predicted)
            shape += 6 * _difference(n - predicted) + _difference(ne - predicted)
            sets = (
                around * _QUESTIONS,
                (_ERRORS + value) * _QUESTIONS,
                (_ERRORS + _VALUES + shape) * _QUESTIONS,
            )
            sign = _SIGN + 3 * _sign(error_w) + _sign(error_n)
            error = values[y, x] - predicted
            error_w = _pass_error(coder, model, error, predicted, top - predicted, sets, sign)
            errors[x] = error_w
            nw, w = n, predicted + error_w
            values[y, x] = w


@numba.njit(cache=True)
def _pass_error(coder, model, error, below, above, sets, sign):  # type: ignore[no-untyped-def]
    """Pass a prediction error of -below..above; `sign` is the form of that question."""
    if not (above or below) or _ask(coder, model, sets, 0, error == 0):
        return 0
    positive = above > 0
    if above and below:
        positive = _ask(coder, model, sets, sign, error > 0)
    room = above if positive else below
    size = abs(error)
    passed = 1
    while passed < room and passed <= _UNARY:
        if not _ask(coder, model, sets, _MORE + passed - 1, size > passed):
            break
        passed += 1
    else:
        passed += _pass_escape(coder, model, size - passed, room - passed)
    return passed if positive else -passed


@numba.njit(cache=True)
def _pass_escape(coder, model, value, limit):  # type: ignore[no-untyped-def]
    """Pass 0..limit by an Exp-Golomb code whose every digit has its adaptive probability.

    The few large steps of a painted mask are all alike, and soon cost little.
    """
    width = 1
    while (1 << width) <= limit + 1:
        if not _ask_rare(coder, model, width, (value + 1) >> width > 0):
            break
        width += 1
    passed = 1
    for bit in range(width - 2, -1, -1):
        digit = _ESCAPES + (width << 8 | passed)
        passed = 2 * passed + int(_ask_rare(coder, model, digit, (value + 1) >> bit & 1 > 0))
    return min(passed - 1, limit)


@numba.njit(cache=True)
def _ask(coder, model, sets, question, answer):  # type: ignore[no-untyped-def]
    """Pass one answer with the average of three probabilities, and let them learn it."""
    total = trust = 0
    for first in sets:
        trusted = _TRUST[model.counts[first + question]]
        total += trusted * model.probabilities[first + question]
        trust += trusted
    answer = code(coder, total // trust, answer)
    for first in sets:
        _learn(model.probabilities, model.counts, first + question, answer)
    return answer


@numba.njit(cache=True)
def _ask_rare(coder, model, question, answer):  # type: ignore[no-untyped-def]
    answer = code(coder, model.rare[question], answer)
    _learn(model.rare, model.rare_counts, question, answer)
    return answer


@numba.njit(cache=True)
def _learn(probabilities, counts, place, answer):  # type: ignore[no-untyped-def]
    p, n = probabilities[place], counts[place]
    if answer:
        probabilities[place] += (ONE - p) * _RATES[n] >> PROBABILITY_BITS
    else:
        probabilities[place] -= p * _RATES[n] >> PROBABILITY_BITS
    counts[place] = min(n + 1, _MAX_COUNT)


@numba.njit(cache=True)
def _bits(value):  # type: ignore[no-untyped-def]
    """Bits of a whole number from 0 on."""
    count = 0
    while value >> count:
        count += 1
    return count


@numba.njit(cache=True)
def _sign(value):  # type: ignore[no-untyped-def]
    """0, 1, 2 for zero, positive, negative."""
    return 1 if value > 0 else 2 if value else 0


@numba.njit(cache=True)
def _difference(value):  # type: ignore[no-untyped-def]
    """-2..2 -> 0..4; anything larger -> 5."""
    return value + 2 if -3 < value < 3 else 5
