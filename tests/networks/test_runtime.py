"""Running codecs on whole pictures: tiles, shrinking windows, levels, progress."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semcomp import geometry
from semcomp.geometry import BITS, HALO, ITERATIONS, MARGIN, TILE, Window, active_window, tiles
from semcomp.image import to_uint8
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.overlap import REACH, lapped_filter
from semcomp.networks.runtime import (
    TileRun,
    _crop,
    decode_codes,
    decode_history,
    decode_steps,
    encode_codes,
)
from semcomp.training.codec.unroll import unroll
from tests.support.tables import TINY, quantizer_tables

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["blocks", "lapped"])
def codec(request: pytest.FixtureRequest) -> EmbeddedCodec:
    torch.manual_seed(0)
    tables = quantizer_tables("runtime")
    if request.param == "lapped":
        tables = replace(tables, overlap=lapped_filter())
    codec = EmbeddedCodec(TINY, tables).requires_grad_(False)
    for layer in (codec.decoder.correct, codec.decoder.pixels):
        layer.weight *= 100  # they start near zero: let the ConvLSTMs show
    return codec


def picture(height: int, width: int) -> torch.Tensor:
    """Waves, float32 (1, 3, height, width) in -128..127."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    waves = [torch.sin(x / 9) + torch.cos(y / period) for period in (5, 9, 13)]
    return (torch.stack(waves)[None] * 60).float()


# Windows and tiles


def test_window_geometry():
    outer, inner = Window(2, 3, 8, 9), Window(3, 5, 6, 7)
    assert inner.area == 6
    assert inner.within(outer) == Window(1, 2, 4, 4)
    assert inner.scaled(16) == (slice(48, 96), slice(80, 112))


