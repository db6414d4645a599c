"""The classifier's trainer: options, learning, resuming exactly, its command."""

from __future__ import annotations

import csv
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from semcomp.__main__ import main
from semcomp.errors import TrainingError
from semcomp.semantics.activation import scores
from semcomp.training.classifier import run as classifier_run
from semcomp.training.classifier.export import departures
from semcomp.training.classifier.options import ClassifierOptions, learning_rate, resumed_options
from semcomp.training.classifier.run import load_teacher, train_classifier
from semcomp.training.classifier.trainer import (
    ClassifierTrainer,
    distillation_loss,
    read_checkpoint,
)
from tests.support.shapes import SHAPES, shapes

TINY = ClassifierOptions(data="shapes", width=1 / 16, batch=6, epochs=3, crop=32, seed=1)


def trainer_of(options: ClassifierOptions = TINY, count: int = 18) -> ClassifierTrainer:
    return ClassifierTrainer(options, shapes(count), shapes(7, seed=1))


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def quiet(line: str) -> None:
    pass


# The rate and the options


def test_the_rate_falls_as_the_paper_says():
    plain = replace(TINY, epochs=100, warmup=0)
    rates = [learning_rate(plain, step, 7) for step in range(700)]
    assert rates[0] == 0.01
    assert rates[-1] == pytest.approx(0.0002)
    ratios = np.divide(rates[1:], rates[:-1])
    np.testing.assert_allclose(ratios, ratios[0])
    warm = [learning_rate(replace(plain, warmup=2), step, 7) for step in range(700)]
    assert warm[0] == pytest.approx(rates[0] / 14)
    assert warm[14:] == rates[14:]
    assert all(a < b for a, b in itertools.pairwise(warm[:14]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"width": 0.0}, "width is 0"),
        ({"width": math.nan}, "width is not a number"),
        ({"crop": 8}, "crops of 8 pixels"),
        ({"crop": 32, "teacher": "efficientnet-lite0"}, "one cell in crops of 32"),
        ({"lr": 1e-4}, "cannot fall"),
        ({"clip": -1.0}, "clip is -1"),
    ],
)
def test_options_without_sense(change, message):
    with pytest.raises(TrainingError, match=message):
        replace(TINY, **change)


def test_departures_from_the_paper_are_told():
    paper = ClassifierOptions(batch_norm=False, warmup=0, clip=0)
    assert departures(paper) == []
    said = " ".join(departures(replace(TINY, data="/somewhere/of/mine")))
    assert "batch normalisation" in said
    assert "pictures: mine" in said
    assert "somewhere" not in said


# Learning


def test_a_small_set_is_learnt_by_heart():
    options = replace(TINY, epochs=40, batch=9, augment=False, lr=0.005)
    pictures = shapes(9)
    trainer = ClassifierTrainer(options, pictures, pictures)
    before = trainer.evaluate()
    losses = [
        float(trainer.train_step(*batch)) for e in range(40) for batch in trainer.batches.epoch(e)
    ]
    after = trainer.evaluate()
    assert losses[-1] < 0.1 * losses[0]
    assert after.top1 == after.total == 9
    assert after.top5 == 9
    assert after.loss < 0.5 * before.loss


def test_accuracy_counts_what_it_says():
    trainer = trainer_of()
    with torch.no_grad():
        trainer.network.linear.weight.zero_()  # every score 0: the first class wins
    score = trainer.evaluate()
    assert score.total == 7
    assert score.top5 == 7  # of three classes
    assert score.loss == pytest.approx(7 * math.log(3))
    assert 0 <= score.top1 <= 7


