"""One command makes again what is committed, another shows any difference: on small pictures."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from leaderboard import studies
from leaderboard.__main__ import main
from leaderboard.codecs import CODECS
from leaderboard.codecs.semcomp import SemcompCodec
from leaderboard.data import datasets
from leaderboard.run import committed
from leaderboard.run.workers import InThisProcess
from semcomp.weights import load_model
from tests import ROOT

PAGE = "\n".join(
    f"<!-- {kind} -->\n<!-- end -->\n"
    for kind in ("rates kodak+cid22 psnr,ssim", "ranking kodak psnr", "summary cid22+other")
)
PICTURES = {"cat": data.chelsea()[60:240, 100:292], "cup": data.coffee()[100:276, 200:376]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, and assets that `run` has made from what names them."""
    root = tmp_path_factory.mktemp("committed")
    assets = root / "assets"
    for dataset, of_it in (
        ("kodak", PICTURES),
        ("cid22", {"ear": data.chelsea()[60:240, 150:342]}),
    ):
        (root / dataset).mkdir()
        for name, pixels in of_it.items():
            Image.fromarray(np.ascontiguousarray(pixels)).save(root / dataset / f"{name}.png")
    (assets / "small").mkdir(parents=True)
    shutil.copy(ROOT / "assets" / "small" / "card.json", assets / "small")
    # Which studies there are stands in the files themselves.
    (assets / "studies").mkdir()
    for suffix in (".csv", ".md", ".png"):
        (assets / "studies" / f"metric-agreement{suffix}").touch()
    (root / "page.md").write_text(PAGE)
    (assets / "figures").mkdir()
    (assets / "figures" / "rd.png").touch()
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch, root)
        assert main(["run"]) == 0
    return root


def stand_in(patch: pytest.MonkeyPatch, root: Path) -> None:
    """Two pictures for Kodak's, three codecs, one process; the folder's assets, not ours."""
    load = datasets.load_dataset
    patch.setattr(datasets, "load_dataset", lambda name, images=None: load(root / name, images))
    patch.setattr(committed, "ASSETS", root / "assets")
    patch.setattr(committed, "PAGES", (root / "page.md",))
    few = {name: CODECS[name] for name in ("jpeg", "webp", "george")}
    for codec in few.values():
        own = isinstance(codec, SemcompCodec)
        patch.setattr(type(codec), "qualities", (2, 4) if own else (5, 20, 40, 60, 80))
    patch.setattr("leaderboard.codecs.CODECS", few)
    patch.setattr("leaderboard.run.evaluate._workers", lambda jobs, ray: InThisProcess())


