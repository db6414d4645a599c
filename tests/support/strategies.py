"""Hypothesis strategies shared by the tests."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

levels = st.one_of(
    st.floats(0.1, 24, allow_nan=False), st.sampled_from([0.1, 0.5, 1.0, 6.0, 23.99, 24.0])
)
"""Average levels K̄, the ends included."""


def sides(largest: int) -> st.SearchStrategy[int]:
    """Widths or heights, 1..largest."""
    return st.integers(1, largest)


@st.composite
def grey_maps(draw: st.DrawFn, largest: int = 6) -> NDArray[np.uint8]:
    """uint8 (h, w) maps: anything, and the special ones (all zero, constant, one hot)."""
    shape = (draw(sides(largest)), draw(sides(largest)))
    kind = draw(st.sampled_from(["any", "constant", "one hot"]))
    if kind == "any":
        return draw(hnp.arrays(np.uint8, shape))
    value = draw(st.integers(0, 255))
    if kind == "constant":
        return np.full(shape, value, np.uint8)
    grey = np.zeros(shape, np.uint8)
    grey.flat[draw(st.integers(0, grey.size - 1))] = value
    return grey


@st.composite
def importances(draw: st.DrawFn, largest: int = 8) -> NDArray[np.int64]:
    """int64 (hb, wb) block importance, up to 2^40 as large pictures have it."""
    shape = (draw(sides(largest)), draw(sides(largest)))
    top = draw(st.sampled_from([0, 1, 3, 255, 2**40]))
    return draw(hnp.arrays(np.int64, shape, elements=st.integers(0, top)))


@st.composite
def images(draw: st.DrawFn, largest: int = 40) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) pictures: noise from a drawn seed, which is quicker than drawing pixels."""
    height, width, seed = draw(sides(largest)), draw(sides(largest)), draw(st.integers(0, 2**32))
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
