"""Grid coder: round trips, sizes, damaged bytes, golden bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from semcomp.coding import bitstream, grid_coder
from semcomp.coding.grid_coder import decode_grid, encode_grid
from semcomp.coding.range_coder import ONE, code, decoder, encoder, finish

GOLDEN = Path(__file__).parent / "golden"


def smooth_grid(height: int, width: int, alphabet: int, seed: int = 0) -> np.ndarray:
    """A hill and two ripples with a little noise, like a class activation map; uint8."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    phase = np.random.default_rng(seed).random(3)
    hill = np.exp(-8 * ((y - phase[0]) ** 2 + (x - phase[1]) ** 2))
    hill = hill + 0.1 * np.sin(9 * x + 6 * phase[2]) * np.cos(7 * y)
    hill = hill + 0.01 * np.random.default_rng(seed).standard_normal(hill.shape)
    hill = (hill - hill.min()) / np.ptp(hill)
    return np.minimum(hill * alphabet, alphabet - 1).astype(np.uint8)


def exact_grid(height: int, width: int, alphabet: int) -> np.ndarray:
    """Integers only, so that golden bytes do not hang on the floats of a machine; uint8."""
    y, x = np.mgrid[0:height, 0:width]
    return ((x * x + 3 * y + (x * y) // 7 + (x * 7919 + y * 104729) % 5) // 4 % alphabet).astype(
        np.uint8
    )


def roundtrip(grid: np.ndarray, alphabet: int) -> bytes:
    data = encode_grid(grid, alphabet)
    decoded = decode_grid(data, grid.shape[0], grid.shape[1], alphabet)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, grid)
    return data


@st.composite
def grids(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    alphabet = draw(st.integers(1, 256))
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=12))
    return draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, alphabet - 1))), alphabet


@given(grids())
@settings(max_examples=150, deadline=None)
def test_any_grid_comes_back(case: tuple[np.ndarray, int]) -> None:
    roundtrip(*case)


@pytest.mark.parametrize("alphabet", [1, 2, 3, 9, 10, 11, 16, 25, 32, 33, 255, 256])
def test_noise_comes_back_at_every_alphabet(alphabet: int) -> None:
    grid = np.random.default_rng(alphabet).integers(0, alphabet, (23, 31)).astype(np.uint8)
    data = roundtrip(grid, alphabet)
    entropy = grid.size * np.log2(alphabet) / 8
    assert len(data) <= 1.25 * entropy + 4


def test_extremes_side_by_side_come_back() -> None:
    grid = (np.indices((20, 20)).sum(0) % 2 * 255).astype(np.uint8)
    assert len(roundtrip(grid, 256)) < 50


def test_painted_mask_is_cheap() -> None:
    y, x = np.mgrid[0:48, 0:72]
    mask = np.where((y - 20) ** 2 + (x - 30) ** 2 < 200, 255, 0).astype(np.uint8)
    assert len(roundtrip(mask, 256)) < 75


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 2)])
def test_thin_grids(shape: tuple[int, int]) -> None:
    roundtrip(smooth_grid(*shape, 25) if max(shape) > 2 else np.full(shape, 24, np.uint8), 25)


def test_constant_grids_cost_a_few_bytes() -> None:
    for value in (0, 7, 12, 24):
        assert len(encode_grid(np.full((64, 96), value, np.uint8), 25)) <= 5
    assert encode_grid(np.zeros((9, 9), np.uint8), 1) == b""


@pytest.mark.parametrize(("alphabet", "limit"), [(16, 75), (64, 150), (256, 250)])
def test_smooth_maps_stay_small(alphabet: int, limit: int) -> None:
    assert len(roundtrip(smooth_grid(16, 24, alphabet), alphabet)) < limit


def test_carries_reach_the_output() -> None:
    # Seeds enough that bytes of 255 with a carry behind them occur.
    for seed in range(200):
        grid = np.random.default_rng(seed).integers(0, 256, (8, 8)).astype(np.uint8)
        roundtrip(grid, 256)


def test_trailing_zero_bytes_are_implied() -> None:
    grid = smooth_grid(16, 24, 32)
    data = encode_grid(grid, 32)
    assert not data.endswith(b"\0")
    np.testing.assert_array_equal(decode_grid(data + bytes(9), 16, 24, 32), grid)


@given(st.binary(max_size=200), st.integers(1, 256), st.integers(1, 20), st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_any_bytes_stay_in_the_alphabet(
    data: bytes, alphabet: int, height: int, width: int
) -> None:
    grid = decode_grid(data, height, width, alphabet)
    assert grid.shape == (height, width)
    assert grid.max() < alphabet


@pytest.mark.parametrize("data", [b"", b"\xff" * 3000, b"\xaa\x55" * 1500])
def test_hostile_bytes_take_a_bounded_number_of_decisions(data: bytes) -> None:
    coder, values = decoder(data), np.zeros((64, 96), np.int64)
    grid_coder._pass(coder, grid_coder._new_model(), values, 256)
    assert values.max() <= 255
    assert 0 < coder.state[3] <= values.size * bitstream.DECISIONS_PER_VALUE


@given(st.lists(st.tuples(st.integers(1, ONE - 1), st.booleans()), max_size=300))
@settings(max_examples=100, deadline=None)
def test_answers_come_back_at_any_probability(answers: list[tuple[int, bool]]) -> None:
    writing = encoder(len(answers))
    for probability, answer in answers:
        assert code(writing, probability, answer) == answer
    data = finish(writing)
    assert len(data) <= len(writing.data)
    reading = decoder(data)
    assert [code(reading, probability, False) for probability, _ in answers] == [
        answer for _, answer in answers
    ]


@pytest.mark.parametrize("side", [False, True])
def test_the_least_probable_answers_have_room(side: bool) -> None:
    """Each takes 16 bits, which is what there is room for."""
    writing = encoder(2000)
    for _ in range(2000):
        code(writing, 1 if side else ONE - 1, side)
    data = finish(writing)
    assert 3990 < writing.state[2] <= len(writing.data) - 7
    assert len(data) <= len(writing.data)
    reading = decoder(data)
    assert all(code(reading, 1 if side else ONE - 1, not side) == side for _ in range(2000))


@pytest.mark.parametrize(
    ("grid", "alphabet", "problem"),
    [
        (np.zeros((0, 4), np.uint8), 4, "empty"),
        (np.zeros(4, np.uint8), 4, "height, width"),
        (np.zeros((2, 2), np.int64), 4, "uint8"),
        (np.full((2, 2), 4, np.uint8), 4, "alphabet"),
        (np.zeros((2, 2), np.uint8), 257, "1..256"),
        (np.zeros((2, 2), np.uint8), 0, "1..256"),
    ],
)
def test_impossible_grids_are_refused(grid: np.ndarray, alphabet: int, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        encode_grid(grid, alphabet)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        decode_grid(b"", 0, 4, 4)
    with pytest.raises(ValueError, match="alphabet 300"):
        decode_grid(b"", 4, 4, 300)


@pytest.mark.parametrize(
    ("name", "height", "width", "alphabet"),
    [("map", 16, 24, 32), ("levels", 30, 40, 25), ("fine", 12, 12, 256)],
)
def test_golden_bytes(name: str, height: int, width: int, alphabet: int) -> None:
    """A change of these bytes breaks every file: it needs a new VERSION in bitstream.py."""
    golden = (GOLDEN / f"grid_{name}.bin").read_bytes()
    grid = exact_grid(height, width, alphabet)
    assert encode_grid(grid, alphabet) == golden
    np.testing.assert_array_equal(decode_grid(golden, height, width, alphabet), grid)
