"""The lesson in a browser: all eight steps at two widths, sliders, folds, paper, the saved page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from semcomp.demo.lesson import failures
from semcomp.demo.lesson import tab as lesson
from semcomp.demo.lesson.book import TITLES
from semcomp.demo.shared import look, work
from tests.demo.lesson.test_parts import curve
from tests.support.browsing import WIDTHS, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SAMPLES = work.samples


def small(name: str) -> np.ndarray:
    """A crop of a sample picture, uint8 (112, 160, 3)."""
    return SAMPLES()[name][60:172, 120:280]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page of two tabs, the second one the lesson, on small pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        patch.setattr(work, "samples", lambda: {"cat": small("cat"), "coffee": small("coffee")})
        case = failures.Case(small("cat"), "A ship", "It is a cat.", names=("ship",))
        judged = (failures.judge(case),)
        patch.setattr(lesson, "verdicts", lambda: judged)
        work._sample_hashes.cache_clear()
        with gr.Blocks() as page, gr.Tabs():
            with gr.Tab("Other"):
                gr.Markdown("Nothing here.")
            with gr.Tab("Lesson") as tab:
                lesson.build_tab(tab, lambda: [curve("semantic (ours)", True, 0.0)])
        _, address, _ = page.launch(
            prevent_thread_lock=True,
            quiet=True,
            theme=look.theme(),
            css=look.CSS,
            head=look.HEAD + lesson.HEAD,
            ssr_mode=False,
        )
        yield address
        page.close()
        lesson._cache.clear()
        lesson._likeliest.clear()
    work._sample_hashes.cache_clear()


@pytest.fixture(params=WIDTHS)
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The lesson with all its steps, at desktop and phone width."""
    with visiting(browser, f"{url}?lesson=1", request.param) as opened:
        for number in range(1, 9):
            opened.wait_for_selector(f"#lesson-{number} .book", state="attached")
        yield opened


@pytest.fixture
def unfolded(page: Page) -> Page:
    """The lesson with the choice of another picture, level or class open."""
    page.get_by_role("button", name="Another picture").click()
    page.locator("#lesson-level input[type=range]").wait_for()
    return page


@pytest.mark.browser
def test_a_step_s_view_is_in_sight_and_next_leads_to_its_top(page: Page) -> None:
    page.evaluate("scrollTo(0, 0)")
    view: Any = page.locator("#lesson-1 .frame:not([data-away]) .view").bounding_box()
    assert view["y"] + 100 < 900
    page.locator("#lesson .onward .on").click()
    page.wait_for_function("document.activeElement?.textContent.startsWith('2. ')")
    top: Any = page.locator("#lesson-2 h2").bounding_box()
    assert 0 <= top["y"] < 450


@pytest.mark.browser
def test_all_eight_steps(page: Page) -> None:
    width = page.evaluate("innerWidth")
    for number, title in enumerate(TITLES, 1):
        part = page.locator(f"#lesson-{number}")
        assert part.get_by_role("heading", name=f"{number}. {title}").is_visible()
        assert page.locator("#lesson .lesson.step:visible").count() == 1
        slider = part.get_by_role("slider")
        for step in (slider, part.locator(".frame:not([data-away]) .view")):
            box = step.bounding_box()
            assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
        frame = part.locator(".frame:not([data-away])")
        before = frame.get_attribute("data-label")
        high = frame.bounding_box()
        slider.press("Home")
        slider.press("ArrowRight")
        moved = frame.get_attribute("data-label")
        assert part.locator(".frame").nth(1).get_attribute("data-away") is None
        assert part.locator("output").inner_text() == moved
        assert slider.get_attribute("aria-valuetext") == moved != None  # noqa: E711
        now = frame.bounding_box()
        assert before and high and now and abs(now["y"] - high["y"]) < 1, "the page jumped"
        for kind in ("formula", "question"):
            fold = part.locator(f"details.{kind}")
            inner = fold.locator("p").first
            assert not inner.is_visible()
            fold.locator("summary").click()
            assert inner.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, title
        if number < 8:
            page.locator("#lesson .onward .on").click()
    assert page.locator("#lesson .onward .on").is_disabled()
    page.locator("#lesson .onward .back").click()
    assert page.locator("#lesson-7 .lesson.step").is_visible()
    assert page.locator("#lesson .steps [aria-current=step]").inner_text().startswith("7")


@pytest.mark.browser
def test_play_turns_the_pages_and_the_gallery_has_maps(page: Page) -> None:
    play = page.locator("#lesson-1 .play")
    play.click()
    assert play.get_attribute("aria-pressed") == "true"
    page.wait_for_function("document.querySelector('#lesson-1 input[type=range]').value > 1")
    play.click()
    assert play.get_attribute("aria-pressed") == "false"
    page.locator("#lesson .steps button").nth(6).click()
    page.locator("#lesson-7 details.gallery summary").click()
    case = page.locator("#lesson-7 .case")
    assert case.count() == 1 and "1 failed" in page.locator("#lesson-7 .gallery").inner_text()
    shown = "document.querySelector('#lesson-7 .case img.over')"
    page.mouse.move(1, 1)  # the pointer shows it too
    page.wait_for_function(f"getComputedStyle({shown}).opacity === '0'")
    case.get_by_role("checkbox").check()
    page.wait_for_function(f"Number(getComputedStyle({shown}).opacity) > 0.6")


