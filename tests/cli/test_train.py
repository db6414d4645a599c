"""train codec and train entropy, from the command line to their files."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from PIL import Image

from semcomp.__main__ import main
from semcomp.weights import load_model


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["train", "codec", "--data", "nowhere", "--out", "run"], 1, "nowhere"),
        (["train", "codec", "--data", ".", "--out", "run", "--preset", "huge"], 2, "no preset"),
    ],
)
def test_wrong_arguments(words, code, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == code
    assert text in capsys.readouterr().err


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
    # Continuing from shipped weights starts where they stopped.
    words = ["train", "codec", "--data", str(pictures), "--out", str(tmp_path / "more")]
    assert main([*words, "--minutes", "0", "--resume", str(assets / "small")]) == 0
