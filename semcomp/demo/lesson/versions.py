"""What the lesson compares: a picture compressed in one way, and how it scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semcomp.allocation.planning import Plan

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Version:
    """A picture compressed in one way.

    name: for people. data: the whole file. plan: levels of the blocks, as the file tells them.
    codes: int8 (iterations, 8, hb, wb). decoded: uint8 (H, W, 3).
    """

    name: str
    data: bytes
    plan: Plan
    codes: NDArray[np.int8]
    decoded: Pixels


@dataclass(frozen=True)
class Score:
    """A version's scores against the original. ms_ssim: None below 161 pixels a side."""

    psnr: float
    ssim: float
    si_ssim: float
    ms_ssim: float | None
    si_ssim_2: float
    """SI-SSIM under the second classifier's map."""
    saw: str
    """What the classifier names the decoded picture."""
    probability: float
