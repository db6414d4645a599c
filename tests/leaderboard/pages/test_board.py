"""Tests of the leaderboard's tab: what is read, linked, shown and decoded."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from leaderboard.analysis.curves import image_curves, score_at
from leaderboard.analysis.look import setting_text
from leaderboard.analysis.tables import ranked
from leaderboard.blind.ranks import Ranks, ranks_of
from leaderboard.blind.tables import share_text
from leaderboard.codecs import CODECS, CodecError
from leaderboard.data.results import Results, write_results
from leaderboard.pages.board import boards as page_board
from leaderboard.pages.board import controls as page_controls
from leaderboard.pages.board import pictures as page_pictures
from leaderboard.pages.board import ranking as page_ranking
from leaderboard.pages.board import view as page_view
from leaderboard.pages.board import words as page_words
from leaderboard.pages.board.events import Events
from leaderboard.pages.board.view import View, view_of
from semcomp.demo.shared import work
from semcomp.errors import DatasetError
from tests.leaderboard.blind.test_ranks import visits as made_votes
from tests.support.board_results import SIZE, WIDE, controls, opened, spread, write_folder

SAMPLES = work.samples


@pytest.fixture(scope="module")
def board(folder: Path) -> page_board.Board:
    return page_board.load_boards(folder).boards["kodak"]


@pytest.fixture(autouse=True)
def kept_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads go where the test's files go, unless a server has its own folder."""
    if "GRADIO_TEMP_DIR" not in os.environ:
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


def view(folder: Path, **query: str) -> View:
    found, lost = view_of({"tab": "leaderboard", **query}, page_board.load_boards(folder))
    assert not lost
    return found


# What is read


def test_codecs_and_published_curves_of_the_same_pictures(board: page_board.Board) -> None:
    assert board.codecs[:5] == ["semantic", "george", "bpg", "jpeg", "webp"]
    assert {"toderici2017", "johnston2018"} < set(board.codecs)
    assert set(page_board.default_codecs(board)) == {
        *("semantic", "george", "bpg", "jpeg", "webp"),
        *("toderici2017", "johnston2018", "vtm"),
    }
    assert board.anchors == ["semantic", "george", "bpg", "jpeg"]
    assert len(board.pictures) == 24


def test_results_are_read_again_only_when_files_change(tmp_path: Path) -> None:
    write_folder(tmp_path / "kodak")
    first = page_board.load_boards(tmp_path)
    assert page_board.load_boards(tmp_path) is first
    write_results(spread("avif"), tmp_path / "kodak" / "avif.json")
    assert "avif" in page_board.load_boards(tmp_path).boards["kodak"].codecs


def test_a_folder_of_one_data_set_is_taken_too(folder: Path) -> None:
    assert list(page_board.load_boards(folder / "kodak").boards) == ["kodak"]


def test_both_official_sets_come_together(tmp_path: Path) -> None:
    write_folder(tmp_path / "kodak")
    for name in ("bpg", "jpeg"):
        own = spread(name)
        rows = tuple(replace(row, image=f"c-{row.image}") for row in own.rows)
        (tmp_path / "cid22").mkdir(exist_ok=True)
        other = replace(own, dataset="cid22", rows=rows)
        write_results(other, tmp_path / "cid22" / f"{name}.json")
    boards = page_board.load_boards(tmp_path).boards
    assert list(boards) == ["kodak", "cid22", "kodak+cid22"]
    both = boards["kodak+cid22"]
    assert both.codecs == ["bpg", "jpeg"] and len(both.pictures) == 48
    found = page_ranking.ranking(both, "ms_ssim", "bpg").set_index("codec").loc["jpeg"]
    kodak = page_ranking.ranking(boards["kodak"], "ms_ssim", "bpg").set_index("codec").loc["jpeg"]
    assert found.images == 48 and found.bd_rate == pytest.approx(kodak.bd_rate)
    assert "--results assets/results/kodak --results assets/results/cid22" in page_words.commands(
        both
    )
    shown = opened(Events(tmp_path))[0].choices
    assert shown == [("Kodak", "kodak"), ("CID22", "cid22"), ("Kodak and CID22", "kodak+cid22")]


