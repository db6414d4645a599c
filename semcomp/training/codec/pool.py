"""Training crops gathered on the device that trains.

All pictures lie in one flat uint8 tensor; a crop is a grid of indices into it. What is drawn at
random is drawn on the CPU, for the whole batch, in every process alike: processes then take their
own rows of the same batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from semcomp.errors import TrainingError

DETAIL_CELL = 8
"""Pixels on the side of a cell of the detail map."""
CANDIDATES = 4
"""Crops of which the most detailed is taken."""
LEAST = 0.2
"""Weight of a pixel that means nothing, where the most important has 1."""


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
