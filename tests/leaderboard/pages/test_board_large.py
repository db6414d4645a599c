"""Tests of a board with more submissions than a page carries: found as one types, ready early."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import pytest

from leaderboard.pages.board import ranking as page_ranking
from leaderboard.pages.board.boards import Board, load_boards
from leaderboard.pages.board.controls import MOST_LISTED, Choosing, fitting
from leaderboard.pages.board.events import Events
from leaderboard.pages.board.tab import CSS, build_tab
from leaderboard.pages.board.view import TAB
from leaderboard.scoring.bd_rates import basis_of
from leaderboard.store.database import Store, StoreError
from leaderboard.submissions.shape import DatasetShape
from tests.support.board_results import WIDE, opened
from tests.support.large_board import fill_board
from tests.support.store_samples import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

COUNT = MOST_LISTED + 12


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """More made-up methods than a list offers."""
    place = tmp_path_factory.mktemp("board")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        *_, (_, filled) = fill_board(place, COUNT, 4, DatasetShape.kodak())
        yield filled
        filled.close()


@pytest.fixture
def board(folder: Path, store: Store) -> Board:
    return load_boards(folder, store=lambda: store).boards["kodak"]


def controls(whole: tuple[Any, ...]) -> list[Any]:
    """What the page sends back of what it was given."""
    return [*(getattr(each, "value", each) for each in whole[:13]), WIDE]


def test_what_is_typed_finds_submissions_wherever_they_stand(board: Board) -> None:
    last = f"method {COUNT - 1:04}"
    assert len(fitting(board, "")) == MOST_LISTED
    assert last not in dict(fitting(board, ""))
    assert fitting(board, " METHOD 0061 ") == [(last, board.token(last))]
    assert fitting(board, "nothing like it") == []
    token = board.token(last)
    assert fitting(board, "0003", [token, "entry-99999", "bpg"]) == [
        ("method 0003", board.token("method 0003")),
        (last, token),
    ]
    numbers = [name for name, _ in fitting(board, "00")]
    assert len(numbers) == MOST_LISTED and numbers == sorted(numbers)


def test_the_page_carries_a_few_and_those_that_are_chosen(folder: Path, store: Store) -> None:
    events, choosing = Events(folder, lambda: store), Choosing(folder, lambda: store)
    whole = opened(events)
    curves, method = whole[11], whole[12]
    assert len(curves.choices) == MOST_LISTED and curves.visible
    own = len(method.choices) - MOST_LISTED
    assert own == len(load_boards(folder).boards["kodak"].codecs)
    ((_, token),) = choosing.curves("kodak", [], "0061").choices
    assert [value for _, value in choosing.curves("kodak", [token], "0003").choices][-1] == token
    again = choosing.method("kodak", token, "0003")
    assert [value for _, value in again.choices] == ["entry-4", token]
    assert choosing.method("kodak", "bpg", "jpeg").choices == [
        ("BPG 4:2:0", "bpg"),
        ("JPEG", "jpeg"),
    ]
    assert len(choosing.curves("kodak", [token]).choices) == MOST_LISTED + 1
    for typed in ("", "method 0061"):  # the box has the chosen one's name, nothing typed
        assert len(choosing.method("kodak", token, typed).choices) == own + MOST_LISTED + 1
    assert len(choosing.method("kodak", None).choices) == own + MOST_LISTED
    for dataset, chosen in ((None, 7), ({}, {"a": 1}), ("nowhere", [])):
        assert choosing.curves(dataset, chosen, "x") == gr.skip()
    assert choosing.method("kodak", 7, {"a": 1}).choices
    assert Choosing(folder).curves("kodak", []) == gr.skip()  # all of them are there


def test_controls_that_nobody_could_have_sent_fall_back(folder: Path, store: Store) -> None:
    """The events take what comes over HTTP as it is, since the lists' choices change."""
    events = Events(folder, lambda: store)
    values = controls(opened(events))
    usual = events.rank(*values)[0]
    wrong: Any
    for place in (0, 1, 2, 3, 4, 7, 8, 11, 12):
        for wrong in (None, 7, {"a": [1]}, [["x"], None], True):
            sent = [*values]
            sent[place] = wrong
            assert events.rank(*sent)[0]
            assert events.drawn(*sent)[0] is not None
    for place in (5, 6, 9, 10):
        for wrong in (None, {}, [], "x" * 10_000, float("nan"), -1, 1e400):
            sent = [*values]
            sent[place] = wrong
            assert events.rank(*sent)[0] == usual
    assert events.rank(*values[:-1], ["no", "record"])[0] == usual
    assert "entry-99999" in events.draw(*values[:11], ["entry-99999", 3], *values[12:])[0]


