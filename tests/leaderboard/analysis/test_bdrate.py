"""BD-rate: the anchors' values, another package's, the truth of made-up codecs, and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.analysis.bdrate import MIN_SPAN, bd_rate, compare, ranks
from leaderboard.analysis.curves import METHODS, NoCurve, decibels
from leaderboard.data.published import read_published
from leaderboard.data.results import Results
from tests.support.anchor_curves import KODAK, frame, kodak_means, model_codec, points, without

# Of the anchors: BD-rate to BPG 4:2:0 in per cent, MS-SSIM and SI-SSIM in dB.
TO_BPG = {
    "jpeg": (53, 77),
    "webp": (16, 26),
    "jxl": (8, 31),
    "bpg": (0, 0),
    "bpg444": (-9, 2),
    "avif": (-24, -6),
}


def kodak_curve(name, metric):
    rates, scores = points(name, metric)
    return rates, scores if metric == 3 else decibels(scores)


@pytest.mark.parametrize("name", TO_BPG)
def test_anchors_to_bpg(name):
    for metric, expected in zip((1, 2), TO_BPG[name], strict=True):
        result = bd_rate(*kodak_curve("bpg", metric), *kodak_curve(name, metric))
        assert result.percent == pytest.approx(expected, abs=0.6)  # stated in whole per cent
        assert result.overlap > 0.7


@pytest.mark.parametrize("method", METHODS)
def test_agrees_with_another_package(method):
    bjontegaard = pytest.importorskip("bjontegaard")
    for anchor in KODAK:
        for name in KODAK:
            for metric in (1, 2, 3):
                curves = *kodak_curve(anchor, metric), *kodak_curve(name, metric)
                other = bjontegaard.bd_rate(
                    *curves, method=method, require_matching_points=False, min_overlap=0
                )
                assert bd_rate(*curves, method).percent == pytest.approx(other, abs=1e-6)


def test_published_recurrent_codecs_to_bpg():
    """The anchors have +59% for Toderici 2017 and +32% for the LSTM reproduction."""
    both = frame(kodak_means()["bpg"], *read_published())
    for codec, expected in {"toderici2017": 59, "1zb-lstm": 32}.items():
        found = compare(both, codec, "bpg", "ms_ssim")
        assert found.percent == pytest.approx(expected, abs=2)
        assert found.low is None
        assert found.images == {}
    # The anchors' -10% rests on its points up to 0.715 bpp alone.
    johnston = next(each for each in read_published() if each.name == "johnston2018")
    low = replace(johnston, rows=tuple(row for row in johnston.rows if row.bpp < 0.715))
    found = compare(frame(kodak_means()["bpg"], low), "johnston2018", "bpg", "ms_ssim")
    assert found.percent == pytest.approx(-10, abs=2)


@given(st.floats(0.3, 3), st.sampled_from(METHODS))
def test_a_codec_of_known_cost(cost, method):
    scores = np.array([8.0, 10, 12.5, 15, 19])
    rates = np.array([0.1, 0.17, 0.3, 0.7, 1.6])
    result = bd_rate(rates, scores, cost * rates, scores, method)
    assert result.percent == pytest.approx(100 * (cost - 1))
    assert result.overlap == 1


def test_order_and_useless_points_do_not_matter():
    rates, scores = kodak_curve("webp", 1)
    anchor = kodak_curve("bpg", 1)
    expected = bd_rate(*anchor, rates, scores)
    mixed = np.append(rates[::-1], 3.0), np.append(scores[::-1], scores[2])  # dearer, worse
    assert bd_rate(*anchor, *mixed) == expected


def test_points_beyond_the_other_curve_do_not_thin_the_overlap():
    rates, scores = np.array([0.1, 0.2, 0.4, 0.8]), np.array([8.0, 10, 12, 14])
    long_rates, long_scores = np.append(rates, [1.6, 3.2, 6.4]), np.append(scores, [16, 18, 20])
    assert bd_rate(long_rates, long_scores, rates, scores).overlap == 1
    assert bd_rate(rates, scores, long_rates, long_scores).overlap == 1


@pytest.mark.parametrize(
    ("rates", "scores", "reason"),
    [
        ([0.1, 0.2, 0.4, 0.8], [30, 32, 34, 36], "share 0.00 dB, 0% of the shorter"),
        ([0.1, 0.2, 0.4, 0.8], [13, 15, 17, 19], "share 1.00 dB, 17% of the shorter"),
        ([0.1, 0.2, 0.4, 0.8], [10.0, 10.2, 10.4, 10.6], f"{MIN_SPAN:g} dB are needed"),
        ([0.1, 0.4, 0.8], [8, 10, 12], "codec has 3 useful points"),
        ([0.1, 0.2, 0.4, 0.8], [8, 8, 8, 8], "codec has 1 useful points"),
        ([0.1, 0.2, 0.4, 0.8], [5.0, 6.0, 7.9, 12.9], "fewer than two points"),
    ],
)
def test_thin_overlap_is_refused_with_the_reason(rates, scores, reason):
    anchor = [0.1, 0.2, 0.4, 0.8], [8.0, 10.0, 12.0, 14.0]
    with pytest.raises(NoCurve, match=reason):
        bd_rate(*anchor, rates, scores)


def test_mean_over_pictures_and_its_interval():
    both = frame(model_codec("anchor"), model_codec("cheap", 0.8))
    found = compare(both, "cheap", "anchor", "ms_ssim")
    assert found.percent == pytest.approx(-20)
    assert (found.low, found.high) == (pytest.approx(-20), pytest.approx(-20))  # all pictures agree
    assert found.images == pytest.approx({f"picture{i}": -20 for i in range(4)})

    mixed = compare(
        frame(model_codec("anchor"), model_codec("mixed", spread=0.2)), "mixed", "anchor", "ms_ssim"
    )
    one = both[both["image"] == "picture0"]
    alone = compare(one, "cheap", "anchor", "ms_ssim")
    assert alone.percent == pytest.approx(-20) and (alone.low, alone.high) == (None, None)
    costs = np.array([0.7, 0.9, 1.1, 1.3])
    assert sorted(mixed.images.values()) == pytest.approx(100 * (costs - 1))
    assert mixed.percent == pytest.approx(100 * (np.exp(np.log(costs).mean()) - 1))
    assert -30 < mixed.low < mixed.percent < mixed.high < 30
    # All 256 equally likely draws of four pictures: the interval is that of the exact law.
    draws = np.log(costs)[np.indices((4,) * 4).reshape(4, -1)].mean(0)
    exact = 100 * np.expm1(np.quantile(draws, [0.025, 0.975]))
    assert (mixed.low, mixed.high) == pytest.approx(tuple(exact), abs=1.5)
    assert (
        compare(
            frame(model_codec("anchor"), model_codec("mixed", spread=0.2)),
            "mixed",
            "anchor",
            "ms_ssim",
        )
        == mixed
    )  # seeded


def test_swapping_codec_and_anchor_turns_the_sign():
    both = frame(model_codec("a"), model_codec("b", 1.25, spread=0.1))
    there, back = (compare(both, *pair, "ms_ssim").percent for pair in (("a", "b"), ("b", "a")))
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1)


def test_a_picture_with_thin_overlap_gives_no_number():
    anchor, codec = model_codec("anchor"), model_codec("codec")
    far = tuple(
        replace(r, ms_ssim=1 - (1 - r.ms_ssim) / 50) if r.image == "picture1" else r
        for r in codec.rows
    )
    moved = Results("codec", "", "made-up", far, codec.provenance)
    with pytest.raises(NoCurve, match="codec against anchor in picture1: the anchor spans"):
        compare(frame(anchor, moved), "codec", "anchor", "ms_ssim")


def test_incomplete_results_give_no_number():
    both = frame(model_codec("anchor"), without(model_codec("part", 0.5), "picture3"))
    with pytest.raises(NoCurve, match="incomplete"):
        compare(both, "part", "anchor", "ms_ssim")


def test_ranks_with_intervals():
    codecs = [
        model_codec("anchor"),
        model_codec("best", 0.5),
        model_codec("close", 1.02, spread=0.2),
        model_codec("worst", 3.0),
    ]
    every = frame(*codecs)
    found = ranks([compare(every, each.name, "anchor", "ms_ssim") for each in codecs])
    # Costs 0.71, 0.92, 1.12, 1.33 of the anchor's: less in the mean of logs, so second.
    assert [found[each.name].rank for each in codecs] == [3, 1, 2, 4]
    assert (found["best"].low, found["best"].high) == (1, 1)
    assert (found["worst"].low, found["worst"].high) == (4, 4)
    # Whether `close` beats the anchor depends on the pictures drawn.
    assert (found["close"].low, found["close"].high) == (2, 3)


def test_equals_share_a_place_and_means_take_none():
    every = frame(model_codec("a"), model_codec("b"), *list(kodak_means().values())[:1])
    comparisons = [compare(every, name, "a", "ms_ssim") for name in ("a", "b")]
    assert {name: each.rank for name, each in ranks(comparisons).items()} == {"a": 1, "b": 1}
    means = replace(comparisons[1], images={}, percent=-50)
    assert set(ranks([comparisons[0], means])) == {"a"}
    assert ranks([means]) == {}


def test_ranks_refuse_other_pictures():
    a = frame(model_codec("a"), model_codec("b"))
    b = frame(model_codec("a", pictures=3), model_codec("b", pictures=3))
    with pytest.raises(ValueError, match="other pictures"):
        ranks([compare(a, "a", "a", "ms_ssim"), compare(b, "b", "a", "ms_ssim")])
