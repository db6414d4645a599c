"""Tests of approved submissions on the leaderboard's tab: ranked, described, downloaded, gone."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from leaderboard.analysis.tables import ranked
from leaderboard.data.results import Results, to_frame, write_results
from leaderboard.pages.board import words as page_words
from leaderboard.pages.board.api import Api
from leaderboard.pages.board.boards import Boards, load_boards
from leaderboard.pages.board.events import Events
from leaderboard.pages.board.ranking import matching, ranking
from leaderboard.pages.board.view import MOST_SUBMITTED, PAGE, View, view_of
from leaderboard.store.database import Store, StoreError
from leaderboard.submissions.inspection import Inspected
from leaderboard.submissions.method import Method
from leaderboard.submissions.shape import DatasetShape
from tests.support.board_results import controls, spread, without
from tests.support.large_board import fill_board, synthetic_results

EVIL = '<img src=x onerror=alert(1)> =1+1, "codec"'


def submit(
    store: Store, folder: Path, results: Results, *, approve: bool = True, **method: Any
) -> int:
    """Send self-reported results; returns the entry's number."""
    incomplete = method.pop("incomplete", ())
    upload = folder / "upload.json"
    upload.write_text(f"{results.name} {method} {len(results.rows)}")
    digest = hashlib.sha256(upload.read_bytes()).hexdigest()
    described = Method(results.name, contact="secret@example.org", **method)
    inspected = Inspected("self-reported", described, digest, results, incomplete=incomplete)
    entry = store.add(inspected, upload, submitter="somebody").entry
    if approve:
        store.approve(entry.id, "maintainer")
    return entry.id


def boards(folder: Path, store: Store) -> Boards:
    return load_boards(folder, store=lambda: store)


def view(folder: Path, store: Store, **query: str) -> View:
    found, lost = view_of({"tab": "leaderboard", **query}, boards(folder, store))
    assert not lost
    return found


def test_it_is_ranked_among_the_codecs_once_it_is_approved(
    folder: Path, store: Store, tmp_path: Path
) -> None:
    mine = replace(spread("jpeg", 0.9), name="mine")
    number = submit(store, tmp_path, mine, approve=False)
    assert not boards(folder, store).boards["kodak"].entries
    store.approve(number, "maintainer")
    assert set(boards(folder, store).boards["kodak"].entries) == {"mine"}
    board = boards(folder, store).boards["kodak"]
    assert boards(folder, store).boards["kodak"] is board  # nothing has changed since
    table = ranking(board, "ms_ssim", "bpg").set_index("codec")
    together = to_frame([*board.results, mine])
    expected = ranked(together, "ms_ssim", "bpg").set_index("codec")
    for column in ("rank", "rank_low", "rank_high", "bd_rate", "bd_low", "bd_high", "overlap"):
        assert table.loc["mine", column] == pytest.approx(expected.loc["mine", column], abs=1e-4)
        assert table.loc["jpeg", column] == pytest.approx(expected.loc["jpeg", column], abs=1e-9)
    assert table.loc["mine", "kind"] == "self-reported"
    store.withdraw_by_maintainer(number, "maintainer", "a test")
    assert not boards(folder, store).boards["kodak"].entries


def test_it_is_shown_among_the_results_of_its_data_set(
    folder: Path, store: Store, tmp_path: Path
) -> None:
    mine = replace(spread("jpeg", 0.9), name="mine")
    submit(store, tmp_path, mine)
    submit(store, tmp_path, replace(mine, dataset="cid22"), dataset="cid22")
    assert "There are submissions of CID22, and no results" in boards(folder, store).problems[0]
    shutil.copytree(folder, tmp_path / "both")
    (tmp_path / "both" / "cid22").mkdir()
    for name in ("bpg", "jpeg"):
        theirs = spread(name)
        rows = tuple(replace(row, image=f"other {row.image}") for row in theirs.rows)
        theirs = replace(theirs, dataset="cid22", rows=rows)
        write_results(theirs, tmp_path / "both" / "cid22" / f"{name}.json")
    both = boards(tmp_path / "both", store)
    assert not both.problems
    names = {name: list(board.entries) for name, board in both.boards.items()}
    assert names == {"kodak": ["mine"], "cid22": ["mine"], "kodak+cid22": []}
    assert both.boards["kodak"].token("mine") != both.boards["cid22"].token("mine")


