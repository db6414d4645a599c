"""What readers of the board are told: the leader in a sentence, exports, studies."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from leaderboard.data.results import write_results
from leaderboard.pages.board.boards import Board, load_boards
from leaderboard.pages.board.events import Events
from leaderboard.pages.board.ranking import ranking
from leaderboard.pages.board.reading import bibtex, latex, lead_html, studies, study
from leaderboard.pages.board.view import view_of
from leaderboard.studies import STUDIES
from tests.support.board_results import SIZE, controls, spread


@pytest.fixture(scope="module")
def board(folder: Path) -> Board:
    return load_boards(folder).boards["kodak"]


def test_the_leader_is_the_tables_first(board: Board) -> None:
    """BPG, by how much, that it is sure, in which pictures, and that a published curve is lower."""
    first = ranking(board, "ms_ssim", "jpeg").query("rank == 1").iloc[0]
    told = lead_html(board, "ms_ssim", "jpeg")
    assert first.codec == "bpg" and first.rank_high == 1
    assert "By MS-SSIM, <b>BPG 4:2:0</b> leads" in told
    assert f"{abs(first.bd_rate):.0f}% fewer bytes than JPEG for the same score" in told
    assert "Its place is sure" in told and "it could be" not in told
    assert "Highest mean score: BPG 4:2:0 at 0.25 to 1 bits per pixel" in told
    assert "Fewest bytes per picture: BPG 4:2:0 in 24 of 24" in told
    assert re.search(
        r"Published, not measured here: HPCM 2025 \(MS-SSIM\) states \d\d% fewer", told
    )


def test_a_leader_that_is_not_sure_says_so(tmp_path: Path) -> None:
    """Two codecs that win half of the pictures each."""
    a, b = spread("bpg"), spread("semantic", 1.0, "bpg")
    rows = [
        replace(row, bytes=size, bpp=8 * size / SIZE)
        for row in b.rows
        for size in [round((row.bytes or 0) * (0.8 if int(row.image[-2:]) % 2 else 1.24))]
    ]
    for results in (a, replace(b, rows=tuple(rows)), spread("jpeg")):
        write_results(results, tmp_path / f"{results.name}.json")
    told = lead_html(load_boards(tmp_path).boards["kodak"], "ms_ssim", "jpeg")
    assert "but with other pictures it could be " in told and "is sure" not in told
    assert "in 12, " in told and "in 12 of 24" in told


def test_the_table_as_latex(board: Board) -> None:
    text = latex(ranking(board, "psnr", "bpg").drop(columns="text"), "50% of a_b")
    assert r"\caption{50\% of a\_b}" in text and r"95\% interval" in text
    rows = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert len(rows) == len(ranking(board, "psnr", "bpg"))
    assert all(row.endswith(r" \\") and row.count(" & ") == 8 for row in rows)


def test_citations_name_every_published_row(board: Board) -> None:
    text = bibtex(board)
    published = [each.name for each in board.results if each.kind == "published"]
    assert text.count("@misc{") == len(published) > 10
    assert "@article{wang2019semantic" in text and "arXiv 2605.02726" in text
    assert text.count("{") == text.count("}")


def test_files_and_sentence_follow_the_controls(folder: Path, tmp_path: Path) -> None:
    found, _ = view_of({"tab": "leaderboard", "metric": "psnr"}, load_boards(folder))
    told, tex, bib = Events(folder).lead(*controls(found))
    assert "By PSNR" in told and Path(tex).suffix == ".tex" and Path(bib).suffix == ".bib"
    assert Events(tmp_path / "none").lead(*controls(found)) == ("", None, None)


def test_committed_studies_are_shown() -> None:
    assert {name for _, name in studies()} <= set(STUDIES)
    text, figure = study("maps")
    assert "audit of the maps" in text and Path(str(figure)).is_file()
    assert study("../../README") == study(None) == ("", None)
