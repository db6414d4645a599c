"""Tests of the lesson's parts: formulas, Algorithm 1 in rounds, charts, books, pictures, curves."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semcomp.allocation.levels import proportional_levels
from semcomp.demo.lesson import charts, pictures
from semcomp.demo.lesson.algorithm import walk
from semcomp.demo.lesson.book import Book, Frame, Step, plural, table, times
from semcomp.demo.lesson.curves import RATES, Curve, results
from semcomp.image import data_url, to_file

PHOTO = np.random.default_rng(3).integers(0, 256, (48, 72, 3), np.uint8)


def decoded(url: str) -> np.ndarray:
    """The pixels of a data URL."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))))


def test_formulas_become_mathml() -> None:
    formulas = (
        r"T_i = \lfloor L_i \times \bar{K} \times N \rfloor",
        r"\frac{a}{\sum_{i=1}^N x_i^2} - \text{of two} + \sum_{i=1}^N y",
    )
    html = Step(1, "", Book("a", (Frame("", ""),)), formulas, "", "", "").html()
    first, second = map(ElementTree.fromstring, re.findall(r"<math.*?</math>", html))
    assert "".join(first.itertext()) == "Ti=⌊Li×K¯×N⌋"
    tags = [element.tag.split("}")[1] for element in second.iter()]
    assert tags.count("mfrac") == tags.count("munderover") == 1 and "msubsup" in tags
    assert "of\xa0two" in "".join(second.itertext()) and "−" in "".join(second.itertext())


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(0, 10**7), min_size=1, max_size=40),
    level=st.floats(0.1, 24),
)
def test_the_rounds_lead_where_the_allocation_leads(values: list[int], level: float) -> None:
    importance = np.array(values, np.int64)[None]
    seen = walk(importance, level)
    assert (seen.levels == proportional_levels(importance, level, 0)).all()
    assert (seen.rounds[0].shares == seen.trace.before_cap).all()
    assert tuple(r.excess for r in seen.rounds if r.capped) == seen.trace.excess
    last = np.minimum(seen.rounds[-1].shares, 24)
    raised = seen.levels - last
    assert raised.min() >= 0 and raised.max() <= 1 and raised.sum() == seen.trace.remainder
    assert np.isclose(seen.exact.sum(), seen.trace.budget)
    assert (np.floor(seen.exact + 1e-9) >= seen.rounds[0].shares).all()


