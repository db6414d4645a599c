"""Training pictures: loading, held-out split, random level maps, crops on the device that trains.

All pictures lie in one flat uint8 tensor; a crop is a grid of indices into it. What is drawn at
random is drawn on the CPU, for the whole batch, in every process alike: processes then take their
own rows of the same batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from semcomp.errors import TrainingError
from semcomp.files import picture_files
from semcomp.geometry import CELL, ITERATIONS
from semcomp.picture_file import decode, open_picture_file

HOLD_OUT_EVERY = 26
"""Every 26th picture is kept for validation: 50 of 1,300."""
NAMED = ("cifar-100", "caltech-256")
"""Data sets that `semcomp.training.classifier.data` fetches."""
VALIDATION_SIDE, VALIDATION_CROPS = 192, 24
DETAIL_CELL = 8
"""Pixels on the side of a cell of the detail map."""
CANDIDATES = 4
"""Crops of which the most detailed is taken."""
LEAST = 0.2
"""Weight of a pixel that means nothing, where the most important has 1."""


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
    least: int = 1,
) -> Tensor:
    """Level maps as the codec meets them: a share random smooth maps, the others full.

    masked: the share. phase: 0..1, where in the batch it starts; random, small batches of few
    masked crops have their share in the long run. rough: share of the maps that also jump from one
    group of blocks to the next, as those of the `rd` allocation do. least: the lowest level, 1, or
    0 as in the paper's Algorithm 1 without a floor; low means are then as frequent as high ones.
    Returns int64 (count, 1, blocks, blocks) in least..24.
    """
    share = np.ceil(np.arange(count + 1) * masked - phase).astype(np.int64)
    chosen = torch.from_numpy(np.flatnonzero(np.diff(share)))
    coarse = torch.from_numpy(rng.random((count, 1, 4, 4), np.float32))
    if least > 0:
        drawn = rng.uniform(2, iterations, (count, 1, 1, 1))
    else:
        drawn = np.exp(rng.uniform(np.log(0.5), np.log(iterations), (count, 1, 1, 1)))
    mean = torch.from_numpy(drawn.astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-1, 1, (count, 1, 1, 1)).astype(np.float32))
    smooth = functional.interpolate(coarse[chosen], (blocks, blocks), mode="bilinear")
    levels = torch.full((count, 1, blocks, blocks), ITERATIONS)
    smooth = mean[chosen] * 2 * smooth + shift[chosen]
    if rough > 0:
        smooth += mean[chosen] * _jumps(len(chosen), blocks, rng, rough)
    levels[chosen] = smooth.round().long().clamp(least, ITERATIONS)
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


@dataclass(frozen=True)
class Crops:
    """Where the crops of a batch lie; int64 or bool (B,).

    index: picture. y, x: top left corner. mirror, upend, turn: reverse the columns, reverse the
    rows, swap both.
    """

    index: np.ndarray
    y: np.ndarray
    x: np.ndarray
    mirror: np.ndarray
    upend: np.ndarray
    turn: np.ndarray

    def part(self, rows: slice) -> Crops:
        """Some of them."""
        parts = (self.index, self.y, self.x, self.mirror, self.upend, self.turn)
        return Crops(*(part[rows] for part in parts))


class PicturePool:
    """Pictures on a device, to be cut from.

    pictures: uint8 (H, W, 3) each, both sides at least as long as any crop. scales: reduced copies
    (antialiased) are added where the reduced sides are still at least `minimum` pixels.
    """

    def __init__(
        self,
        pictures: Sequence[np.ndarray],
        device: torch.device | str = "cpu",
        scales: Sequence[float] = (),
        minimum: int = 16,
    ) -> None:
        if not pictures:
            raise TrainingError("no pictures to train on")
        every = list(pictures)
        for scale in scales:
            for picture in pictures:
                height, width = (round(scale * side) for side in picture.shape[:2])
                if min(height, width) >= minimum:
                    small = Image.fromarray(picture).resize(
                        (width, height), Image.Resampling.LANCZOS
                    )
                    every.append(np.asarray(small))
        self.heights = np.array([picture.shape[0] for picture in every])
        self.widths = np.array([picture.shape[1] for picture in every])
        sizes = self.heights * self.widths
        self.offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self.device = torch.device(device)
        flat = np.concatenate([picture.reshape(-1, 3) for picture in every])
        self.pixels = torch.from_numpy(flat).to(self.device)
        self._pictures = every
        self._weights: Tensor | None = None
        self._detail: list[np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.heights)

    def draw(
        self,
        count: int,
        size: int,
        rng: np.random.Generator,
        *,
        transposes: bool = False,
        detail: float = 0.0,
    ) -> Crops:
        """Random crops of size x size: pictures and places uniform, flipped left-right at random.

        transposes: also upended and turned. detail: share that is the most detailed of four.
        """
        index = rng.integers(0, len(self), (CANDIDATES if detail > 0 else 1, count))
        y = (rng.random(index.shape) * (self.heights[index] - size + 1)).astype(np.int64)
        x = (rng.random(index.shape) * (self.widths[index] - size + 1)).astype(np.int64)
        best = np.zeros(count, np.int64)
        if detail > 0:
            chosen = rng.random(count) < detail
            best = np.where(chosen, self._details(index, y, x, size).argmax(0), 0)
        place = (best, np.arange(count))
        flips = rng.random((3, count)) < 0.5
        if not transposes:
            flips[1:] = False
        return Crops(index[place], y[place], x[place], *flips)

    def _at(self, crops: Crops, size: int) -> Tensor:
        """Indices (B, size, size) of the crops' pixels."""
        along = np.arange(size)
        rows = crops.y[:, None] + np.where(crops.upend[:, None], along[::-1], along)
        columns = crops.x[:, None] + np.where(crops.mirror[:, None], along[::-1], along)
        starts = self.offsets[crops.index, None] + rows * self.widths[crops.index, None]
        first, second, turn = (
            torch.from_numpy(a).to(self.device, non_blocking=True)
            for a in (starts, columns, crops.turn)
        )
        at = first[:, :, None] + second[:, None, :]
        return torch.where(turn[:, None, None], at.transpose(1, 2), at)

    def cut(self, crops: Crops, size: int) -> Tensor:
        """float32 (B, 3, size, size) in -128..127, channels last in memory."""
        return self.pixels[self._at(crops, size)].permute(0, 3, 1, 2).float().sub_(128)

    def weigh(self, report: Callable[[str], None] = print) -> None:
        """Find every picture's semantic map (EfficientNet-Lite0), for `cut_weights`."""
        from semcomp.semantics.activation import analyse
        from semcomp.semantics.maps import upsample_grey

        maps = []
        for index, picture in enumerate(self._pictures):
            if index % 250 == 0:
                report(f"semantic maps: {index} of {len(self)}")
            grey = upsample_grey(analyse(picture).grey, *picture.shape[:2])
            maps.append(np.asarray(grey, np.uint8).reshape(-1))
        self._weights = torch.from_numpy(np.concatenate(maps)).to(self.device)

    def cut_weights(self, crops: Crops, size: int) -> Tensor:
        """Importance of the crops' pixels: float32 (B, 1, size, size) of mean 1."""
        if self._weights is None:
            raise TrainingError("no semantic maps yet: call weigh() first")
        grey = self._weights[self._at(crops, size)].float()[:, None]
        weight = LEAST + (1 - LEAST) * grey / 255
        return weight / weight.mean((1, 2, 3), keepdim=True)

    def _details(self, index: np.ndarray, y: np.ndarray, x: np.ndarray, size: int) -> np.ndarray:
        """Mean absolute gradient in the crops' cells, any shape."""
        if self._detail is None:
            self._detail = [_detail_sums(picture) for picture in self._pictures]
        cells = max(size // DETAIL_CELL, 1)
        result = np.empty(index.shape)
        for place in np.ndindex(index.shape):
            sums = self._detail[index[place]]
            top, left = y[place] // DETAIL_CELL, x[place] // DETAIL_CELL
            bottom, right = (
                min(start + cells, limit - 1)
                for start, limit in zip((top, left), sums.shape, strict=True)
            )
            whole = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
            result[place] = whole / max((bottom - top) * (right - left), 1)
        return result


def _detail_sums(picture: np.ndarray) -> np.ndarray:
    """Summed-area table of the cells' absolute gradients, float64 (rows + 1, columns + 1)."""
    grey = picture.astype(np.float32).mean(2)
    gradient = np.zeros_like(grey)
    gradient[:-1] += np.abs(np.diff(grey, axis=0))
    gradient[:, :-1] += np.abs(np.diff(grey, axis=1))
    rows, columns = (side // DETAIL_CELL for side in grey.shape)
    cells = gradient[: rows * DETAIL_CELL, : columns * DETAIL_CELL]
    cells = cells.reshape(rows, DETAIL_CELL, columns, DETAIL_CELL).sum((1, 3), dtype=np.float64)
    return np.pad(cells.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
