"""One encoder behind every file: what it keeps changes no byte, whatever comes first."""

from __future__ import annotations

import threading
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import semcomp
from leaderboard.codecs import CODECS
from semcomp.allocation.distortion import BlockDistortion
from semcomp.allocation.levels import block_importance
from semcomp.allocation.planning import ALLOCATIONS, read_levels
from semcomp.allocation.rd_table import MEASURED, iterations_for
from semcomp.coding import bitstream
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.encoder import MAX_FILE_SIDE, PictureEncoder, decode_picture
from semcomp.errors import BitstreamError, SemanticError
from semcomp.geometry import ITERATIONS
from semcomp.image import to_tensor
from semcomp.networks.paper import build_codec
from semcomp.networks.quantizer import QuantizerTables
from semcomp.networks.runtime import decode_codes, encode_codes
from semcomp.weights import load_model, quick_model
from tests.support.noted import CUP
from tests.support.tables import TINY_PAPER

PICTURE = np.ascontiguousarray(CUP[:90, :71])
BOARD = {"uniform": "george", "proportional": "semantic", "rd": "semantic-rd"}


@pytest.fixture(scope="module")
def encoder() -> PictureEncoder:
    return PictureEncoder(PICTURE, load_model("small", "cpu"))


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_the_same_file_everywhere(encoder: PictureEncoder, allocation: Any) -> None:
    """The library's, the board's and the demo's, for the same setting."""
    image, codec = Image.fromarray(PICTURE), CODECS[BOARD[allocation]]
    board, demo = codec.session(image), Session(PICTURE, model="small")  # type: ignore[attr-defined]
    for level in (6.37, 2, 14):
        expected = semcomp.compress(PICTURE, level, allocation, device="cpu").data
        assert codec.encode(image, level) == expected
        assert board.encode(level) == expected
        assert demo.data(Choice(level, allocation)) == expected
        assert encoder.file(encoder.plan(level, allocation)) == expected


@pytest.mark.parametrize("allocation", ["proportional", "rd"])
def test_a_focus_needs_nothing_of_the_decoder(encoder: PictureEncoder, allocation: Any) -> None:
    plans = [encoder.plan(6, allocation, focus=focus) for focus in (0, 1, 1.6, 2)]
    for plan in plans:
        read = read_levels(bitstream.parse(encoder.file(plan)).header)
        np.testing.assert_array_equal(read, plan.levels)
    assert encoder.file(plans[1]) == encoder.file(encoder.plan(6, allocation))
    highest = block_importance(encoder.semantic_map().grey, *encoder.shape)
    spread = [float(np.average(plan.levels, weights=highest)) for plan in plans]
    assert spread == sorted(spread) and spread[-1] > spread[1] > spread[0]


def test_a_map_of_ones_own_has_nothing_to_leave_out(encoder: PictureEncoder) -> None:
    with pytest.raises(SemanticError, match="leave subjects out of the map itself"):
        encoder.plan(6, "proportional", semantic_map=encoder.semantic_map(), without=["face"])


def test_one_file_at_a_low_level_costs_no_more_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def noted(codec: Any, image: torch.Tensor, levels: np.ndarray, *more: Any) -> np.ndarray:
        made.append(int(levels.max()))
        return encode_codes(codec, image, levels, *more)

    monkeypatch.setattr("semcomp.encoder.encode_codes", noted)
    encoder = PictureEncoder(PICTURE, load_model("small", "cpu"))
    encoder.file(encoder.plan(3, "uniform"))
    encoder.file(encoder.plan(2, "uniform"))
    assert made == [3]
    encoder.file(encoder.plan(5, "uniform"))  # who comes back for more gets all
    encoder.file(encoder.plan(24, "uniform"))
    assert made == [3, ITERATIONS]


def test_a_table_cut_is_the_table_measured(encoder: PictureEncoder) -> None:
    fresh = PictureEncoder(PICTURE, encoder.model)
    short, whole = fresh.rd_table(iterations_for(2)), encoder.rd_table()
    cut = whole.cut(short.iterations)
    assert short.iterations == 8 and whole.iterations == ITERATIONS
    assert (cut.rate == short.rate).all() and (cut.distortion == short.distortion).all()
    assert cut.rate.strides == short.rate.strides
    assert encoder.has_rd_table and not fresh.has_rd_table