def test_charts_are_well_formed_and_to_scale() -> None:
    bars = charts.bars("a < b", [charts.Bar("one", 50, "50 & more"), charts.Bar("two", 100, "100")])
    root = ElementTree.fromstring(bars)
    wide = [float(r.attrib["width"]) for r in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert wide[1] == pytest.approx(2 * wide[0], abs=0.2)
    assert root.attrib["aria-label"] == "a < b"
    columns = charts.columns("c", [0, 1, 4], title="t", ticks=[(0, "0")], warm=[False, False, True])
    tall = [
        float(r.attrib["height"])
        for r in ElementTree.fromstring(columns).iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert tall[0] == 0 and tall[2] == pytest.approx(4 * tall[1], abs=0.2)
    parts = [charts.Bar("header", 1, "1"), charts.Bar("codes", 3, "3")]
    wide = [
        float(r.attrib["width"])
        for r in ElementTree.fromstring(charts.stacked("s", parts, 4)).iter(
            "{http://www.w3.org/2000/svg}rect"
        )
        if r.attrib.get("height") == "26"
    ][1:]
    assert sum(wide) == pytest.approx(charts.WIDTH, abs=0.1) and wide[1] > 2.9 * wide[0]
    axis = charts.Axis(0, 10, "x", ((0, "0"), (10, "10")))
    line = charts.Line(((0, 0), (5, 10), (10, 0)))
    drawn = charts.lines("l", [line], axis, axis, marks=[(5, 10, "red")], cursor=5)
    places = ElementTree.fromstring(drawn).find("{http://www.w3.org/2000/svg}polyline")
    assert places is not None and len(places.attrib["points"].split()) == 3
    assert axis.place(20, 100) == 100 and axis.place(-1, 100) == 0


def test_a_book_shows_one_frame_and_names_it() -> None:
    frames = (Frame("first <one>", "a", key=True), Frame("second", "b", caption="<b>two</b>"))
    html = Book("Turn me", frames, start=1).html()
    assert html.count("data-away") == 1 and html.index("data-away") < html.index("<b>two</b>")
    assert "first &lt;one&gt;" in html and "<output>second</output>" in html
    assert 'max="1"' in html and 'value="1"' in html
    for wrong in ((), frames):
        with pytest.raises(ValueError, match="frames"):
            Book("Turn me", wrong, start=2)
    assert "&lt;i&gt;" in table(("", "x"), [("<i>", "1")])


def test_photographs_travel_without_loss() -> None:
    assert (decoded(pictures.photo_url(PHOTO)) == PHOTO).all()
    assert (decoded(data_url(PHOTO)) == PHOTO).all()
    assert (
        len(to_file(PHOTO, "PNG", optimize=True)) > PHOTO.nbytes * 0.9
    )  # noise has nothing to save


def test_the_zoom_ends_at_the_block() -> None:
    for block in ((0, 0), (2, 5), (5, 8)):
        views = pictures.zooms(PHOTO, block)
        assert [min(part.shape[:2]) for part, _ in views] == [32, 16, 8]
        for part, (top, left) in views:
            shown = part[top : top + 8, left : left + 8]
            there = PHOTO[8 * block[0] : 8 * block[0] + 8, 8 * block[1] : 8 * block[1] + 8]
            assert (shown == there).all()
    part, at = views[-1]
    assert pictures.with_numbers(part, at).size == (part.shape[1] * 60, 8 * 60)


def test_drawings_say_what_the_arrays_say() -> None:
    levels = np.array([[0, 24], [12, 30]])
    colours = pictures.level_colours(levels)
    assert tuple(colours[1, 1]) == pictures.OVER
    light = colours.astype(int).sum(2)
    assert light[0, 0] < light[1, 0] < light[0, 1]
    same = pictures.residual(PHOTO, PHOTO)
    assert (same == 128).all()
    darker = pictures.residual(PHOTO, np.minimum(PHOTO, 200).astype(np.uint8))
    assert darker.min() >= 128 and darker.max() > 128
    bits = np.zeros((8, 2, 3), np.int8)
    bits[0], bits[1] = 1, -1
    shown = pictures.bit_planes(bits)
    assert shown.shape == (2 * 4, 4 * 5)
    assert (shown[1:3, 1:4] == 255).all() and (shown[1:3, 6:9] == 0).all()
    assert (shown[5:7, 1:4] == 128).all()
    mask = np.array([[True, False]])
    assert pictures.spotlight(mask)[0, :, 3].tolist() == [0, 215]
    change = pictures.differences(np.array([[0.2, -0.2, 0.0]]), 0.2)
    assert tuple(change[0, 0, :3]) == pictures.BETTER and change[0, 2, 3] == 0
    framed = pictures.marked(PHOTO, (8, 16, 16, 24))
    assert (framed[8, 16:24] == pictures.MARKED).all() and (framed[11, 19] == PHOTO[11, 19]).all()


def curve(label: str, ours: bool, shift: float) -> Curve:
    points = tuple((0.1 * k, 0.7 + 0.03 * k + shift) for k in range(1, 9))
    bpp, score = ([point[i] for point in points] for i in (0, 1))
    at = tuple(float(np.interp(r, bpp, score)) for r in RATES)
    reach = (*at[:-1], None)
    return Curve(
        label,
        "#000000",
        ours,
        {"ms_ssim": points, "si_ssim": points},
        {"ms_ssim": reach, "si_ssim": at},
    )


def test_the_last_step_names_who_leads() -> None:
    step = results([curve("semantic (ours)", True, 0.02), curve("george (ours)", True, 0.0)])
    middle = next(f for f in step.book.frames if f.label.startswith("0.5"))
    assert "<b>semantic (ours)</b> leads in both scores" in middle.caption
    assert middle.side.index("semantic (ours)") < middle.side.index("george (ours)")
    assert "0.870" in middle.side and "0.020 above" in step.answer
    assert "–" in step.book.frames[-1].side  # where a curve does not reach
    for svg in re.findall(r"<svg.*?</svg>", middle.view):
        ElementTree.fromstring(svg)
    assert "not at hand" in results(()).html()


def test_numbers_for_people() -> None:
    assert [times(v) for v in (0.001, 0.254, 3.21, 40.4)] == ["0", "0.25", "3.2", "40"]
    assert plural(1, "block") == "1 block" and plural(1200, "block") == "1,200 blocks"
