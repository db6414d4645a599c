"""The commands `train codec` and `train entropy`, from the command line to their files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from semcomp.__main__ import main
from semcomp.training.codec.trainer import Trainer
from semcomp.weights import load_model
from tests.support.small_runs import (
    add_tiny_presets,
    options,
    picture_folder,
)
from tests.support.tables import quantizer_tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return picture_folder(tmp_path)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    add_tiny_presets(monkeypatch)


def test_dry_run_says_what_it_would_cost(folder, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["train", "codec", "--data", str(folder), "--preset", "tiny", "--device", "cpu"]
    words += ["--set", "crop=32", "--set", "work=24", "--dry-run", "--minutes", "2"]
    monkeypatch.setattr("semcomp.training.codec.run.measure", quick_measure)
    assert main(words) == 0
    printed = capsys.readouterr().out
    parameters = sum(
        p.numel() for p in Trainer(options(), quantizer_tables("x")).codec.parameters()
    )
    assert f"{parameters:,} parameters" in printed
    for part in ("peak memory", "steps per second", "crop=32", "steps in 2 minutes"):
        assert part in printed
    assert not (tmp_path / "run").exists()


def quick_measure(trainer, pool):
    from semcomp.training.codec.dry_run import measure

    cost = measure(trainer, pool, seconds=0.1)
    assert cost.peak > 1 << 20 and cost.steps_per_second > 0
    assert cost.blocks == 24 * 16
    return cost


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--data", "nowhere"], 1, "nowhere"),
        (["--preset", "huge", "--data", "."], 2, "no preset"),
        (["--recipe", "huge", "--data", "."], 2, "no recipe"),
        (["--set", "speed=1", "--data", "."], 2, "speed=1"),
        ([], 2, "--data"),
        (["--precision", "fp8", "--data", "."], 2, "fp8"),
    ],
)
def test_wrong_words(words, code, text, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "codec", *words]) == code
    assert text in capsys.readouterr().err


def test_device_that_is_not_here(capsys, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["train", "codec", "--data", ".", "--device", "cuda"]) == 1
    assert "--device cpu" in capsys.readouterr().err


def test_train_then_fit_then_use(tmp_path, capsys):
    """The README's recipe, as short as it gets: the weights it makes can be loaded."""
    pictures, run, assets = (tmp_path / name for name in ("pictures", "run", "assets"))
    pictures.mkdir()
    source = skimage.data.astronaut()
    rng = np.random.default_rng(0)
    for index in range(14):  # the fourteenth is held out
        y, x = rng.integers(0, 512 - 192, 2)
        Image.fromarray(source[y : y + 192, x : x + 192]).save(pictures / f"{index:02}.png")
    words = ["train", "codec", "--data", str(pictures), "--out", str(run), "--device", "cpu"]
    assert main([*words, "--minutes", "0"]) == 0
    assert (run / "log.csv").read_text().startswith("step,seconds,loss,psnr_1")
    words = ["train", "entropy", "--checkpoint", str(run / "checkpoint.pt")]
    words += ["--out", str(assets / "small"), "--pictures", "1", "--steps", "3"]
    assert main(words) == 0
    assert "sha256" in capsys.readouterr().out
    model = load_model("small", "cpu", assets)
    assert model.card["steps"] == 0 and set(model.card["validation"]) > {"psnr_1", "psnr_24"}
    shutil.copytree(assets / "small", tmp_path / "wide" / "small")
    words = ["train", "widen", str(tmp_path / "wide" / "small"), "--data", str(pictures)]
    assert main(words) == 0
    wide = load_model("small", "cpu", tmp_path / "wide")
    assert np.abs(wide.tables.values).max() >= np.abs(model.tables.values).max()
    np.testing.assert_array_equal(wide.tables.schedule, model.tables.schedule)
    for name, tensor in model.codec.state_dict().items():
        assert torch.equal(wide.codec.state_dict()[name], tensor), name
    own = ["train", "entropy", "--data", str(pictures), "--pictures", "2", "--steps", "3"]
    words = [*own, "--refit"]
    copy = tmp_path / "refit" / "copy"
    shutil.copytree(assets / "small", copy)
    refit = [*words, "--threads", "2", "--out", str(copy), "--out"]
    assert main([*refit, str(tmp_path / "wide" / "small")]) == 1
    assert "different quantizers" in capsys.readouterr().err
    assert main([*refit, str(shutil.copytree(assets / "small", copy.parent / "small"))]) == 0
    one, two = (load_model(name, "cpu", copy.parent) for name in ("copy", "small"))
    assert one.digest == two.digest != model.digest
    assert "2 training pictures" in one.card["entropy"]
    # A neighbour's tables will do.
    third = shutil.copytree(assets / "small", copy.parent / "third")
    shutil.rmtree(copy.parent / "small")
    assert main([*own, "--out", str(third)]) == 0
    assert load_model("third", "cpu", third.parent).digest == model.digest, "its own are complete"
    assert main([*words, "--out", str(copy), "--note", "n"]) == 2
    # Continuing from shipped weights starts where they stopped.
    words = ["train", "codec", "--data", str(pictures), "--out", str(tmp_path / "more")]
    assert main([*words, "--minutes", "0", "--resume", str(assets / "small")]) == 0
