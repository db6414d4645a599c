"""What every block's iterations cost and give on one picture: the table that `rd` reads.

The codes at full level are decoded once. After every iteration each block's distortion is measured,
after some of them with the networks' part, and the context model says what each block's bits cost.
Blocks own their bits, so any allocation can then be cut out of the same codes without running the
encoder again.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from semcomp.geometry import BLOCK, CELL, ITERATIONS, Window
from semcomp.networks.runtime import decode_steps
from semcomp.weights import Model, quick_model

from .distortion import BlockDistortion

MEASURED: tuple[int, ...] = (2, 3, 4, 6, 8, 11, 16, ITERATIONS)
"""Iterations after which the networks of a decoder in one pass run. Between them distortion falls
as the linear path's does, which costs next to nothing. On eight held-out training pictures, against
networks after each of the 24: 0.4, 0.7, 1.1 and 1.4% more distortion for equal bits at levels 3, 6,
10 and 14; with straight lines between sixteen of them 0, 0.1, 0.6 and 1.6%."""

Progress = Callable[[int, int, np.ndarray | None], None]
"""Called with (iterations done, iterations in all, picture so far as uint8 (H, W, 3) or None)."""


@dataclass(frozen=True, eq=False)
class RateDistortion:
    """Table of a padded picture with N = Hb * Wb blocks and K iterations.

    rate: float64 (N, K + 1), cumulative cost in bits. distortion: float64 (2, N, K + 1), both parts
    of what `BlockDistortion` finds in every block where all have come as far.
    """

    rate: np.ndarray
    distortion: np.ndarray

    @property
    def iterations(self) -> int:
        """K."""
        return len(self.rate[0]) - 1

    def cost_of_level(self, level: float) -> float:
        """Bits that every block at `level` would take; fractions interpolate."""
        totals = self.rate.sum(0)
        return float(np.interp(level, np.arange(len(totals)), totals))

    def cut(self, iterations: int) -> RateDistortion:
        """The table as `measure_table` makes it of so many iterations' codes.

        To the last bit: the memory order is the same, too, on which sums depend.
        """
        return RateDistortion(
            _transposed(self.rate.T[: iterations + 1]),
            _transposed(self.distortion.swapaxes(1, 2)[:, : iterations + 1]),
        )


def iterations_for(level: float) -> int:
    """How many iterations `rd` may choose from at an average level, 8..24: one of `MEASURED`.

    Few blocks take more than two and a half times the average; measuring more takes long.
    """
    return next(k for k in MEASURED if k >= min(ITERATIONS, max(8, 2.5 * level)))


def measure_table(
    model: Model, padded: np.ndarray, codes: np.ndarray, progress: Progress | None = None
) -> RateDistortion:
    """Decode codes at full level, int8 (K, P, Hb, Wb), and fill the table of K iterations.

    padded: uint8 (H, W, 3), sides multiples of 16; what the codes were made of. K: one of
    `MEASURED`. The pictures are those of `quick_model`: on eight held-out training pictures the
    files of `small` then take about 1% more bytes at equal MS-SSIM and SI-SSIM than by its own,
    which take three times as long.
    """
    iterations, _, *shape = codes.shape
    # In full precision wherever it runs, so that machines choose the same levels but for rounding.
    codec = copy(quick_model(model).codec)
    codec.compute = torch.float32
    picture = np.full_like(padded, 128)
    linear, distortion = np.zeros((2, iterations + 1, 2, *shape))
    reference: tuple[Window, BlockDistortion] | None = None
    for step in decode_steps(codec, codes, model.device, MEASURED, linear=codec.one_pass):
        core = (slice(None), *step.core.scaled(CELL // BLOCK))
        inner = (slice(None), *step.core.within(step.outer).scaled(CELL // BLOCK))
        if reference is None or reference[0] != step.outer:  # the tile before is done
            reference = step.outer, BlockDistortion(padded[step.outer.scaled(CELL)])
            nothing = reference[1].of(np.full_like(step.decoded, 128))[inner]
            linear[0][core] = distortion[0][core] = nothing
        # The windows reach over the core's edge, into the halo.
        measured = linear if step.linear else distortion
        measured[step.k][core] = reference[1].of(step.decoded)[inner]
        if progress is not None:
            if not step.linear:  # or the picture would flicker
                step.paste(picture)
            progress(step.done, step.total, picture)
    for low, high in pairwise((0, *MEASURED[: MEASURED.index(iterations) + 1])):
        drop = linear[low] - linear[high]
        for k in range(low + 1, high):
            part = np.full_like(drop, (k - low) / (high - low))
            np.divide(linear[low] - linear[k], drop, out=part, where=drop > 0)
            distortion[k] = distortion[low] + part.clip(0, 1) * (distortion[high] - distortion[low])
    rate = np.concatenate([np.zeros((1, *shape)), np.cumsum(model.coder.cost(codes), 0)])
    return RateDistortion(
        rate=_transposed(rate.reshape(iterations + 1, -1)),
        distortion=_transposed(distortion.swapaxes(0, 1).reshape(2, iterations + 1, -1)),
    )


def _transposed(table: np.ndarray) -> np.ndarray:
    """(..., K + 1, N) -> (..., N, K + 1), always in the same memory order, on which sums depend."""
    return np.ascontiguousarray(table).swapaxes(-1, -2)
