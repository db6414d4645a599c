"""Maps of people: what is found on pictures one can check by eye, and what happens on others."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from semcomp.errors import SemanticError
from semcomp.image import load_image
from semcomp.semantics import subjects
from semcomp.semantics.maps import (
    ClassScore,
    SemanticMap,
    Subject,
    subject_names,
    upsample_grey,
)
from semcomp.semantics.subjects import analyse, find_faces, find_objects, find_text

ASTRONAUT, CAT = skimage.data.astronaut(), skimage.data.chelsea()


@pytest.fixture(scope="module")
def portrait():
    return analyse(ASTRONAUT, "people", text=False)


def kodak(kodak_dir, number: int) -> NDArray[np.uint8]:
    return load_image(kodak_dir / f"kodim{number:02}.png")


def contrast(semantic_map, picture: NDArray[np.uint8], box: tuple[int, int, int, int]) -> float:
    """Mean importance inside a box as a multiple of the whole picture's."""
    grey = upsample_grey(semantic_map.grey, *picture.shape[:2]).astype(float)
    left, top, right, bottom = box
    return float(grey[top:bottom, left:right].mean() / grey.mean())


def test_a_portrait_s_face_counts_most(portrait):
    faces = [subject for subject in portrait.subjects if subject.kind == "face"]
    assert len(faces) == 1 and faces[0].score > 0.7
    left, top, right, bottom = faces[0].box
    assert left < 225 < right and top < 110 < bottom  # the nose
    assert contrast(portrait, ASTRONAUT, faces[0].box) > 1.5
    assert portrait.grey.max() == 255 and portrait.source == "people"
    assert {"face", "person"} <= {subject.label for subject in portrait.subjects}


@pytest.fixture(scope="module")
def fused():
    """What `fuse` needs: a map of left to right, and three subjects side by side."""
    picture = np.zeros((64, 192, 3), np.uint8)
    ramp = np.array([[0, 255]], np.uint8)
    activation = SemanticMap(ramp, (), (ClassScore(3, "hat", 0.5),), "efficientnet-lite0")
    found = [
        Subject(kind, label, 0.9, (64 * i, 0, 64 * i + 64, 64))
        for i, (kind, label) in enumerate(
            [("object", "person"), ("object", "person"), ("text", "STOP")]
        )
    ]
    return picture, activation, found, subjects.find_areas(picture, found)


@pytest.mark.parametrize(
    ("without", "left"),
    [
        ([], ["person 1", "person 2", "STOP", "hat"]),
        (["person 2"], ["person 1", "STOP", "hat"]),
        (["Person"], ["STOP", "hat"]),
        (["text", "class"], ["person 1", "person 2"]),
        (["object", "stop"], ["hat"]),
        (["object", "text", "hat"], []),
    ],
)
def test_what_is_left_out_does_not_count(fused, without, left):
    picture, activation, found, areas = fused
    result = subjects.fuse(picture, activation, found, areas, without)
    named = zip(subject_names(result.subjects), result.subjects, strict=True)
    assert [name for name, subject in named if subject.counts] == left
    if left == ["hat"]:
        np.testing.assert_array_equal(result.grey, activation.grey)
    elif not left:
        assert (result.grey == 255).all()
    else:
        middle = result.grey[1:3].mean(0).reshape(3, 4).mean(1)  # the three, left to right
        for name, grey in zip(("person 1", "person 2", "STOP"), middle, strict=True):
            assert (grey > 120) == (name in left), name


def test_what_stays_keeps_its_shape(portrait):
    without = analyse(ASTRONAUT, "people", text=False, without=["face"])
    face = next(subject for subject in portrait.subjects if subject.kind == "face")
    assert contrast(without, ASTRONAUT, face.box) < contrast(portrait, ASTRONAUT, face.box)
    assert (without.grey <= portrait.grey).all() and (without.grey == portrait.grey).mean() > 0.9


