"""Files of a wanted size, found by search, and the scores between two of them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PIL import Image
from skimage import data

from leaderboard.codecs import CODECS
from leaderboard.run.measuring import Reference
from leaderboard.studies.matching import FileSearch, scores_at
from semcomp.errors import SemcompError


class Counted:
    """An encoder whose file of quality q has round(scale · 1.2^q) bytes; counts its calls."""

    def __init__(self, scale=100.0):
        self.scale, self.calls = scale, []

    def __call__(self, quality):
        self.calls.append(quality)
        return bytes(round(self.scale * 1.2**quality))


@pytest.mark.parametrize("target", [200, 777, 5000, 30_000])
def test_search_finds_the_neighbours(target):
    encode = Counted()
    match = FileSearch(encode, 0, 40, 0.5).match(target)
    assert match.reached
    assert match.above[0] - match.below[0] == pytest.approx(0.5)
    assert len(match.below[1]) <= target <= len(match.above[1])
    assert match.below[1] == bytes(round(100 * 1.2 ** match.below[0]))
    off = abs(len(match.nearest[1]) - target)
    assert off == min(abs(len(side[1]) - target) for side in (match.below, match.above))
    assert len(encode.calls) <= 8  # halving alone takes 9


def test_search_encodes_every_quality_once():
    encode = Counted()
    search = FileSearch(encode, 0, 40, 0.5)
    for target in (300, 3000, 301, 3000):
        search.match(target)
    assert len(encode.calls) == len(set(encode.calls))


@pytest.mark.parametrize(("target", "quality"), [(50, 0), (10**6, 40)])
def test_search_stops_at_the_ends(target, quality):
    match = FileSearch(Counted(), 0, 40, 1).match(target)
    assert match.nearest[0] == quality
    assert not match.reached


def test_search_survives_dents():
    def encode(quality):
        return bytes(1000 + 10 * round(quality) - 25 * (round(quality) % 7 == 3))

    for target in range(1005, 1990, 30):
        match = FileSearch(encode, 0, 100, 1).match(target)
        assert match.reached
        assert len(match.nearest[1]) == pytest.approx(target, abs=40)


def test_search_knows_the_codecs():
    for name in ("jpeg", "bpg"):
        photo = Image.fromarray(data.chelsea()[100:164, 120:184])
        search = FileSearch.of(CODECS[name], partial(CODECS[name].encode, photo))
        match = search.match(1500)
        assert match.reached
        assert match.above[0] - match.below[0] == 1
    with pytest.raises(SemcompError, match="jxl"):
        FileSearch.of(CODECS["jxl"], Counted())


class Fake:
    """A codec whose decoded picture says how large its file was."""

    name = "fake"

    def decode(self, data):
        return Image.fromarray(np.full((1, 1, 3), len(data) % 256, np.uint8))


def test_scores_between_two_files():
    match = FileSearch(lambda q: bytes([100, 100, 200][int(q)]), 1, 2, 1).match(150)
    original = Reference(np.zeros((1, 1, 3), np.uint8), ())

    def size(decoded):
        return {"size": float(decoded[0, 0, 0])}

    found = scores_at(Fake(), match, original, size)
    part = np.log(1.5) / np.log(2)
    assert found["size"] == pytest.approx(100 + 100 * part)
    close = FileSearch(lambda q: bytes([100, 100, 200][int(q)]), 1, 2, 1).match(200)
    assert scores_at(Fake(), close, original, size) == {"size": 200.0}
