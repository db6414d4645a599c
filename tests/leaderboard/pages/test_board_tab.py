"""Tests of the leaderboard's tab in a browser, and of its endpoint."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from gradio_client import Client  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

import app
from leaderboard.analysis.tables import ranked
from leaderboard.pages.board import controls as page_controls
from leaderboard.pages.board import pictures as page_pictures
from leaderboard.pages.board.boards import load_boards
from semcomp.demo.shared import work

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SAMPLES = work.samples


@pytest.fixture(scope="module")
def url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo on a free port, over these results, without Kodak and with small samples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMCOMP_DATA_DIR", str(tmp_path_factory.mktemp("board")))
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        patch.setenv("SEMCOMP_KODAK_DIR", str(tmp_path_factory.mktemp("no-kodak")))
        cut = {"cat": SAMPLES()["cat"][40:216, 100:292], "coffee": SAMPLES()["coffee"][:176, :192]}
        for module in (work, page_pictures, page_controls):
            patch.setattr(module, "samples", lambda: cut)
        work._sample_hashes.cache_clear()
        page = app.build(folder)
        _, address, _ = app.launch(page, prevent_thread_lock=True, quiet=True)
        yield address
        page.close()
    work._sample_hashes.cache_clear()


def test_the_endpoint_gives_the_ranking(url: str, folder: Path) -> None:
    board = load_boards(folder).boards["kodak"]
    client = Client(url, verbose=False)
    record = client.predict("", "si_ssim", "jpeg", api_name="/leaderboard")
    assert (record["dataset"], record["metric"], record["anchor"]) == ("kodak", "si_ssim", "jpeg")
    expected = ranked(board.frame, "si_ssim", "jpeg")
    assert [row["codec"] for row in record["ranking"]] == list(expected["codec"])
    first = record["ranking"][0]
    assert first["bd_rate"] == pytest.approx(expected["bd_rate"][0])
    incomplete = next(row for row in record["ranking"] if row["codec"] == "webp")
    assert incomplete["rank"] is None and "kodim07" in incomplete["note"]
    with pytest.raises(AppError, match="vmaf"):
        client.predict("", "vmaf", "", api_name="/leaderboard")


def open_tab(browser: Browser, address: str, width: int = 1280) -> Page:
    """The leaderboard as a link opens it, drawn."""
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.set_default_timeout(120_000)  # a busy machine takes its time
    page.goto(address)
    page.wait_for_selector("#board-table table")
    page.wait_for_selector("#board-plot .main-svg")
    return page


@pytest.mark.browser
def test_a_link_opens_the_tab_as_it_says(browser: Browser, url: str) -> None:
    link = "tab=leaderboard&metric=psnr&codecs=bpg,toderici2017&anchor=jpeg&range=0.2-1.2"
    page = open_tab(browser, f"{url}?{link}&bpp=0.7&picture=kodim04")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.get_by_role("tab", name="Leaderboard").get_attribute("aria-selected") == "true"
    assert page.get_by_label("Score", exact=True).input_value() == "PSNR"
    assert page.get_by_label("Compared with").input_value() == "JPEG"
    page.wait_for_function("document.querySelectorAll('#board-plot .legendtext').length === 2")
    legend = page.locator("#board-plot .legendtext").evaluate_all(
        "all => all.map(text => text.textContent)"
    )
    assert sorted(legend) == ["BPG 4:2:0", "Toderici 2017 (published)"]
    assert "against JPEG" in page.locator("#board-table caption").inner_text()
    assert "kodim04 at 0.7" in page.locator("#board-points caption").inner_text()
    box = page.locator("#board-plot .main-svg").first.bounding_box()
    assert box and box["width"] > 900 and box["height"] > 350

    page.get_by_label("Filter").fill("george")
    page.get_by_label("Filter").press("Enter")
    page.wait_for_function("document.querySelectorAll('#board-table tbody tr').length === 1")
    page.get_by_label("semantic (ours)").first.check()
    page.wait_for_function("document.querySelectorAll('#board-plot .legendtext').length === 3")
    page.wait_for_function(
        "['filter=george', 'semantic'].every(part => document.querySelector("
        "'#board-link input, #board-link textarea').value.includes(part))"
    )
    shared = page.locator("#board-link").locator("input, textarea").input_value()
    assert shared.startswith(url) and "semantic" in parse_qs(urlsplit(shared).query)["codecs"][0]
    with page.expect_download() as waiting:
        page.locator("#board-csv").click()
    rows = list(csv.DictReader(waiting.value.path().read_text().splitlines()))
    assert [row["codec"] for row in rows] == ["george"]
    assert waiting.value.suggested_filename == "kodak-psnr-against-jpeg.csv"
    away = [u for u in asked if not u.startswith((url, "data:", "blob:"))]
    assert not away, f"the page asked for {away}"
    page.context.close()


@pytest.mark.browser
def test_going_through_the_lists_changes_nothing(browser: Browser, url: str) -> None:
    page = open_tab(browser, f"{url}?tab=leaderboard&metric=psnr&filter=bpg")
    rows = page.locator("#board-table tbody tr")
    before = rows.count()
    page.get_by_label("Pictures", exact=True).first.focus()
    for _ in range(3):
        page.keyboard.press("Tab")
    page.get_by_label("Filter").focus()
    page.wait_for_timeout(1000)  # for an event that should not come
    assert page.get_by_label("Score", exact=True).input_value() == "PSNR"
    assert page.get_by_label("Filter").input_value() == "bpg"
    assert rows.count() == before
    page.context.close()


@pytest.mark.browser
@pytest.mark.parametrize(("tab", "name"), [("submit", "Submit"), ("lesson", "Lesson")])
def test_a_link_opens_any_tab(browser: Browser, url: str, tab: str, name: str) -> None:
    page = browser.new_page()
    page.goto(f"{url}?tab={tab}")
    chosen = f"role=tab[name='{name}'][selected=true]"
    page.wait_for_selector(chosen, timeout=60_000)
    page.close()


@pytest.mark.browser
def test_pictures_are_decoded_on_demand(browser: Browser, url: str) -> None:
    page = open_tab(browser, f"{url}?tab=leaderboard&bpp=0.8")
    assert "not on this server" in page.locator("#board").inner_text()
    for name in ("BPG 4:2:0", "george (ours)", "semantic (ours)"):
        page.locator("#board-wanted").get_by_label(name).uncheck()
    page.locator("#board-decode").click()
    page.wait_for_function("document.querySelectorAll('#equal .thumbnail-item img').length === 2")
    sources = page.locator("#equal img").evaluate_all("all => all.map(image => image.src)")
    assert all(source.endswith(".png") for source in sources)
    assert "JPEG:" in page.locator("#equal").inner_text()
    page.context.close()


@pytest.mark.browser
def test_readers_are_told_who_leads(browser: Browser, url: str) -> None:
    """A sentence that follows the score, exports, and a study on the page."""
    page = open_tab(browser, f"{url}?tab=leaderboard&anchor=jpeg")
    page.locator("#board-lead").get_by_text("By MS-SSIM, BPG 4:2:0 leads").wait_for()
    assert not page.locator("#board nav.jump").is_visible()
    page.get_by_label("Score", exact=True).click()
    page.get_by_role("option", name="PSNR").click()
    page.locator("#board-lead").get_by_text("By PSNR,").wait_for()
    with page.expect_download() as download:
        page.locator("#board-bib").click()
    assert "@misc{coolchic5" in Path(download.value.path()).read_text(encoding="utf-8")
    page.get_by_text("The paper, and the studies").click()
    page.get_by_label("Study").click()
    page.get_by_role("option", name="Whether the ranking holds").click()
    page.locator("#board-study-text").get_by_text("The audit of the maps").wait_for()
    page.context.close()


@pytest.mark.browser
def test_a_phone_scrolls_down_only(browser: Browser, url: str) -> None:
    page = open_tab(browser, f"{url}?tab=leaderboard", 360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    inner = page.locator("#board-table table").evaluate("e => e.getBoundingClientRect().right")
    assert inner <= 360
    box = page.locator("#board-plot .main-svg").first.bounding_box()
    assert box and box["width"] <= 360
    page.locator("#board nav.jump").get_by_text("One picture").click()
    page.wait_for_function(
        "document.querySelector('#board-points').getBoundingClientRect().y < 400"
    )
    for tab in ("Compress", "Open a file", "Score", "Leaderboard"):
        assert page.get_by_role("tab", name=tab, exact=True).is_visible()
    page.context.close()