def test_leaving_out_what_is_not_there_is_told(fused):
    picture, activation, found, areas = fused
    with pytest.raises(SemanticError, match=r"no 'dog' .* found person 1, person 2, STOP, hat"):
        subjects.fuse(picture, activation, found, areas, ["person", "dog"])
    with pytest.raises(SemanticError, match="only a map of people"):
        analyse(CAT, without=["face"])


def test_an_animal_is_found_and_no_face_in_a_texture():
    assert "cat" in {subject.label for subject in find_objects(CAT)}
    assert find_faces(skimage.data.brick()[..., None].repeat(3, 2)) == []


def test_where_nothing_is_found_the_class_stands_alone():
    flat = np.full((160, 200, 3), 90, np.uint8)
    result = analyse(flat, "people")
    assert [subject.kind for subject in result.subjects] == ["class"]
    np.testing.assert_array_equal(result.grey, subjects.analyse_class(flat).grey)


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (80, 8), (33, 65)])
def test_any_size_gives_a_map(shape):
    noise = np.random.default_rng(5).integers(0, 256, (*shape, 3), np.uint8)
    result = analyse(noise, "people")
    assert max(result.grey.shape) <= -(-max(shape) // 16) and result.grey.max() == 255


def test_a_long_picture_s_map_fits_the_file():
    long = np.tile(CAT[:100], (1, 18, 1))[:, :8000]
    assert max(analyse(long, "people", text=False).grey.shape) <= 255


def test_the_same_picture_gives_the_same_map(portrait):
    again = analyse(ASTRONAUT, "people", text=False)
    np.testing.assert_array_equal(again.grey, portrait.grey)
    assert again.subjects == portrait.subjects


def test_text_is_read():
    page = skimage.data.page()[..., None].repeat(3, 2)
    words = " ".join(subject.label for subject in find_text(page))
    assert re.search("region|threshold|segment", words, re.I)


def test_the_classifier_s_map_is_the_paper_s():
    expected = subjects.analyse_class(CAT)
    np.testing.assert_array_equal(analyse(CAT).grey, expected.grey)
    assert analyse(CAT).subjects == ()


def test_wrong_kinds_and_missing_parts_are_told(monkeypatch, tmp_path):
    with pytest.raises(SemanticError, match="people or classifier"):
        analyse(CAT, "faces")
    monkeypatch.setattr(subjects, "FOLDER", tmp_path)
    subjects._session.cache_clear()
    try:
        with pytest.raises(SemanticError, match="is missing: copy assets/detectors"):
            find_faces(CAT)
        (tmp_path / "centerface.onnx").write_bytes(b"no network")
        with pytest.raises(SemanticError, match="is damaged"):
            find_faces(CAT)
    finally:
        subjects._session.cache_clear()


def test_the_networks_are_those_of_the_card():
    card = (subjects.FOLDER / "CARD.md").read_text(encoding="utf-8")
    for path in subjects.FOLDER.glob("*.onnx"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in card


@pytest.mark.parametrize(
    ("number", "box"),
    [(4, (150, 230, 390, 540)), (15, (400, 60, 670, 400)), (18, (265, 175, 312, 240))],
)
def test_kodak_s_faces_count(kodak_dir, number, box):
    picture = kodak(kodak_dir, number)
    assert contrast(analyse(picture, "people", text=False), picture, box) >= 1.5


def test_kodak_s_birds_both_count(kodak_dir):
    picture = kodak(kodak_dir, 23)
    result = analyse(picture, "people", text=False)
    for box in (110, 200, 320, 470), (410, 120, 740, 490):
        assert contrast(result, picture, box) >= 1.5


def test_kodak_s_words_are_read(kodak_dir):
    assert "SNOWMASS" in {subject.label for subject in find_text(kodak(kodak_dir, 14))}


@pytest.mark.parametrize("number", [8, 13, 24])
def test_kodak_s_houses_have_no_face(kodak_dir, number):
    assert find_faces(kodak(kodak_dir, number)) == []


def test_a_subject_says_where_it_is():
    for subject in find_objects(CAT):
        assert isinstance(subject, Subject)
        left, top, right, bottom = subject.box
        assert 0 <= left < right <= CAT.shape[1] and 0 <= top < bottom <= CAT.shape[0]
