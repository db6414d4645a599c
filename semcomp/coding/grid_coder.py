"""A small picture of small integers <-> bytes: the semantic map, or the level of every block.

Each value is predicted from its neighbours W, N, NW, NE; its prediction error is spelt out as
yes/no questions (zero? positive? more than 1? more than 2? ...), and each answer is coded with an
adaptive probability. A question is asked only while both answers are possible, so whatever bytes
a decoder is given, it cannot leave the alphabet.

A grid holds few values, so the model must learn fast: every question looks up one adaptive
probability in each of three small context sets and averages them, trusting those that have seen
more answers. Everything is integer arithmetic: the same bytes give the same grid everywhere.

Encoder and decoder run the same `_GridModel.run`. The one difference is the binary coder it is
given: `Encoder.code` writes the answer it is handed and returns it, `Decoder.code` pays no
attention to that answer and returns the one it reads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .range_coder import ONE, PROBABILITY_BITS, Coder, Decoder, Encoder

# Adaptive probabilities: the n-th answer moves a probability by 1/(n + 1.5) of the way, as
# counting would; from the 30th on the rate stays, so that old answers fade. Rounding down stops
# the move some 1/2000 short of certainty, so no probability reaches 0 or 1.
_RATES = [2 * ONE // (2 * n + 3) for n in range(31)]
_MAX_COUNT = len(_RATES) - 1
# Weight of a probability that has seen n answers: a context met for the first time says little.
_TRUST = [min(2 * n + 1, 9) for n in range(len(_RATES))]

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
    encoder = Encoder()
    _GridModel(encoder, alphabet).run(values.tolist())
    return encoder.finish()


def decode_grid(data: bytes, height: int, width: int, alphabet: int) -> NDArray[np.uint8]:
    """The grid that `encode_grid` made `data` from: uint8 (height, width), 0..alphabet-1.

    Any bytes decode to some grid of that size and alphabet in bounded time, so damage has to be
    found by a checksum around them. Raises ValueError for an impossible size or alphabet.
    """
    _check(height, width, alphabet)
    rows = [[0] * width for _ in range(height)]
    _GridModel(Decoder(data), alphabet).run(rows)
    return np.array(rows, np.uint8)


def _check(height: int, width: int, alphabet: int) -> None:
    if height < 1 or width < 1:
        raise ValueError(f"a grid of {height} x {width} values is empty")
    if not 1 <= alphabet <= 256:
        raise ValueError(f"alphabet {alphabet} is outside 1..256")


class _GridModel:
    """Predictions and adaptive probabilities of one grid, driving one binary coder."""

    def __init__(self, coder: Coder, alphabet: int) -> None:
        self._code = coder.code
        self._alphabet = alphabet
        shift = max(0, (alphabet - 1).bit_length() - 5)
        self._value_contexts = [4 * _QUESTIONS * (v >> shift) for v in range(alphabet)]
        states = (_ERRORS + _VALUES + _SHAPES) * _QUESTIONS
        self._probabilities = [ONE // 2] * states
        self._counts = [0] * states
        self._widths = _Adaptive(coder, _ESCAPES)
        self._digits = _Adaptive(coder, _ESCAPES << 8)

    def run(self, rows: list[list[int]]) -> None:
        """Pass all values in raster order; a decoder's answers overwrite `rows`."""
        width = len(rows[0])
        top = self._alphabet - 1
        above: list[int] = []
        errors = [0] * (width + 1)  # of this row so far and of the row above from here on
        for row in rows:
            w = above[0] if above else self._alphabet // 2
            nw = n = w
            error_w = 0
            for x in range(width):
                if above:
                    n = above[x]
                    ne = above[x + 1] if x + 1 < width else n
                else:
                    nw = n = ne = w
                # Median edge detector (JPEG-LS), drawn to a plainer average: noise likes that.
                low, high = (w, n) if w < n else (n, w)
                median = low if nw >= high else high if nw <= low else w + n - nw
                average = (2 * (w + n) + ne - nw + 2) >> 2
                average = 0 if average < 0 else top if average > top else average
                predicted = (2 * median + average + 1) // 3

                error_n = errors[x]
                around = abs(error_w) + abs(error_n) + abs(errors[x + 1])
                roughness = (abs(w - nw) + abs(n - nw) + abs(n - ne)).bit_length()
                shape = _difference(w - predicted) * 36
                shape += _difference(n - predicted) * 6 + _difference(ne - predicted)
                error = self._pass_error(
                    row[x] - predicted,
                    predicted,
                    around.bit_length() * _QUESTIONS,
                    _ERRORS * _QUESTIONS
                    + self._value_contexts[predicted]
                    + min(roughness, 3) * _QUESTIONS,
                    (_ERRORS + _VALUES + shape) * _QUESTIONS,
                    _SIGN + 3 * _sign(error_w) + _sign(error_n),
                )
                row[x] = w_next = predicted + error
                errors[x] = error_w = error
                nw, w = n, w_next
            above = row

    def _pass_error(self, error: int, predicted: int, a: int, b: int, c: int, sign: int) -> int:
        """Pass one prediction error in contexts a, b, c; `sign` is the form of that question."""
        above, below = self._alphabet - 1 - predicted, predicted
        if not (above or below) or self._ask(a, b, c, error == 0):
            return 0
        if above and below:
            positive = self._ask(a + sign, b + sign, c + sign, error > 0)
        else:
            positive = above > 0
        room = above if positive else below
        size = abs(error)
        passed = 1
        while passed < room and passed <= _UNARY:
            question = _MORE + passed - 1
            if not self._ask(a + question, b + question, c + question, size > passed):
                break
            passed += 1
        else:
            passed += self._pass_escape(size - passed, room - passed)
        return passed if positive else -passed

    def _pass_escape(self, value: int, limit: int) -> int:
        """Pass 0..limit by an Exp-Golomb code whose every digit has its adaptive probability.

        The few large steps of a painted mask are all alike, and soon cost little.
        """
        width = 1
        while (1 << width) <= limit + 1 and self._widths.ask(width, (value + 1) >> width > 0):
            width += 1
        passed = 1
        for bit in range(width - 2, -1, -1):
            context = width << 8 | passed
            passed = 2 * passed + self._digits.ask(context, bool((value + 1) >> bit & 1))
        return min(passed - 1, limit)

    def _ask(self, a: int, b: int, c: int, answer: bool) -> bool:
        """Pass one answer with the average of three probabilities, and let them learn it."""
        probabilities, counts = self._probabilities, self._counts
        pa, pb, pc = probabilities[a], probabilities[b], probabilities[c]
        na, nb, nc = counts[a], counts[b], counts[c]
        ta, tb, tc = _TRUST[na], _TRUST[nb], _TRUST[nc]
        answer = self._code((ta * pa + tb * pb + tc * pc) // (ta + tb + tc), answer)
        if answer:
            probabilities[a] = pa + ((ONE - pa) * _RATES[na] >> PROBABILITY_BITS)
            probabilities[b] = pb + ((ONE - pb) * _RATES[nb] >> PROBABILITY_BITS)
            probabilities[c] = pc + ((ONE - pc) * _RATES[nc] >> PROBABILITY_BITS)
        else:
            probabilities[a] = pa - (pa * _RATES[na] >> PROBABILITY_BITS)
            probabilities[b] = pb - (pb * _RATES[nb] >> PROBABILITY_BITS)
            probabilities[c] = pc - (pc * _RATES[nc] >> PROBABILITY_BITS)
        if na < _MAX_COUNT:
            counts[a] = na + 1
        if nb < _MAX_COUNT:
            counts[b] = nb + 1
        if nc < _MAX_COUNT:
            counts[c] = nc + 1
        return answer


class _Adaptive:
    """A row of single adaptive probabilities, for the rare questions."""

    def __init__(self, coder: Coder, size: int) -> None:
        self._code = coder.code
        self._probabilities = [ONE // 2] * size
        self._counts = [0] * size

    def ask(self, context: int, answer: bool) -> bool:
        """Pass one answer and learn it."""
        p, n = self._probabilities[context], self._counts[context]
        answer = self._code(p, answer)
        p += (
            (ONE - p) * _RATES[n] >> PROBABILITY_BITS
            if answer
            else -(p * _RATES[n] >> PROBABILITY_BITS)
        )
        self._probabilities[context] = p
        self._counts[context] = min(n + 1, _MAX_COUNT)
        return answer


def _sign(value: int) -> int:
    """0, 1, 2 for zero, positive, negative."""
    return 1 if value > 0 else 2 if value else 0


def _difference(value: int) -> int:
    """-2..2 -> 0..4; anything larger -> 5."""
    return value + 2 if -3 < value < 3 else 5
