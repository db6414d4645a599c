"""The search over a codec's qualities, and the scores between two files."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from PIL import Image
from skimage import data

from leaderboard.codecs import CODECS
from leaderboard.run.measuring import Reference
from leaderboard.studies.equal_rates import scores_at, search_of
from semcomp.errors import SemcompError
from semcomp.metrics import Original
from semcomp.search import FileSearch


def test_search_knows_the_codecs():
    for name in ("jpeg", "bpg"):
        photo = Image.fromarray(data.chelsea()[100:164, 120:184])
        search = search_of(CODECS[name], partial(CODECS[name].encode, photo))
        match = search.around(1500)
        assert match.reached
        assert match.above[0] - match.below[0] == 1
    with pytest.raises(SemcompError, match="jxl"):
        search_of(CODECS["jxl"], bytes)


class Fake:
    """A codec whose decoded picture says how large its file was."""

    name = "fake"

    def decode(self, data):
        return Image.fromarray(np.full((1, 1, 3), len(data) % 256, np.uint8))


def test_scores_between_two_files():
    match = FileSearch(lambda q: bytes([100, 100, 200][int(q)]), 1, 2, 1).around(150)
    original = Reference(Original(np.zeros((1, 1, 3), np.uint8)), ())

    def size(decoded):
        return {"size": float(decoded[0, 0, 0])}

    found = scores_at(Fake(), match, original, size)
    part = np.log(1.5) / np.log(2)
    assert found["size"] == pytest.approx(100 + 100 * part)
    close = FileSearch(lambda q: bytes([100, 100, 200][int(q)]), 1, 2, 1).around(200)
    assert scores_at(Fake(), close, original, size) == {"size": 200.0}
