"""Tests of the drawings: sizes, colours that say what they should, for every kind of eye."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from semcomp.draw import IMPORTANCE, LEVEL, SHOWN_WIDTH, level_grid, overlay, with_scale

# Linear RGB as seen without one kind of cone (Machado, Oliveira, Fernandes 2009, severity 1).
EYES = {
    "any": np.eye(3),
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def luminance(table: NDArray[np.uint8], eye: str) -> NDArray[np.float64]:
    """Relative luminance 0..1 of sRGB colours (N, 3) as an eye sees them."""
    share = table / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.asarray(EYES[eye]).T).clip(0, 1)
    return seen @ np.array([0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("table", [IMPORTANCE, LEVEL], ids=["importance", "level"])
def test_lightness_tells_the_order(table: NDArray[np.uint8], eye: str) -> None:
    steps = luminance(table, eye)[::8]
    assert table.shape == (256, 3) and table.dtype == np.uint8
    assert (np.diff(steps) > 0).all()
    assert steps[-1] - steps[0] > 0.75


def test_the_two_maps_differ() -> None:
    middle = slice(96, 224)  # their dark ends meet in black
    distance = np.abs(IMPORTANCE[middle].astype(int) - LEVEL[middle]).sum(axis=1)
    assert distance.min() > 90


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (192, 256), (40, 2500)])
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    height, width = size
    image = np.full((height, width, 3), 90, np.uint8)
    blocks = (-(-height // 16) * 2, -(-width // 16) * 2)
    for picture in (
        overlay(image, np.full((2, 3), 200, np.uint8)),
        level_grid(np.full(blocks, 8, np.uint8), height, width),
    ):
        assert picture.mode == "RGB"
        assert 320 <= picture.width <= 2500
        assert 40 < picture.height <= 2 * SHOWN_WIDTH + 200


def test_overlay_is_bright_where_it_matters() -> None:
    image = np.full((64, 64, 3), 128, np.uint8)
    grey = np.array([[0, 255]], np.uint8)
    drawn = np.asarray(overlay(image, grey)).astype(int).sum(axis=2)
    assert drawn[100, SHOWN_WIDTH - 20] > 2 * drawn[100, 20]


def test_overlay_keeps_the_picture_visible() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32] = 255
    drawn = np.asarray(overlay(image, np.full((1, 1), 128, np.uint8))).astype(int).sum(axis=2)
    assert drawn[100, 100] > drawn[SHOWN_WIDTH - 100, 100] + 100


def test_grid_colours_are_the_scale_s() -> None:
    levels = np.array([[0, 24], [12, 6]], np.uint8)
    drawn = np.asarray(level_grid(levels, 16, 16))
    half = SHOWN_WIDTH // 2
    for row, column, level in ((0, 0, 0), (0, 1, 24), (1, 0, 12), (1, 1, 6)):
        seen = drawn[row * half + half // 2, column * half + half // 2]
        assert (seen == LEVEL[round(level * 255 / 24)]).all()


def test_grid_leaves_the_padding_out() -> None:
    levels = np.zeros((2, 2), np.uint8)
    levels[:, 1] = 24  # lies outside a picture 8 pixels wide
    drawn = np.asarray(level_grid(levels, 16, 8))
    assert (drawn[200, 100:-100] == LEVEL[0]).all()


def test_scale_ends_in_the_table_s_colours() -> None:
    plain = level_grid(np.zeros((2, 2), np.uint8), 16, 16)
    drawn = np.asarray(with_scale(plain, IMPORTANCE, "title", [(0.0, "low"), (1.0, "high")]))
    rows = drawn[plain.height :]
    assert (rows == IMPORTANCE[-1]).all(axis=2).any()
