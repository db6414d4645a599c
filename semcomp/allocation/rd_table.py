"""What every block's iterations cost and give on one picture: the table that `rd` reads.

The codes at full level are decoded once. After most iterations each block's distortion is measured,
and the context model says what each block's bits cost. Blocks own their bits, so any allocation can
then be cut out of the same codes without running the encoder again.
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
from semcomp.weights import Model

from .distortion import BlockDistortion

MEASURED: tuple[int, ...] = (*range(1, 11), 12, 14, 16, 18, 21, ITERATIONS)
"""Iterations after which pictures are made; between them distortion is interpolated. On eight
held-out training pictures, against all 24: the same distortion at level 3, 1% more at level 8 and
2% more at level 14 for equal bits."""

Progress = Callable[[int, int, np.ndarray | None], None]
"""Called with (iterations done, iterations in all, picture so far as uint8 (H, W, 3) or None)."""


@dataclass(frozen=True, eq=False)
class RateDistortion:
    """Table of a padded picture with N = Hb * Wb blocks and K iterations.

    rate: float64 (N, K + 1), cumulative cost in bits. distortion: float64 (N, K + 1), what
    `BlockDistortion` finds in every block where all have come as far.
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
            *(np.ascontiguousarray(t.T[: iterations + 1]).T for t in (self.rate, self.distortion))
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
    `MEASURED`.
    """
    iterations, _, *shape = codes.shape
    # In full precision wherever it runs, so that machines choose the same levels but for rounding.
    codec = copy(model.codec)
    codec.compute = torch.float32
    picture = np.full_like(padded, 128)
    distortion = np.zeros((iterations + 1, *shape))
    reference: tuple[Window, BlockDistortion] | None = None
    for step in decode_steps(codec, codes, model.device, MEASURED):
        core = step.core.scaled(CELL // BLOCK)
        inner = step.core.within(step.outer).scaled(CELL // BLOCK)
        if reference is None or reference[0] != step.outer:  # the tile before is done
            reference = step.outer, BlockDistortion(padded[step.outer.scaled(CELL)])
            distortion[0][core] = reference[1].of(np.full_like(step.decoded, 128))[inner]
        # The windows reach over the core's edge, into the halo.
        distortion[step.k][core] = reference[1].of(step.decoded)[inner]
        if progress is not None:
            step.paste(picture)
            progress(step.done, step.total, picture)
    for low, high in pairwise((0, *MEASURED[: MEASURED.index(iterations) + 1])):
        for k in range(low + 1, high):
            part = (k - low) / (high - low)
            distortion[k] = (1 - part) * distortion[low] + part * distortion[high]
    rate = np.concatenate([np.zeros((1, *shape)), np.cumsum(model.coder.cost(codes), 0)])
    return RateDistortion(
        rate=rate.reshape(iterations + 1, -1).T,
        distortion=distortion.reshape(iterations + 1, -1).T,
    )
