"""Training pictures: loading, held-out split, random crops and level maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from semcomp.files import picture_files
from semcomp.quantizer import ITERATIONS

HOLD_OUT_EVERY = 26
"""Every 26th picture is kept for validation: 50 of 1,300."""


def picture_paths(folder: Path) -> tuple[list[Path], list[Path]]:
    """Sorted pictures of a folder -> (training, held out).

    Raises FileNotFoundError without a folder or pictures in it.
    """
    paths = picture_files(folder)
    held_out = paths[HOLD_OUT_EVERY // 2 :: HOLD_OUT_EVERY]
    return [p for p in paths if p not in set(held_out)], held_out


def load_pictures(paths: list[Path], minimum: int) -> list[np.ndarray]:
    """Pictures as uint8 (H, W, 3); those with a side under `minimum` pixels are left out."""
    pictures = []
    for path in paths:
        with Image.open(path) as picture:
            array = np.asarray(picture.convert("RGB"))
        if min(array.shape[:2]) >= minimum:
            pictures.append(array)
    if not pictures:
        raise FileNotFoundError(f"no picture has both sides of at least {minimum} pixels")
    return pictures


def random_crops(
    pictures: list[np.ndarray], count: int, size: int, rng: np.random.Generator
) -> Tensor:
    """Random square crops, flipped at random: float32 (count, 3, size, size) in -128..127."""
    crops = np.empty((count, size, size, 3), np.uint8)
    for i, index in enumerate(rng.integers(0, len(pictures), count)):
        picture = pictures[index]
        y = rng.integers(0, picture.shape[0] - size + 1)
        x = rng.integers(0, picture.shape[1] - size + 1)
        crop = picture[y : y + size, x : x + size]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        crops[i] = crop
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float().sub_(128)


def center_crops(pictures: list[np.ndarray], size: int) -> Tensor:
    """Centre crops, float32 (len(pictures), 3, size, size) in -128..127."""
    crops = []
    for picture in pictures:
        y, x = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
        crops.append(picture[y : y + size, x : x + size])
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float().sub_(128)


def random_levels(count: int, blocks: int, iterations: int, rng: np.random.Generator) -> Tensor:
    """Level maps as the codec meets them: half full, half random smooth maps.

    Returns int64 (count, 1, blocks, blocks) in 1..24.
    """
    levels = torch.full((count, 1, blocks, blocks), ITERATIONS)
    for i in range(0, count, 2):
        coarse = torch.from_numpy(rng.random((1, 1, 4, 4), np.float32))
        smooth = functional.interpolate(coarse, (blocks, blocks), mode="bilinear")[0]
        mean = rng.uniform(2, iterations)
        smooth = mean * 2 * smooth + rng.uniform(-1, 1)
        levels[i] = smooth.round().long().clamp(1, ITERATIONS)
    return levels