def test_incomplete_submissions_have_no_place(folder: Path, store: Store, tmp_path: Path) -> None:
    lacking = replace(without(spread("jpeg", 0.1), "kodim07"), name="lacking")
    submit(store, tmp_path, lacking, incomplete=("1 of 24 pictures are missing: kodim07",))
    uneven = replace(spread("jpeg", 0.2), name="uneven")
    submit(store, tmp_path, uneven, incomplete=("quality 3 lacks kodim01",))
    table = ranking(boards(folder, store).boards["kodak"], "ms_ssim", "bpg").set_index("codec")
    for name in ("lacking", "uneven"):
        assert table.loc[name, ["rank", "bd_rate"]].isna().all()
    assert "kodim07" in table.loc["lacking", "note"]
    html = Events(folder, lambda: store).rank(*controls(view(folder, store)))[0]
    assert "incomplete: 23 of 24 pictures" in html and "quality 3 lacks kodim01" in html


def test_the_kinds_of_results_have_their_badges(folder: Path, store: Store, tmp_path: Path) -> None:
    submit(store, tmp_path, replace(spread("jpeg", 0.9), name="mine"))
    html = Events(folder, lambda: store).rank(*controls(view(folder, store)))[0]
    assert html.count('class="badge self-reported"') == 1
    assert html.count('class="badge here"') == 5
    table = ranking(boards(folder, store).boards["kodak"], "ms_ssim", "bpg")
    assert set(matching(table, "SELF-reported")["codec"]) == {"mine"}
    assert len(matching(table, "this repository")) == 5


def test_what_a_reader_is_told_of_a_submission(folder: Path, store: Store, tmp_path: Path) -> None:
    """An overlap and flags mark the row and hide nothing."""
    told: dict[str, Any] = {
        "test_overlap": "some",
        "training_data": "Kodak <24>",
        "macs_per_pixel": 12_000,
    }
    mine = spread("jpeg", 0.9)
    rows = tuple(replace(row, bytes=5000, bpp=0.1) for row in mine.rows)
    submit(store, tmp_path, replace(mine, name="mine", rows=rows), **told)
    html = Events(folder, lambda: store).rank(*controls(view(folder, store)))[0]
    about = page_words.method_html(boards(folder, store).boards["kodak"], "mine")
    for shown in (html, about):
        assert "Look twice: All pictures have nearly one size" in shown
        assert "Trained on: Kodak &lt;24&gt;" in shown and "Earlier versions" not in shown
    assert 'class="badge overlap"' in html and "trained on test pictures" in html
    assert 'class="badge flagged"' in html and "12k" in html


