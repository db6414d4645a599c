"""bench, train codec and train entropy, from the command line to their files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

from semcomp import bench as measuring
from semcomp.__main__ import main
from semcomp.bench_rows import write_card
from semcomp.weights import load_model


@pytest.fixture
def folder(tmp_path):
    """Two small pictures with something in them."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(skimage.data.chelsea()[60:236, 100:308]).save(pictures / "cat.png")
    Image.fromarray(skimage.data.astronaut()[:176, 128:304]).save(pictures / "face.png")
    return pictures


def test_bench_measures_real_files(folder, tmp_path, capsys):
    out = tmp_path / "rows.json"
    words = ["bench", str(folder), "--levels", "2,6", "--allocations", "uniform,proportional"]
    assert main([*words, "--equal-bytes", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "| uniform | 2 |" in printed and "| proportional | 6 |" in printed
    stored = json.loads(out.read_text())
    assert stored["sha256"] == load_model("small").digest
    rows = stored["rows"]
    assert len(rows) == 2 * 2 * 3
    for row in rows:
        side = (176 * 208) if row["image"] == "cat.png" else 176 * 176
        assert row["bpp"] == pytest.approx(8 * row["bytes"] / side)
        assert 0 < row["ms_ssim"] < 1 and 15 < row["psnr"] < 50
    by_key = {(r["image"], r["allocation"], r["level"]): r for r in rows}
    for image in ("cat.png", "face.png"):
        uniform, more = (by_key[image, "uniform", level] for level in (2.0, 6.0))
        assert more["bytes"] > uniform["bytes"] and more["psnr"] > uniform["psnr"]
        ours = by_key[image, "proportional", 6.0]
        matched = by_key[image, "uniform=proportional", 6.0]
        assert matched["bytes"] == pytest.approx(ours["bytes"], rel=0.03)
        assert ours["top_psnr"] > matched["top_psnr"]


def test_bench_card(folder, tmp_path, monkeypatch):
    card = tmp_path / "assets" / "small"
    card.mkdir(parents=True)
    model = load_model("small")
    (card / "card.json").write_text(json.dumps(dict(model.card)))
    rows = measuring.bench(folder, levels=[2.0], allocations=["uniform"], images=["cat.png"])
    write_card(rows, model, card)
    measured = json.loads((card / "card.json").read_text())["measured"]
    assert measured["sha256"] == model.digest and measured["pictures"] == 1
    assert measured["table"][0]["bpp"] == rows[0].bpp
    assert "| uniform | 2 |" in (card / "CARD.md").read_text()


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["bench", "nowhere"], 1, "no folder"),
        (["bench", ".", "--images", "missing.png"], 1, "missing.png"),
        (["bench", ".", "--levels", "two"], 2, "not numbers"),
        (["bench", ".", "--allocations", "best"], 2, "no allocation"),
        (["train", "codec", "--data", "nowhere", "--out", "run"], 1, "nowhere"),
        (["train", "codec", "--data", ".", "--out", "run", "--preset", "huge"], 2, "no preset"),
    ],
)
def test_wrong_arguments(words, code, text, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
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