def test_the_same_filter_again_sends_nothing(folder: Path, store: Store) -> None:
    events = Events(folder, lambda: store)
    values = controls(opened(events))
    link = events.share(*values)
    assert events.narrow(link, *values) == (gr.skip(),) * 7
    values[7] = "group 13"
    *shown, newer = events.narrow(link, *values)
    assert "Group 13" in shown[0] and "filter=group+13" in newer
    assert events.narrow(newer, *values) == (gr.skip(),) * 7
    values[7], values[10] = "", 2
    second = events.share(*values)
    assert events.narrow(second, *values) == (gr.skip(),) * 7  # the page stays when a box is left
    values[7] = "method"
    assert events.narrow(second, *values)[2].value == 1


def test_bd_rates_are_there_before_somebody_asks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the background: of entries that are on the board, and of one as soon as it is approved."""
    *_, (_, own) = fill_board(tmp_path, 2, 4, DatasetShape.kodak())
    board = load_boards(folder).boards["kodak"]
    bpg = board.of("bpg")

    def ready() -> set[int]:
        rates = own.bd_rates("kodak", "bpg", "si_ssim_2", basis_of(bpg))
        return set(rates) if not own.without_bd_rates("kodak", 20, bases) else set()

    bases = [basis_of(board.of(name)) for name in board.anchors]
    assert len(bases) * len(board.metrics) == 20
    monkeypatch.setattr(page_ranking, "PAUSE", 0.02)
    own.withdraw_by_maintainer(1, "maintainer", "a test")
    stop = threading.Event()
    work = (folder, lambda: own, stop)
    thread = threading.Thread(target=page_ranking.keep_ranked, args=work)
    thread.start()
    try:
        until(lambda: ready() == {2})
        *_, (_, other) = fill_board(tmp_path, 1, 4, DatasetShape.kodak())
        other.close()
        until(lambda: ready() == {2, 3})
    finally:
        stop.set()
        thread.join()

    def compute(*_: Any) -> Any:
        raise AssertionError("this was to be in the database")

    monkeypatch.setattr("leaderboard.scoring.bd_rates.compare", compute)
    page_ranking.ranking.cache_clear()
    board = load_boards(folder, store=lambda: own).boards["kodak"]
    for metric in board.metrics:
        table = page_ranking.ranking(board, metric, "bpg")
        assert table["rank"].count() == len(board.anchors) + 2
    own.close()


def test_a_board_that_cannot_be_read_is_no_reason_to_stop(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []
    stop = threading.Event()

    def broken(*_: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            stop.set()
        raise StoreError("the server does not answer")

    monkeypatch.setattr(page_ranking, "PAUSE", 0.0)
    monkeypatch.setattr(page_ranking, "update", broken)
    page_ranking.keep_ranked(folder, lambda: store, stop)
    assert len(calls) == 3
    assert caplog.text.count("the server does not answer") == 1


@pytest.mark.browser
def test_one_of_many_is_found_by_typing(browser: Browser, folder: Path, store: Store) -> None:
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(), gr.Tab("Board", id=TAB):
        build_tab(blocks, folder, lambda: store)
    _, url, _ = blocks.launch(css=CSS, prevent_thread_lock=True, quiet=True, ssr_mode=False)
    last = f"method {COUNT - 1:04}"
    try:
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(180_000)  # a busy machine takes its time
        page.goto(f"{url}?tab={TAB}")
        page.wait_for_selector("#board-plot .scatterlayer .trace")
        for name, place in (("board-submitted", "#board-plot"), ("board-method", "#board-about")):
            box = page.locator(f"#{name} input")
            box.click()
            option = page.locator(f"#{name}").get_by_role("option", name=last, exact=True)
            assert option.count() == 0
            box.press_sequentially("0061")
            # First, not alone: on a busy machine Gradio may leave the list before below it.
            page.wait_for_function(
                "([name, found]) => document.querySelector(`#${name} [role=option]`)"
                "?.innerText.trim() === found",
                arg=[name, last],
            )
            option.first.click()
            box.blur()
            page.wait_for_selector(f"{place} :text('{last}')")
        assert page.locator("#board-submitted .token").inner_text().strip() == last
        assert page.locator("#board-method input").input_value() == last
        page.wait_for_function(
            "() => /method=entry-/.test(document.querySelector("
            "'#board-link input, #board-link textarea').value)"
        )
        page.context.close()
    finally:
        blocks.close()
