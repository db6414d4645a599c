"""Tests of where the first tab's pictures come from: files, clipboard, camera; they go too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from semcomp.demo.sessions.visits import VISITS
from semcomp.demo.shared import work
from tests.support.browsing import WIDTHS
from tests.support.compress_page import EXACT, changed, numbers, opened, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The first tab alone on a free port."""
    with served(tmp_path_factory.mktemp("gradio")) as address:
        yield address


@pytest.fixture(params=WIDTHS)
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, on a desktop and on a phone."""
    with opened(browser, url, request.param) as page:
        yield page


@pytest.mark.browser
def test_uploads_and_pasted_pictures_bring_their_classes(page: Page, tmp_path: Path) -> None:
    picture, broken = tmp_path / "cup of coffee.png", tmp_path / "broken.png"
    Image.fromarray(work.samples()["coffee"][:160]).save(picture)
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    first = numbers(page)
    page.locator("#picture button[aria-label='Remove Image']").click()
    page.locator("#picture input[type=file]").set_input_files(picture)
    second = changed(page, first)
    assert "176 × 160 pixels" in second
    assert "cat" not in page.locator("#focus").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(152, 120), pen = canvas.getContext("2d");
            pen.fillStyle = "teal"; pen.fillRect(20, 20, 60, 60);
            const blob = await canvas.convertToBlob({ type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]); }"""
    )
    page.keyboard.press("Control+V")
    third = changed(page, second)
    assert "152 × 120 pixels" in third
    page.locator("#picture button[aria-label='Remove Image']").click()
    page.locator("#picture input[type=file]").set_input_files(broken)
    toast = page.get_by_test_id("toast-body")
    toast.wait_for()
    assert "picture" in toast.inner_text() and "PNG" in toast.inner_text()
    page.locator("#picture input[type=file]").wait_for(state="attached")
    assert page.locator(EXACT).count() == 0  # nothing of the former picture stays
    assert_nothing_is_shown(page)


@pytest.mark.browser
@pytest.mark.parametrize("page", WIDTHS[:1], indirect=True)  # a second page once waited for ever
def test_a_picture_from_the_camera(page: Page) -> None:
    first = numbers(page)
    page.evaluate(
        """() => {  // a small camera: what is tried is the way, not the codec
            const devices = navigator.mediaDevices, old = devices.getUserMedia.bind(devices);
            devices.getUserMedia = () => old({ video: { width: 160, height: 120 } }); }"""
    )
    page.get_by_role("button", name="Remove Image").click()
    page.get_by_role("button", name="Capture from camera").click()
    page.get_by_title("grant webcam access").click()
    page.wait_for_function("() => document.querySelector('#picture video')?.videoWidth > 0")
    page.get_by_role("button", name="capture photo").click()
    assert "160 × 120 pixels" in changed(page, first)


@pytest.mark.browser
def test_a_removed_picture_takes_its_result_along(page: Page) -> None:
    page.get_by_role("button", name="Remove Image").click()
    page.wait_for_selector(".viewer[data-phase=empty]")
    assert_nothing_is_shown(page)
    first = numbers(page)
    page.locator("#samples button").nth(1).click()
    changed(page, first)
    assert page.locator("#focus label").count() >= 5


def assert_nothing_is_shown(page: Page) -> None:
    """No picture, number, class or file of a former picture is on the page."""
    assert page.locator(".view-frame img[src]").count() == 0
    # Gradio lays the seconds of the event that empties them over the numbers for a moment.
    page.wait_for_function("() => !document.querySelector('#facts').innerText.trim()")
    assert page.locator("#focus label").count() == 0
    assert page.locator("#files a[href]").count() == 0
    assert "after the first result" in page.locator("#expected").inner_text()
    for tag in page.locator(".view-tag, [data-of=heat], [data-of=levels]").all_inner_texts():
        assert not tag


@pytest.mark.browser
def test_what_was_kept_goes_with_the_visitor(browser: Browser, url: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.png"
    Image.fromarray(work.samples()["cat"][::-1].copy()).save(path)
    before = {key for key in VISITS._sessions if key[0]}
    with opened(browser, url) as page:
        first = numbers(page)
        page.locator("#picture button[aria-label='Remove Image']").click()
        page.locator("#picture input[type=file]").set_input_files(path)
        changed(page, first)
        mine = {key for key in VISITS._sessions if key[0]} - before
        assert len(mine) == 1
        folder = VISITS._sessions[mine.pop()].shelf.folder
        assert any(folder.iterdir())
    for _ in range(300):
        if {key for key in VISITS._sessions if key[0]} <= before:
            break
        time.sleep(0.1)
    assert {key for key in VISITS._sessions if key[0]} <= before
