"""What the block panel says: a file taken apart, its steps on the cache, its cuts."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from semcomp import geometry
from semcomp.coding import bitstream
from semcomp.demo.inspect import blocks, inspection, picture_cache
from semcomp.demo.inspect.inspection import inspect_file, inspect_run, play
from semcomp.demo.inspect.picture_cache import GONE, ORIGINAL, PictureCache, PictureSet, frame
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.networks.runtime import Step
from semcomp.pipeline import Compressed, compress, decompress
from semcomp.semantics.activation import user_map

HEIGHT, WIDTH = 98, 122  # no multiples of 8


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A cat's eye, uint8 (98, 122, 3)."""
    return np.ascontiguousarray(skimage.data.chelsea()[60 : 60 + HEIGHT, 180 : 180 + WIDTH])


@pytest.fixture(scope="module")
def packed(picture: np.ndarray) -> Compressed:
    """The picture at level 3, its left half important."""
    painted = np.zeros((HEIGHT, WIDTH), bool)
    painted[:, : WIDTH // 2] = True
    return compress(picture, 3, semantic_map=user_map(painted, HEIGHT, WIDTH, cell=8))


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> PictureCache:
    """An empty cache in place of the server's."""
    fresh = PictureCache()
    monkeypatch.setattr(blocks, "CACHE", fresh)
    monkeypatch.setattr(picture_cache, "CACHE", fresh)
    return fresh


def decoded(text: str) -> bytes:
    return base64.b64decode(text)


def test_bits_and_levels_add_up_to_the_file(packed: Compressed) -> None:
    found = inspect_file(packed.data)
    assert (found.levels == packed.levels).all()
    sent = (found.codes != 0).any(1)
    assert (sent.sum(0) == packed.levels).all()
    assert (found.bits[~sent] == 0).all() and (found.bits[sent] > 0).all()
    # The range coder stays close to the ideal cost: a few bytes for each iteration.
    coded = sum(len(chunk) for chunk in bitstream.parse(packed.data).chunks)
    assert abs(found.bits.sum() / 8 - coded) <= 4 * found.iterations
    assert found.cuts[-1] == len(packed.data) and list(found.cuts) == sorted(found.cuts)


def test_importance_comes_from_the_map_or_the_file(picture: np.ndarray) -> None:
    made = compress(picture, 2)
    own = inspect_file(made.data)
    assert own.importance is not None
    # The file's map is what the decoder works with; it is the one that comes back.
    assert made.semantic_map is not None
    expected = inspection.mean_grey(made.semantic_map.grey.astype(np.uint8), *own.levels.shape)
    assert (own.importance == expected).all() and 0 <= expected.min() < expected.max() <= 1
    assert inspect_file(compress(picture, 1, "uniform").data).importance is None
    assert (inspection.mean_grey(np.zeros((3, 3), np.uint8), 4, 4) == 0).all()


@pytest.mark.parametrize("tile", [1024, 64])
def test_every_iteration_is_what_a_cut_file_gives(
    packed: Compressed, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geometry, "TILE", tile)
    monkeypatch.setattr(inspection, "TILE", tile)
    found = inspect_file(packed.data)
    arrived = list(play(found))
    assert [k for k, _ in arrived] == list(range(found.iterations + 1))
    assert (arrived[0][1] == 128).all()
    for k in (1, found.iterations):
        assert (arrived[k][1] == np.asarray(decompress(packed.data, iterations=k))).all()


def test_a_run_of_the_first_tab_is_not_decoded_again(picture: np.ndarray) -> None:
    session = Session(picture, model="recurrent")
    for choice in (Choice(2, "rd"), Choice(2, "uniform")):
        run = session.finished(choice)
        own, again = inspect_run(session, run), inspect_file(run.data)
        assert (own.codes == again.codes).all() and (own.bits == again.bits).all()
        assert own.importance is not None and again.importance is None and own.cuts == again.cuts

        def refuse(model: str, codes: np.ndarray, every: bool) -> Iterator[Step]:
            raise AssertionError("decoded again")

        for (_, kept), (_, made) in zip(play(own, refuse), play(again), strict=True):
            assert (kept == made).all()


def test_a_cut_file_can_be_inspected(packed: Compressed) -> None:
    found = inspect_file(bitstream.truncate(packed.data, 2))
    assert found.iterations == 2 and found.header.iterations > 2
    assert blocks.numbers(found)["promised"] == found.header.iterations
    levels = np.frombuffer(decoded(blocks.numbers(found)["levels"]), np.uint8)
    assert levels.max() == 2


def test_the_panel_gets_every_block_s_bits(packed: Compressed) -> None:
    found = inspect_file(packed.data)
    told = blocks.numbers(found)
    assert (told["rows"], told["columns"]) == (13, 16)
    levels = np.frombuffer(decoded(told["levels"]), np.uint8).reshape(13, 16)
    assert (levels == packed.levels[:13, :16]).all()
    bits = np.frombuffer(decoded(told["bits"]), "<u2") / 100
    starts = np.concatenate([[0], np.cumsum(levels.ravel(), dtype=int)])
    assert len(bits) == starts[-1]
    for row, column in ((0, 0), (5, 3), (12, 15)):
        i = 16 * row + column
        mine = bits[starts[i] : starts[i + 1]]
        assert mine == pytest.approx(found.bits[: levels[row, column], row, column], abs=0.006)


def test_steps_come_one_by_one_and_only_for_their_token(
    packed: Compressed, picture: np.ndarray, cache: PictureCache
) -> None:
    found = replace(inspect_file(packed.data), original=picture)
    values = list(blocks.present(found, "visitor/panel", "eye"))
    assert [value["ready"] for value in values] == list(range(found.iterations + 1))
    last = values[-1]
    assert last["psnr"][-1] > last["psnr"][0] and len(last["psnr"]) == found.iterations + 1

    def shown(k: int) -> np.ndarray:
        text = frame([last["token"], k])["picture"].split(",")[1]
        return np.asarray(Image.open(io.BytesIO(decoded(text))))

    assert (shown(found.iterations) == np.asarray(decompress(packed.data))).all()
    assert (shown(ORIGINAL) == picture).all()
    cut = blocks.cut_file([last["token"], 2])
    assert decoded(cut["data"]) == bitstream.truncate(packed.data, 2)
    assert cut["name"] == "eye-2.semc"
    assert "holds" in blocks.cut_file([last["token"], 99])["error"]
    cache.drop("visitor")
    assert frame([last["token"], 1]) == {"error": GONE}


@pytest.mark.parametrize("asked", [None, [], ["x", 1], [7, 1], ["x", "1"], [["x"], 1], {"a": 1}])
def test_anything_may_be_asked(asked: Any, cache: PictureCache) -> None:
    assert frame(asked) == {"error": GONE}
    assert blocks.cut_file(asked) == {"error": GONE}


def test_large_pictures_keep_their_cuts_only(
    packed: Compressed, cache: PictureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_PIXELS", 1000)
    (only,) = blocks.present(inspect_file(packed.data), "visitor/panel", "eye")
    assert "not shown" in only["note"] and only["ready"] == -1
    assert decoded(blocks.cut_file([only["token"], 1])["data"]) == bitstream.truncate(
        packed.data, 1
    )


def test_the_cache_is_bounded_in_bytes_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("semcomp.demo.inspect.picture_cache.time.monotonic", lambda: now[0])
    cache = PictureCache(limit=250, max_age=60)
    first = cache.put("a/x", PictureSet("one", bytes(100)))
    second = cache.put("b/x", PictureSet("two", bytes(100)))
    assert cache.get(first) is not None  # used last: the other one goes
    third = cache.put("c/x", PictureSet("three", bytes(100)))
    assert cache.get(second) is None and cache.get(first) is not None and cache.size == 200
    assert cache.put("a/x", PictureSet("four", b"")) != first and cache.get(first) is None
    now[0] = 61
    assert cache.get(third) is None and cache.size == 0
