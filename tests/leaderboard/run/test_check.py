"""`leaderboard check` finds what differs from committed results, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leaderboard.__main__ import main
from leaderboard.data.results import Results, ResultsError, read_results, write_results
from leaderboard.run.check import differences


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[Path, Path]:
    """(pictures, results) of JPEG on one small picture."""
    root = tmp_path_factory.mktemp("check")
    (root / "pictures").mkdir()
    y, x = np.mgrid[:64, :80]
    pixels = np.stack([3 * x, 2 * y + x, 255 - 3 * y], 2).astype(np.uint8)
    Image.fromarray(pixels).save(root / "pictures" / "ramp.png")
    where = ["--dataset", str(root / "pictures"), "--out", str(root / "results")]
    assert main(["run", *where, "--codecs", "jpeg", "--qualities", "30,80"]) == 0
    return root / "pictures", root / "results"


def check(pictures: Path, results: Path) -> int:
    return main(["check", "--results", str(results), "--dataset", str(pictures)])


def altered(results: Results, **changes) -> Results:
    return replace(results, rows=(replace(results.rows[0], **changes), *results.rows[1:]))


def test_own_results_are_confirmed(measured, capsys):
    assert check(*measured) == 0
    assert "2 files recomputed, 0 values differ" in capsys.readouterr().out


@pytest.mark.parametrize("column", ["bytes", "psnr", "ssim", "si_ssim_2"])
def test_an_altered_value_is_found(measured, tmp_path, capsys, column):
    pictures, folder = measured
    before = read_results(folder / "jpeg.json")
    value = getattr(before.rows[0], column)
    changes = {column: value + 1 if column == "bytes" else value - 0.02}
    write_results(altered(before, **changes), tmp_path / "jpeg.json")
    assert check(pictures, tmp_path) == 1
    out = capsys.readouterr().out
    assert "1 values differ" in out and column in out and "ramp" in out


def test_rounding_of_decoded_pixels_passes(measured):
    results = read_results(measured[1] / "jpeg.json")
    assert not differences(altered(results, ms_ssim=None), altered(results, ms_ssim=None))
    nudged = altered(results, psnr=results.rows[0].psnr + 0.001)
    assert not differences(results, nudged)


def test_a_score_that_is_missing_on_one_side_is_a_difference(measured):
    results = read_results(measured[1] / "jpeg.json")
    found = differences(results, altered(results, ssim=None))
    assert [each.column for each in found] == ["ssim"]


def test_a_row_without_a_statement_is_refused(measured):
    results = read_results(measured[1] / "jpeg.json")
    with pytest.raises(ResultsError, match="state nothing of ramp"):
        differences(replace(results, rows=results.rows[:1]), results)


def test_unknown_codecs_and_empty_folders_are_told(measured, tmp_path, capsys):
    pictures, folder = measured
    assert main(["check", "--results", str(folder), "--codecs", "gif"]) == 1
    assert "cannot recompute gif" in capsys.readouterr().err
    assert check(pictures, tmp_path) == 1
    assert "no results in" in capsys.readouterr().err
    (tmp_path / "jpeg.json").write_text(json.dumps({"name": "jpeg"}))
    assert check(pictures, tmp_path) == 1
    assert "jpeg.json" in capsys.readouterr().err