@pytest.mark.browser
def test_a_sample_to_teach_with(unfolded: Page) -> None:
    page = unfolded
    source = "document.querySelector('#lesson-picture img').src"
    before = page.evaluate(source)
    page.locator("#lesson-samples button").nth(1).click()
    page.wait_for_function(f"old => {source} !== old", arg=before)
    page.wait_for_selector("#lesson-8 .book", state="attached")
    shown = page.request.get(page.evaluate(source)).body()
    assert (np.asarray(Image.open(io.BytesIO(shown))) == small("coffee")).all()


@pytest.mark.browser
def test_a_saved_lesson_needs_nothing(page: Page, browser: Browser, tmp_path: Path) -> None:
    with page.expect_download() as waiting:
        page.locator("#lesson .onward .save").click()
    assert waiting.value.suggested_filename == "lesson.html"
    path = tmp_path / "lesson.html"
    waiting.value.save_as(path)
    context = browser.new_context(offline=True, viewport={"width": 360, "height": 800})
    saved = context.new_page()
    saved.goto(path.as_uri())
    assert saved.locator(".lesson.step").count() == 8
    slider = saved.locator("#lesson-step-3").get_by_role("slider")
    slider.press("End")
    assert saved.locator("#lesson-step-3 output").inner_text() == "top 100%"
    assert saved.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


@pytest.mark.browser
def test_paper_has_key_frames_and_answers_at_the_end(page: Page) -> None:
    page.evaluate("window.lessonPrinted = 0")
    page.locator("#lesson .onward .print").click()
    page.wait_for_selector("#lesson-print", state="attached")
    paper = next(frame for frame in page.frames if frame != page.main_frame)
    paper.wait_for_selector(".answers", state="attached")
    assert paper.locator(".answers li").count() == 8
    assert paper.locator("details.question p").count() == 0
    assert paper.locator("details.formula[open]").count() == 8
    keys = [paper.locator(f"#lesson-step-{n} .frame.key").count() for n in range(1, 9)]
    assert min(keys) >= 1 and max(keys) <= 4


@pytest.mark.browser
def test_another_picture_class_and_level(unfolded: Page, tmp_path: Path) -> None:
    page = unfolded
    first = page.locator("#lesson-1 .say").first.inner_text()
    path = tmp_path / "wide.png"
    Image.fromarray(small("cat")[:64]).save(path)
    page.locator("#lesson-picture button[aria-label='Remove Image']").click()
    page.locator("#lesson-picture input[type=file]").set_input_files(path)
    page.get_by_text("160 × 64 pixels").first.wait_for()
    assert "160 × 112" in first
    page.wait_for_selector("#lesson-7 .book", state="attached")
    offered = page.locator("#lesson-focus label")
    assert offered.count() == 5
    likeliest, other = (offered.nth(i).inner_text().split(" · ")[0] for i in (0, 2))
    page.locator("#lesson .steps button").nth(1).click()
    seen = page.locator("#lesson-2 .see")
    assert likeliest in seen.inner_text()
    offered.nth(2).click()
    page.wait_for_function(
        "name => document.querySelector('#lesson-2 .see')?.textContent.includes(name)", arg=other
    )
    page.wait_for_selector("#lesson-7 .book", state="attached")
    assert offered.nth(2).locator("input").is_checked()
    page.locator("#lesson-level input[type=range]").press("ArrowLeft")
    page.wait_for_function(
        """() => document.querySelector('#lesson-4 .step')?.textContent
            .includes('blocks × level 7')"""
    )
    assert other in seen.inner_text()


def test_steps_arrive_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesson, "verdicts", tuple)
    path = tmp_path / "picture.png"
    Image.fromarray(small("cat")[:64, :64]).save(path)
    seen = list(lesson.lesson({"path": str(path)}, 12, tuple))
    assert len(seen) == 8 and all(isinstance(html, str) for html in seen[0][:8])
    assert len(seen[0][8]["choices"]) == 5 and seen[0][9] == str(path)
    assert "64 × 64 pixels" in seen[0][0] and "being computed" in seen[0][6]
    fourth = next(each[3] for each in seen[1:] if isinstance(each[3], str))
    assert "blocks × level 12" in fourth
    assert list(lesson.lesson(None, 12, tuple)) == [[gr.skip()] * 10]
    with pytest.raises(gr.Error, match="again"):
        list(lesson.lesson({"path": str(tmp_path / "gone.png")}, 8, tuple))
