"""The committed results come from the committed weights, and the pages show them unchanged."""

from __future__ import annotations

import pytest

from leaderboard.analysis.bdrate import bd_rate
from leaderboard.analysis.curves import on_log_scale
from leaderboard.codecs import CODECS
from leaderboard.data.results import read_folder, read_results
from leaderboard.run import committed
from tests import ROOT
from tests.support.anchor_curves import kodak_means


def test_benchmark_results_are_of_the_committed_weights_and_whole():
    found = read_folder(ROOT / "assets" / "results" / "kodak")
    assert {"jpeg", "webp", "avif", "jxl", "bpg", "bpg444"} < {each.name for each in found}
    assert {"george", "semantic", "semantic-rd"} < {each.name for each in found}
    for each in found:
        assert each.kind == "recomputed" and each.provenance["dirty"] is False
        assert each.provenance["weights"] == getattr(CODECS[each.name], "weights_sha256", None)
        assert len(each.rows) == 24 * len(each.qualities)


@pytest.mark.parametrize("metric", ["ms_ssim", "psnr"])
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


def test_pages_show_the_results():
    """Their tables are what `run` writes into them."""
    for path, content in committed.pages():
        assert path.read_bytes() == content, path
        assert b"| PSNR | MS-SSIM |" in content


def test_entropy_coding_saves_a_quarter():
    """A block's level costs 1/8 bpp per iteration before entropy coding."""
    results = read_results(ROOT / "assets" / "results" / "kodak" / "george.json")
    rows = [row for row in results.rows if row.quality <= 16]
    assert all(row.bpp < row.quality / 8 for row in rows)
    for level in {row.quality for row in rows if row.quality <= 8}:
        group = [row.bpp for row in rows if row.quality == level]
        assert sum(group) / len(group) <= 0.75 * level / 8


def test_important_places_win_at_equal_bytes():
    """The paper's claim: SI-SSIM is better than at uniform levels of the same bytes."""
    folder = ROOT / "assets" / "results" / "kodak"
    george = read_results(folder / "george.json").means()
    for name in ("semantic", "semantic-rd"):
        ours = read_results(folder / f"{name}.json").means()
        found = bd_rate(
            george["bpp"],
            on_log_scale("si_ssim", george["si_ssim"]),
            ours["bpp"],
            on_log_scale("si_ssim", ours["si_ssim"]),
        )
        assert found.percent < 0