def test_a_callers_autocast_changes_no_table(encoder: PictureEncoder) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        table = PictureEncoder(PICTURE, encoder.model).rd_table(8)
    np.testing.assert_array_equal(table.distortion, encoder.rd_table().cut(8).distortion)


def test_files_grow_with_the_level(encoder: PictureEncoder) -> None:
    levels = np.arange(0.1, 24, 0.3)
    sizes = [len(encoder.file(encoder.plan(level, "proportional"))) for level in levels]
    assert (np.diff(sizes) >= 0).all()


def test_distortion_is_measured_or_between_what_is(encoder: PictureEncoder) -> None:
    table, codec = encoder.rd_table(), copy(quick_model(encoder.model).codec)
    codec.compute = torch.float32
    against = BlockDistortion(encoder.padded)
    for k in (6, ITERATIONS):
        pictures = decode_codes(codec, encoder.codes()[:k], encoder.model.device)
        measured = against.of(pictures).reshape(2, -1)
        np.testing.assert_array_equal(table.distortion[..., k], measured)
    # Between them it never leaves what is measured, and is nearer than a straight line.
    low, middle, high = (table.distortion[..., k] for k in (4, 5, 6))
    assert ((np.minimum(low, high) <= middle) & (middle <= np.maximum(low, high))).all()
    pictures = decode_codes(codec, encoder.codes()[:5], encoder.model.device)
    true = against.of(pictures).reshape(2, -1)
    assert np.abs(middle - true).mean() < 0.8 * np.abs((low + high) / 2 - true).mean()
    assert {iterations_for(level) for level in np.arange(0.1, 24, 0.1)} <= set(MEASURED)


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_the_largest_file(encoder: PictureEncoder, allocation: Any) -> None:
    for budget in (300, 900):
        plan, data = encoder.largest_file(budget, allocation, step=0.1)
        assert 0.9 * budget < len(data) <= budget
        assert data == semcomp.compress(PICTURE, plan.level, allocation, device="cpu").data
    plan, data = encoder.largest_file(10, allocation)
    assert plan.level == 0.1 and len(data) > 10


def test_sides_that_no_file_has_room_for() -> None:
    long = np.zeros((1, MAX_FILE_SIDE + 1, 3), np.uint8)
    with pytest.raises(BitstreamError, match="do not fit"):
        PictureEncoder(long, load_model("small", "cpu"))


def test_a_closed_loop_codec_is_encoded_under_its_levels(encoder: PictureEncoder) -> None:
    codec = build_codec(TINY_PAPER, QuantizerTables.binary())
    model = replace(encoder.model, codec=codec.eval().requires_grad_(False))
    closed = PictureEncoder(PICTURE, model)
    levels = np.random.default_rng(0).integers(0, 4, closed.shape).astype(np.uint8)
    plan = replace(encoder.plan(2, "uniform"), levels=levels)
    expected = encode_codes(codec, to_tensor(closed.padded), levels)
    assert (closed.codes_of(plan) == expected).all()
    assert closed.codes_of(plan) is closed.codes_of(plan)  # the loop is slow: run once
    closed.codes(4)
    even = closed.codes_of(encoder.plan(3, "uniform"))
    assert (even == encode_codes(codec, to_tensor(closed.padded), np.full(closed.shape, 3))).all()


def test_several_threads_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def noted(*arguments: Any) -> np.ndarray:
        made.append(1)
        return encode_codes(*arguments)

    monkeypatch.setattr("semcomp.encoder.encode_codes", noted)
    encoder = PictureEncoder(PICTURE, load_model("small", "cpu"))
    threads = [threading.Thread(target=encoder.codes) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_decoding_reports_the_picture_as_it_grows(encoder: PictureEncoder) -> None:
    plan = encoder.plan(2, "uniform")
    codes, size = encoder.codes_of(plan), PICTURE.shape[:2]
    told: list[tuple[int, int]] = []
    picture = decode_picture(
        encoder.model, codes, (size[0], size[1]), lambda k, n, _: told.append((k, n))
    )
    assert told == [(2, 2)]  # one pass
    assert (picture == decode_picture(encoder.model, codes, (size[0], size[1]))).all()
