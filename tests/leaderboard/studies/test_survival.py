"""The study of semantic survival: what classifiers still see in every codec's pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leaderboard.data.datasets import Dataset, load_dataset
from leaderboard.run.measuring import CLASSIFIERS
from leaderboard.studies import Context
from leaderboard.studies import survival as study
from semcomp.demo.shared import work
from semcomp.semantics.activation import analyse, load_classifier

CAT = work.samples()["cat"]
CUP = work.samples()["coffee"]


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
