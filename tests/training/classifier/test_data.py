"""Labelled pictures by name and from folders, and batches of crops of them."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semcomp.errors import DatasetError
from semcomp.semantics.classifiers import imagenet_classes
from semcomp.training.archives import ARCHIVES
from semcomp.training.classifier import data
from semcomp.training.classifier.data import (
    Batches,
    LabelledPictures,
    load_dataset,
    square_crop,
)
from tests.support.archives import tar_of
from tests.support.labelled import pictures_in, png

# Named sets


def cifar_files(per_class: int = 2) -> dict[str, bytes]:
    """A CIFAR-100 of few pictures, in its own files."""
    rng = np.random.default_rng(0)
    files = {"meta": pickle.dumps({b"fine_label_names": [b"apple", b"bee", b"can"]}, 3)}
    for name, count in (("train", 3 * per_class), ("test", 3)):
        content = {
            b"data": rng.integers(0, 256, (count, 3072), np.uint8),
            b"fine_labels": [i % 3 for i in range(count)],
            b"coarse_labels": [0] * count,
        }
        files[name] = pickle.dumps(content, 3)
    return files


def publish(monkeypatch, cache: Path, name: str, members: dict[str, bytes]) -> Path:
    """Put an archive where the download would leave it, and expect its sum."""
    monkeypatch.setenv("SEMCOMP_CACHE_DIR", str(cache))
    archive = ARCHIVES[name]
    (cache / name).mkdir(parents=True, exist_ok=True)
    path = tar_of(cache / name / Path(archive.url).name, *members.items())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(ARCHIVES, name, replace(archive, sha256=digest))
    return path


def quiet(line: str) -> None:
    pass


def test_cifar_100(monkeypatch, tmp_path):
    files = cifar_files()
    archive = publish(
        monkeypatch, tmp_path, "cifar-100", {f"cifar-100-python/{k}": v for k, v in files.items()}
    )
    train = load_dataset("cifar-100", "train", report=quiet)
    archive.unlink()  # unpacked once
    test = load_dataset("cifar-100", "test", report=quiet)
    assert (len(train), len(test)) == (6, 3)
    assert train.class_names == ("apple", "bee", "can")
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    stored = pickle.loads(files["train"])[b"data"]
    picture = train.picture(4)
    assert picture.shape == (32, 32, 3)
    assert picture.dtype == np.uint8
    assert picture[5, 7].tolist() == [int(stored[4][c * 1024 + 5 * 32 + 7]) for c in range(3)]
    assert train.fingerprint() != test.fingerprint()
    pictures = train.pictures(3)
    assert [p.tolist() for p in pictures] == [train.picture(i).tolist() for i in (0, 2, 4)]


@pytest.mark.parametrize("content", [None, b"", b"no pickle", pickle.dumps({})])
def test_a_damaged_cifar_100(monkeypatch, tmp_path, content):
    files = {f"cifar-100-python/{name}": data for name, data in cifar_files().items()}
    publish(monkeypatch, tmp_path, "cifar-100", files)
    load_dataset("cifar-100", report=quiet)
    meta = tmp_path / "cifar-100/contents/cifar-100-python/meta"
    meta.unlink() if content is None else meta.write_bytes(content)
    with pytest.raises(DatasetError, match="is not CIFAR-100"):
        load_dataset("cifar-100", report=quiet)


def test_caltech_256(monkeypatch, tmp_path):
    top = "256_ObjectCategories"
    members = {f"{top}/001.ak47/001_{i:04}.png": png(i) for i in range(1, 13)}
    members |= {f"{top}/002.american-flag/002_{i:04}.png": png(50 + i) for i in range(1, 8)}
    members |= {f"{top}/257.clutter/257_0001.png": png(99), f"{top}/002.american-flag/RENAME2": b""}
    publish(monkeypatch, tmp_path, "caltech-256", members)
    train = load_dataset("caltech-256", report=quiet)
    test = load_dataset("caltech-256", "test", report=quiet)
    assert train.class_names == test.class_names == ("ak47", "american-flag")
    assert [path.name for path in test.items] == ["001_0006.png", "002_0006.png"]
    assert test.labels.tolist() == [0, 1]
    assert len(train) == 17
    assert not set(train.items) & set(test.items)
    assert train.picture(0).shape == (30, 40, 3)


def test_the_published_archives():
    for name, archive in ARCHIVES.items():
        assert archive.url.startswith("https://"), name
        assert len(bytes.fromhex(archive.sha256)) == 32
        assert archive.note


def test_without_a_network_the_message_says_where_to_put_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SEMCOMP_CACHE_DIR", str(tmp_path))
    archive = replace(ARCHIVES["cifar-100"], url="http://127.0.0.1:9/cifar-100-python.tar.gz")
    monkeypatch.setitem(ARCHIVES, "cifar-100", archive)
    with pytest.raises(DatasetError) as caught:
        load_dataset("cifar-100", report=quiet)
    place = tmp_path / "cifar-100" / "cifar-100-python.tar.gz"
    assert f"put it at {place}" in str(caught.value)
    assert archive.sha256 in str(caught.value) and archive.page in str(caught.value)


# Folders


def test_a_sub_folder_for_each_class(tmp_path):
    pictures_in(tmp_path, *(f"cat/{i:02}.png" for i in range(16)), "dog/a.png", ".hidden/x.png")
    (tmp_path / "dog" / "notes.txt").write_text("no picture")
    (tmp_path / "empty").mkdir()
    train, test = load_dataset(tmp_path), load_dataset(str(tmp_path), "test")
    assert train.class_names == test.class_names == ("cat", "dog")
    assert [p.name for p in test.items] == ["05.png", "15.png"]
    assert train.labels.tolist() == [0] * 14 + [1]
    assert train.name == tmp_path.name


def test_a_folder_that_is_divided_already(tmp_path):
    pictures_in(tmp_path, "train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "val/ant/4.png")
    train, test = load_dataset(tmp_path), load_dataset(tmp_path, "test")
    assert train.class_names == test.class_names == ("ant", "cat", "dog")
    assert [p.name for p in train.items] == ["1.png", "2.png"]
    assert ([p.name for p in test.items], test.labels.tolist()) == (["4.png", "3.png"], [0, 1])


def test_classes_may_be_named_train_and_test(tmp_path):
    pictures_in(tmp_path, "train/1.png", "test/2.png")
    assert load_dataset(tmp_path).class_names == ("test", "train")


def test_names_that_carry_the_class(tmp_path):
    pictures_in(
        tmp_path,
        "imagenet-n02000000_grey_crane.png",
        "imagenet-n01000000_black-footed_ferret.png",
        "imagenet-n02000000_other_name.jpg",
        "bsds-1.png",
    )
    found = load_dataset(tmp_path)
    assert found.class_names == ("black-footed ferret", "grey crane")
    assert found.labels.tolist() == [0, 1, 1]
    assert len(load_dataset(tmp_path, "test")) == 0


def test_names_of_two_synsets_stay_apart(tmp_path):
    pictures_in(tmp_path, "imagenet-n02000000_crane.png", "imagenet-n01000000_Crane.png")
    assert load_dataset(tmp_path).class_names == ("Crane (n01000000)", "crane (n02000000)")


def test_all_of_imagenet_has_its_usual_names(tmp_path):
    for index in range(1000):
        (tmp_path / f"imagenet-n{index:08}_x.png").write_bytes(b"")
    assert load_dataset(tmp_path).class_names == imagenet_classes()


def test_folders_without_labels(tmp_path):
    pictures_in(tmp_path, "a.png", "b.png")
    with pytest.raises(DatasetError, match="give each class a sub-folder"):
        load_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"no data set 'nowhere': name caltech-256, cifar-100"):
        load_dataset("nowhere")


def test_a_broken_picture_is_named(tmp_path):
    pictures_in(tmp_path, "cat/1.png", "dog/2.png")
    (tmp_path / "dog" / "2.png").write_bytes(png()[:60])
    found = load_dataset(tmp_path)
    with pytest.raises(DatasetError, match=r"2\.png.*repair or remove"):
        found.pictures()


# Batches


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
        for index in range(7):  # one is held out
            pixels = rng.integers(0, 256, (60, 50, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    found = load_dataset(tmp_path)
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
    found = load_dataset(tmp_path)
    decoded = []
    load = data._load
    monkeypatch.setattr(data, "_load", lambda item: decoded.append(item) or load(item))
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
    batches = Batches(load_dataset(tmp_path), batch=2, crop=16, threads=2)
    with pytest.raises(DatasetError, match=r"2\.png"):
        list(batches.epoch(0))
