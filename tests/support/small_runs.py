"""Training runs that take a second: pictures, options, presets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semcomp.networks.codec import PRESETS
from semcomp.training.codec.options import TrainOptions
from tests.support.tables import TINY, TINY_ONE_PASS, TINY_PAPER


def picture(side: int, seed: int = 0) -> np.ndarray:
    """A smooth picture with a little noise: uint8 (side, side, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3), np.uint8)
    smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    noisy = np.asarray(smooth, np.float32) + rng.normal(0, 3, (side, side, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def picture_folder(parent: Path) -> Path:
    """Fourteen pictures of 48 pixels; the fourteenth is held out."""
    pictures = parent / "pictures"
    pictures.mkdir()
    for index in range(14):
        Image.fromarray(picture(48, index)).save(pictures / f"{index:02}.png")
    return pictures


def add_tiny_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets that train in milliseconds: `tiny`, `tiny-one-pass`, `tiny-paper`."""
    for config in (TINY, TINY_ONE_PASS, TINY_PAPER):
        monkeypatch.setitem(PRESETS, config.preset, config)


def options(folder: Path | str = "", **changes) -> TrainOptions:
    """Two steps of the preset `tiny`."""
    plain = TrainOptions("tiny", str(folder), work=8, crop=32, lr=1e-2, steps=2)
    return dataclasses.replace(plain, **changes)


def smooth_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A random walk in both directions, like a natural picture's spectrum: uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    walk = rng.normal(size=(height, width, 1)).cumsum(0).cumsum(1)
    walk = walk + 0.3 * rng.normal(size=(height, width, 3)).cumsum(1)
    walk = (walk - walk.min()) / np.ptp(walk) * 255 + rng.normal(0, 3, (height, width, 3))
    return np.clip(walk, 0, 255).astype(np.uint8)


def write_pictures(folder: Path, count: int, side: int) -> None:
    for index in range(count):
        Image.fromarray(smooth_picture(side, side, index)).save(folder / f"{index:03}.png")


PICTURES = [smooth_picture(96, 128, seed) for seed in range(6)]
