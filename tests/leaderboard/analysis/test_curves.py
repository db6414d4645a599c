"""Curves over pictures: matched rates, no extrapolation, and reasons where there is no curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from leaderboard.analysis.bdrate import compare
from leaderboard.analysis.curves import (
    NoCurve,
    by_quality,
    by_rate,
    decibels,
    front,
    mean_curve,
    on_log_scale,
    score_at,
    unit_of,
)
from leaderboard.data.results import Results
from tests.support.anchor_curves import frame, kodak_means, model_codec, points, row, without

MS_SSIM, SI_SSIM = 1, 2
# "At equal rate" of the anchors: 0.25, 0.5, 0.75, 1.0 bpp; JPEG XL starts above 0.25.
AT_EQUAL_RATE = {
    ("jpeg", MS_SSIM): (0.892, 0.953, 0.972, 0.981),
    ("webp", MS_SSIM): (0.933, 0.966, 0.978, 0.984),
    ("jxl", MS_SSIM): (None, 0.968, 0.979, 0.985),
    ("bpg", MS_SSIM): (0.944, 0.970, 0.980, 0.986),
    ("bpg444", MS_SSIM): (0.947, 0.973, 0.983, 0.988),
    ("avif", MS_SSIM): (0.955, 0.978, 0.986, 0.990),
    ("jpeg", SI_SSIM): (0.734, 0.834, 0.879, 0.906),
    ("webp", SI_SSIM): (0.780, 0.869, 0.910, 0.934),
    ("jxl", SI_SSIM): (None, 0.860, 0.903, 0.930),
    ("bpg", SI_SSIM): (0.819, 0.892, 0.926, 0.946),
    ("bpg444", SI_SSIM): (0.817, 0.890, 0.925, 0.944),
    ("avif", SI_SSIM): (0.826, 0.899, 0.931, 0.949),
}


@pytest.mark.parametrize(("name", "metric"), AT_EQUAL_RATE, ids=str)
def test_anchors_at_equal_rate(name, metric):
    found = score_at(*points(name, metric), [0.25, 0.5, 0.75, 1.0])
    for score, expected in zip(found, AT_EQUAL_RATE[name, metric], strict=True):
        if expected is None:
            assert np.isnan(score)
        else:
            assert score == pytest.approx(expected, abs=0.0011)  # both are rounded


def test_decibels():
    assert decibels([0.9, 0.99]) == pytest.approx([10, 20])
    assert decibels(1.0) == np.inf
    assert on_log_scale("psnr", 33.3) == 33.3
    assert on_log_scale("si_ssim", 0.9) == pytest.approx(10)


def test_front_drops_what_nobody_would_choose():
    rates, scores = front([0.5, 0.2, 0.3, 0.3, 1.0, 2.0], [0.9, 0.7, 0.6, 0.8, 0.9, np.inf])
    assert rates.tolist() == [0.2, 0.3, 0.5]
    assert scores.tolist() == [0.7, 0.8, 0.9]


@given(
    st.lists(
        st.tuples(st.floats(0.01, 4), st.floats(0, 0.999)),
        min_size=1,
        max_size=12,
    )
)
def test_front_ascends_and_keeps_the_best(pairs):
    rates, scores = front(*zip(*pairs, strict=True))
    assert (np.diff(rates) > 0).all()
    assert (np.diff(scores) > 0).all()
    assert scores[-1] == max(score for _, score in pairs)
    for rate, score in pairs:  # every point is matched or beaten at its own rate
        assert scores[rates <= rate].max() >= score


@pytest.mark.parametrize(
    ("rates", "scores"), [([0.1, 0.2], [0.5]), ([0.1, -1], [0.5, 0.6]), ([0.1], [float("nan")])]
)
def test_front_refuses_what_is_no_curve(rates, scores):
    with pytest.raises(NoCurve):
        front(rates, scores)


def test_interpolation_is_pchip_over_log_rate_and_never_outside():
    rates, scores = points("webp", MS_SSIM)
    inside = np.array([0.2, 0.9, 2.0])
    expected = PchipInterpolator(np.log(rates), scores)(np.log(inside))
    assert score_at(rates, scores, inside) == pytest.approx(expected)
    assert score_at(rates, scores, rates) == pytest.approx(scores)  # the ends too
    assert np.isnan(score_at(rates, scores, [0.1, 3.0])).all()
    assert not np.array_equal(score_at(rates, scores, inside, "akima"), expected)
    with pytest.raises(ValueError, match="pchip, akima"):
        score_at(rates, scores, inside, "spline")


def test_mean_is_taken_at_matched_rates():
    """Picture i needs 2^i times the bits, so at one rate picture 0 scores best."""
    codec = model_codec("made")
    curve = by_rate(frame(codec), "made", "psnr")
    # Support: from the dearest picture's first point to the cheapest one's last.
    assert curve.bpp[0] == pytest.approx(8 * 0.02 * 1.5)
    assert curve.bpp[-1] == pytest.approx(0.02 * 1.5**9)
    # In every picture PSNR is linear in log rate, so the mean is known.
    at = 0.4
    each = [25 + 2 * np.log(at / (0.02 * 2.0**i)) / np.log(1.5) for i in range(4)]
    found = by_rate(frame(codec), "made", "psnr", [at])
    assert found.score[0] == pytest.approx(np.mean(each))
    assert (found.images, found.averaged, found.kind) == (4, "rate", "recomputed")
    low, high = (1.5**-1 * at / 0.02 / 2.0**i for i in (3, 0))
    qualities = [1 + np.log(value) / np.log(1.5) for value in (low, high)]
    assert found.settings == (f"quality {qualities[0]:.3g} to {qualities[1]:.3g}",)


def test_matched_rates_differ_from_settings():
    """At one setting hard pictures get more bits: the mean over settings mixes rates."""
    made = frame(model_codec("made"))
    by_setting = by_quality(made, "made", "psnr")
    assert by_setting.bpp[0] == pytest.approx(0.02 * 1.5 * (1 + 2 + 4 + 8) / 4)
    assert by_setting.settings[0] == "quality 1"
    at = by_setting.bpp[4]
    matched = by_rate(made, "made", "psnr", [at]).score[0]
    # 2 dB for every factor 1.5: the pictures' mean log rate against the log of their mean rate.
    gap = 2 * (np.log(3.75) - np.log([1, 2, 4, 8]).mean()) / np.log(1.5)
    assert matched - by_setting.score[4] == pytest.approx(gap)


def test_rates_outside_the_support_are_named():
    made = frame(model_codec("made"))
    with pytest.raises(NoCurve, match=r"0\.240 to 0\.769 bpp .* not 0\.1, 3"):
        by_rate(made, "made", "ms_ssim", [0.1, 3])
    assert by_rate(made, "made", "ms_ssim", [0.1, 0.5]).bpp.tolist() == [0.5]


def test_pictures_without_a_common_rate_are_named():
    with pytest.raises(NoCurve, match=r"picture5 starts at .* picture0 ends at .* run more"):
        by_rate(frame(model_codec("made", pictures=6, points=5)), "made", "psnr")


def test_incomplete_results_have_no_curve():
    whole, part = model_codec("whole"), without(model_codec("part"), "picture2")
    both = frame(whole, part)
    with pytest.raises(NoCurve, match="part is incomplete: it lacks picture2"):
        by_rate(both, "part", "ms_ssim")
    with pytest.raises(NoCurve, match="incomplete"):
        by_quality(both, "part", "ms_ssim")
    assert by_rate(both, "whole", "ms_ssim").images == 4


def test_a_picture_without_one_quality_has_no_mean_per_quality():
    made = model_codec("made")
    rows = made.rows[1:]
    part = Results("made", "", "made-up", rows, made.provenance)
    with pytest.raises(NoCurve, match="lacks pictures at quality 1"):
        by_quality(frame(part), "made", "ms_ssim")
    assert by_rate(frame(part), "made", "ms_ssim").images == 4  # no setting needed


def test_a_score_that_is_not_there_is_named():
    rows = [row("a", q, 0.1 * q, psnr=20.0 + q, ms_ssim=None) for q in (1, 2, 3)]
    small = frame(Results("small", "", "d", tuple(rows), {}))
    with pytest.raises(NoCurve, match="no ms_ssim of a"):
        by_rate(small, "small", "ms_ssim")
    assert by_rate(small, "small", "psnr").images == 1
    with pytest.raises(NoCurve, match="no results of other: there are small"):
        by_rate(small, "other", "psnr")


def test_published_means_stay_as_they_are():
    means = frame(*kodak_means().values())
    curve = mean_curve(means, "jpeg", "ms_ssim")
    assert (curve.averaged, curve.images) == ("published", 0)
    assert curve.score.tolist() == [
        point[1] for point in sorted(zip(*points("jpeg", 1), strict=True))
    ]
    with pytest.raises(NoCurve, match="states no ssim"):
        mean_curve(means, "jpeg", "ssim")
    with pytest.raises(NoCurve, match="means only"):
        by_rate(means, "jpeg", "ms_ssim")


def test_mean_curve_by_choice():
    made = frame(model_codec("made"))
    assert mean_curve(made, "made", "psnr").averaged == "rate"
    assert mean_curve(made, "made", "psnr", "quality").averaged == "quality"
    with pytest.raises(ValueError, match="rate, quality"):
        mean_curve(made, "made", "psnr", "picture")


def test_distances_fall_and_points_stay_even():
    """LPIPS: less is better, so its worse points are dropped; SSIMULACRA2 has no logarithm."""
    assert on_log_scale("lpips", [0.1, 0.01, 0]).tolist() == pytest.approx([10, 20, np.inf])
    assert on_log_scale("ssimulacra2", [-20, 90]).tolist() == [-20, 90]
    assert [unit_of(each) for each in ("psnr", "lpips", "ssimulacra2")] == ["dB", "dB", "points"]
    assert unit_of("lpips", log_scale=False) == ""
    rates, distances = [0.1, 0.2, 0.3, 0.4], [0.4, 0.2, 0.3, 0.1]
    assert score_at(rates, distances, [0.2, 0.4], metric="lpips") == pytest.approx([0.2, 0.1])
    assert 0.1 < score_at(rates, distances, 0.3, metric="lpips") < 0.2
    table = frame(model_codec("anchor"), model_codec("cheap", 0.8))
    table["lpips"], table["ssimulacra2"] = 1 - table["ms_ssim"], 100 * table["ms_ssim"]
    assert compare(table, "cheap", "anchor", "lpips").percent == pytest.approx(-20)
    assert compare(table, "cheap", "anchor", "ssimulacra2").percent == pytest.approx(-20)
    similar, distant = (by_rate(table, "cheap", metric) for metric in ("ms_ssim", "lpips"))
    assert distant.score == pytest.approx(1 - similar.score)
