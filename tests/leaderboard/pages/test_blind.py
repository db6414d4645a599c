"""The tab "Which is closer?" in a browser: whole sessions, what it gives away, what it keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest

import app
from leaderboard.analysis.look import look_of
from leaderboard.blind.opinion import Opinion
from leaderboard.blind.ranks import CLEAR, POOR, QUICK, ranks_of
from leaderboard.blind.visits import Visits
from leaderboard.pages.blind import tab as blind_page
from leaderboard.pages.blind.words import answer_texts, ranks_html, result_texts
from leaderboard.pages.context import BoardContext
from leaderboard.store.database import Store, open_store
from tests.leaderboard.blind.made_pairs import CODECS, CREDIT, write_pairs
from tests.leaderboard.blind.test_commands import fill
from tests.leaderboard.blind.test_ranks import visits

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Served = tuple[str, Store]


def serve(folder: Path, pairs: Path) -> Iterator[Served]:
    """The tab beside another one, as the demo serves it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "gradio"))
        store = open_store(f"sqlite:///{folder / 'board.sqlite3'}")
        board = BoardContext(lambda: store, blind_folder=pairs)
        blocks = gr.Blocks(analytics_enabled=False)
        with blocks, gr.Tabs():
            with gr.Tab("Other"):
                gr.HTML("Other")
            with gr.Tab("Which is closer?", id=blind_page.TAB) as tab:
                blind_page.build_tab(blocks, tab, board)
        _, address, _ = app.launch(blocks, prevent_thread_lock=True, quiet=True)
        yield address, store
        blocks.close()
        store.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    yield from serve(tmp_path, write_pairs(tmp_path / "pairs"))


@pytest.fixture
def unprepared(tmp_path: Path) -> Iterator[Served]:
    yield from serve(tmp_path, tmp_path / "nothing")


def opened(browser: Browser, url: str, width: int, touch: bool = False) -> Page:
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=touch)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.get_by_role("tab", name="Which is closer?").click()
    return page


def asked(page: Page, number: int) -> None:
    """Wait until a round is asked and its pictures have been looked at."""
    page.locator(".blind[data-phase=ask]").wait_for()
    page.locator(".told", has_text=f"Round {number} of 10").wait_for()
    page.wait_for_timeout(1000 * QUICK + 50)


