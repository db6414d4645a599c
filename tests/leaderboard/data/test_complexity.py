"""What decoders take: the stated counts are counted again on the networks themselves."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from leaderboard.codecs import CODECS
from leaderboard.data.complexity import NETWORKS, Complexity, complexity_of, short_count
from semcomp.networks import integer
from semcomp.networks.paper import PaperCodec
from semcomp.networks.runtime import decode_codes, encode_codes
from semcomp.weights import load_model
from tests.support.anchor_curves import model_codec

SIDE = 64


@pytest.mark.parametrize("name", NETWORKS)
def test_decoders_counted_again(name, monkeypatch):
    codec = copy.deepcopy(load_model(name, "cpu").codec)
    # The counter knows convolutions of floats, which stand for those of integers.
    monkeypatch.setattr(integer, "_has_units", lambda: False)
    integer.prepare(codec)
    levels = np.full((SIDE // 8, SIDE // 8), 24, np.uint8)
    codes = encode_codes(codec, torch.rand(1, 3, SIDE, SIDE) * 255 - 128, levels)
    with FlopCounterMode(display=False) as counter:
        decode_codes(codec, codes, torch.device("cpu"))
    parts = [codec.enter, codec.decoder, codec.last] if type(codec) is PaperCodec else [codec]
    weights = sum(each.numel() for part in parts for each in part.parameters())
    assert Complexity(counter.get_total_flops() // 2 // SIDE**2, weights) == NETWORKS[name]


def test_results_name_their_network():
    told = {"version": CODECS["george"].version}
    results = model_codec("george")
    assert complexity_of(with_provenance(results, told)) == NETWORKS["small"]
    assert complexity_of(with_provenance(results, {"version": "libwebp 1"})) == Complexity()
    assert complexity_of(with_provenance(results, {"decoder": {"macs_per_pixel": -1}})) == (
        Complexity()
    )


def with_provenance(results, told):
    return type(results)(results.name, "", results.dataset, results.rows, told)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (2000, "2000"),
        (23_076, "23k"),
        (902_362, "902k"),
        (1_261_040, "1.3M"),
        (46e6, "46M"),
    ],
)
def test_counts_are_short(count, text):
    assert short_count(count) == text
