"""Tests of the lesson's steps: what they say is what the codec does, on any picture."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from xml.etree import ElementTree

import numpy as np
import pytest
import skimage.data

import semcomp
from semcomp.allocation.planning import read_levels
from semcomp.coding import bitstream
from semcomp.demo.lesson import (
    curves,
    failures,
    steps_coding,
    steps_judging,
    steps_seeing,
    steps_sharing,
)
from semcomp.demo.lesson.book import SHORT, TITLES, Step
from semcomp.demo.lesson.study import LATEST, PictureStudy, study
from semcomp.errors import AllocationError
from semcomp.metrics import si_ssim, ssim
from semcomp.semantics.activation import analyse, scores
from semcomp.semantics.classifiers import load_classifier

LEVEL = 4


@cache
def look() -> PictureStudy:
    """A crop of a sample, 120 × 184 pixels: neither side is a multiple of 16."""
    return study(skimage.data.coffee()[60:180, 190:374], LEVEL)


@cache
def steps() -> tuple[Step, ...]:
    """The eight steps of that picture."""
    seen = look()
    return (
        steps_seeing.cost(seen),
        steps_seeing.looking(seen),
        steps_seeing.importance(seen),
        steps_sharing.sharing(seen),
        steps_coding.iterations(seen),
        steps_coding.spent(seen),
        steps_judging.judging(seen),
        curves.results(()),
    )


def test_eight_steps_with_all_their_parts() -> None:
    assert [step.number for step in steps()] == list(range(1, 9))
    assert len(TITLES) == len(SHORT) == 8
    for step in steps():
        html = step.html()
        assert step.see.endswith((".", "?")) and step.question.endswith("?")
        assert step.answer and step.meaning and "<math" in html
        assert html.count("<details") == html.count("</details>") >= 2
        if step.number < 8:
            assert len(step.book.frames) >= 4, step.title
            assert any(frame.key for frame in step.book.frames), "paper would show nothing"
        for drawing in re.findall(r"<(?:svg|math).*?</(?:svg|math)>", html):
            ElementTree.fromstring(drawing)
            assert "\\" not in drawing, "a sign of TeX that MathML has not become"
        assert "http" not in html.replace("http://www.w3.org", ""), "a request off the page"


def test_the_cost_is_counted() -> None:
    text = steps()[0].html()
    assert f"{120 * 184 * 3:,} bytes" in text and f"{len(look().semantic.data):,} bytes" in text
    assert "192 numbers" in text


def test_the_map_adds_up_to_the_score() -> None:
    seen = look()
    bias = float(seen.seen.bias[seen.class_index])
    assert seen.class_score == pytest.approx(seen.activation.mean() + bias, rel=1e-6)
    assert seen.class_score == pytest.approx(scores(seen.seen)[seen.class_index])
    *_, last, both, _ = steps()[1].book.frames
    assert both.label == "both sizes"
    assert f"{seen.class_score:.1f}" in last.caption
    assert seen.semantic_map.chosen[0].name in last.caption
    assert last.label == f"{len(seen.seen.maps):,} features"


def test_shares_of_importance_grow_with_the_blocks() -> None:
    frames = [f for f in steps()[2].book.frames if f.label.startswith("top")]
    held = [int(m[1]) for f in frames if (m := re.search(r"<b>(\d+)%</b>", f.caption))]
    lit = [int(f.label.split()[1].rstrip("%")) for f in frames]
    assert held == sorted(held) and held[-1] == 100
    assert all(h >= share for h, share in zip(held, lit, strict=True))


def test_the_papers_classifier_stands_beside_the_usual_one() -> None:
    frame = steps()[1].book.frames[-1]
    theirs = analyse(look().picture, classifier=load_classifier("vgg16-gap"))
    assert f"<b>{escape(theirs.top[0].name)}</b>" in frame.caption
    assert f"map for “{escape(look().semantic_map.chosen[0].name)}”" in frame.caption
    assert "EfficientNet-Lite0" in frame.side


def test_sharing_ends_in_the_levels_of_the_file() -> None:
    seen = look()
    header = bitstream.parse(seen.semantic.data).header
    assert (read_levels(header) == seen.plan.levels).all()
    frames = steps()[3].book.frames
    budget = LEVEL * seen.blocks
    assert f"{budget:,} iterations" in frames[0].caption
    assert f"All {budget:,} are used" in frames[-2].caption
    assert seen.walk.levels.sum() == budget == seen.plan.levels.sum()
    assert frames[-1].label == f"with a floor of {seen.floor:.3g}"
    assert "none: 0" in frames[-1].caption


def test_a_level_at_which_the_cap_cuts() -> None:
    high = study(look().picture, 16)
    step = steps_sharing.sharing(high)
    assert high.walk.trace.excess, "the picture's importance is too even for this test"
    caps = [f for f in step.book.frames if f.label.startswith("cap")]
    assert len(caps) == len(high.walk.rounds) - 1
    assert f"{high.walk.trace.excess[0]:,} iteration" in caps[0].caption


def test_iterations_are_those_of_the_codec() -> None:
    seen = look()
    whole = semcomp.compress(
        seen.picture, LATEST, "uniform", semantic_map=seen.semantic_map, model="paper"
    )
    three = semcomp.decompress(whole.data, iterations=3)
    assert (np.asarray(three) == seen.history[2]).all()
    chunks = bitstream.parse(whole.data).chunks
    assert [len(c) for c in chunks] == [len(c) for c in seen.chunks]
    frame = steps()[4].book.frames[2]
    assert f"<b>{len(chunks[2]):,} bytes</b>" in frame.caption


def test_bytes_add_up_to_the_file() -> None:
    seen = look()
    made = semcomp.compress(seen.picture, LEVEL)
    assert made.data == seen.semantic.data
    for k, size in enumerate(seen.cut_sizes):
        total = size.header + size.map + size.codes + size.checks
        assert total == len(bitstream.truncate(made.data, k))
    assert f"<b>{len(made.data):,} bytes</b>" in steps()[5].book.frames[-1].caption


def test_two_files_of_equal_bytes_are_scored() -> None:
    seen = look()
    same, ours = seen.uniform, seen.matched
    assert len(ours.data) <= len(same.data) < 1.15 * len(ours.data)
    assert (np.asarray(semcomp.decompress(ours.data)) == ours.decoded).all()
    score = seen.score(ours.decoded)
    assert score.ssim == pytest.approx(ssim(seen.picture, ours.decoded))
    assert score.si_ssim == pytest.approx(si_ssim(seen.picture, ours.decoded, seen.weight))
    assert score.ms_ssim is None  # 120 pixels are too few for it
    assert score.saw == analyse(ours.decoded).top[0].name
    frames = steps()[6].book.frames
    assert f"{score.ssim:.4f}" in frames[3].caption and f"{score.si_ssim:.4f}" in frames[-1].caption
    assert "n/a" in frames[0].side


@pytest.mark.parametrize("size", [(1, 1), (9, 40), (40, 9)])
def test_any_picture_can_be_studied(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    seen = study(picture, 2)
    for make in (
        steps_seeing.cost,
        steps_seeing.looking,
        steps_seeing.importance,
        steps_sharing.sharing,
        steps_coding.iterations,
        steps_coding.spent,
        steps_judging.judging,
    ):
        assert "nan" not in re.sub(r'"data:[^"]*"|url\([^)]*\)', "", make(seen).html())


def test_large_pictures_are_reduced_and_wrong_settings_refused() -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    assert study(picture, 2, side=96).size == (32, 96)
    with pytest.raises(AllocationError):
        study(picture, 0)


def test_failures_are_judged_by_their_rules() -> None:
    flat = np.full((64, 96, 3), 128, np.uint8)
    cat = skimage.data.chelsea()[:256, 60:316]
    named = failures.judge(failures.Case(cat, "A cat", "", names=("cat", "tabby", "lynx")))
    assert not named.failed
    wrong = failures.judge(failures.Case(cat, "A <ship>", "No reason.", names=("ship",)))
    assert wrong.failed and named.semantic_map.top[0].name in wrong.report
    whole = failures.judge(failures.Case(cat, "All", "", place=(0, 0, 1, 1)))
    assert not whole.failed and whole.box == (0, 0, 256, 256)
    grey = upside = whole.semantic_map.grey
    row, column = np.unravel_index(np.argmin(upside), grey.shape)
    least = (
        row / grey.shape[0],
        column / grey.shape[1],
        (row + 1) / grey.shape[0],
        (column + 1) / grey.shape[1],
    )
    assert failures.judge(failures.Case(cat, "Least", "", place=least)).failed
    empty = failures.judge(failures.Case(flat, "Nothing", "", nothing=True))
    assert "average importance" in empty.report
    html = failures.gallery([named, wrong, whole])
    assert "3 pictures were tried just now, 1 failed" in html
    assert html.count('class="case"') == 1 and "A &lt;ship&gt;" in html and "A cat" in html


def test_the_cases_are_there_without_a_network() -> None:
    cases = failures.cases()
    assert len({case.title for case in cases}) == len(cases) >= 12
    for case in cases:
        assert case.picture.dtype == np.uint8 and max(case.picture.shape[:2]) <= 2 * failures.SIDE
        rules = (bool(case.names), case.place is not None, case.nothing)
        assert sum(rules) == 1, f"{case.title}: exactly one rule"


def test_a_step_needs_no_other_file() -> None:
    html = "".join(step.html() for step in steps())
    assert "src=" in html and not re.search(r'(src|href)="(?!data:)', html)