def wide(page: Page) -> bool:
    """Whether a page is no wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_ten_rounds(served: Served, browser: Browser, width: int) -> None:
    url, store = served
    page = opened(browser, url, width, touch=width == 390)
    answers: list[Any] = []
    errors: list[Any] = []
    page.on("response", lambda r: answers.append(r) if "component_server" in r.url else None)
    page.on("pageerror", lambda error: errors.append(error))
    secrets = {*CODECS, *(look_of(codec).label for codec in CODECS), CLEAR, POOR}

    def names_in(text: str) -> list[str]:
        text = re.sub(r"data:image[^\"]*", "", text)
        return [name for name in secrets if re.search(rf"\b{re.escape(name)}\b", text)]

    for number in range(1, 11):
        asked(page, number)
        assert wide(page)
        shown = page.locator("#blind").inner_text() + page.locator("#blind").inner_html()
        assert not names_in(shown)
        assert CREDIT in shown
        sizes = page.locator("figure:not([data-side='0']) .own").evaluate_all(
            "images => images.map((image) => image.src.length)"
        )
        assert sizes[0] == sizes[1]
        buttons = page.locator("[data-choice]")
        if width == 390:
            buttons.nth(number % 3).tap()
        elif number % 2:
            page.locator(".stage").focus()
            page.keyboard.press(("ArrowLeft", "ArrowDown", "ArrowRight")[number % 3])
        else:
            buttons.nth(number % 3).click()
        page.locator(".blind[data-phase=answer]").wait_for()
        vote = store.votes()[-1]
        assert (vote.number, vote.choice) == (number, ("left", "none", "right")[number % 3])
        captions = page.locator("figcaption").all_inner_texts()
        if vote.rate:
            assert look_of(vote.left).label in captions[0]
            assert look_of(vote.right).label in captions[2]
            assert "first to judge" in page.locator(".told").inner_text()
        else:
            assert "check" in page.locator(".told").inner_text()
        page.locator("[data-do=next]").click()
    page.locator(".blind[data-phase=result]").wait_for()
    assert re.search(r"semantic codec in \d\.?5? of \d", page.locator("h3").inner_text())
    assert page.locator(".result tbody tr").count() >= 2 and wide(page)
    assert len(store.votes()) == 10 and not errors
    told = [each.json() for each in answers]
    assert sum("picture" in each for each in told) == 30
    for each in told:  # names come with the answer to their own round alone
        for field in ("captions", "told", "result"):
            each.pop(field, None)
        assert not names_in(json.dumps(each))
    page.locator("[data-do=again]").click()
    asked(page, 1)


@pytest.mark.browser
def test_zoom_pan_and_flip_are_the_same_for_all(served: Served, browser: Browser) -> None:
    page = opened(browser, served[0], 1280)
    asked(page, 1)

    def places() -> set[str]:
        return set(
            page.locator(".frame .own").evaluate_all(
                """images => images.map((image) => {
                  const own = image.getBoundingClientRect();
                  const box = image.parentElement.getBoundingClientRect();
                  return [own.left - box.left, own.top - box.top, own.width].map(Math.round).join();
                })"""
            )
        )

    (before,) = places()
    page.get_by_role("button", name="Zoom in").click()
    (zoomed,) = places()
    assert zoomed != before
    frame = page.locator("figure[data-side='2'] .frame")
    box = frame.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 40, y - 20, steps=4)
    page.mouse.up()
    (panned,) = places()
    assert panned != zoomed
    page.get_by_role("button", name="Fit").click()
    assert places() == {before}

    original = page.locator("figure[data-side='0'] .own").get_attribute("src")
    flips = page.locator(".frame .flip")
    assert {flips.nth(n).get_attribute("src") for n in range(2)} == {original}
    assert not flips.first.is_visible()
    page.mouse.move(x, y)
    page.mouse.down()
    flips.first.wait_for(state="visible")
    page.mouse.up()
    flips.first.wait_for(state="hidden")
    page.locator(".stage").focus()
    page.keyboard.down("o")
    assert flips.first.is_visible() and flips.last.is_visible()
    page.keyboard.up("o")
    assert not flips.first.is_visible()


@pytest.mark.browser
def test_a_class_has_its_page(served: Served, browser: Browser) -> None:
    url, store = served
    teacher = opened(browser, url, 1280)
    teacher.get_by_role("button", name="For a class").click()
    teacher.get_by_role("button", name="Make a new code").click()
    link = teacher.locator("#blind-class-said a")
    link.wait_for()
    code = teacher.get_by_label("Class code").input_value()
    assert store.is_class(code)
    pupil = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    pupil.goto(f"{url.rstrip('/')}/{link.get_attribute('href')}")
    pupil.get_by_role("tab", name="Which is closer?").click()
    asked(pupil, 1)
    assert f"Class {code}" in pupil.locator(".told").inner_text()
    pupil.get_by_role("button", name="A is closer").click()
    pupil.locator(".blind[data-phase=answer]").wait_for()
    assert len(store.votes(code)) == 1
    fill(store, visits(3, np.random.default_rng(1)), code)
    teacher.get_by_role("button", name="Show the class's result").click()
    teacher.locator("#blind-class-said table").wait_for()
    assert "27 votes of 3 visits" in teacher.locator("#blind-class-said").inner_text()
    teacher.get_by_label("Class code").fill("NOSUCH")
    teacher.get_by_role("button", name="Show the class's result").click()
    teacher.get_by_text("No class has the code NOSUCH").wait_for()


@pytest.mark.browser
def test_everybody_sees_ranks_and_raw_votes(served: Served, browser: Browser) -> None:
    url, store = served
    fill(store, visits(30, np.random.default_rng(1)))
    page = opened(browser, url, 390)
    page.get_by_role("button", name="What all eyes say").click()
    page.locator("#blind-ranks table").wait_for()
    assert page.locator("#blind-ranks tbody tr").count() == 5 and wide(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Raw votes").click()
    lines = waiting.value.path().read_text().splitlines()
    assert lines[0] == "visit,day,number,picture,rate,left,right,choice,seconds"
    assert len(lines) == 301


@pytest.mark.browser
def test_nothing_prepared_says_how(unprepared: Served, browser: Browser) -> None:
    page = opened(browser, unprepared[0], 390)
    page.get_by_text("python -m leaderboard blind prepare").wait_for()
    assert not page.locator(".stage").is_visible()
    assert not page.get_by_role("button", name="Can't tell").is_visible()


def test_anything_may_come_from_a_browser(store: Store, tmp_path: Path) -> None:
    pairs = write_pairs(tmp_path / "pairs", 2)
    board = Visits(lambda: pairs, lambda: store, Opinion(lambda: store))
    start, vote, picture = blind_page._functions(board)
    wrong: list[Any] = [
        None,
        [],
        {},
        "x",
        [None],
        [1],
        [["x"]],
        ["x"],
        ["x", "1", "left", 1],
        [[]] * 4,
    ]
    for data in wrong:
        assert set(vote(data)) == {"gone"} and set(picture(data)) == {"gone"}
    begun = start([None], None)
    for bad in (True, "1", 1.5, None, [1], 10**30):
        assert "gone" in vote([begun["visit"], bad, "left", 1]) or bad is True
    assert "error" in start(["NOSUCH"], None)
    assert "captions" in vote([begun["visit"], 1, "left", float("nan")]) or store.count_votes() == 1


def answer(**changes: Any) -> dict[str, Any]:
    counts = {"stored": True, "public": True, "failed": False, "hasty": False}
    return {
        "sides": [{"codec": "bpg", "bytes": 4000}, {"codec": "semantic", "bytes": 4010}],
        "chosen": "bpg",
        "others": {"bpg": 3, "none": 1},
        "check": False,
        "quick": False,
        **changes,
        "counts": counts | changes.get("counts", {}),
    }


def test_words_of_an_answer() -> None:
    said = answer_texts(answer())
    assert said["captions"] == ["BPG 4:2:0, 4,000 bytes", "semantic (ours), 4,010 bytes"]
    assert said["told"] == "You chose BPG 4:2:0. 3 of 4 others agreed." and said["note"] == ""
    none = answer_texts(answer(chosen="none", others={}))
    assert none["told"] == "You saw no difference. You are the first to judge this pair."
    assert "0.5 seconds" in answer_texts(answer(quick=True))["note"]
    assert "do not count" in answer_texts(answer(counts={"failed": True}))["note"]
    assert "not stored" in answer_texts(answer(counts={"stored": False}))["note"]
    check = answer(check=True, chosen=POOR, sides=[{"codec": POOR, "bytes": 1}] * 2)
    assert "missed" in answer_texts(check)["told"]


def test_words_of_a_result() -> None:
    said = result_texts(
        {
            "codecs": [["semantic", 4.5, 5], ["jpeg", 0.0, 3]],
            "semantic": [4.5, 7],
            "of_tags": {"faces": [3.0, 3], "text": [0.0, 1]},
        }
    )
    assert said["headline"] == "You chose the semantic codec in 4.5 of 7"
    assert said["lines"] == [
        "It was better in pictures with faces: 3 of 3.",
        "It was worse in pictures with text: 0 of 1.",
    ]
    assert said["rows"] == [["semantic (ours)", "4.5 of 5"], ["JPEG", "0 of 3"]]
    other = result_texts({"codecs": [["bpg", 9.0, 9]], "semantic": [0, 0], "of_tags": {}})
    assert other["headline"] == "Your eye preferred BPG 4:2:0"


def test_ranks_are_hidden_until_enough_votes_are_in() -> None:
    few = ranks_of(visits(4, np.random.default_rng(1)))
    assert "<table" not in ranks_html(few) and "36 of 200 votes needed" in ranks_html(few)
    many = ranks_of(visits(30, np.random.default_rng(1)))
    assert ranks_html(many).count("<tr>") == 6 and "needed" not in ranks_html(many)
    both = ranks_html(many, few)
    assert "Everybody" in both and both.count("%") > ranks_html(many).count("%")
    assert "<table" in ranks_html(few, few)
