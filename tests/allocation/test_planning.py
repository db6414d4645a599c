"""What `rd` weighs distortion by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from semcomp.allocation.planning import rd_weight
from tests.support.strategies import levels


@given(arrays(np.float64, 12, elements={"min_value": 0, "max_value": 255}), levels)
def test_nobody_weighs_nothing_and_the_mean_is_one(importance: np.ndarray, level: float) -> None:
    weight = rd_weight(importance, level)
    assert weight.min() >= 0.25 - 1e-9
    if importance.mean() > 1e-6:
        np.testing.assert_allclose(weight.mean(), 1)
    order = np.argsort(importance)
    assert (np.diff(weight[order]) >= -1e-9).all()


@pytest.mark.parametrize(("level", "share"), [(0.1, 0.25), (7, 0.25), (14, 0.5), (21, 0.75)])
def test_the_share_of_everyone_grows_with_the_level(level: float, share: float) -> None:
    weight = rd_weight(np.array([0.0, 10.0]), level)
    np.testing.assert_allclose(weight, [share, 2 - share])


def test_at_the_strongest_focus_nobody_has_a_share() -> None:
    np.testing.assert_allclose(rd_weight(np.array([0.0, 10.0]), 14, 2), [0, 2])
