"""Scores of held-out crops: what a training run is judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from semcomp.geometry import BLOCK, ITERATIONS
from semcomp.networks.codec import Codec

from .data import random_levels
from .losses import ms_ssim_terms, ssim_terms
from .unroll import after

COUNTS = (1, 2, 4, 6, 8, 12, 16, 24)
"""Numbers of iterations, the same for all blocks, that are scored."""
MAP_ITERATIONS = 12
"""Highest level of the level maps that are scored; their mean level is about half of it."""
CHUNK = 4
"""Crops at a time, to bound memory."""

Score = Callable[[Tensor, Tensor], Tensor]
"""(image, reconstruction), both (B, 3, H, W) in 0..1 -> (B,)."""


def _psnr(x: Tensor, y: Tensor) -> Tensor:
    return -10 * torch.log10((x - y).square().mean((1, 2, 3)).clamp(min=1e-10))


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    return ssim_terms(x, y[None])[0][0].mean(1)


def _ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    return ms_ssim_terms(x, y[None])[0].mean(1)


SCORES: dict[str, Score] = {"psnr": _psnr, "ms_ssim": _ms_ssim, "ssim": _ssim}


def shown_pixels(x: Tensor) -> Tensor:
    """-128..127 -> what a file's reader sees, in 0..1."""
    return ((x.float() + 128).round().clamp(0, 255) / 255).contiguous()


def validation_maps(count: int, blocks: int) -> Tensor:
    """Level maps of the validation, the same in every run: int64 (count, 1, blocks, blocks)."""
    rng = np.random.default_rng(2026)
    return random_levels(count, blocks, MAP_ITERATIONS, rng, masked=1.0).clamp(max=MAP_ITERATIONS)


def level_weighted_error(x: Tensor, y: Tensor, levels: Tensor) -> Tensor:
    """PSNR (B,) with every block's error weighted by its level: where the bits went, it counts."""
    error = functional.avg_pool2d((x - y).square().mean(1, keepdim=True), BLOCK)
    weight = levels.to(error.dtype)
    mean = (error * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    return -10 * torch.log10(mean.clamp(min=1e-10))


@torch.inference_mode()
def validate(codec: Codec, image: Tensor, counts: Sequence[int] = COUNTS) -> dict[str, float]:
    """Mean scores of held-out crops, run iteration by iteration as on files.

    image: float32 (B, 3, H, W) in -128..127, sides multiples of 16 and at least 96 pixels (five
    scales of MS-SSIM from 176 on).
    Returns psnr_K (dB), ms_ssim_K and ssim_K for each K of `counts`, iterations of all blocks; then
    under the fixed smooth level maps map_psnr, map_ms_ssim, map_ssim, and map_weighted_psnr, in
    which every block's error counts by its level.
    """
    blocks = image.shape[2] // BLOCK
    maps = validation_maps(len(image), blocks).to(image.device)
    sums: dict[str, float] = {
        f"{name}_{k}": 0.0 for name in SCORES for k in counts
    }  # in this order, whatever comes first below
    for start in range(0, len(image), CHUNK):
        part = slice(start, start + CHUNK)
        x = shown_pixels(image[part])
        full = torch.full_like(maps[part], ITERATIONS)
        for k, y in after(codec, image[part], full, counts).items():
            for name, score in SCORES.items():
                sums[f"{name}_{k}"] += float(score(x, shown_pixels(y)).sum())
        depth = min(MAP_ITERATIONS, max(counts))
        y = shown_pixels(after(codec, image[part], maps[part], [depth])[depth])
        of_maps = {f"map_{name}": score(x, y) for name, score in SCORES.items()}
        of_maps["map_weighted_psnr"] = level_weighted_error(x, y, maps[part])
        for name, values in of_maps.items():
            sums[name] = sums.get(name, 0.0) + float(values.sum())
    return {name: value / len(image) for name, value in sums.items()}
