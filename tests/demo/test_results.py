"""The committed results come from the committed weights, and the pages show them unchanged."""

from __future__ import annotations

import pytest

from leaderboard.__main__ import main
from leaderboard.analysis.bdrate import bd_rate
from leaderboard.analysis.curves import on_log_scale
from leaderboard.codecs import CODECS
from leaderboard.data.results import read_folder, read_results
from semcomp.bench_rows import read_rows, table
from semcomp.weights import load_model
from tests import ROOT
from tests.support.anchor_curves import kodak_means

RESULTS = sorted((ROOT / "assets" / "results" / "small").glob("*.json"))


def test_there_are_results():
    assert [path.name for path in RESULTS] == ["kodak-equal-bytes.json", "kodak.json"]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_results_are_of_the_committed_weights(path):
    digest, rows = read_rows(path)
    assert digest == load_model("small").digest, "measure again: python -m semcomp bench"
    assert len({row.image for row in rows}) == 24


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_readme_shows_the_results(path):
    assert table(read_rows(path)[1]) in (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def test_benchmark_results_are_of_the_committed_weights_and_whole():
    found = read_folder(ROOT / "assets" / "results" / "kodak")
    assert {"jpeg", "webp", "avif", "jxl", "bpg", "bpg444"} < {each.name for each in found}
    assert {"george", "semantic", "semantic-rd"} < {each.name for each in found}
    for each in found:
        assert each.kind == "recomputed" and each.provenance["dirty"] is False
        assert each.provenance["weights"] == getattr(CODECS[each.name], "weights_sha256", None)
        assert len(each.rows) == 24 * len(each.qualities)


@pytest.mark.parametrize("metric", ["ms_ssim", "si_ssim", "psnr"])
@pytest.mark.parametrize("codec", ["jpeg", "webp", "avif", "jxl", "bpg", "bpg444"])
def test_known_codecs_lie_on_the_anchors(codec, metric):
    """Measured before by other code: the same libraries, and for BPG the reference encoder."""
    anchor = kodak_means()[codec].means()
    ours = read_results(ROOT / "assets" / "results" / "kodak" / f"{codec}.json").means()
    found = bd_rate(
        anchor["bpp"],
        on_log_scale(metric, anchor[metric]),
        ours["bpp"],
        on_log_scale(metric, ours[metric]),
    )
    assert abs(found.percent) < (2 if codec.startswith("bpg") else 1)
    assert found.overlap > 0.9


def test_readme_shows_the_ranking(tmp_path):
    """The pages' tables are what their own command writes."""
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = next(
        line for line in page.splitlines() if line.startswith("python -m leaderboard table")
    )
    words = command.split()[3:]
    words[words.index("--out") + 1] = str(tmp_path)
    words[words.index("--results") + 1] = str(ROOT / words[words.index("--results") + 1])
    assert main(words) == 0
    written = (tmp_path / "table.md").read_text(encoding="utf-8")
    tables = [part for part in written.split("\n\n") if part.startswith("| ")]
    assert len(tables) == 3
    assert all(part.strip() in page for part in tables)
    assert tables[0].strip() in readme


def test_entropy_coding_saves_a_quarter():
    """A block's level costs 1/8 bpp per iteration before entropy coding."""
    rows = read_rows(ROOT / "assets" / "results" / "small" / "kodak.json")[1]
    uniform = [row for row in rows if row.allocation == "uniform"]
    assert all(row.bpp < row.level / 8 for row in uniform)
    for level in {row.level for row in uniform if row.level <= 8}:
        group = [row.bpp for row in uniform if row.level == level]
        assert sum(group) / len(group) <= 0.75 * level / 8


def test_important_places_win_at_equal_bytes():
    """The paper's claim: the top fifth of importance is better than at uniform levels."""
    rows = read_rows(ROOT / "assets" / "results" / "small" / "kodak-equal-bytes.json")[1]
    by_key = {(row.image, row.allocation, row.level): row for row in rows}
    for name in ("proportional", "rd"):
        ours = [row for row in rows if row.allocation == name]
        gains = [
            row.top_ssim - by_key[row.image, f"uniform={name}", row.level].top_ssim for row in ours
        ]
        assert sum(gains) / len(gains) > 0
        for row in ours:
            matched = by_key[row.image, f"uniform={name}", row.level]
            assert abs(matched.bytes - row.bytes) <= 0.02 * row.bytes
