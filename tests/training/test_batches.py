"""Crops of labelled pictures and the batches made of them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from semcomp.errors import DatasetError
from semcomp.training.classifier import datasets
from semcomp.training.classifier.batches import Batches, square_crop
from semcomp.training.classifier.datasets import LabelledPictures, load_dataset
from tests.support.labelled import pictures_in


def test_square_crop_takes_what_it_is_told():
    y, x = np.mgrid[:20, :36].astype(np.uint8)
    picture = np.stack([y, x, y], 2)
    np.testing.assert_array_equal(square_crop(picture, 20), picture[:, 8:28])
    np.testing.assert_array_equal(square_crop(picture, 20, x=1.0), picture[:, 16:])
    np.testing.assert_array_equal(square_crop(picture, 10, 2.0, 1.0, 0.0), picture[10:, :10])
    small = square_crop(np.repeat(np.repeat(picture, 2, 0), 2, 1), 20).astype(int)
    assert np.abs(small - picture[:, 8:28])[1:-1, 1:-1].max() <= 1


def numbered(count: int, side: int = 16) -> LabelledPictures:
    """Flat pictures whose value and label are their number."""
    pixels = np.arange(count, dtype=np.uint8)[:, None, None, None].repeat(side, 1)
    pixels = np.ascontiguousarray(pixels.repeat(side, 2).repeat(3, 3))
    names = tuple(map(str, range(count)))
    return LabelledPictures("numbers", pixels, np.arange(count), names, "made up")


def test_an_epoch_shows_every_picture_once():
    batches = Batches(numbered(12), batch=4, crop=16, threads=2)
    assert len(batches) == 3
    shown = []
    for pixels, labels in batches.epoch(0):
        assert pixels.shape == (4, 3, 16, 16)
        np.testing.assert_array_equal(pixels[:, 0, 3, 3], labels)
        shown += labels.tolist()
    assert sorted(shown) == list(range(12))
    assert shown != [label for _, labels in batches.epoch(1) for label in labels.tolist()]
    assert shown == [label for _, labels in batches.epoch(0) for label in labels.tolist()]


def test_an_epoch_goes_on_in_the_middle(tmp_path):
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / name).mkdir()
        for index in range(6):
            pixels = rng.integers(0, 256, (60, 50, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    found = load_dataset(tmp_path, "all")
    whole = list(Batches(found, batch=3, crop=20, seed=4).epoch(2))
    # no memory for decoded pictures, other threads, another start: the same crops
    rest = list(Batches(found, batch=3, crop=20, seed=4, memory=0, threads=1).epoch(2, 1))
    assert len(whole) == 4
    for (pixels, labels), (again, same) in zip(whole[1:], rest, strict=True):
        assert labels.tolist() == same.tolist()
        assert (pixels == again).all()
    other = next(Batches(found, batch=3, crop=20, seed=5).epoch(2))
    assert not (whole[0][0] == other[0]).all()


def test_decoded_pictures_are_kept_within_the_memory(tmp_path, monkeypatch):
    pictures_in(tmp_path, *(f"{c}/{i}.png" for c in "ab" for i in range(4)))
    found = load_dataset(tmp_path, "all")
    decoded = []
    load = datasets._load
    monkeypatch.setattr(datasets, "_load", lambda item: decoded.append(item) or load(item))
    one = 30 * 40 * 3
    batches = Batches(found, batch=8, crop=32, memory=5 * one, threads=1)
    for epoch in range(2):
        list(batches.epoch(epoch))
    assert len(decoded) == 8 + 3


def test_evaluation_is_in_order_and_complete():
    batches = Batches(numbered(7), batch=3, crop=16, augment=False)
    assert [labels.tolist() for _, labels in batches.in_order()] == [[0, 1, 2], [3, 4, 5], [6]]
    assert next(Batches(numbered(2), batch=9, crop=16).epoch(0))[0].shape[0] == 2


def test_a_broken_picture_ends_the_epoch(tmp_path):
    pictures_in(tmp_path, *(f"{c}/{i}.png" for c in "ab" for i in range(4)))
    (tmp_path / "b" / "2.png").write_bytes(b"broken")
    batches = Batches(load_dataset(tmp_path, "all"), batch=2, crop=16, threads=2)
    with pytest.raises(DatasetError, match=r"2\.png"):
        list(batches.epoch(0))