def test_nothing_of_a_submission_is_trusted(folder: Path, store: Store, tmp_path: Path) -> None:
    number = submit(
        store,
        tmp_path,
        replace(spread("jpeg", 0.9), name=EVIL),
        authors="<b>A</b>",
        link="javascript:alert(1)",
        code='https://example.org/"onmouseover="alert(1)',
        notes="<script>alert(1)</script>\nsecond line",
    )
    events, token = Events(folder, lambda: store), f"entry-{number}"
    chosen = view(folder, store, method=token, codecs=f"bpg,{token}")
    assert chosen.codecs == ("bpg", EVIL) and chosen.method == EVIL
    assert f"codecs=bpg,{token}" in chosen.query() and f"method={token}" in chosen.query()
    again = {"codecs": ",".join(["bpg", token]), "method": token}
    assert view(folder, store, **again) == chosen
    values = controls(replace(chosen, codecs=("bpg",)), [token], token)
    table = events.rank(*values)[0]
    about, json_file, csv_file = events.describe(*values)
    figure = events.draw(*values)[1]
    assert EVIL.split(" ")[0] not in "".join(trace.name for trace in figure.data)
    for html in (table, about, events.look(*values)):
        for bad in ("<img", "<script", "<b>A", 'href="javascript', '"onmouseover'):
            assert bad not in html
        assert "secret@example.org" not in html
    assert 'rel="noopener noreferrer nofollow ugc"' in about
    assert "javascript:alert(1)" in about  # as text
    results = Results.from_json(json.loads(Path(json_file.value["path"]).read_text()))
    assert results.name == EVIL and results.provenance["kind"] == "self-reported"
    assert "secret@example.org" not in Path(json_file.value["path"]).read_text()
    for file in (csv_file.value["path"], *events.rank(*values)[3:5]):
        cells = [cell for row in csv.reader(io.StringIO(Path(file).read_text())) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t")]
    rows = Path(events.save(*values)[0]).read_text()
    assert EVIL.replace('"', '""') in rows


def test_two_of_one_name_are_told_apart(folder: Path, store: Store, tmp_path: Path) -> None:
    submit(store, tmp_path, replace(spread("jpeg", 0.9), name="mine"))
    second = submit(store, tmp_path, replace(spread("jpeg", 0.8), name="mine"), notes="again")
    entries = boards(folder, store).boards["kodak"].entries
    assert list(entries) == ["mine", f"mine (#{second})"]


def test_its_results_come_back_from_the_endpoint(
    folder: Path, store: Store, tmp_path: Path
) -> None:
    mine = replace(spread("jpeg", 0.9), name="mine")
    number = submit(store, tmp_path, mine)
    api = Api(folder, lambda: store)
    for name in ("mine", f"entry-{number}"):
        assert Results.from_json(api.results("", name)).rows == mine.rows
    assert Results.from_json(api.results("kodak", "bpg")).rows == spread("bpg").rows
    for name in ("", "nobody", "entry-99"):
        with pytest.raises(gr.Error):
            api.results("", name)
    record = api.table("", "ms_ssim", "bpg")
    assert "mine" in [row["codec"] for row in record["ranking"]]
    assert "text" not in record["ranking"][0]


def test_a_board_that_cannot_be_read_leaves_the_codecs(folder: Path) -> None:
    def broken() -> Store:
        raise StoreError("the server does not answer")

    found = load_boards(folder, store=broken)
    assert found.boards["kodak"].codecs and not found.boards["kodak"].entries
    assert found.problems[-1].endswith("the server does not answer")


def test_a_long_table_has_pages(folder: Path, store: Store, tmp_path: Path) -> None:
    *_, (count, filled) = fill_board(tmp_path, 55, 4, DatasetShape.kodak())
    filled.close()
    assert count == 55
    events = Events(folder, lambda: store)
    chosen = view(folder, store)
    table = ranking(boards(folder, store).boards["kodak"], "ms_ssim", "bpg")
    first, row, number, *_ = events.rank(*controls(replace(chosen, page=2)))
    assert first.count("<tr role") == 1 + page_words.PAGE  # a new ranking starts at its first page
    assert row.visible and (number.value, number.maximum) == (1, 2)
    assert f"Rows 1 to 50 of {len(table)}" in first
    second, _, number, link = events.turn(1, *controls(chosen))
    assert number.value == 2 and "page=2" in link
    assert second.count("<tr role") == 1 + len(table) - page_words.PAGE
    assert events.turn(1, *controls(replace(chosen, page=2)))[2].value == 2
    assert events.turn(-1, *controls(chosen))[2].value == 1
    few, row, *_ = events.rank(*controls(replace(chosen, text="group 13")))
    assert few.count("<tr role") == 2 and not row.visible
    csv_file = events.rank(*controls(chosen))[3]
    assert len(Path(csv_file).read_text().splitlines()) == 1 + len(table)  # of all pages
    tokens = [f"entry-{number}" for number in range(1, MOST_SUBMITTED + 3)]
    _, lost = view_of({"codecs": ",".join(tokens)}, boards(folder, store))
    assert len(lost) == 2 and all("at most" in text for text in lost)
    assert view_of({PAGE: "nan"}, boards(folder, store))[1] == ["page nan"]


def test_made_up_results_are_what_the_checks_let_pass() -> None:
    from leaderboard.submissions.checks import row_problems

    shape = DatasetShape.kodak()
    assert row_problems(synthetic_results(3, shape, 8).rows, shape) == []
    assert len(synthetic_results(49, shape, 4).images) == 12