def test_the_seed_decides_everything():
    state = torch.random.get_rng_state()
    first, second, other = (trainer_of(replace(TINY, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    for trainer in (first, second, other):
        for batch in trainer.batches.epoch(0):
            trainer.train_step(*batch)
    same, again, not_same = (t.network.linear.weight for t in (first, second, other))
    assert torch.equal(same, again)
    assert not torch.equal(same, not_same)


def test_a_teacher_is_learnt_cell_by_cell() -> None:
    teacher = load_teacher("efficientnet-lite0", "cpu")
    options = replace(TINY, batch=9, augment=False, lr=0.005, crop=96, width=0.25)
    drawn = shapes(9)
    labels = [int(scores(teacher.features(drawn.picture(i))).argmax()) for i in range(9)]
    seen = replace(drawn, class_names=tuple(teacher.class_names), labels=np.array(labels))
    trainer = ClassifierTrainer(options, seen, seen, teacher)
    before = trainer.map_correlation().network
    losses = [
        float(trainer.train_step(*batch)) for e in range(30) for batch in trainer.batches.epoch(e)
    ]
    assert losses[-1] < 0.6 * losses[0]
    assert trainer.map_correlation().network > before + 0.3


def test_equal_scores_cost_nothing() -> None:
    given = torch.linspace(-2, 3, 2 * 5 * 4 * 4).view(2, 5, 4, 4)
    coarse = given.unflatten(2, (2, 2)).unflatten(4, (2, 2)).mean((3, 5))
    assert float(distillation_loss(given, coarse)) < 1e-6
    assert float(distillation_loss(given.flip(1), coarse)) > 1


# Resuming


class Stopped(Exception):
    """A kill."""


def kill_at(patch, trainer: ClassifierTrainer, owner: object, name: str, step: int) -> None:
    """Let `owner.name` raise once the trainer is at `step`."""
    usual = getattr(owner, name)

    def killed(*words):
        if trainer.step == step:
            raise Stopped
        return usual(*words)

    patch.setattr(owner, name, killed)


@pytest.mark.parametrize("kill", ["in an epoch", "before its row", "after its row"])
def test_resumed_equals_uninterrupted(tmp_path, monkeypatch, kill):
    whole = trainer_of()
    train_classifier(whole, tmp_path / "whole", quiet)

    first = trainer_of()
    with monkeypatch.context() as patch:
        patch.setattr(classifier_run, "CHECKPOINT_SECONDS", 0.0)  # after every step
        place = {
            "in an epoch": (ClassifierTrainer, "train_step", 5),
            "before its row": (classifier_run, "_end_of_epoch", 6),
            "after its row": (ClassifierTrainer, "save", 6),
        }[kill]
        kill_at(patch, first, *place)
        with pytest.raises(Stopped):
            train_classifier(first, tmp_path / "parts", quiet)
    state = read_checkpoint(tmp_path / "parts" / "checkpoint.pt")
    assert state["step"] == 5
    second = trainer_of(resumed_options(state, {}))
    second.load(state)
    train_classifier(second, tmp_path / "parts", quiet)

    assert second.step == whole.step == 9
    for (name, value), other in zip(
        whole.network.state_dict().items(), second.network.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name
    timeless = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(tmp_path / part)]
        for part in ("whole", "parts")
    ]
    assert timeless[0] == timeless[1]
    assert [row["step"] for row in timeless[0]] == ["3", "6", "9"]


def test_another_file_in_the_logs_place_is_kept(tmp_path):
    (tmp_path / "log.csv").write_text("my,own,table\n1,2,3\n")
    with pytest.raises(TrainingError, match="move it away"):
        train_classifier(trainer_of(), tmp_path, quiet)
    assert (tmp_path / "log.csv").read_text() == "my,own,table\n1,2,3\n"


def test_a_time_box_stops_and_keeps_the_work(tmp_path):
    trainer = trainer_of(replace(TINY, minutes=0.0))
    train_classifier(trainer, tmp_path, quiet)
    assert trainer.step == 0
    assert read_checkpoint(tmp_path / "checkpoint.pt")["step"] == 0
    trainer = trainer_of(replace(TINY, minutes=1e-9, epochs=1000))
    train_classifier(trainer, tmp_path, quiet)
    assert trainer.step <= 1


def test_a_checkpoint_is_for_its_own_pictures_and_options(tmp_path):
    trainer_of().save(tmp_path / "checkpoint.pt")
    state = read_checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="trained with seed 1, not 3: leave the option out"):
        resumed_options(state, {"seed": 3})
    kept = resumed_options(state, {"minutes": 2.0, "seed": 1})
    assert kept == replace(TINY, minutes=2.0)
    with pytest.raises(TrainingError, match="other pictures"):
        trainer_of(count=12).load(state)


@pytest.mark.parametrize("content", [None, b"", b"broken", "codec"])
def test_what_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    if content == "codec":
        torch.save({"codec": {}}, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match="no checkpoint"):
        read_checkpoint(path)


def test_a_checkpoint_runs_no_code(tmp_path):
    torch.save({"kind": "classifier", "options": Path("x")}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="damaged or no checkpoint"):
        read_checkpoint(tmp_path / "checkpoint.pt")


def test_a_training_that_diverges_keeps_the_last_checkpoint(tmp_path):
    trainer = trainer_of()
    trainer.save(tmp_path / "checkpoint.pt")
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with torch.no_grad():
        trainer.network.linear.weight.fill_(math.nan)
    with pytest.raises(TrainingError, match="lower --lr"):
        train_classifier(trainer, tmp_path, quiet)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


# The command


@pytest.fixture
def folder(tmp_path) -> Path:
    """Drawn shapes in a folder for each class."""
    pictures = shapes(24, side=48)
    for index in range(len(pictures)):
        place = tmp_path / "shapes" / SHAPES[int(pictures.labels[index])] / f"{index:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pictures.picture(index)).save(place)
    return tmp_path / "shapes"


def test_the_command_trains_stops_and_goes_on(folder, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["train", "classifier", "--data", str(folder), "--out", str(out), "--device", "cpu"]
    small = ["--width", "0.0625", "--batch", "7", "--crop", "32", "--epochs", "2"]
    assert main([*words, *small, "--dry-run"]) == 0
    assert "steps per second" in capsys.readouterr().out
    assert not out.exists()
    assert main([*words, *small, "--minutes", "0"]) == 0
    printed = capsys.readouterr().out
    assert "21 training pictures, 3 held out, 3 classes" in printed
    assert f"--resume {out / 'checkpoint.pt'}" in printed
    assert main([*words, *small]) == 1  # would overwrite a run
    assert "holds a run already" in capsys.readouterr().err
    resume = ["--resume", str(out / "checkpoint.pt")]
    assert main([*words, *resume, "--epochs", "5"]) == 1
    assert "trained with epochs 2, not 5" in capsys.readouterr().err
    other = tmp_path / "other"
    other.mkdir()
    (other / "checkpoint.pt").write_bytes(b"of another run")
    assert main(["train", "classifier", *resume, "--out", str(other)]) == 1
    assert (other / "checkpoint.pt").read_bytes() == b"of another run"
    capsys.readouterr()
    assert main(["train", "classifier", "--device", "cpu", *resume]) == 0
    assert "epoch 2/2" in capsys.readouterr().out
    assert len(rows_of(out)) == 2
    with Image.open(out / "curve.png") as curve:
        assert curve.width > 2 * curve.height
    with safe_open(str(out / "vgg16-gap-1-of-1.safetensors"), "pt") as file:
        assert json.loads(file.metadata()["config"])["class_names"] == list(SHAPES)
    assert str(tmp_path) not in (out / "card.json").read_text()


def test_the_command_with_a_teacher_needs_no_labels(tmp_path: Path) -> None:
    pictures, out = shapes(14, side=48), tmp_path / "run"
    for index in range(len(pictures)):
        (tmp_path / "any").mkdir(exist_ok=True)
        Image.fromarray(pictures.picture(index)).save(tmp_path / "any" / f"{index:02}.png")
    words = ["train", "classifier", "--data", str(tmp_path / "any"), "--out", str(out)]
    words += ["--device", "cpu", "--width", "0.0625", "--batch", "7", "--crop", "64"]
    assert main([*words, "--epochs", "1", "--teacher", "efficientnet-lite0"]) == 0
    card = json.loads((out / "card.json").read_text())
    assert card["training_pictures"] == 13 and card["classes"] == 1000
    assert -1 <= card["held_out"]["map_correlation_network"] <= 1
    assert "learns efficientnet-lite0's class scores" in (out / "CARD.md").read_text()
    assert "with the teacher's" in (out / "CARD.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "shapes", "--teacher", "vgg16-gap"], "no teacher: take efficientnet-lite0"),
        (["--data", "nowhere"], "no data set 'nowhere'"),
        (["--data", "shapes", "--crop", "3"], "crops of 3 pixels"),
        (["--data", "shapes", "--resume", "missing.pt"], "no checkpoint missing.pt"),
        (["--data", "shapes/disc"], "two are the least"),
    ],
)
def test_wrong_arguments(folder, monkeypatch, capsys, words, message):
    monkeypatch.chdir(folder.parent)
    assert main(["train", "classifier", "--device", "cpu", *words]) == 1
    assert message in capsys.readouterr().err