def test_a_broken_file_is_named_and_the_others_stay(tmp_path: Path) -> None:
    write_folder(tmp_path / "kodak")
    (tmp_path / "kodak" / "bpg.json").write_text("{")
    write_results(spread("jpeg"), tmp_path / "kodak" / "second.json")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.json").write_text('{"rows": []}')
    boards = page_board.load_boards(tmp_path)
    assert "bpg" not in boards.boards["kodak"].codecs
    assert len(boards.problems) == 2
    assert boards.problems[0].startswith("bpg.json is no JSON")
    assert "other results of jpeg" in boards.problems[1]
    assert str(tmp_path) not in " ".join(boards.problems)


def test_no_results_say_how_to_make_them(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "nowhere"):
        events = Events(missing)
        whole = opened(events)
        assert "python -m leaderboard run" in " ".join(str(part) for part in whole)
        assert events.draw(*controls(View()))[1] is None
        table, _, _, *files = events.rank(*controls(View()))
        assert table == "" and files == [None, None, None]
        assert events.look(*controls(View())) == ""


def test_broken_published_curves_are_left_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("[]")
    boards = page_board.load_boards(folder, tmp_path)
    assert "Published curves are left out" in boards.problems[0]
    assert boards.boards["kodak"].codecs == ["semantic", "george", "bpg", "jpeg", "webp"]


# Links


def test_a_link_carries_the_view(folder: Path) -> None:
    chosen = view(
        folder,
        metric="si_ssim",
        scale="plain",
        codecs="bpg,toderici2017",
        anchor="jpeg",
        range="0.1-0.9",
        picture="kodim20",
        bpp="0.25",
        filter="a & b",
    )
    assert (chosen.low, chosen.high, chosen.target) == (0.1, 0.9, 0.25)
    assert chosen.codecs == ("bpg", "toderici2017") and chosen.anchor == "jpeg"
    query = {key: values[0] for key, values in parse_qs(chosen.query()).items()}
    assert page_view.is_link(query)
    assert view_of(query, page_board.load_boards(folder)) == (chosen, [])


def test_no_codecs_is_a_view_too(folder: Path) -> None:
    assert view(folder, codecs="none").codecs == ()
    assert "codecs=none" in view(folder, codecs="none").query()


@pytest.mark.parametrize(
    "query",
    [
        {"dataset": "nothing"},
        {"metric": "vmaf"},
        {"scale": "log"},
        {"codecs": "vvc"},
        {"anchor": "webp"},  # incomplete
        {"range": "2-1"},
        {"range": "0-x"},
        {"range": "1"},
        {"range": "0-inf"},
        {"picture": "kodim99"},
        {"bpp": "nan"},
        {"bpp": "0"},
    ],
)
def test_what_a_link_asks_for_in_vain_is_said(folder: Path, query: dict[str, str]) -> None:
    boards = page_board.load_boards(folder)
    found, lost = view_of({"tab": "leaderboard", **query}, boards)
    assert len(lost) == 1 and next(iter(query.values())) in lost[0]
    default, _ = view_of({}, boards)
    assert found == default or query == {"codecs": "vvc"}
    assert "<" not in page_words.notice([], ["<b>"]).replace("<div", "").replace("<p>", "").replace(
        "</p></div>", ""
    )


def test_another_data_set_leaves_the_choices(folder: Path, tmp_path: Path) -> None:
    for name in ("bpg", "jpeg"):
        write_folder(tmp_path / "kodak")
        other = replace(spread(name), dataset="other")
        write_results(other, tmp_path / f"{name}.json")
    events = Events(tmp_path)
    kodak = view(tmp_path, dataset="kodak", metric="psnr", anchor="jpeg", filter="bpg")
    link = events.share(*controls(kodak))
    assert events.switch(link, *controls(kodak)) == gr.skip()  # the list was left as it was
    sent = controls(kodak)
    sent[0] = "other"
    whole = events.switch(link, *sent)
    assert [each.value for each in whole[:5]] == ["other", "psnr", "db", ["bpg", "jpeg"], "jpeg"]
    assert whole[7] == "bpg"
    few = controls(replace(kodak, codecs=("bpg", "george")))
    few[0] = "other"
    assert events.switch(events.share(*controls(kodak)), *few)[3].value == ["bpg", "jpeg"]
    link = events.share(*controls(replace(kodak, codecs=("bpg", "george"))))
    assert events.switch(link, *few)[3].value == ["bpg"]


