"""The command `python -m leaderboard run`: what it writes, what it says, how it ends."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from skimage import data

from leaderboard.__main__ import main
from leaderboard.cli.arguments import split_images, split_names
from leaderboard.data.results import read_results
from tests import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small pictures."""
    folder = tmp_path_factory.mktemp("pets")
    for name, left in (("cat", 100), ("ear", 150)):
        Image.fromarray(data.chelsea()[60:160, left : left + 120]).save(folder / f"{name}.png")
    return folder


def test_run_and_go_on(folder, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    base = ["run", "--dataset", str(folder), "--out", str(out), "--codecs", "jpeg,webp"]
    assert main([*base, "--qualities", "20,60", "--images", "cat"]) == 0
    said = capsys.readouterr()
    assert f"{out}/jpeg.json: 1 pictures, 2 qualities, " in said.out
    assert "4/4 points" in said.err
    for name in ("jpeg", "webp"):
        found = read_results(out / f"{name}.json")
        assert found.dataset == folder.name
        assert [(row.image, row.quality) for row in found.rows] == [("cat", 20), ("cat", 60)]
    # One point fails, one picture is new: everything else is known or kept.
    assert main([*base, "--qualities", "20,200"]) == 1
    said = capsys.readouterr()
    assert "error: 4 of 8 points failed; the others are kept" in said.err
    assert "  jpeg, cat, quality 200: jpeg takes whole qualities from 1 to 95, not 200" in said.err
    assert "2 known" in said.err
    for name in ("jpeg", "webp"):
        rows = read_results(out / f"{name}.json").rows
        assert [(row.image, row.quality) for row in rows] == [("cat", 20), ("cat", 60), ("ear", 20)]
    # All is known: no worker is started, nothing is drawn.
    assert main([*base, "--qualities", "20"]) == 0
    assert "points" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--codecs", "jpeg,gif"], "no codec gif: use some of jpeg, "),
        (["--codecs", ","], "no codec named: use some of"),
        (["--qualities", "20,high"], "qualities '20,high' are not numbers"),
        (["--qualities", ","], "qualities are empty"),
        (["--jobs", "0"], "Invalid value for '--jobs'"),
        (["--jobs", "2", "--ray", "local"], "give either --jobs or --ray"),
    ],
)
def test_wrong_command_lines(folder, tmp_path, capsys, arguments, message):
    base = ["run", "--dataset", str(folder), "--out", str(tmp_path / "out")]
    assert main([*base, *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("dataset", "images", "message"),
    [
        (
            "nowhere",
            None,
            "error: no folder nowhere: name a folder of pictures, or 'kodak' or 'cid22'",
        ),
        (None, "dog", "error: no picture dog in"),
        ("kodak", "kodim99", "error: no picture kodim99 in Kodak's set: it has kodim01"),
        ("kodak", "kodim01", "kodim01.png: set SEMCOMP_KODAK_DIR to the folder of Kodak's"),
    ],
)
def test_missing_pictures(folder, tmp_path, capsys, monkeypatch, dataset, images, message):
    monkeypatch.setenv("SEMCOMP_KODAK_DIR", str(folder))
    arguments = ["--dataset", dataset or str(folder), "--out", str(tmp_path / "out")]
    arguments += ["--images", images] if images else []
    assert main(["run", "--codecs", "jpeg", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_folder_that_cannot_be_written(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    arguments = ["--dataset", str(folder), "--codecs", "jpeg", "--out", str(tmp_path / "file")]
    assert main(["run", *arguments]) == 1
    said = capsys.readouterr().err
    assert f"error: cannot write into {tmp_path}/file/points: " in said
    assert "choose another folder with --out" in said


def test_damaged_point_is_told_in_a_line(folder, tmp_path, capsys):
    arguments = ["--dataset", str(folder), "--codecs", "jpeg", "--out", str(tmp_path)]
    arguments += ["--qualities", "30", "--images", "ear"]
    assert main(["run", *arguments]) == 0
    (point,) = (tmp_path / "points" / "jpeg").iterdir()
    point.write_bytes(np.random.default_rng(0).bytes(500))
    capsys.readouterr()
    assert main(["run", *arguments]) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {point} is damaged (")
    assert "its point is measured again\n" in said


def test_help_is_quick():
    code = (
        "import sys; from leaderboard.__main__ import main; "
        "assert main(['run', '--help']) == 0; assert not {'torch', 'pandas'} & set(sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True
    ).stdout
    for option in ("dataset", "codecs", "out", "jobs", "ray", "images", "qualities"):
        assert f"--{option}" in said


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cat, dog,", ["cat", "dog"]),
        (r"a\, b.png,c", ["a, b.png", "c"]),
        (r"folder\name", [r"folder\name"]),
    ],
)
def test_names_are_split_at_commas_that_are_not_theirs(text: str, names: list[str]) -> None:
    assert split_names(text) == names


def test_images_named_several_times_add_up() -> None:
    assert split_images(["cat,dog", r"a\,b"]) == ["cat", "dog", "a,b"]
    assert split_images(None) is None and split_images([]) is None
