"""Scores that follow what people see, beside PSNR and the SSIM family of `semcomp.metrics`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import MetricError


def check_picture(picture: NDArray[np.uint8], metric: str, least: int) -> None:
    """Raise MetricError unless it is uint8 (H, W, 3) with sides of so many pixels and more."""
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise MetricError(f"expected uint8 (H, W, 3), got {picture.dtype} {picture.shape}")
    if min(picture.shape[:2]) < least:
        height, width = picture.shape[:2]
        raise MetricError(f"{metric} needs {least} pixels a side, not {width} x {height}")
