"""Figures: the curves they hold, looks that stay, hover, pages that work offline, pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from leaderboard.__main__ import main
from leaderboard.analysis.curves import by_quality, by_rate, decibels
from leaderboard.analysis.figures import MARKERS, page, plotly_js, png, rd_chart, rd_figure
from leaderboard.analysis.look import OURS, look_of
from leaderboard.codecs import CODECS
from leaderboard.data.published import read_published
from leaderboard.data.results import write_results
from tests.support.anchor_curves import frame, kodak_means, model_codec, without


@pytest.fixture(scope="module")
def board():
    return frame(
        model_codec("semantic-rd", 0.8),
        model_codec("bpg"),
        without(model_codec("jpeg", 1.6), "picture0"),
        *(each for each in read_published() if each.rows[0].ms_ssim is not None),
    )


def traces(figure):
    return {trace.meta["codec"]: trace for trace in figure.data}


def test_curves_are_the_means_at_matched_rates(board):
    found = traces(rd_figure(board, "ms_ssim"))
    curve = by_rate(board, "bpg", "ms_ssim")
    assert found["bpg"].x == tuple(curve.bpp)
    assert found["bpg"].y == pytest.approx(decibels(curve.score))
    assert traces(rd_figure(board, "ms_ssim", log_scale=False))["bpg"].y == tuple(curve.score)
    psnr = by_rate(board, "bpg", "psnr")
    assert traces(rd_figure(board, "psnr", log_scale=True))["bpg"].y == tuple(psnr.score)
    settings = by_quality(board, "bpg", "ms_ssim")
    assert traces(rd_figure(board, "ms_ssim", average="quality"))["bpg"].x == tuple(settings.bpp)


def test_codecs_without_a_curve_are_told(board):
    figure = rd_figure(board, "ms_ssim")
    assert "jpeg" not in traces(figure)
    assert figure.layout.meta["left_out"] == {"jpeg": "jpeg is incomplete: it lacks picture0"}


def test_choice_of_codecs_and_range(board):
    figure = rd_figure(board, "ms_ssim", codecs=["bpg", "cheng2020-attn"], rates=(0.3, 0.6))
    found = traces(figure)
    assert list(found) == ["cheng2020-attn", "bpg"]  # ours and measured ones on top
    assert all(trace.visible is True for trace in found.values())
    assert figure.layout.xaxis.range == (0.3, 0.6)
    low, high = figure.layout.yaxis.range
    curve = by_rate(board, "bpg", "ms_ssim")
    inside = decibels(curve.score)[(curve.bpp >= 0.3) & (curve.bpp <= 0.6)]
    assert low < inside.min() < inside.max() < high < decibels(curve.score).max()
    with pytest.raises(ValueError, match="ascending"):
        rd_figure(board, rates=(1, 0.5))


def test_looks(board):
    found = traces(rd_figure(board, "ms_ssim"))
    assert found["semantic-rd"].line.width > 1.5 * found["bpg"].line.width
    assert found["bpg"].line.dash == "solid"
    assert list(found)[-1] == "semantic-rd"  # drawn last
    published = set(board.loc[board["kind"] == "published", "codec"])
    assert len(published) > 8
    for name in published:
        assert found[name].line.dash != "solid"
    assert found["toderici2017"].visible is True
    assert found["1zb-lstm"].visible == "legendonly"
    # The same codec looks the same whatever else is shown.
    alone = traces(rd_figure(board, "psnr", codecs=["bpg"]))["bpg"]
    assert alone.line.color == found["bpg"].line.color


def test_codecs_can_be_told_apart():
    looks = [look_of(name) for name in CODECS]
    assert len({(look.colour, look.dash) for look in looks}) == len(looks)
    every = looks + [look_of(each.name, "published") for each in read_published()]
    assert len({(look.colour, look.dash) for look in every}) == len(every)
    assert len({look.label for look in every}) == len(every)
    assert set(OURS) <= set(CODECS)
    widths = [look_of(name).width for name in CODECS if name not in OURS]
    assert max(widths) < min(look_of(name).width for name in OURS)


def test_every_symbol_is_drawn_by_both():
    assert {look_of(name).symbol.removesuffix("-open") for name in CODECS} <= set(MARKERS)


def test_colours_are_readable_on_white():
    for name in CODECS:
        colour = look_of(name).colour
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        luminance = np.dot([0.2126, 0.7152, 0.0722], linear)
        assert 1.05 / (luminance + 0.05) > 2  # thin lines need contrast


def test_unknown_codecs_keep_their_look():
    assert look_of("my-codec") == look_of("my-codec")
    assert look_of("my-codec").dash == "solid"
    assert look_of("my-codec", "published").dash == "dash"
    assert look_of("a").label == "a"


def test_hover_has_rate_score_and_settings(board):
    found = traces(rd_figure(board, "ms_ssim"))
    text = found["bpg"].hovertext[0]
    curve = by_rate(board, "bpg", "ms_ssim")
    assert f"{curve.bpp[0]:.3f} bpp" in text
    assert f"{curve.score[0]:.4f} = {decibels(curve.score[0]):.2f} dB" in text
    assert curve.settings[0] in text
    assert "mean of 4 pictures" in text
    assert "published" in found["toderici2017"].hovertext[0]


def test_names_are_escaped():
    hostile = model_codec("<img src=x onerror=alert(1)>")
    figure = rd_figure(frame(hostile), "psnr")
    assert "<img" not in figure.data[0].hovertext[0]
    assert "<img" not in figure.data[0].name
    html = page(figure, {"<script>": "<b>"})
    assert "<script>:" not in html
    assert "<b>" not in html.split("<ul>")[1].replace("<b>&lt;script&gt;</b>", "")


def test_page_works_offline(board):
    html = page(rd_figure(board, "ms_ssim", title="Kodak"))
    assert 'src="plotly.min.js"' in html
    assert "http" not in html.split("<body>")[0]
    assert "cdn" not in html.lower()
    assert 'name="viewport"' in html
    assert "<title>Kodak</title>" in html
    assert len(plotly_js()) > 1_000_000


def test_png_has_a_panel_per_metric(board):
    one, two = (
        np.asarray(Image.open(io.BytesIO(png(rd_chart(board, metrics)))).convert("RGB"))
        for metrics in (["ms_ssim"], ["ms_ssim", "psnr"])
    )
    assert two.shape[1] > 1.5 * one.shape[1]
    ours = tuple(int(look_of("semantic-rd").colour[i : i + 2], 16) for i in (1, 3, 5))
    assert (one == ours).all(2).sum() > 500
    assert (one[0] == 255).all()  # nothing cut off at the edge
    assert png(rd_chart(board, ["psnr"])) == png(rd_chart(board, ["psnr"]))


def test_png_leaves_out_what_nobody_measured(board):
    figure = rd_chart(board, ["ms_ssim", "ssim"])
    assert len([axes for axes in figure.axes if axes.get_title(loc="left")]) == 1
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "semantic-rd (ours)"
    assert "Toderici 2017" in labels
    assert "Cheng 2020" not in labels
    with pytest.raises(ValueError, match="no codec has a curve of ssim"):
        rd_chart(board, ["ssim"])


def test_command_writes_figures(tmp_path, capsys):
    for results in (model_codec("bpg"), without(model_codec("jpeg", 1.5), "picture1")):
        write_results(results, tmp_path / f"{results.name}.json")
    out = tmp_path / "out"
    options = ["--results", str(tmp_path), "--out", str(out), "--metrics", "ms_ssim,psnr"]
    assert main(["figures", *options]) == 0
    assert {path.name for path in out.iterdir()} == {
        *("ms_ssim.html", "ms_ssim.png", "psnr.html", "psnr.png"),
        *("plotly.min.js", "rd.png"),
    }
    assert "jpeg is incomplete: it lacks picture1" in (out / "psnr.html").read_text()
    assert "Toderici" not in (out / "ms_ssim.html").read_text()  # a mean over other pictures
    capsys.readouterr()
    assert main(["figures", *options, "--rates", "2,1"]) == 2
    assert "two ascending" in capsys.readouterr().err
    assert main(["figures", *options, "--average", "mood"]) == 2
    assert "rate or quality" in capsys.readouterr().err
    assert main(["figures", *options, "--codecs", "webp"]) == 1
    assert "no results of webp" in capsys.readouterr().err


def test_command_cites_published_curves(tmp_path):
    for results in list(kodak_means().values())[:2]:
        rows = tuple(
            row.__class__(**{**row.__dict__, "image": f"kodim{i:02}", "bytes": 1000})
            for i in range(24)
            for row in results.rows
        )
        measured = type(results)(results.name, "", "kodak", rows, {"kind": "recomputed"})
        write_results(measured, tmp_path / f"{results.name}.json")
    out = tmp_path / "out"
    options = ["--results", str(tmp_path), "--out", str(out), "--metrics", "ms_ssim"]
    assert main(["figures", *options]) == 0
    text = (out / "ms_ssim.html").read_text()
    assert "tensorflow/compression at 24b0cb2c" in text
    assert main(["figures", *options, "--no-published"]) == 0
    assert "tensorflow" not in (out / "ms_ssim.html").read_text()


def test_lpips_has_the_better_end_above(board):
    """On either scale; SSIMULACRA2 is drawn in points."""
    own = board.assign(lpips=1 - board["ms_ssim"], ssimulacra2=100 * board["ms_ssim"])
    figure = rd_figure(own, "lpips", codecs=["bpg"])
    assert traces(figure)["bpg"].y == pytest.approx(
        traces(rd_figure(own, "ms_ssim", codecs=["bpg"]))["bpg"].y
    )
    assert figure.layout.yaxis.title.text == "LPIPS [dB]"
    low, high = rd_figure(own, "lpips", codecs=["bpg"], log_scale=False).layout.yaxis.range
    assert low > high
    points = rd_figure(own, "ssimulacra2", codecs=["bpg"])
    assert " points<br>" in traces(points)["bpg"].hovertext[0]
    assert points.layout.yaxis.title.text == "SSIMULACRA2"
    assert png(rd_chart(own, ["lpips", "ssimulacra2"], codecs=["bpg"]))