# What is shown


def test_the_table_is_the_ranking(folder: Path, board: page_board.Board) -> None:
    html = Events(folder).rank(*controls(view(folder)))[0]
    expected = ranked(board.frame, "ms_ssim", "bpg")
    shown = re.findall(r'class="codec">([^<]+)<', html)
    assert len(shown) == len(expected)
    row = expected[expected["codec"] == "jpeg"].iloc[0]
    assert f"<b>{row.bd_rate:+.1f}%</b> [{row.bd_low:+.1f}, {row.bd_high:+.1f}]" in html
    assert "incomplete: 23 of 24 pictures" in html
    assert html.count('class="badge recomputed"') == 5
    assert html.count('class="badge published"') == len(expected) - 5


def test_every_word_of_the_filter_counts(folder: Path, board: page_board.Board) -> None:
    table = page_ranking.ranking(board, "ms_ssim", "bpg")
    for text, codecs in (
        ("INCOMPLETE", {"webp"}),
        ("ours recomp", {"george", "semantic"}),
        ("no such codec", set()),
    ):
        assert set(page_ranking.matching(table, text)["codec"]) == codecs
    assert "No codec fits" in Events(folder).rank(*controls(view(folder, filter="zzz")))[0]


def test_figures_fit_the_page(folder: Path) -> None:
    events = Events(folder)
    chosen = view(folder, codecs="bpg,webp,george,toderici2017,cheng2020-attn", range="0-1")
    notice, figure, left_out = events.draw(*controls(chosen))
    assert notice == "" and "lacks kodim07" in left_out
    traces = {trace.meta["codec"]: trace for trace in figure.data}
    assert set(traces) == {"bpg", "george", "toderici2017", "cheng2020-attn"}
    assert all(trace.visible is True for trace in figure.data)
    assert traces["toderici2017"].name.endswith("(published)")
    assert traces["toderici2017"].line.dash == "dash" and traces["bpg"].line.dash == "solid"
    assert tuple(figure.layout.xaxis.range) == (0, 1)
    dark = events.draw(*controls(chosen)[:-1], {**WIDE, "dark": True})[1]
    black = {trace.meta["codec"]: trace.line.color for trace in dark.data}["george"]
    assert black != "#000000" and traces["george"].line.color == "#000000"


def test_controls_that_make_no_sense_are_said(folder: Path) -> None:
    events = Events(folder)
    values = controls(view(folder))
    values[5], values[6] = 2, 1
    assert "range 2-1" in events.draw(*values)[0]
    values[9] = None
    assert "0.02 to 8" in events.look(*values)


def test_scores_of_one_picture_are_interpolated(board: page_board.Board) -> None:
    points = {p.codec: p for p in page_ranking.points_at(board, "kodim05", 0.5)}
    assert set(points) == {"semantic", "george", "bpg", "jpeg", "webp", "cool-chic5"}
    rates, scores = image_curves(board.frame, "bpg", "ms_ssim")["kodim05"]
    assert points["bpg"].at_rate["ms_ssim"] == pytest.approx(float(score_at(rates, scores, 0.5)))
    nearest = int(np.argmin(np.abs(np.log(rates / 0.5))))
    assert points["bpg"].bpp == rates[nearest]
    assert points["bpg"].scores["ms_ssim"] == scores[nearest]
    html = page_words.points_html(list(points.values()), "kodim05", 0.5)
    assert "interpolated" in html and f"{0.5 * SIZE / 8:,.0f}" in html
    beyond = page_ranking.points_at(board, "kodim05", 8.0)[0]
    assert beyond.at_rate["ms_ssim"] is None
    assert "reaches" in page_words.points_html([beyond], "kodim05", 8.0)


def test_settings_are_told_as_the_codec_takes_them(folder: Path, board: page_board.Board) -> None:
    assert setting_text("bpg", 17) == "quality 17 (QP 34)"
    assert setting_text("jpeg", 17.5, 20) == "quality 17.5 to 20"
    assert setting_text("jpeg", "fast") == "quality fast"
    bpg = next(p for p in page_ranking.points_at(board, "kodim05", 0.5) if p.codec == "bpg")
    assert f"(QP {51 - int(bpg.quality)})" in page_words.points_html([bpg], "kodim05", 0.5)
    figure = Events(folder).draw(*controls(view(folder, codecs="bpg")))[1]
    assert "(QP 50" in figure.data[0].hovertext[0]
    assert "means of 24 pictures, 16 points" in page_words.method_html(board, "toderici2017")
    assert "24 pictures, 8 qualities" in page_words.method_html(board, "bpg")