@given(rows=st.integers(1, 200), columns=st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_tile_cores_cover_the_picture_once(rows: int, columns: int) -> None:
    covered = np.zeros((rows, columns), int)
    halo = HALO // 16
    for core, outer in tiles(16 * rows, 16 * columns):
        covered[core.scaled(1)] += 1
        assert 16 * max(core.bottom - core.top, core.right - core.left) <= TILE
        assert outer.top == max(core.top - halo, 0)
        assert outer.right == min(core.right + halo, columns)
    assert (covered == 1).all()


def test_active_window_keeps_a_margin_inside_the_picture():
    active = np.zeros((20, 24), bool)
    assert active_window(active) is None
    active[9, 12:16] = True  # cells: row 4, columns 6 and 7
    assert active_window(active) == Window(4 - MARGIN, 6 - MARGIN, 5 + MARGIN, 8 + MARGIN)
    active[0, 23] = True
    assert active_window(active) == Window(0, 6 - MARGIN, 5 + MARGIN, 12)


# Levels


def test_levels_cut_the_full_codes(codec: EmbeddedCodec) -> None:
    image = picture(48, 64)
    full = encode_codes(codec, image, np.full((6, 8), 4))
    assert full.dtype == np.int8
    assert set(np.unique(full)) == {-1, 1}
    levels = np.random.default_rng(0).integers(0, 5, (6, 8))
    sent = levels > np.arange(4)[:, None, None]
    np.testing.assert_array_equal(encode_codes(codec, image, levels), full * sent[:, None])


def test_picture_without_levels(codec: EmbeddedCodec) -> None:
    image = picture(16, 32)
    codes = encode_codes(codec, image, np.zeros((2, 4), int))
    assert codes.shape == (0, BITS, 2, 4)
    expected = to_uint8(codec.start(image)[2])
    np.testing.assert_array_equal(decode_codes(codec, codes, CPU), expected)


@torch.inference_mode()
def test_runtime_is_what_training_unrolls(codec: EmbeddedCodec) -> None:
    image = picture(32, 48)
    reconstructions = unroll(codec, image, torch.full((1, 1, 4, 6), 3), 3)
    history = decode_history(codec, encode_codes(codec, image, np.full((4, 6), 3)), CPU)
    assert history.shape == (3, 32, 48, 3)
    for decoded, expected in zip(history, reconstructions, strict=True):
        np.testing.assert_array_equal(decoded, to_uint8(expected))


def test_prefixes_of_the_codes_are_the_history(codec: EmbeddedCodec) -> None:
    codes = encode_codes(codec, picture(32, 48), np.full((4, 6), 3))
    history = decode_history(codec, codes, CPU)
    for k in (1, 2, 3):
        np.testing.assert_array_equal(decode_codes(codec, codes[:k], CPU), history[k - 1])


# Shrinking windows


def island(rows: int, columns: int) -> np.ndarray:
    """Levels of 1 with a small island of 4 in the upper left quarter."""
    levels = np.ones((rows, columns), np.int64)
    levels[4:8, 4:8] = 4
    return levels


@torch.inference_mode()
def test_run_shrinks_to_the_active_blocks(codec: EmbeddedCodec) -> None:
    codes = encode_codes(codec, picture(160, 256), island(20, 32))
    run = TileRun(codec, (160, 256), CPU)
    run.decode(0, codes[0])
    assert run.window == Window(0, 0, 10, 16)
    first = run.reconstruction.clone()
    run.decode(1, codes[1])
    assert run.window == Window(0, 0, 4 + MARGIN, 4 + MARGIN)
    y, x = run.window.scaled(16)
    outside = torch.ones(160, 256, dtype=torch.bool)
    outside[y, x] = False
    assert torch.equal(run.reconstruction[0, :, outside], first[0, :, outside])
    assert not torch.equal(run.reconstruction, first)


def test_shrinking_hardly_shows(codec: EmbeddedCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = island(20, 32)
    codes = encode_codes(codec, picture(160, 256), levels)
    shrunk = decode_codes(codec, codes, CPU).astype(int)
    whole = Window(0, 0, 10, 16)
    monkeypatch.setattr(geometry, "active_window", lambda active: whole if active.any() else None)
    kept = decode_codes(codec, codes, CPU).astype(int)
    active = np.kron(levels == 4, np.ones((8, 8), bool))
    assert np.abs(shrunk - kept)[active].max() <= 1


def test_run_without_active_blocks_stands_still(codec: EmbeddedCodec) -> None:
    run = TileRun(codec, (32, 32), CPU)
    before = run.reconstruction.clone()
    run.decode(0, np.zeros((BITS, 4, 4), np.int8))
    assert not run.encode(1, picture(32, 32), np.zeros((4, 4), bool)).any()
    assert torch.equal(run.reconstruction, before)


def test_state_coarser_than_cells_is_refused():
    with pytest.raises(ValueError, match="coarser"):
        _crop(torch.zeros(1, 1, 2, 2), Window(0, 0, 2, 2), Window(0, 0, 4, 4))


# Tiles


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "TILE", 64)
    monkeypatch.setattr(geometry, "HALO", 32)


def test_tiles_do_not_change_open_loop_codes(
    codec: EmbeddedCodec, request: pytest.FixtureRequest
) -> None:
    image, levels = picture(144, 112), np.random.default_rng(1).integers(0, 4, (18, 14))
    expected = encode_codes(codec, image, levels)
    request.getfixturevalue("small_tiles")
    np.testing.assert_array_equal(encode_codes(codec, image, levels), expected)


@pytest.mark.usefixtures("small_tiles")
def test_halos_hide_the_seams(codec: EmbeddedCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = encode_codes(codec, picture(144, 112), np.full((18, 14), 3))
    tiled = decode_codes(codec, codes, CPU).astype(int)
    monkeypatch.setattr(geometry, "HALO", 0)
    bare = decode_codes(codec, codes, CPU).astype(int)
    monkeypatch.setattr(geometry, "TILE", TILE)
    whole = decode_codes(codec, codes, CPU).astype(int)
    assert np.abs(whole - tiled).max() <= 1
    assert np.abs(whole - bare).max() > 2


@pytest.mark.usefixtures("small_tiles")
def test_progress_reaches_the_end(codec: EmbeddedCodec) -> None:
    tiles: list[tuple[int, int]] = []
    codes = encode_codes(
        codec,
        picture(80, 64),
        np.full((10, 8), 2),
        lambda done, total, _: tiles.append((done, total)),
    )
    assert tiles == [(1, 2), (2, 2)]
    seen = [(step.done, step.total) for step in decode_steps(codec, codes, CPU)]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.usefixtures("small_tiles")
def test_steps_give_every_tile_with_its_halo(codec: EmbeddedCodec) -> None:
    codes = encode_codes(codec, picture(80, 64), np.full((10, 8), 2))
    seen = []
    for step in decode_steps(codec, codes, CPU):
        seen.append((step.k, step.core.area))
        y, x = step.outer.scaled(16)
        assert step.decoded.shape == (y.stop - y.start, x.stop - x.start, 3)
        assert step.decoded.dtype == np.uint8
    assert seen == [(1, 16), (2, 16), (1, 4), (2, 4)]


def test_too_many_iterations_are_refused(codec: EmbeddedCodec) -> None:
    with pytest.raises(AssertionError):
        decode_codes(codec, np.zeros((ITERATIONS + 1, BITS, 2, 2), np.int8), CPU)


def test_a_windows_rim_inside_the_tile_is_left_alone(codec: EmbeddedCodec) -> None:
    run = TileRun(codec, (16 * 12, 16 * 12), CPU)
    levels = np.full((24, 24), 1)
    codes = encode_codes(codec, picture(192, 192), levels)
    run.decode(0, codes[0])
    before = run.reconstruction.clone()
    corner = np.zeros((BITS, 24, 24), np.int8)
    corner[:, :4, :4] = 1
    run.decode(1, corner)
    changed = (run.reconstruction != before).any(1)[0]
    window = 16 * (2 + MARGIN)
    assert changed[: window - REACH, : window - REACH].float().mean() > 0.9
    assert not changed[window - REACH :].any() and not changed[:, window - REACH :].any()
