"""What stands beside our picture, and what the classifier still sees in each."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from semcomp.demo.compress import sides
from semcomp.demo.compress.equal_bytes import match
from semcomp.demo.compress.sides import Survival, survival, survival_row
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import words, work
from semcomp.formats.registry import read

CAT = work.samples()["cat"]
CUP = work.samples()["coffee"]


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(CAT[::2, ::2].copy(), "cat")


def test_the_original_survives_itself(session: Session) -> None:
    whole = survival(session, Choice(), session.picture)
    assert whole.survives and whole.first
    assert whole.before == whole.after == session.encoder.semantic_map().top[0].probability
    assert whole.name in whole.sentence() and "still says" in whole.sentence()


def test_another_picture_is_something_else(session: Session) -> None:
    height, width = session.picture.shape[:2]
    other = np.asarray(Image.fromarray(CUP).resize((width, height)))
    lost = survival(session, Choice(), other)
    assert not lost.survives and lost.now != lost.name
    assert lost.after < lost.before / 10
    said = lost.sentence()
    assert f"now says {lost.now}; {lost.name} went from {words.percent(lost.before)}" in said


def test_the_class_that_was_chosen_counts(session: Session) -> None:
    second = session.encoder.semantic_map().top[1]
    chosen = survival(session, Choice(focus=second.name), session.picture)
    assert chosen.name == second.name and chosen.after == pytest.approx(second.probability)
    assert not chosen.first and not chosen.survives  # it never was the most probable one
    assert "still" not in chosen.sentence() and second.name in chosen.sentence()


def test_a_comparison_marks_the_picture_that_is_still_the_same() -> None:
    kept, lost = Survival("cat", 0.3, 0.2, True, "cat"), Survival("cat", 0.3, 0.01, True, "cup")
    assert survival_row((kept, lost)) == ("Seen as cat (original 30%)", ["20%", "1.0%, now cup"], 0)
    assert survival_row((lost, kept))[2] == 1
    assert survival_row((kept, kept))[2] is survival_row((lost, lost))[2] is None
    asked = kept._replace(first=False, now="cup")
    assert survival_row((asked, asked))[1:] == (["20%", "20%"], None)


def test_both_sides_of_the_viewer_are_looked_at(session: Session) -> None:
    run = session.finished(Choice(2))
    ours, george = sides.our_side(session, run), sides.find_side(session, "george", run)
    assert ours.survival == survival(session, Choice(), run.picture)
    assert george.survival is not None and george.picture is not None
    assert george.survival.before == session.encoder.semantic_map().top[0].probability
    original = sides.ready_side(session, "original", run)
    assert original is not None and original.survival is None


def test_a_format_stands_with_and_without_the_map(session: Session) -> None:
    run = session.finished(Choice(6))
    plain, led = (sides.find_side(session, key, run) for key in ("webp", "webp-map"))
    for side in (plain, led):
        assert side.facts is not None and side.facts["bytes"] == len(side.data) <= len(run.data)
        assert side.picture is not None and (side.picture == read(side.data)).all()
    assert plain.data != led.data
    even = session.finished(Choice(6, strength=0))  # a focus of 0 is nobody's map
    nobodys = sides.find_side(session, "webp-map", even)
    assert nobodys.data == match("webp", session.picture, len(even.data)).data
