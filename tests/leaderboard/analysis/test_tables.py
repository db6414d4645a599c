"""Tables: order, ranks only for what is complete, reasons, and text that does no harm."""

from __future__ import annotations

import csv as csv_module
import io
from dataclasses import replace

import numpy as np
import pandas
import pytest

from leaderboard.__main__ import main
from leaderboard.analysis.curves import NoCurve
from leaderboard.analysis.tables import as_text, csv, equal_rates, html_page, markdown, ranked
from leaderboard.data.published import read_published
from leaderboard.data.results import write_results
from tests.support.anchor_curves import frame, kodak_means, model_codec, without


@pytest.fixture(scope="module")
def board():
    return frame(
        model_codec("bpg"),
        model_codec("semantic-rd", 0.8, spread=0.1),
        model_codec("jpeg", 1.6),
        without(model_codec("part", 0.1), "picture1"),
        model_codec("short", 0.1, points=3),
        *(each for each in read_published() if each.name == "toderici2017"),
    )


def test_ranked(board):
    table = ranked(board)
    ranks = {row.codec: row.rank for row in table.itertuples()}
    measured = table[table["kind"] == "recomputed"]
    assert list(measured["codec"])[:3] == ["semantic-rd", "bpg", "jpeg"]
    assert table["bd_rate"].dropna().is_monotonic_increasing
    assert [ranks[codec] for codec in ("semantic-rd", "bpg", "jpeg")] == [1, 2, 3]
    rows = table.set_index("codec")
    assert rows.loc["jpeg", "bd_rate"] == pytest.approx(60)
    assert rows.loc["bpg", "bd_rate"] == pytest.approx(0)
    ours = rows.loc["semantic-rd"]
    assert ours["bd_low"] < ours["bd_rate"] < ours["bd_high"] < 0
    assert ours["encode_s"] == pytest.approx(0.4)
    assert ours["images"] == 4


def test_incomplete_never_ranks(board):
    """A tenth of the bytes, but a picture short: no rank, no number, the reason, at the end."""
    rows = ranked(board).set_index("codec")
    for codec, reason in {"part": "lacks picture1", "short": "3 useful points"}.items():
        assert np.isnan(rows.loc[codec, ["rank", "bd_rate", "bd_low"]].astype(float)).all()
        assert reason in rows.loc[codec, "note"]
    assert set(rows.index[-2:]) == {"part", "short"}


def test_published_means_have_no_rank_and_no_speed(board):
    row = ranked(board).set_index("codec").loc["toderici2017"]
    assert np.isnan(row["rank"])
    assert np.isnan(row["encode_s"])
    assert np.isfinite(row["bd_rate"])
    assert row["note"] == "means only"
    assert "toderici2017" not in set(
        ranked(board.assign(ssim=board["ms_ssim"].where(board["kind"] != "published")), "ssim")[
            "codec"
        ]
    )  # it states no SSIM


def test_an_incomplete_anchor_is_refused(board):
    with pytest.raises(NoCurve, match="part is no anchor, it lacks 1 of 4 pictures"):
        ranked(board, anchor="part")
    with pytest.raises(NoCurve, match="no results of avif"):
        ranked(board, anchor="avif")


def test_both_interpolations_are_offered(board):
    exact = ranked(board, method="akima").set_index("codec")
    assert exact.loc["jpeg", "bd_rate"] == pytest.approx(60)


def test_equal_rates(board):
    table = equal_rates(board, ["ms_ssim", "psnr"], [0.5, 3.0]).set_index("codec")
    assert list(table.columns) == ["kind", "ms_ssim @ 0.5", "ms_ssim @ 3", "psnr @ 0.5", "psnr @ 3"]
    # Cost 1.6 moves every picture along its curve, 2 dB for a factor 1.5.
    gap = 2 * np.log(1.6) / np.log(1.5)
    assert table.loc["bpg", "psnr @ 0.5"] - table.loc["jpeg", "psnr @ 0.5"] == pytest.approx(gap)
    assert table.loc["toderici2017", "ms_ssim @ 0.5"] == pytest.approx(0.95384)
    assert np.isnan(table.loc["bpg", "ms_ssim @ 3"])  # not all pictures reach it
    assert np.isnan(table.loc["part", "ms_ssim @ 0.5"])


def test_equal_rates_of_the_anchors():
    table = equal_rates(frame(*kodak_means().values()), ["ms_ssim"]).set_index("codec")
    assert table.loc["avif"].iloc[1:].to_list() == pytest.approx(
        [0.955, 0.978, 0.986, 0.990], abs=1e-3
    )
    assert np.isnan(table.loc["jxl", "ms_ssim @ 0.25"])


