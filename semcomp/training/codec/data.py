"""Training pictures: loading, held-out split, random crops and level maps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from semcomp.files import picture_files
from semcomp.geometry import CELL, ITERATIONS
from semcomp.picture_file import decode, open_picture_file

HOLD_OUT_EVERY = 26
"""Every 26th picture is kept for validation: 50 of 1,300."""
NAMED = ("cifar-100", "caltech-256")
"""Data sets that `semcomp.training.classifier.data` fetches."""
VALIDATION_SIDE, VALIDATION_CROPS = 192, 24


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
        with open_picture_file(path) as picture:
            decode(picture)
            pictures.append(np.asarray(picture.convert("RGB")))
    return _at_least(pictures, minimum)


def training_pictures(
    source: str, crop: int, report: Callable[[str], None] = print
) -> tuple[list[np.ndarray], Tensor]:
    """Training pictures with both sides of at least `crop`, and centre crops of held-out ones.

    source: a folder, or a data set by name (`semcomp.training.classifier.data`), whose official
    test part is then held out. The crops have 192 pixels, or fewer where all pictures are smaller.
    Raises FileNotFoundError, or DatasetError for a data set that cannot be had.
    """
    if not Path(source).is_dir() and source in NAMED:
        from semcomp.training.classifier.data import load_dataset

        pictures = load_dataset(source, "train", report=report).pictures()
        held_out = load_dataset(source, "test", report=report).pictures(4 * VALIDATION_CROPS)
    else:
        paths = picture_paths(Path(source))
        pictures, held_out = load_pictures(paths[0], 1), load_pictures(paths[1], 1)
    pictures = _at_least(pictures, crop)
    largest = max(min(picture.shape[:2]) for picture in held_out)
    side = min(VALIDATION_SIDE, largest // CELL * CELL)
    return pictures, center_crops(_at_least(held_out, max(side, CELL)), side)[:VALIDATION_CROPS]


def _at_least(pictures: list[np.ndarray], side: int) -> list[np.ndarray]:
    large = [picture for picture in pictures if min(picture.shape[:2]) >= side]
    if not large:
        raise FileNotFoundError(f"no picture has both sides of at least {side} pixels")
    return large


def center_crops(pictures: list[np.ndarray], size: int) -> Tensor:
    """Centre crops, float32 (len(pictures), 3, size, size) in -128..127."""
    crops = []
    for picture in pictures:
        y, x = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
        crops.append(picture[y : y + size, x : x + size])
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float().sub_(128)


def random_levels(
    count: int,
    blocks: int,
    iterations: int,
    rng: np.random.Generator,
    masked: float = 0.5,
    phase: float = 0.0,
    rough: float = 0.0,
) -> Tensor:
    """Level maps as the codec meets them: a share random smooth maps, the others full.

    masked: the share. phase: 0..1, where in the batch it starts; random, small batches of few
    masked crops have their share in the long run. rough: share of the maps that also jump from one
    group of blocks to the next, as those of the `rd` allocation do.
    Returns int64 (count, 1, blocks, blocks) in 1..24.
    """
    share = np.ceil(np.arange(count + 1) * masked - phase).astype(np.int64)
    chosen = torch.from_numpy(np.flatnonzero(np.diff(share)))
    coarse = torch.from_numpy(rng.random((count, 1, 4, 4), np.float32))
    mean = torch.from_numpy(rng.uniform(2, iterations, (count, 1, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-1, 1, (count, 1, 1, 1)).astype(np.float32))
    smooth = functional.interpolate(coarse[chosen], (blocks, blocks), mode="bilinear")
    levels = torch.full((count, 1, blocks, blocks), ITERATIONS)
    smooth = mean[chosen] * 2 * smooth + shift[chosen]
    if rough > 0:
        smooth += mean[chosen] * _jumps(len(chosen), blocks, rng, rough)
    levels[chosen] = smooth.round().long().clamp(1, ITERATIONS)
    return levels


def _jumps(count: int, blocks: int, rng: np.random.Generator, rough: float) -> Tensor:
    """Random steps between groups of 1, 2x2 or 4x4 blocks: float32 (count, 1, blocks, blocks).

    Of standard deviations up to 0.5 in a share `rough` of the maps, 0 in the others.
    """
    jumps = np.zeros((count, 1, blocks, blocks), np.float32)
    for jump in jumps:
        side = 1 << int(rng.integers(3))
        groups = rng.normal(0, rng.uniform(0, 0.5), (-(-blocks // side),) * 2)
        if rng.random() < rough:
            jump[0] = groups.repeat(side, 0).repeat(side, 1)[:blocks, :blocks]
    return torch.from_numpy(jumps)


def random_importance(count: int, size: int, rng: np.random.Generator) -> Tensor:
    """Random smooth weights of mean 1 for the L1 term: float32 (count, 1, size, size)."""
    coarse = torch.from_numpy(rng.random((count, 1, 4, 4), np.float32))
    smooth = functional.interpolate(coarse, (size, size), mode="bilinear")
    weight = 0.2 + smooth.square() * 2.8
    mean: Tensor = weight.mean((1, 2, 3), keepdim=True)
    return weight / mean
