"""Studies: each on a small picture or made-up results, what is written."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from PIL import Image
from scipy import stats

from leaderboard.__main__ import main
from leaderboard.analysis.curves import by_rate
from leaderboard.codecs import CODECS
from leaderboard.data.datasets import Dataset, load_dataset
from leaderboard.data.results import Results, to_frame, write_results
from leaderboard.run.measuring import Reference, reference
from leaderboard.studies import (
    STUDIES,
    Context,
    Study,
    figure6,
    figure7,
    find_study,
    floor,
    iterations,
    maps,
    metric_agreement,
    transfer,
    write_study,
)
from leaderboard.studies.base import Panel, Series, interactive, still
from semcomp.errors import SemcompError
from semcomp.metrics import Original
from semcomp.pipeline import compress, decompress
from semcomp.semantics.activation import upsample_grey
from tests.support.anchor_curves import model_codec


def picture(height=176, width=192, seed=1):
    """A picture with smooth, striped and noisy parts, uint8 (H, W, 3)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = 90 + 60 * np.sin(x / 23 + seed) + 40 * np.cos(y / 17)
    base[: height // 2] += 40 * ((x[: height // 2] // 6) % 2)
    noisy = base[..., None] + random.normal(0, 14, (height, width, 3)) * (x > width // 2)[..., None]
    return np.clip(noisy + np.array([0, 10, -20]), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    Image.fromarray(picture()).save(folder / "one.png")
    return load_dataset(folder)


def test_regions_are_the_most_important_and_apart():
    weights = np.zeros((512, 768), np.uint8)
    weights[100:200, 60:160] = 255
    weights[300:400, 500:600] = 200
    first, second = figure6.regions(weights)
    for box, (y, x) in ((first, (100, 60)), (second, (300, 500))):
        left, top, right, bottom = box
        assert right - left == bottom - top == figure6.BOX
        assert left <= x and x + 100 <= right
        assert top <= y and y + 100 <= bottom
        assert left >= 0 and right <= 768 and bottom <= 512
    # A flat map: still two squares that do not overlap.
    a, b = figure6.regions(np.ones((400, 400), np.uint8))
    assert abs(a[0] - b[0]) >= figure6.BOX or abs(a[1] - b[1]) >= figure6.BOX
    assert figure6.regions(np.ones((170, 165), np.uint8))[0] == (0, 0, 165, 165)


def test_every_iteration_is_the_shorter_file():
    image = picture(64, 80)
    pictures = iterations.every_iteration(compress(image, 5, "uniform").data)
    assert list(pictures) == [1, 2, 3, 4, 5]
    for level in (1, 4):
        own = np.asarray(decompress(compress(image, level, "uniform").data))
        assert np.array_equal(pictures[level], own)
    assert not np.array_equal(pictures[1], pictures[5])


def run(study, dataset, **options):
    said = []
    found = study.run(Context(dataset, report=said.append, **options))
    return found, said


def test_iterations(dataset, monkeypatch):
    monkeypatch.setattr(iterations, "LEVELS", (1, 2, 3, 4))
    found, said = run(iterations, dataset)
    table = found.table
    assert said == ["one (1 of 1)"]
    assert table["iteration"].tolist() == [1, 2, 3, 4]
    assert (table["bpp"].diff().dropna() > 0).all()
    assert table["psnr"].iloc[-1] > table["psnr"].iloc[0] + 1
    assert table["gain psnr"].iloc[1:].sum() == pytest.approx(
        table["psnr"].iloc[-1] - table["psnr"].iloc[0]
    )
    assert table["share of gain"].iloc[[0, -1]].tolist() == [0, 1]
    image = picture()
    data = compress(image, 3, "uniform").data
    assert table["bpp"].iloc[2] == pytest.approx(8 * len(data) / (176 * 192))
    assert "of 4 iterations" in found.notes[1]


def test_floor(dataset, monkeypatch):
    monkeypatch.setattr(floor, "LEVELS", (4,))
    monkeypatch.setattr(floor, "SHARES", (0.0, floor.DEFAULT, 1.0))
    monkeypatch.setattr(floor, "_COLOURS", {4: "#0072B2"})
    found, _ = run(floor, dataset)
    table = found.table.set_index("floor")
    assert list(table.index) == [0, floor.DEFAULT, 1]
    assert table["bpp"].nunique() == 1  # equal bytes
    assert table["ms_ssim to floor 1"].loc[1.0] == 0
    # Without a floor bits leave the unimportant parts, and the whole suffers.
    assert table["ssim"].loc[0.0] < table["ssim"].loc[1.0]
    assert "floor 0 to 0.67 changes MS-SSIM by" in found.notes[1]


def test_floored_files_are_those_of_the_codec():
    image = Image.fromarray(picture())
    data = floor._Floored(0.5).encode(image, 5.0)
    assert data == compress(image, 5.0, "proportional", floor=2).data


def test_maps(dataset, monkeypatch):
    monkeypatch.setattr(maps, "NAMES", ("jpeg", "george"))
    monkeypatch.setattr(maps, "RATES", (0.6, 9.0))
    found, _ = run(maps, dataset)
    table = found.table
    assert table["bpp"].tolist() == [0.6, 0.6, 9.0, 9.0]
    near = table[table["bpp"] == 0.6]
    assert sorted(near["rank, SSIM inside"]) == ["1", "2"]
    best = near.set_index("codec")["SSIM inside"].idxmax()
    assert near.set_index("codec").loc[best, "rank, SSIM inside"] == "1"
    # Nobody reaches 9 bpp: no score rather than one at fewer bytes.
    assert table.loc[table["bpp"] == 9, "SSIM inside"].isna().all()
    assert any("out of reach" in note for note in found.notes)


def test_transfer(dataset, monkeypatch, tmp_path):
    qualities = {"jpeg": (5, 20, 45, 70, 88), "avif": (20, 40, 60, 80)}
    monkeypatch.setattr(transfer, "QUALITIES", qualities)
    left = np.zeros((8, 8), np.uint8)
    left[:, :4] = 255
    monkeypatch.setattr(transfer, "analyse", lambda image: SimpleNamespace(grey=left))
    original = replace(reference(picture()), weights=(upsample_grey(left, 176, 192),) * 2)
    monkeypatch.setattr(transfer, "reference", lambda image: original)
    found, told = run(transfer, dataset, kept=tmp_path)
    assert run(transfer, dataset, kept=tmp_path)[1] == [] != told  # what is done is kept
    table = found.table.set_index(["format", "measure"])
    for name in qualities:
        gain, rate = (table.loc[name, column] for column in ("gain [dB]", "BD-rate [%]"))
        assert gain["PSNR, important fifth"] > 0.3 > 0 > gain["PSNR, all else"]
        assert rate["SI-SSIM"] < 0 < rate["SSIM"]


def test_transfer_knows_where_the_detail_is():
    image = np.full((64, 64, 3), 90, np.uint8)
    image[:32] = np.random.default_rng(1).integers(0, 255, (32, 64, 1))
    inside = np.zeros((64, 64), bool)
    inside[:16] = True
    assert transfer._detail_outside(image, inside) == pytest.approx(0.5, abs=0.02)
    assert transfer._detail_outside(image, ~inside) == pytest.approx(0.5, abs=0.02)
    inside[:32] = True
    assert transfer._detail_outside(image, inside) == 0


def test_maps_inside_and_outside():
    image = picture()
    inside = np.zeros((176, 192), np.uint8)
    inside[:60, :60] = 255
    original = Reference(Original(image), (np.ones_like(inside), inside))
    damaged = image.copy()
    damaged[100:, 100:] = 128
    scores = maps._scores(original, damaged)
    assert scores["SSIM inside"] == pytest.approx(1, abs=1e-6)
    assert scores["SSIM outside"] < 0.95
    assert scores["SI-SSIM, second map"] > scores["SI-SSIM, first map"]
    assert maps._agreement(Reference(Original(image), (inside, inside))) == (1, pytest.approx(1))


def test_figure6(dataset, monkeypatch):
    monkeypatch.setattr(figure6, "NAMES", ("jpeg", "george"))
    monkeypatch.setattr(figure6, "CAP", 10)
    found, _ = run(figure6, dataset)
    table = found.table
    assert table["codec"].tolist() == ["jpeg", "george"]
    assert (table["off"].abs() < 10).all()
    assert table["ms_ssim"].between(0, 1).all()
    # The same number from the file itself, without the study.
    row = table.iloc[1]
    data = CODECS["george"].encode(Image.fromarray(picture()), row["quality"])
    assert len(data) == row["bytes"]
    assert len(found.charts[0].data) == 3  # original and two codecs
    assert found.still.axes[0].get_title().startswith("original")


def test_figure6_refuses_small_pictures(tmp_path):
    Image.fromarray(picture(64, 64)).save(tmp_path / "tiny.png")
    with pytest.raises(SemcompError, match="tiny has a side under 161 pixels"):
        run(figure6, load_dataset(tmp_path))


def results_of(names, dataset, semantic=True):
    """Made-up results of codecs over a data set's pictures."""
    found = []
    for cost, name in enumerate(names, 1):
        rows = []
        for row in model_codec(name, 1 + cost / 10, pictures=1).rows:
            ssim = row.ms_ssim**2
            scores = {"ssim": ssim, "si_ssim": ssim**1.1 if semantic else None}
            rows.append(replace(row, image=dataset.pictures[0].name, **scores))
        found.append(Results(name, "", dataset.name, tuple(rows), {"kind": "recomputed"}))
    return found


@pytest.fixture
def folder(dataset, tmp_path):
    for each in results_of(figure7.CODECS, dataset):
        write_results(each, tmp_path / f"{each.name}.json")
    return tmp_path


def test_figure7(dataset, folder):
    found, _ = run(figure7, dataset, results=folder)
    assert len(found.charts) == 2
    frame = to_frame(results_of(figure7.CODECS, dataset))
    curve = by_rate(frame, "bpg", "ms_ssim", [0.5])
    row = found.table.set_index("codec").loc["bpg"]
    assert row["ms_ssim @ 0.5"] == pytest.approx(curve.score[0])
    # Costs 1.2 and 1.3 of one curve.
    assert any("BPG 4:2:0 against george (ours), MS-SSIM: BD-rate -7.7%" in n for n in found.notes)


def test_figure7_compares_the_papers_network_with_itself(dataset, folder):
    """Where there are results of it; its raw bits with raw bits."""
    for each in results_of(["george-paper-raw", "semantic0-paper-raw", "semantic-paper"], dataset):
        write_results(each, folder / f"{each.name}.json")
    found, _ = run(figure7, dataset, results=folder)
    assert found.table["codec"].tolist()[5:8] == [
        *("semantic-paper", "george-paper-raw", "semantic0-paper-raw")
    ]
    raw = "paper's network, semantic, floor 0, raw bits against paper's network, uniform, raw bits"
    # Costs 1.2 and 1.1 of one curve.
    assert any(f"{raw}, MS-SSIM: BD-rate +9.1%" in note for note in found.notes)
    coded = "paper's network, semantic against paper's network, uniform, SI-SSIM: no BD-rate"
    assert any(note.startswith(coded) for note in found.notes)


def test_figure7_names_what_lacks(dataset, folder):
    (folder / "bpg.json").unlink()
    with pytest.raises(SemcompError, match=r"no results of bpg: .*--codecs bpg"):
        run(figure7, dataset, results=folder)


def test_studies_that_read_results_say_so(dataset, folder):
    for study in (figure7, metric_agreement):
        with pytest.raises(SemcompError, match="python -m leaderboard run"):
            run(study, dataset)
        more = Dataset("d", (*dataset.pictures, replace(dataset.pictures[0], name="two")))
        with pytest.raises(SemcompError, match="lacks two"):
            run(study, more, results=folder)


def test_metric_agreement(dataset, folder):
    found, _ = run(metric_agreement, dataset, results=folder)
    table = found.table
    frame = to_frame(results_of(figure7.CODECS, dataset))
    whole = table.iloc[0]
    assert whole["pairs"] == len(frame) == 45
    assert whole["SROCC"] == pytest.approx(1)
    assert whole["KROCC"] == pytest.approx(1)
    assert whole["PLCC"] == pytest.approx(np.corrcoef(frame["ssim"], frame["si_ssim"])[0, 1])
    expected = np.sqrt(((frame["ssim"] - frame["si_ssim"]) ** 2).mean())
    assert whole["rMSE"] == pytest.approx(expected)
    assert len(table) == 1 + len(figure7.CODECS)
    assert set(table["map"]) == {"first map"}  # the second was not measured


def test_agreement_of_disagreeing_scores():
    first, second = pandas.Series([0.1, 0.4, 0.5, 0.9]), pandas.Series([0.2, 0.3, 0.9, 0.6])
    found = metric_agreement.agreement(first, second)
    assert found["SROCC"] == pytest.approx(0.8)  # 1 - 6·2 / (4·15)
    assert found["KROCC"] == pytest.approx(4 / 6)  # five pairs agree, one does not
    assert found["PLCC"] == pytest.approx(stats.pearsonr(first, second)[0])
    assert found["rMSE"] == pytest.approx(np.sqrt((0.01 + 0.01 + 0.16 + 0.09) / 4))


def test_metric_agreement_needs_pairs(dataset, tmp_path):
    for each in results_of(["jpeg"], dataset, semantic=False):
        write_results(each, tmp_path / "jpeg.json")
    with pytest.raises(SemcompError, match="fewer than three pairs"):
        run(metric_agreement, dataset, results=tmp_path)


PANEL = Panel(
    "A <b>",
    "x",
    "y",
    [
        Series("one", [1, 2], [3.0, 4.0], "#D55E00", "lines+markers", texts=["a", "b"]),
        Series("back", [1, 2], [1.0, 1.0], "#C4C4C4", in_legend=False),
    ],
    identity=True,
)


def test_panels_are_drawn_alike():
    figure, drawn = interactive(PANEL), still([PANEL, PANEL])
    assert figure.data[0].y == (3.0, 4.0)
    assert figure.data[0].text == ("a", "b")
    assert [trace.showlegend for trace in figure.data] == [True, False]
    axis = drawn.axes[0]
    assert axis.get_lines()[0].get_ydata().tolist() == [3.0, 4.0]
    assert [text.get_text() for text in axis.texts] == ["a", "b"]
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["one"]
    assert "<b>" not in figure.layout.title.text


def test_write_study(tmp_path):
    table = pandas.DataFrame({"codec": ["a|b", "=c"], "bpp": [0.5, np.nan]})
    study = Study(
        "made", "Made up", table, [interactive(PANEL)], still([PANEL]), ["<i>"], {"bpp": 2}
    )
    paths = write_study(study, tmp_path / "new")
    assert {path.name for path in paths} == {
        *("made.md", "made.csv", "made.html", "made.png"),
        "plotly.min.js",
    }
    text = (tmp_path / "new" / "made.md").read_text()
    assert "| a\\|b | 0.50 |" in text
    assert "| =c |  |" in text
    assert "'=c" in (tmp_path / "new" / "made.csv").read_text()
    page = (tmp_path / "new" / "made.html").read_text()
    assert "&lt;i&gt;" in page
    assert "<i>" not in page
    assert 'src="plotly.min.js"' in page
    assert Image.open(io.BytesIO((tmp_path / "new" / "made.png").read_bytes())).width > 300


def test_every_study_is_there(capsys):
    assert main(["study", "--help"]) == 0
    shown = capsys.readouterr().out
    for name in STUDIES:
        assert callable(find_study(name)) and name in shown
    with pytest.raises(SemcompError, match="use one of iterations"):
        find_study("figure8")


def test_several_processes_give_the_same(dataset):
    more = Dataset("d", (dataset.pictures[0], replace(dataset.pictures[0], name="two")))
    alone, both = (Context(more, jobs=jobs, report=str).each(_sums) for jobs in (1, 2))
    assert alone == both == [("one", int(picture().sum())), ("two", int(picture().sum()))]


def _sums(name, image):
    return name, int(image.sum())


def test_command(dataset, folder, tmp_path, capsys):
    place = ["--dataset", str(dataset.pictures[0].path.parent), "--out", str(tmp_path / "out")]
    assert main(["study", "metric-agreement", *place, "--results", str(folder)]) == 0
    assert (tmp_path / "out" / "metric-agreement.png").exists()
    for options, message in {
        ("figure8",): "no study 'figure8'",
        ("figure7",): "this study reads results",
        ("figure7", "--images", "three"): "three",
        ("figure7", "--results", str(tmp_path / "none")): "no results in",
    }.items():
        capsys.readouterr()
        assert main(["study", *options, *place]) == 1
        assert message in capsys.readouterr().err


def test_reference_is_of_the_original():
    """The studies weigh by the maps of the original, at its size."""
    found = reference(picture())
    assert [weights.shape for weights in found.weights] == [(176, 192), (176, 192)]