def test_downloads_hold_the_numbers_and_no_formulas(tmp_path: Path) -> None:
    evil = spread("=1+1", 1.3, "bpg")
    write_results(evil, tmp_path / "evil.json")
    write_results(spread("bpg"), tmp_path / "bpg.json")
    files = Events(tmp_path).rank(*controls(view(tmp_path)))[3:]
    table, rows, whole = (Path(file).read_text(encoding="utf-8") for file in files)
    names = [row["codec"] for row in csv.DictReader(io.StringIO(table))]
    assert "'=1+1" in names and "=1+1" not in names
    cells = [cell for row in csv.reader(io.StringIO(rows)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@")]
    everything = json.loads(whole)
    assert {row["codec"] for row in everything["ranking"]} >= {"bpg", "=1+1"}
    again = {Results.from_json(each).name for each in everything["results"]}
    assert {"bpg", "=1+1"} <= again


def test_names_from_files_are_escaped(tmp_path: Path) -> None:
    write_results(spread("<img src=x>", 1.2, "bpg"), tmp_path / "a.json")
    write_results(spread("bpg"), tmp_path / "b.json")
    chosen = controls(view(tmp_path))
    events = Events(tmp_path)
    for html in (events.rank(*chosen)[0], events.look(*chosen)):
        assert "<img" not in html and "&lt;img" in html


# Pictures at equal bytes


@pytest.fixture
def small_samples(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, np.ndarray]]:
    """Samples of 176 x 192 pixels in place of the whole ones."""
    cut = {name: SAMPLES()[name][40:216, 100:292] for name in ("cat", "coffee")}
    monkeypatch.setattr(page_pictures, "samples", lambda: cut)
    monkeypatch.setattr(page_controls, "samples", lambda: cut)
    caches = page_pictures._make, page_pictures._reference
    for each in caches:
        each.cache_clear()
    yield cut
    for each in caches:
        each.cache_clear()


def test_no_file_exceeds_the_target(small_samples: dict[str, np.ndarray]) -> None:
    target = int(0.8 * 176 * 192 / 8)
    made = list(page_pictures.make("", "cat", 0.8, ["jpeg", "webp", "george"]))
    for each in made:
        assert each.decoded is not None and 0.7 * target < each.bytes <= target
        again = CODECS[each.codec].encode(Image.fromarray(small_samples["cat"]), each.quality)
        assert len(again) == each.bytes
        assert (np.asarray(CODECS[each.codec].decode(again)) == each.decoded).all()
        assert each.scores is not None and each.scores["psnr"] is not None
    larger = CODECS["jpeg"].encode(Image.fromarray(small_samples["cat"]), made[0].quality + 1)
    assert len(larger) > target
    assert next(page_pictures.make("", "cat", 0.8, ["jpeg"])) is made[0]


def test_maps_show_where_scores_are_lost(
    folder: Path, small_samples: dict[str, np.ndarray], tmp_path: Path
) -> None:
    asked = folder, "elsewhere", "a", 0.8, "cat", ["jpeg"]
    drawn = {
        shown: [*page_pictures.decode(*asked, shown)][-1][0][1]
        for shown in ("pictures", "ssim", "ssimulacra2")
    }
    assert drawn["ssim"][1] == drawn["pictures"][1]  # the caption tells the same scores
    assert "SSIMULACRA2 " in drawn["ssim"][1] and "LPIPS 0." in drawn["ssim"][1]
    sizes = {shown: Image.open(file).size for shown, (file, _) in drawn.items()}
    assert sizes["ssim"] == sizes["ssimulacra2"] and sizes["ssim"][1] > sizes["pictures"][1]
    original = page_pictures._reference("", "cat")
    for metric in page_pictures.ERRORS:
        spoiled = original.image.copy()
        spoiled[:40, :40] = 255 - spoiled[:40, :40]
        shown = np.asarray(page_pictures.error_map(original, spoiled, metric)).astype(int)
        shown = shown[:, (shown.shape[1] - 192) // 2 :]  # beside it the scale is wider
        assert (shown[120:170, 100:190] == shown[150, 150]).all()
        assert (shown[10:30, 10:30] != shown[150, 150]).any(2).mean() > 0.5


def test_a_target_below_the_smallest_file_is_said(small_samples: dict[str, np.ndarray]) -> None:
    (made,) = page_pictures.make("", "cat", 0.02, ["jpeg"])
    assert made.decoded is None and "smallest file" in made.reason


def test_requests_that_cannot_be_served_are_named(small_samples: dict[str, np.ndarray]) -> None:
    for arguments, error, message in (
        (("", "cat", 0.5, ["vvc"]), CodecError, "vvc"),
        (("", "cat", 0.5, []), CodecError, "choose codecs"),
        (("", "cat", 0.5, [*CODECS][:7]), CodecError, "at most 6"),
        (("", "cat", float("nan"), ["jpeg"]), CodecError, "no rate"),
        (("", "dog", 0.5, ["jpeg"]), DatasetError, "dog"),
        (("elsewhere", "a", 0.5, ["jpeg"]), DatasetError, "not on this server"),
    ):
        with pytest.raises(error, match=message):
            list(page_pictures.make(*arguments))


def test_the_benchmark_tells_where_to_search(board: page_board.Board) -> None:
    own = board.frame[(board.frame["codec"] == "bpg") & (board.frame["image"] == "kodim03")]
    sizes = dict(zip(own["quality"], own["bytes"], strict=True))
    target = int(sizes[4]) + 10
    assert page_pictures._span(board, "bpg", "kodim03", target) == (4, 5)
    assert page_pictures._span(board, "bpg", "kodim03", 10) is None
    assert page_pictures._span(None, "bpg", "kodim03", target) is None


def test_samples_stand_in_for_kodak(
    folder: Path,
    small_samples: dict[str, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("SEMCOMP_KODAK_DIR", str(tmp_path))
    assert not page_pictures.has_pixels("kodak")
    *_, (shown, missing) = page_pictures.decode(folder, "kodak", "kodim03", 0.8, "cat", ["jpeg"])
    original, jpeg = (np.asarray(Image.open(path)) for path, _ in shown)
    assert (original == small_samples["cat"]).all() and jpeg.shape == original.shape
    assert "JPEG" in shown[1][1] and "bytes" in shown[1][1] and missing == ""
    with pytest.raises(gr.Error, match="No sample picture"):
        list(page_pictures.decode(folder, "kodak", "kodim03", 0.8, "", ["jpeg"]))


def test_kodak_is_decoded_where_it_is(
    folder: Path, kodak_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMCOMP_KODAK_DIR", str(kodak_dir))
    assert page_pictures.has_pixels("kodak") and not page_pictures.has_pixels("folder")
    assert page_pictures.find_picture("kodak", "kodim03").shape == (512, 768, 3)
    with pytest.raises(DatasetError, match="not on this server"):
        page_pictures.find_picture("kodak", "../kodim03")


class Opinions:
    """Votes of made-up eyes."""

    def __init__(self, visits: int) -> None:
        self._ranks = ranks_of(made_votes(visits, np.random.default_rng(1)))

    def ranks(self) -> Ranks:
        return self._ranks


def test_what_people_choose_is_a_column_once_there_are_enough_votes(folder: Path) -> None:
    few, many = (Events(folder, None, Opinions(visits)) for visits in (20, 40))  # type: ignore[arg-type]
    html = few.rank(*controls(view(folder)))[0]
    assert page_words.BY_EYE not in html and "180 of 200 votes needed" in few.judged()
    html = many.rank(*controls(view(folder, anchor="bpg")))[0]
    assert html.count(f'data-label="{page_words.BY_EYE}"') == html.count("<tr role") - 1
    ranks = Opinions(40).ranks()
    assert share_text(*ranks.before("jpeg", "bpg")) in html
    assert "before BPG 4:2:0" in html and "<table" in many.judged()
    html = many.rank(*controls(view(folder, anchor="george")))[0]  # which nobody was asked about
    assert share_text(*ranks.before("jpeg")) in html and "before the average codec" in html
    assert Events(folder).judged() == ""
