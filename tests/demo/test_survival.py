"""Semantic survival: what the classifier still sees in a decoded picture, in demo and study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leaderboard.data.datasets import Dataset, load_dataset
from leaderboard.run.scores import CLASSIFIERS
from leaderboard.studies import Context
from leaderboard.studies import survival as study
from semcomp.demo.compress import sides
from semcomp.demo.compress.survival import Survival, row, survival
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import words, work
from semcomp.semantics.activation import analyse, load_classifier

CAT = work.samples()["cat"]
CUP = work.samples()["coffee"]


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(CAT[::2, ::2].copy(), "cat")


def test_the_original_survives_itself(session: Session) -> None:
    whole = survival(session, None, session.picture)
    assert whole.kept and whole.first
    assert whole.before == whole.after == session.encoder.semantic_map().top[0].probability
    assert whole.name in whole.sentence() and "still says" in whole.sentence()


def test_another_picture_is_something_else(session: Session) -> None:
    height, width = session.picture.shape[:2]
    other = np.asarray(Image.fromarray(CUP).resize((width, height)))
    lost = survival(session, None, other)
    assert not lost.kept and lost.now != lost.name
    assert lost.after < lost.before / 10
    said = lost.sentence()
    assert f"now says {lost.now}; {lost.name} went from {words.percent(lost.before)}" in said


def test_the_class_that_was_chosen_counts(session: Session) -> None:
    second = session.encoder.semantic_map().top[1]
    chosen = survival(session, second.name, session.picture)
    assert chosen.name == second.name and chosen.after == pytest.approx(second.probability)
    assert not chosen.first and not chosen.kept  # it never was the most probable one
    assert "still" not in chosen.sentence() and second.name in chosen.sentence()


def test_a_comparison_marks_the_picture_that_is_still_the_same() -> None:
    kept, lost = Survival("cat", 0.3, 0.2, True, "cat"), Survival("cat", 0.3, 0.01, True, "cup")
    assert row((kept, lost)) == ("Seen as cat (original 30%)", ["20%", "1.0%, now cup"], 0)
    assert row((lost, kept))[2] == 1
    assert row((kept, kept))[2] is row((lost, lost))[2] is None
    asked = kept._replace(first=False, now="cup")
    assert row((asked, asked))[1:] == (["20%", "20%"], None)


def test_both_sides_of_the_viewer_are_looked_at(session: Session) -> None:
    run = session.finished(Choice(2))
    ours, george = sides.of_run(session, run), sides.made(session, "george", run, {})
    assert ours.survival == survival(session, None, run.picture)
    assert george.survival is not None and george.picture is not None
    assert george.survival.before == session.encoder.semantic_map().top[0].probability
    original = sides.known(session, "original", run)
    assert original is not None and original.survival is None


# Study


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    for name, picture in (("cat", CAT[:160, :224]), ("cup", CUP[:160, :224])):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    return load_dataset(tmp_path)


def test_study(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "NAMES", ("jpeg", "george"))
    monkeypatch.setattr(study, "RATES", (0.6, 9.0))
    found = study.run(Context(dataset))
    table = found.table.set_index(["bpp", "codec"])
    assert list(table.columns) == list(study._COLUMNS)
    near, far = table.loc[0.6], table.loc[9.0]
    assert near.notna().all().all() and (near >= 0).all().all() and (near <= 1).all().all()
    assert (near["same class, second"] <= near["in the top 5, second"]).all()
    assert far.isna().all().all()  # out of reach
    notes = " ".join(found.notes)
    assert "At 9 bpp out of reach in some picture: jpeg, george." in notes
    assert "one picture is 50.0%" in notes and all(name in notes for name in CLASSIFIERS)


def test_survival_of_the_original_and_of_nothing() -> None:
    picture = CAT[:96, :96]
    original = [analyse(picture, classifier=load_classifier(name)) for name in CLASSIFIERS]
    same = study.survival(original, picture)
    assert [same[column] for column in study._COLUMNS[:4]] == [1, 1, 1, 1]
    assert same["probability, first"] == pytest.approx(original[0].top[0].probability)
    grey = study.survival(original, np.full_like(picture, 128))
    assert grey["same class, first"] == grey["same class, second"] == 0
    assert grey["probability, second"] < same["probability, second"]
