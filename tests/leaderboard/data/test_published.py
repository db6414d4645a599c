"""Published curves: what the sources state, that each names its source, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from leaderboard.analysis.bdrate import compare
from leaderboard.data.complexity import Complexity, complexity_of
from leaderboard.data.published import FOLDER, read_published, source_of
from leaderboard.data.results import MEAN, ResultsError, to_frame, write_results
from tests.support.anchor_curves import model_codec

NAMES = [
    "1zb-lstm",
    "av1",
    "bmshj2018-factorized",
    "bmshj2018-hyperprior",
    "bmshj2018-hyperprior-ms-ssim",
    "c3",
    "cheng2020-attn",
    "cheng2020-attn-ms-ssim",
    "cool-chic5",
    "elic2022",
    "hm",
    "hpcm-large",
    "hpcm-large-ms-ssim",
    "johnston2018",
    "mbt2018",
    "mbt2018-ms-ssim",
    "mlic-plus",
    "toderici2017",
    "vtm",
]
# What the anchors state, in their digits: bpp -> MS-SSIM.
TODERICI = {0.125: 0.8191, 0.25: 0.9037, 0.375: 0.9375, 0.5: 0.9538, 0.75: 0.9715, 1.0: 0.9796}
TODERICI_PSNR = {0.125: 23.01, 0.5: 28.27, 0.75: 30.14, 1.0: 31.62, 2.0: 34.63}
JOHNSTON = {0.098: 0.8917, 0.243: 0.9473, 0.366: 0.9644, 0.466: 0.9714, 0.715: 0.9820}
LSTM = [0.839, 0.917, 0.947, 0.961, 0.969, 0.975, 0.980, 0.983, 0.985, 0.987, 0.989, 0.990]


def test_every_curve_names_its_source():
    curves = read_published()
    assert [each.name for each in curves] == NAMES
    for each in curves:
        assert each.kind == "published"
        assert each.images == (MEAN,) or len(each.images) == 24
        line = source_of(each)
        assert "/" in line.split("numbers from ")[1]
        assert each.provenance["source"]["commit"][:8] in line
        assert len(each.provenance["source"]["commit"]) == 40


def test_numbers_are_those_of_the_anchors():
    curves = {each.name: each.rows for each in read_published()}
    toderici = {row.bpp: row for row in curves["toderici2017"]}
    for bpp, score in TODERICI.items():
        assert toderici[bpp].ms_ssim == pytest.approx(score, abs=6e-5)
    for bpp, score in TODERICI_PSNR.items():
        assert toderici[bpp].psnr == pytest.approx(score, abs=0.006)
    johnston = {round(row.bpp, 3): row for row in curves["johnston2018"]}
    for bpp, score in JOHNSTON.items():
        assert johnston[bpp].ms_ssim == pytest.approx(score, abs=6e-5)
    for row, score in zip(curves["1zb-lstm"], LSTM, strict=False):
        assert row.ms_ssim == pytest.approx(score, abs=1.1e-3)
    assert [row.bpp for row in curves["1zb-lstm"]] == [k / 8 for k in range(1, 17)]


def test_training_for_ms_ssim_shows():
    """Guards against one model's numbers under another's name, as in one of the sources' files."""
    curves = {each.name: each.rows for each in read_published()}
    for name in ("bmshj2018-hyperprior", "cheng2020-attn", "mbt2018"):
        plain, tuned = curves[name][3], curves[f"{name}-ms-ssim"][3]
        assert tuned.bpp < plain.bpp
        assert tuned.ms_ssim > plain.ms_ssim
        assert tuned.psnr < plain.psnr


def test_only_curves_over_the_same_pictures():
    assert len(read_published(dataset="kodak", pictures=24)) == len(NAMES)
    assert read_published(dataset="kodak", pictures=2) == []
    assert read_published(dataset="clic") == []


def broken(change):
    data = json.loads((FOLDER / "toderici2017.json").read_text())
    change(data)
    return data


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["provenance"].update(kind="recomputed"), "kind is 'recomputed'"),
        (lambda d: d["provenance"].pop("reference"), "name the paper"),
        (lambda d: d["provenance"].pop("pictures"), "how many"),
        (lambda d: d["provenance"].pop("source"), "expected repository, commit and files"),
        (lambda d: d["provenance"]["source"].update(files=[]), "expected repository"),
        (lambda d: d["provenance"]["source"].update(commit=7), "expected repository"),
        (lambda d: d["results"]["ms-ssim-rgb"].__setitem__(0, 1.5), "ms_ssim is 1.5"),
    ],
)
def test_curves_that_do_not_say_enough_are_refused(tmp_path, change, message):
    (tmp_path / "curve.json").write_text(json.dumps(broken(change)))
    with pytest.raises(ResultsError, match=message) as error:
        read_published(tmp_path)
    assert "curve.json" in str(error.value)


def test_single_pictures_are_all_there(tmp_path):
    """Rows of pictures stand beside means, as many as their source is said to have."""
    results = model_codec("made")
    told = {**broken(lambda d: None)["provenance"], "pictures": len(results.images)}
    write_results(replace(results, provenance=told), tmp_path / "made.json")
    assert read_published(tmp_path)[0].images == results.images
    write_results(replace(results, provenance={**told, "pictures": 24}), tmp_path / "made.json")
    with pytest.raises(ResultsError, match="pictures is 24, and there are rows of"):
        read_published(tmp_path)


def test_pictures_of_cool_chic():
    """The source's README has it level with ELIC in PSNR: +0.1%."""
    curves = {each.name: each for each in read_published()}
    frame = to_frame(list(curves.values()))
    assert compare(frame, "cool-chic5", "elic2022", "psnr").percent == pytest.approx(0.1, abs=2)
    assert complexity_of(curves["cool-chic5"]) == Complexity(macs=2000)


def test_an_empty_folder_has_no_curves(tmp_path):
    assert read_published(tmp_path) == []
