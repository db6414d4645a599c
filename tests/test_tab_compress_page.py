"""Tests of the first tab in a browser: with the mouse, with the keyboard and on a phone."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

import semcomp
from leaderboard.codecs import CODECS
from semcomp.demo import look, tab_compress, work
from semcomp.demo.visits import VISITS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIDE = 176
WAIT = 120_000  # milliseconds, for machines that do other things too
EXACT = ".viewer[data-phase=exact]"


def small(name: str) -> np.ndarray:
    """A crop of a sample picture, uint8 (176, 176, 3)."""
    return np.ascontiguousarray(work.samples()[name][40 : 40 + SIDE, 100 : 100 + SIDE])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The first tab alone on a free port, with two small samples and two codecs."""
    cut = {name: small(name) for name in ("cat", "coffee")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        patch.setattr(work, "samples", lambda: cut)
        work._sample_hashes.cache_clear()
        with gr.Blocks(analytics_enabled=False) as page:
            tab_compress.build_tab(page, {name: CODECS[name] for name in ("jpeg", "webp")})
        _, address, _ = page.queue().launch(
            theme=look.theme(),
            css=look.CSS + tab_compress.css(),
            js=look.JS,
            head=look.HEAD,
            ssr_mode=False,
            run_history=False,
            prevent_thread_lock=True,
            quiet=True,
        )
        yield address
        page.close()
    work._sample_hashes.cache_clear()


def opened(browser: Browser, url: str, width: int = 1280, **kwargs: Any) -> Iterator[Page]:
    """A page with its first result; nothing is asked of another host, nothing fails in it."""
    context = browser.new_context(viewport={"width": width, "height": 860}, **kwargs)
    context.set_default_timeout(WAIT)
    page = context.new_page()
    asked: list[str] = []
    broken: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(url)
    page.wait_for_selector(EXACT)
    page.wait_for_selector("#facts .facts")
    yield page
    context.close()
    host = url.split("?")[0]
    assert not [u for u in asked if not u.startswith((host, "data:", "blob:"))]
    assert not broken


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The page on a desktop."""
    yield from opened(browser, url)


def pixels(page: Page, side: int) -> np.ndarray:
    """What a side of the viewer shows, uint8 (H, W, 3)."""
    image = page.locator(f".layer[data-side='{side}'] img")
    page.wait_for_function(
        """side => {
            const image = document.querySelector(`.layer[data-side='${side}'] img`);
            return image.src.includes('.png') && !image.dataset.next; }""",
        arg=side,
    )
    source = image.evaluate("image => image.src")
    return np.asarray(Image.open(io.BytesIO(page.request.get(source).body())))


def choose(page: Page, side: int, key: str) -> None:
    """Put a picture on a side of the viewer and wait for its numbers."""
    page.select_option(f".pick[data-side='{side}']", key)
    page.wait_for_function(
        "side => document.querySelectorAll('.view-tag')[side].textContent.includes('B')", arg=side
    )


def numbers(page: Page) -> str:
    """The numbers below the viewer, without the tracker that Gradio may lay over them."""
    return page.locator("#facts .facts").text_content() or ""


def changed(page: Page, before: str) -> str:
    """Wait for exact numbers other than `before` and return them."""
    page.wait_for_function(
        """old => {
            const shown = document.querySelector('#facts .facts').textContent;
            return document.querySelector('.viewer').dataset.phase === 'exact'
                && shown !== old && !shown.includes('…') && !shown.includes('≈'); }""",
        arg=before,
    )
    return numbers(page)


@pytest.mark.browser
def test_the_page_opens_with_a_result_that_can_be_looked_at(page: Page) -> None:
    assert (pixels(page, 0) == work.samples()["cat"]).all()
    names = page.locator(".layer img").evaluate_all("all => all.map(image => image.alt)")
    assert names == ["Original picture", "Decoded picture"]
    alts = page.locator(".view-minis img").evaluate_all("all => all.map(image => image.alt)")
    assert alts == [
        "",
        "Importance drawn over the picture",
        "Level of every block of 8 by 8 pixels",
    ]
    assert "probability" in page.locator("[data-of=heat]").inner_text()
    assert "8.0 of 24" in page.locator("[data-of=levels]").inner_text()

    divider = page.get_by_role("slider", name="Divider")
    divider.focus()
    page.keyboard.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "52"
    page.keyboard.press("Shift+ArrowLeft")
    assert divider.get_attribute("aria-valuenow") == "42"
    assert divider.get_attribute("aria-valuetext") == "42% Original, the rest Ours"
    page.keyboard.press("b")
    assert page.locator("[data-do=b]").get_attribute("aria-pressed") == "true"
    page.keyboard.press("s")
    assert page.locator("[data-do=split]").get_attribute("aria-pressed") == "true"

    shapes = (
        "all => all.map(image => getComputedStyle(image.closest('.blocks') || image).transform)"
    )
    images = page.locator(".view-frame img")
    assert len(set(images.evaluate_all(shapes))) == 1
    page.keyboard.press("+")
    page.keyboard.press("Alt+ArrowRight")
    moved = images.evaluate_all(
        """all => all.map(image => {
            const box = image.closest('.blocks') || image;
            const m = new DOMMatrix(getComputedStyle(box).transform);
            return [m.a, m.e / box.offsetWidth, m.f / box.offsetHeight].map((x) => x.toFixed(3));
        })"""
    )
    assert len({tuple(each) for each in moved}) == 1 and moved[0][0] == "1.500"
    page.keyboard.press("0")
    assert page.locator("[data-do=fit]").is_disabled()


@pytest.mark.browser
def test_settings_previews_files_and_the_way_back(page: Page) -> None:
    first = numbers(page)
    page.locator("#samples button").nth(1).click()
    second = changed(page, first)
    page.wait_for_function(
        "() => document.querySelector('#expected p').textContent.includes('about')"
    )
    level = page.get_by_label("number input for Average level")
    page.evaluate(
        """() => { window.phases = []; const viewer = document.querySelector('.viewer');
            new MutationObserver(() => window.phases.push(viewer.dataset.phase))
                .observe(viewer, { attributes: true }); }"""
    )
    level.fill("5")
    third = changed(page, second)
    assert "preview" in page.evaluate("window.phases")
    with page.expect_download() as waiting:
        page.locator("#file").click()
    data = waiting.value.path().read_bytes()
    assert waiting.value.suggested_filename == "coffee.semc"
    assert f"{len(data):,} bytes" in third
    decoded = np.asarray(semcomp.decompress(data))
    assert (pixels(page, 1) == decoded).all()
    with page.expect_download() as waiting:
        page.locator("#png").click()
    assert (np.asarray(Image.open(waiting.value.path())) == decoded).all()

    page.get_by_label("Or a size the file may have").fill(f"{len(data) // 2}")
    page.locator("#fit").click()
    fourth = changed(page, third)
    assert float(level.input_value()) < 5
    page.locator("#focus label").nth(3).click()
    changed(page, fourth)
    wanted = page.locator("#focus label").nth(3).inner_text().split(" · ")[0]
    assert wanted in page.locator("[data-of=heat]").inner_text()
    level.fill("5")
    page.locator("#focus label").nth(0).click()
    page.wait_for_function("size => document.querySelector('#facts').innerText.includes(size)",
                           arg=f"{len(data):,} bytes")  # fmt: skip


@pytest.mark.browser
def test_any_two_pictures_at_equal_bytes_and_a_link_to_them(browser: Browser, url: str) -> None:
    link = f"{url}?picture=coffee&level=20&allocation=uniform&left=jpeg&right=ours"
    for page in opened(browser, link):
        assert float(page.get_by_label("number input for Average level").input_value()) == 20
        page.wait_for_selector(".facts.versus")
        text = page.locator(".facts.versus").inner_text()
        for name in ("JPEG", "Ours", "Bits per pixel", "SI-SSIM", "Important region", "PSNR"):
            assert name in text
        sizes = page.locator(".facts.versus tbody tr").first.locator("td").all_inner_texts()
        theirs, ours = (int(size.replace(",", "")) for size in sizes)
        assert theirs <= ours and theirs > ours / 2
        assert (pixels(page, 1) == pixels(page, 1)).all()
        for key in ("webp", "george", "original"):
            choose(page, 0, key) if key != "original" else page.select_option(
                ".pick[data-side='0']", key
            )
        page.wait_for_function("() => !document.querySelector('.facts.versus')")
        page.locator("[data-do=swap]").click()
        page.wait_for_function("() => document.querySelector('.pick').value === 'ours'")
        page.get_by_role("button", name="Link and command").click()
        shown = page.locator("#link").locator("textarea, input").input_value()
        assert "picture=coffee" in shown and "level=20" in shown and "allocation=uniform" in shown
        assert "--level 20 --allocation uniform" in (
            page.locator("#command").locator("textarea, input").input_value()
        )


@pytest.mark.browser
def test_uploads_bring_their_classes_and_broken_ones_are_named(page: Page, tmp_path: Path) -> None:
    picture, broken = tmp_path / "cup of coffee.png", tmp_path / "broken.png"
    Image.fromarray(work.samples()["coffee"][:160]).save(picture)
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    first = numbers(page)
    page.locator("#picture button[aria-label='Remove Image']").click()
    page.locator("#picture input[type=file]").set_input_files(picture)
    changed(page, first)
    assert "cat" not in page.locator("#focus").inner_text()
    page.locator("#picture button[aria-label='Remove Image']").click()
    page.locator("#picture input[type=file]").set_input_files(broken)
    toast = page.get_by_test_id("toast-body")
    toast.wait_for()
    assert "picture" in toast.inner_text() and "PNG" in toast.inner_text()
    page.locator("#picture input[type=file]").wait_for(state="attached")
    assert page.locator(EXACT).count() == 1  # the last result is still there


@pytest.mark.browser
def test_a_phone_scrolls_one_way_only_and_zooms(browser: Browser, url: str) -> None:
    for page in opened(browser, url, 360, has_touch=True, color_scheme="dark"):
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        top: dict[str, Any] = {
            name: page.locator(selector).bounding_box() or {}
            for name, selector in (
                ("source", "#source"),
                ("viewer", ".viewer"),
                ("settings", "#settings"),
                ("numbers", "#facts"),
                ("views", ".view-minis"),
            )
        }
        assert sorted(top, key=lambda name: top[name]["y"]) == list(top)
        page.get_by_role("button", name="Zoom in").tap()
        page.wait_for_function("() => !document.querySelector('[data-do=fit]').disabled")
        choose(page, 0, "george")
        page.wait_for_selector(".facts.versus")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.browser
def test_what_was_kept_goes_with_the_visitor(browser: Browser, url: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.png"
    Image.fromarray(work.samples()["cat"][::-1].copy()).save(path)
    before = {key for key in VISITS._sessions if key[0]}
    for page in opened(browser, url):
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
