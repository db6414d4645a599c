"""LPIPS: how far apart two pictures are for an AlexNet, weighted to agree with people.

Zhang et al. 2018, version 0.1 of github.com/richzhang/PerceptualSimilarity: the network's features
after each of its five rectified convolutions, scaled to length 1 at every place; squared
differences, weighted per channel and averaged over the picture. 0 for identical pictures, about 0.5
for unlike ones: less is better. Weights and their origin: assets/lpips.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from semcomp.errors import MetricError
from semcomp.files import ASSETS

from . import check_picture

WEIGHTS = ASSETS / "lpips" / "alexnet.safetensors"
MIN_SIDE = 31
"""Shortest side of a picture that leaves something to the last layer."""

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_STRIDE_PADDING = ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))  # of the five convolutions
_POOLED = (1, 2)  # convolutions before which neighbours are reduced to their largest


class Original:
    """A picture that others are compared with; its own features are computed once.

    picture: uint8 (H, W, 3), sides of 31 and more. Raises MetricError for anything else.
    """

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        check_picture(picture, "LPIPS", MIN_SIDE)
        self.shape = picture.shape
        self._features = list(_features(picture))

    def compare(self, distorted: NDArray[np.uint8]) -> float:
        """The distance, 0 for identical pictures."""
        return float(sum(each.mean(dtype=torch.float64) for each in self._distances(distorted)))

    def _distances(self, distorted: NDArray[np.uint8]) -> Iterator[Tensor]:
        """Distances at every place of every layer, float32 (h, w)."""
        if distorted.shape != self.shape or distorted.dtype != np.uint8:
            raise MetricError(
                f"expected uint8 {self.shape}, got {distorted.dtype} {distorted.shape}"
            )
        weights = _weights()
        with torch.inference_mode():
            layers = zip(self._features, _features(distorted), strict=True)
            for number, (own, other) in enumerate(layers, 1):
                weight = weights[f"linear{number}.weight"][:, None, None]
                yield ((own - other).square_() * weight).sum(0)


@cache
def version() -> str:
    """The implementation and its weights, by their SHA-256."""
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    return f"version 0.1, AlexNet, weights {digest[:16]}"


@cache
def _weights() -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(WEIGHTS)


def _features(picture: NDArray[np.uint8]) -> Iterator[Tensor]:
    """Features of every layer at length 1, float32 (channels, h, w)."""
    weights = _weights()
    with torch.inference_mode():
        values = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        shift, scale = (torch.tensor(each)[:, None, None] for each in (_SHIFT, _SCALE))
        values = (values - shift) / scale
        for number, (stride, padding) in enumerate(_STRIDE_PADDING):
            if number in _POOLED:
                values = functional.max_pool2d(values, 3, 2)
            kernel, bias = (weights[f"conv{number + 1}.{part}"] for part in ("weight", "bias"))
            values = functional.conv2d(values, kernel, bias, stride, padding).relu_()
            length = values.square().sum(1, keepdim=True).sqrt_()
            yield (values / (length + 1e-10))[0]
