"""Metrics against independent implementations, by hand, and at their edges."""

import math

import numpy as np
import pytest
import pytorch_msssim
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import metrics as skimage_metrics

from semcomp import metrics
from semcomp.errors import MetricError
from semcomp.metrics import (
    ms_ssim,
    psnr,
    region_ms_ssim,
    si_ssim,
    si_ssim_blocks,
    ssim,
    ssim_map,
    weighted_mean,
)
from tests.support.strategies import images

PAIR_METRICS = [psnr, ms_ssim, ssim, ssim_map]


def pair(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture with noise, and the same with more noise, as uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.sin(x / 9)[..., None] + np.cos(y[..., None] / (5, 9, 13))
    clean = 128 + 50 * waves + rng.normal(0, 8, waves.shape)
    noisy = clean + rng.normal(0, 15, waves.shape)
    reference, distorted = (np.clip(p, 0, 255).astype(np.uint8) for p in (clean, noisy))
    return reference, distorted


# PSNR


def test_psnr_by_hand():
    reference = np.zeros((2, 2, 3), np.uint8)
    distorted = reference.copy()
    distorted[0, 0, 0] = 12  # mean square 144 / 12
    assert psnr(reference, distorted) == pytest.approx(10 * math.log10(255**2 / 12))
    assert psnr(reference, reference + np.uint8(255)) == 0


def test_psnr_of_identical_pictures_is_infinite():
    reference, _ = pair(20, 30)
    assert psnr(reference, reference) == math.inf


def test_psnr_agrees_with_skimage():
    reference, distorted = pair(300, 40)
    expected = skimage_metrics.peak_signal_noise_ratio(reference, distorted)
    assert psnr(reference, distorted) == pytest.approx(expected, rel=1e-12)


# MS-SSIM


@pytest.mark.parametrize("size", [(170, 200), (255, 161), (400, 173)])
def test_ms_ssim_agrees_with_pytorch_msssim_on_all_channels_at_once(size: tuple[int, int]):
    reference, distorted = pair(*size)
    tensors = (
        torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in (reference, distorted)
    )
    expected = float(pytorch_msssim.ms_ssim(*tensors, data_range=1))
    assert ms_ssim(reference, distorted) == pytest.approx(expected, abs=1e-5)
    assert expected < 0.99


def test_ms_ssim_of_identical_pictures_is_one():
    reference, _ = pair(161, 161)
    assert ms_ssim(reference, reference) == 1


@pytest.mark.parametrize("value", [3, 128, 255])
def test_flat_areas_are_scored_exactly(value: int):
    """In single precision the squares' rounding exceeds the variance of what is nearly flat."""
    reference = np.full((200, 240, 3), value, np.uint8)
    reference[90:110, 100:140] = 20  # a few letters on a page
    distorted = reference.copy()
    distorted[100:, ::2] -= 1
    tensors = [torch.from_numpy(p).permute(2, 0, 1)[None].double() for p in (reference, distorted)]
    window = torch.from_numpy(metrics._TAPS)[None, None, None].repeat(3, 1, 1, 1)
    expected = float(pytorch_msssim.ms_ssim(*tensors, data_range=255, win=window))
    assert ms_ssim(reference, distorted) == pytest.approx(expected, abs=1e-12)
    assert 0.9 < expected < 1
    assert ssim_map(reference, distorted)[:80].min() == 1


def test_an_original_kept_for_many_gives_the_same_scores():
    reference, distorted = pair(170, 200)
    original = metrics.Original(reference, keep=True)
    for other in (distorted, reference, distorted):
        similarity, score = original.compare(other)
        np.testing.assert_array_equal(similarity, ssim_map(reference, other))
        assert score == ms_ssim(reference, other)


@pytest.mark.parametrize("size", [(160, 400), (400, 160), (1, 1)])
def test_ms_ssim_is_undefined_for_small_pictures(size: tuple[int, int]):
    with pytest.raises(MetricError, match="at least 161 pixels"):
        ms_ssim(*pair(*size))


def test_region_score_is_that_of_the_cropped_pictures():
    reference, distorted = pair(200, 230)
    distorted[:20] = 0  # outside the box
    box = (30, 25, 200, 195)
    expected = ms_ssim(reference[25:195, 30:200], distorted[25:195, 30:200])
    assert region_ms_ssim(reference, distorted, box) == expected
    assert region_ms_ssim(reference, distorted, (0, 0, 230, 200)) == ms_ssim(reference, distorted)


@pytest.mark.parametrize("box", [(-1, 0, 170, 170), (0, 0, 231, 170), (0, 9, 170, 9), (9, 0, 8, 9)])
def test_region_outside_the_picture_is_refused(box: tuple[int, int, int, int]):
    with pytest.raises(MetricError, match="does not lie inside"):
        region_ms_ssim(*pair(200, 230), box)


def test_region_too_small_for_ms_ssim_is_refused():
    with pytest.raises(MetricError, match="at least 161 pixels"):
        region_ms_ssim(*pair(200, 230), (0, 0, 160, 200))


# SSIM


@pytest.mark.parametrize("size", [(40, 50), (11, 300), (200, 13)])
def test_ssim_map_agrees_with_skimage(size: tuple[int, int]):
    reference, distorted = pair(*size)
    _, expected = skimage_metrics.structural_similarity(
        reference,
        distorted,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    ours = ssim_map(reference, distorted)
    assert ours.shape == size and ours.dtype == np.float32
    # The borders differ: skimage repeats the border pixel when it reflects.
    inside = np.s_[5:-5, 5:-5]
    np.testing.assert_allclose(ours[inside], expected.mean(axis=2)[inside], atol=1e-6)


def test_ssim_map_reflects_at_the_borders():
    reference, distorted = pair(30, 40)
    padded = (np.pad(p, [(5, 5), (5, 5), (0, 0)], mode="reflect") for p in (reference, distorted))
    inside = ssim_map(*padded)[5:-5, 5:-5]
    np.testing.assert_allclose(ssim_map(reference, distorted), inside, atol=1e-6)


def test_strips_do_not_change_the_map(monkeypatch: pytest.MonkeyPatch):
    reference, distorted = pair(150, 40)
    monkeypatch.setattr(metrics, "_STRIP_SAMPLES", 10**9)
    whole = ssim_map(reference, distorted)
    for samples in (1, 3 * 40 * 37):
        monkeypatch.setattr(metrics, "_STRIP_SAMPLES", samples)
        np.testing.assert_array_equal(ssim_map(reference, distorted), whole)


def test_strips_do_not_change_ms_ssim(monkeypatch: pytest.MonkeyPatch):
    reference, distorted = pair(250, 170)
    whole = ms_ssim(reference, distorted)
    monkeypatch.setattr(metrics, "_STRIP_SAMPLES", 1)
    assert ms_ssim(reference, distorted) == pytest.approx(whole, abs=1e-12)


@settings(max_examples=30)
@given(images(), st.integers(0, 2**32))
def test_ssim_of_any_size(image: np.ndarray, seed: int):
    other = np.random.default_rng(seed).integers(0, 256, image.shape, np.uint8)
    scores = ssim_map(image, other)
    assert scores.shape == image.shape[:2]
    assert np.abs(scores).max() <= 1 + 1e-6
    np.testing.assert_array_equal(scores, ssim_map(other, image))
    np.testing.assert_array_equal(ssim_map(image, image), 1)


def test_ssim_by_hand_of_flat_pictures():
    reference, distorted = (np.full((9, 9, 3), v, np.uint8) for v in (100, 110))
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 110 + c1) / (100**2 + 110**2 + c1)
    assert ssim(reference, distorted) == pytest.approx(expected, rel=1e-6)


# SI-SSIM


def test_constant_weights_give_ssim():
    reference, distorted = pair(50, 60)
    expected = ssim(reference, distorted)
    for value in (0, 1, 255):
        weight = np.full((50, 60), value, np.uint8)
        assert si_ssim(reference, distorted, weight) == pytest.approx(expected)
    assert si_ssim_blocks(reference[:48, :56], distorted[:48, :56], np.ones((6, 7))) == (
        pytest.approx(ssim(reference[:48, :56], distorted[:48, :56]))
    )


def test_concentrated_weight_gives_the_local_value():
    reference, distorted = pair(50, 60)
    weight = np.zeros((50, 60), np.uint8)
    weight[20, 30] = 7
    expected = ssim_map(reference, distorted)[20, 30]
    assert si_ssim(reference, distorted, weight) == pytest.approx(expected)


def test_block_form_equals_pixel_form_for_weights_constant_in_blocks():
    reference, distorted = pair(48, 64)
    importance = np.random.default_rng(1).integers(0, 1000, (6, 8))
    weight = importance.repeat(8, axis=0).repeat(8, axis=1)
    blocks = si_ssim_blocks(reference, distorted, importance)
    assert blocks == pytest.approx(si_ssim(reference, distorted, weight))


def test_block_form_at_the_border():
    # 9 x 17 pixels: 2 x 3 blocks, and 2 x 4 in the picture padded to 16.
    reference, distorted = pair(9, 17)
    scores = ssim_map(reference, distorted).astype(float)
    importance = np.zeros((2, 4), int)
    importance[1, 2] = 1
    importance[0, 1] = 3
    importance[:, 3] = 9  # outside the picture
    expected = (scores[8, 16] + 3 * scores[:8, 8:16].mean()) / 4
    for given_map in (importance, importance[:, :3]):
        assert si_ssim_blocks(reference, distorted, given_map) == pytest.approx(expected)
    with pytest.raises(MetricError, match="2 x 3 blocks"):
        si_ssim_blocks(reference, distorted, importance[:1])


@pytest.mark.parametrize(
    "weight", [np.ones((4, 6)), np.full((4, 5), np.nan), np.full((4, 5), -1), np.ones((4, 5, 1))]
)
def test_bad_weights_are_refused(weight: np.ndarray):
    with pytest.raises(MetricError, match="weights"):
        weighted_mean(np.ones((4, 5), np.float32), weight)


# What cannot be compared


@pytest.mark.parametrize("metric", PAIR_METRICS)
def test_pictures_of_two_sizes_are_refused(metric):
    first, _ = pair(170, 180)
    with pytest.raises(MetricError, match="differ in size: 180 x 170 and 170 x 170"):
        metric(first, first[:, :170])


@pytest.mark.parametrize("metric", PAIR_METRICS)
@pytest.mark.parametrize(
    "array", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)]
)
def test_arrays_that_are_no_pictures_are_refused(metric, array: np.ndarray):
    with pytest.raises(MetricError, match="expected uint8"):
        metric(array, array)
