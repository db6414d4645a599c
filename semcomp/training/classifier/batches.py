"""Labelled pictures as batches of square crops, decoded ahead in threads.

What a batch holds depends on seed, epoch and position alone, so that a run can go on in the
middle of an epoch exactly as if it had never stopped.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .datasets import LabelledPictures

AHEAD = 3
"""Batches prepared before they are asked for."""


def square_crop(
    picture: NDArray[np.uint8], size: int, zoom: float = 1.0, y: float = 0.5, x: float = 0.5
) -> NDArray[np.uint8]:
    """A square of a picture, uint8 (H, W, 3) -> (size, size, 3).

    The picture is scaled so that its shorter side has zoom · size pixels (zoom >= 1); y and x in
    0..1 place the square from top to bottom and from left to right.
    """
    height, width = picture.shape[:2]
    side = min(height, width) / zoom
    top, left = (height - side) * y, (width - side) * x
    if side == size and top == int(top) and left == int(left):
        return picture[int(top) : int(top) + size, int(left) : int(left) + size]
    scaled = Image.fromarray(picture).resize(
        (size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side)
    )
    return np.asarray(scaled)


class Batches:
    """Random crops of every picture once an epoch, in an order of the epoch's own.

    With `augment` a crop's place is random, its zoom even in 1..`jitter`, and half are mirrored:
    the scale jittering of VGG's training (Simonyan & Zisserman 2014, §3.1); else it is the
    centre. Decoded pictures are kept, reduced to what the crops need, up to `memory` bytes.
    """

    def __init__(
        self,
        pictures: LabelledPictures,
        *,
        batch: int,
        crop: int,
        seed: int = 0,
        augment: bool = True,
        jitter: float = 1.5,
        memory: int = 2 << 30,
        threads: int = 0,
    ) -> None:
        self._pictures = pictures
        self._batch = max(1, min(batch, len(pictures)))
        self._crop = crop
        self._seed = seed
        self._augment = augment
        self._jitter = jitter
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._room = memory
        self._lock = threading.Lock()
        self._threads = threads or min(16, os.cpu_count() or 1)

    def __len__(self) -> int:
        """Steps of an epoch; what does not fill a batch is left for another epoch."""
        return len(self._pictures) // self._batch

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches `start`, `start` + 1, ... of an epoch.

        Yields uint8 (B, 3, crop, crop) and int64 (B,). Raises DatasetError for a picture that
        cannot be read.
        """
        order = np.random.default_rng([self._seed, number]).permutation(len(self._pictures))
        groups = [order[i * self._batch : (i + 1) * self._batch] for i in range(start, len(self))]
        yield from self._prepared(groups, number)

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every picture once, as `epoch` gives them; the last batch may be a smaller one."""
        order = np.arange(len(self._pictures))
        starts = range(0, len(order), self._batch)
        yield from self._prepared([order[i : i + self._batch] for i in starts], 0)

    def _prepared(
        self, groups: list[NDArray[np.int64]], epoch: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        waiting: deque[tuple[list[Future[NDArray[np.uint8]]], NDArray[np.int64]]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for indices in groups:
                    crops = [pool.submit(self._sample, epoch, int(i)) for i in indices]
                    waiting.append((crops, self._pictures.labels[indices]))
                    if len(waiting) > AHEAD:
                        yield _stacked(*waiting.popleft())
                while waiting:
                    yield _stacked(*waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _sample(self, epoch: int, index: int) -> NDArray[np.uint8]:
        picture = self._picture(index)
        if not self._augment:
            return square_crop(picture, self._crop)
        rng = np.random.default_rng([self._seed, epoch, index])
        zoom, y, x, mirror = rng.uniform(1, self._jitter), *rng.random(3)
        crop = square_crop(picture, self._crop, zoom, y, x)
        return crop[:, ::-1] if mirror < 0.5 else crop

    def _picture(self, index: int) -> NDArray[np.uint8]:
        """A picture, reduced to the size that the largest zoom needs."""
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        picture = self._pictures.picture(index)
        if isinstance(self._pictures.items, np.ndarray):  # in memory already
            return picture
        factor = self._crop * self._jitter / min(picture.shape[:2])
        if factor < 1:
            height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
            reduced = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
            picture = np.asarray(reduced)
        with self._lock:
            if self._room >= picture.nbytes and index not in self._kept:
                self._room -= picture.nbytes
                self._kept[index] = picture
        return picture


def _stacked(
    crops: list[Future[NDArray[np.uint8]]], labels: NDArray[np.int64]
) -> tuple[Tensor, Tensor]:
    pixels = np.stack([crop.result() for crop in crops])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(labels)