def test_text_reads_well(board):
    table = as_text(ranked(board)).set_index("codec")
    assert table.loc["JPEG", "BD-rate [95% interval]"] == "+60.0% [+60.0, +60.0]"
    assert table.loc["part", "BD-rate [95% interval]"] == "–"
    assert table.loc["part", "rank"] == "–"
    assert table.loc["semantic-rd (ours)", "rank"] == "1"
    assert "nan" not in table.to_string().lower()
    rates = as_text(equal_rates(board, ["psnr"], [0.5]))
    assert rates["PSNR at 0.5 bpp"].str.fullmatch(r"(\d\d\.\d\d)?").all()


def test_markdown_escapes():
    text = markdown(pandas.DataFrame({"a|b": ["x|y", "line\nbreak"], "n": [1, 2]}))
    lines = text.splitlines()
    assert lines[0] == "| a\\|b | n |"
    assert lines[2:] == ["| x\\|y | 1 |", "| line break | 2 |"]


def test_csv_keeps_numbers_and_runs_no_formulas():
    table = pandas.DataFrame({"codec": ["=1+1", "-x", "fine"], "bd_rate": [-3.5, 1.0, np.nan]})
    rows = list(csv_module.reader(io.StringIO(csv(table))))
    assert rows[1:] == [["'=1+1", "-3.5"], ["'-x", "1.0"], ["fine", ""]]
    assert table["codec"].tolist() == ["=1+1", "-x", "fine"]  # untouched


def test_html_escapes():
    page = html_page("<b>", [("<i>", pandas.DataFrame({"codec": ["<script>alert(1)</script>"]}))])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<b>" not in page.split("<body>")[1]


@pytest.fixture
def folder(tmp_path):
    for codec in (model_codec("bpg"), model_codec("jpeg", 1.5)):
        write_results(codec, tmp_path / f"{codec.name}.json")
    return tmp_path


def test_command_writes_tables(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["table", "--results", str(folder), "--out", str(out), "--rates", "0.5"]) == 0
    assert {path.name for path in out.iterdir()} == {
        "rates.csv",
        "summary.csv",
        "table-ms_ssim.csv",
        "table-psnr.csv",
        "table.html",
        "table.md",
    }
    said = capsys.readouterr().out
    assert "no results have si_ssim: left out" in said
    assert "+50.0%" in (out / "table.md").read_text()
    ranking = pandas.read_csv(out / "table-psnr.csv").set_index("codec")
    assert ranking.loc["jpeg", "bd_rate"] == pytest.approx(50)
    assert "Toderici" not in (out / "table.md").read_text()  # other pictures


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--anchor", "avif"], 1, "no results of avif: there are bpg, jpeg"),
        (["--metrics", "vmaf"], 2, "no metric vmaf"),
        (["--method", "cubic"], 2, "no interpolation 'cubic'"),
        (["--rates", "a"], 2, "are not numbers"),
        (["--metrics", "ssim"], 1, "no results have ssim"),
        (["--out", "/dev/null/x"], 1, "name a folder that can be written"),
    ],
)
def test_command_says_what_is_wrong(folder, tmp_path, capsys, options, code, message):
    given = ["table", "--results", str(folder), "--out", str(tmp_path / "out"), *options]
    assert main(given) == code
    assert message in " ".join(capsys.readouterr().err.split())


def test_command_leaves_out_sets_without_the_anchor(tmp_path, capsys):
    for dataset, names in {"one": ("bpg", "jpeg"), "two": ("jpeg", "webp")}.items():
        for name in names:
            made = model_codec(name)
            rows = [replace(row, image=f"{dataset} {row.image}") for row in made.rows]
            results = replace(made, dataset=dataset, rows=rows)
            (tmp_path / dataset).mkdir(exist_ok=True)
            write_results(results, tmp_path / dataset / f"{name}.json")
    given = [w for name in ("one", "two") for w in ("--results", str(tmp_path / name))]
    out = tmp_path / "out"
    assert main(["table", *given, "--out", str(out), "--anchor", "bpg"]) == 0
    said = capsys.readouterr().out
    assert "bpg is not measured on two" in said
    assert "WebP" not in (out / "table.md").read_text()
    assert main(["table", *given, "--out", str(out), "--anchor", "avif"]) == 1
    assert "no results of avif" in capsys.readouterr().err


def test_command_refuses_two_data_sets(folder, capsys, tmp_path):
    other = kodak_means()["webp"]
    write_results(other, folder / "webp.json")
    assert main(["table", "--results", str(folder), "--out", str(tmp_path / "out")]) == 1
    assert "kodak and made-up" in capsys.readouterr().err
