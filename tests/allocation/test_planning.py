"""What `rd` weighs distortion by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from semcomp.allocation.planning import expected_gain, gain_note, rd_weights
from tests.support.strategies import levels


@given(arrays(np.float64, (3, 4), elements={"min_value": 0, "max_value": 255}), levels)
def test_nobody_weighs_nothing_and_the_mean_is_one(importance: np.ndarray, level: float) -> None:
    detail, structure = rd_weights(importance, level)
    assert detail.min() >= 0.2 - 1e-9 and (structure == 1).all()
    if importance.mean() > 1e-6:
        np.testing.assert_allclose(detail.mean(), 1)
    order = np.argsort(importance.ravel())
    assert (np.diff(detail.ravel()[order]) >= -1e-9).all()


@pytest.mark.parametrize(("level", "share"), [(0.1, 0.2), (5.6, 0.2), (14, 0.5), (21, 0.75)])
def test_the_share_of_everyone_grows_with_the_level(level: float, share: float) -> None:
    detail, structure = rd_weights(np.array([[0.0, 10.0]]), level)
    np.testing.assert_allclose(detail, [[share, 2 - share]])
    np.testing.assert_allclose(structure, 1)


def test_at_the_strongest_focus_nobody_has_a_share() -> None:
    np.testing.assert_allclose(rd_weights(np.array([[0.0, 10.0]]), 14, 2), [[[0, 2]]] * 2)


def test_a_flat_map_promises_little_and_says_so() -> None:
    flat, half = np.full((4, 6), 90, np.uint8), np.zeros((4, 6), np.uint8)
    half[:2] = 255
    assert expected_gain(flat, "proportional") == expected_gain(half, "uniform") == 0
    assert expected_gain(half, "proportional") == pytest.approx(0.135)
    assert expected_gain(half, "rd") == pytest.approx(0.15)
    nearly = flat.copy()
    nearly[:2] = 30  # an effective share of 0.8
    assert gain_note(nearly, "proportional") == (
        "This picture has no clear subject: about 2% to gain"
    )
    assert gain_note(flat, "rd") == "This picture has no clear subject: about 2% to gain"
    assert "next to nothing to gain" in str(gain_note(flat, "proportional"))
    assert gain_note(half, "rd") is gain_note(flat, "uniform") is None
