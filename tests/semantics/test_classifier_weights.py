"""The weights of a trained classifier: their card, their map, and their use by name."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semcomp.__main__ import main
from semcomp.errors import SemanticError
from semcomp.parts import digest_of, read_parts
from semcomp.semantics import classifiers
from semcomp.semantics.activation import analyse
from semcomp.semantics.classifiers import load_classifier
from semcomp.training.classifier.export import export_classifier
from semcomp.training.classifier.options import ClassifierOptions
from semcomp.training.classifier.run import train_classifier
from semcomp.training.classifier.trainer import ClassifierTrainer
from semcomp.weights import available
from tests.support.shapes import SHAPES, SIDE, scene, shapes


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Folder of a network that tells the shapes apart, trained and exported."""
    out = tmp_path_factory.mktemp("vgg16-gap")
    options = ClassifierOptions(data="shapes", width=1 / 8, batch=16, epochs=8, seed=0)
    trainer = ClassifierTrainer(options, shapes(96), shapes(24, seed=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semcomp.training.classifier.data.JITTER", 1.2)
        train_classifier(trainer, out, lambda line: None)
    export_classifier(trainer, out)
    return out


def test_the_card_says_what_was_measured(trained):
    card = json.loads((trained / "card.json").read_text())
    assert card["held_out"]["pictures"] == 24
    assert card["held_out"]["top1"] >= 0.9
    assert (card["classes"], card["training_pictures"], card["epochs"]) == (3, 96, 8)
    assert card["data"] == "drawn shapes"
    text = (trained / "CARD.md").read_text()
    assert f"top-1 {card['held_out']['top1']:.1%}" in text
    assert card["sha256"] in text
    tensors, _ = read_parts(trained)
    assert digest_of(tensors) == card["sha256"]
    assert tensors["conv.0.weight"].dtype == torch.float16
    assert tensors["conv.1.running_var"].dtype == torch.float32


def test_training_top1_rises(trained):
    rows = list(csv.DictReader((trained / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == [str(n) for n in range(1, 9)]
    assert float(rows[-1]["train_top1"]) > float(rows[0]["train_top1"])
    assert float(rows[-1]["loss"]) < 0.5 * float(rows[0]["loss"])
    assert float(rows[-1]["learning_rate"]) == pytest.approx(0.0002)


def test_the_map_points_at_the_object(trained):
    """From drawn shapes through training, file and loading to the activation map (eq. 1-3)."""
    classifier = load_classifier(str(trained))
    assert list(classifier.class_names) == list(SHAPES)
    rng = np.random.default_rng(7)
    named = inside = 0
    places = [(0, 0), (8, 60), (60, 10), (64, 64), (30, 32)]
    for label, name in enumerate(SHAPES):
        for y, x in places:
            found = analyse(scene(label, y, x, 96, rng), classifier=classifier)
            assert found.source == "vgg16-gap"
            assert found.grey.shape == (6, 6)
            named += found.top[0].name == name
            row, column = np.unravel_index(found.grey.argmax(), found.grey.shape)
            # cells are 16 pixels; their centres may lie half a cell outside of the shape
            inside += (
                y - 8 <= 16 * row + 8 <= y + SIDE + 8 and x - 8 <= 16 * column + 8 <= x + SIDE + 8
            )
    assert named >= 13
    assert inside >= 13


def test_a_map_of_such_a_network_compresses_a_picture(trained):
    from semcomp.pipeline import compress, info

    picture = scene(0, 8, 60, 96, np.random.default_rng(3))
    found = analyse(picture, classifier=load_classifier(str(trained)))
    packed = compress(picture, 6, "proportional", semantic_map=found, device="cpu")
    assert info(packed.data)["width"] == 96
    levels = np.asarray(packed.levels, float)
    assert levels[1:5, 8:11].mean() > levels[6:, :6].mean()


def test_the_command_compresses_with_such_a_network(trained, tmp_path, capsys):
    source, out = tmp_path / "scene.png", tmp_path / "scene.semc"
    Image.fromarray(scene(1, 30, 50, 96, np.random.default_rng(3))).save(source)
    words = ["compress", str(source), str(out), "--device", "cpu", "--json"]
    assert main([*words, "--classifier", str(trained)]) == 0
    assert json.loads(capsys.readouterr().out)["class"] == "square"
    assert main([*words, "--classifier", str(trained), "--class", "disc"]) == 0
    assert json.loads(capsys.readouterr().out)["class"] == "disc"
    assert main([*words, "--classifier", "vgg19"]) == 1
    assert "unknown classifier 'vgg19'" in capsys.readouterr().err
    painted = [*words, "--classifier", str(trained)]
    assert main([*painted, "--map", str(source)]) == 2
    assert main([*painted, "--allocation", "uniform"]) == 2


def test_the_name_alone_finds_the_projects_own_weights(trained, tmp_path, monkeypatch):
    load_classifier.cache_clear()
    monkeypatch.setattr(classifiers, "VGG16_GAP_FOLDER", tmp_path / "missing")
    with pytest.raises(SemanticError, match="train classifier --out"):
        load_classifier("vgg16-gap")
    monkeypatch.setattr(classifiers, "VGG16_GAP_FOLDER", trained)
    assert list(load_classifier("vgg16-gap").class_names) == list(SHAPES)
    load_classifier.cache_clear()
    assert list(load_classifier(str(trained / "vgg16-gap-1-of-1.safetensors")).class_names) == list(
        SHAPES
    )


def test_a_classifier_is_no_codec(trained):
    assert available(trained.parent) == []