@pytest.fixture
def assets(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to spoil, as the project's."""
    shutil.copytree(made, tmp_path / "copy")
    stand_in(monkeypatch, tmp_path / "copy")
    return tmp_path / "copy" / "assets"


def test_everything_is_made(made: Path) -> None:
    assets = made / "assets"
    for name in ("jpeg", "webp"):
        stored = json.loads((assets / "results" / "kodak" / f"{name}.json").read_text())
        assert len(stored["images"]["rows"]) == 2 * 5
        other = json.loads((assets / "results" / "cid22" / f"{name}.json").read_text())
        assert other["dataset"] == "cid22" and len(other["images"]["rows"]) == 5
    measured = json.loads((assets / "small" / "card.json").read_text())["measured"]
    assert measured["sha256"] == load_model("small").digest and measured["pictures"] == 2
    assert [(row["codec"], row["level"]) for row in measured["table"]] == [
        ("george", 2),
        ("george", 4),
    ]
    stored = json.loads((assets / "results" / "kodak" / "george.json").read_text())["results"]
    for place, row in enumerate(measured["table"]):
        assert row["bpp"] == pytest.approx(stored["bpp"][place], abs=1e-6)
        assert (
            f"| george | {row['level']} | {row['bpp']:.4f} |"
            in (assets / "small" / "CARD.md").read_text()
        )
    assert "SROCC" in (assets / "studies" / "metric-agreement.csv").read_text()
    assert not list(assets.glob("studies/*.html"))  # was not there before
    page = (made / "page.md").read_text()
    assert "**Mean scores at equal rates on Kodak and CID22**\n\n| codec | kind | PSNR at" in page
    assert "No table: no results of bpg: there are" in page
    assert "<!-- summary cid22+other -->\n<!-- end -->" in page
    for path in ("studies/metric-agreement.png", "figures/rd.png"):
        assert Image.open(assets / path).width > 500


def test_a_brief_table_has_what_is_measured_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.md").write_text("<!-- brief kodak psnr -->\n<!-- end -->\n")
    monkeypatch.setattr(committed, "PAGES", (tmp_path / "page.md",))
    ((_, page),) = committed.pages()
    assert b"\n| codec | PSNR |\n" in page
    assert b"| BPG 4:4:4 | -" in page
    assert b"VVC" not in page  # published


def test_what_was_made_is_confirmed(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in assets.rglob("*") if path.is_file()}
    assert main(["check", "--images", "cat"]) == 0
    said = capsys.readouterr().out
    assert "webp: 5 files recomputed, 0 values differ" in said
    for path in ("page.md", "small/card.json", "small/CARD.md", "studies/metric-agreement.csv"):
        assert f"{path}: made again, 0 differences" in said
    assert "figures/rd.png: made again, 0 differences" in said
    after = {path: path.read_bytes() for path in assets.rglob("*") if path.is_file()}
    assert after == before


def test_every_difference_is_shown(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = assets / "small" / "card.json"
    card = json.loads(path.read_text())
    card["measured"]["table"][0]["ssim"] += 0.01
    path.write_text(json.dumps(card, indent=2) + "\n")
    study = assets / "studies" / "metric-agreement.md"
    study.write_text(study.read_text().replace("SROCC", "srocc") + "more\n")
    drawn = Image.open(assets / "figures" / "rd.png").convert("RGB")
    drawn.paste((255, 0, 0), (10, 10, 14, 15))
    drawn.save(assets / "figures" / "rd.png")
    assert main(["check", "--images", "cat"]) == 1
    said = capsys.readouterr().out
    assert "small/card.json: line " in said
    assert "studies/metric-agreement.md: line " in said and "lines, made again" in said
    assert "figures/rd.png: 20 of its pixels are otherwise" in said


def test_a_damaged_card_is_named(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = assets / "small" / "card.json"
    path.write_text(path.read_text()[:200])
    assert main(["check", "--images", "cat"]) == 1
    assert f"error: {path} is damaged (JSONDecodeError" in capsys.readouterr().err


def test_one_codec_or_another_folder_is_checked_alone(
    assets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = assets / "results" / "kodak"
    for choice in (["--codecs", "jpeg"], ["--results", str(results)]):
        assert main(["check", "--images", "cat", *choice]) == 0
        assert "made again" not in capsys.readouterr().out


def test_both_data_sets_are_checked(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--codecs", "jpeg"]) == 0
    said = capsys.readouterr().out
    assert "jpeg: 10 files recomputed, 0 values" in said
    assert "jpeg: 5 files recomputed, 0 values" in said


def test_other_pictures_need_a_folder(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--dataset", str(made / "kodak")]) == 2
    said = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "name the folder for these pictures' results with --out" in said


def test_studies_that_measure_are_made_again_with_all_pictures(
    assets: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(name: str) -> Callable[[studies.Context], studies.Study]:
        return lambda context: replace(find_study("metric-agreement")(context), name=name)

    find_study = studies.find_study
    monkeypatch.setattr(studies, "find_study", found)
    path = assets / "studies" / "floor.csv"
    text = (assets / "studies" / "metric-agreement.csv").read_text()
    number = next(each for each in re.findall(r"0\.\d{4,}", text) if float(each) > 0.5)
    for change, lines in ((0.0003, 0), (0.01, 1)):
        path.write_text(text.replace(number, str(float(number) + change), 1))
        assert main(["check", "--images", "cat"]) == 0
        captured = capsys.readouterr()
        assert "floor takes all pictures" in captured.err and "floor.csv" not in captured.out
        assert main(["check"]) == (lines > 0)
        assert f"studies/floor.csv: made again, {lines} differences" in capsys.readouterr().out
