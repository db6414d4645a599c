"""Tests of the first tab in a browser: with the mouse, with the keyboard and on a phone."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

import semcomp
from semcomp.demo.compress import result_card
from semcomp.demo.shared import work
from semcomp.formats.registry import WRITERS, write
from tests.support.browsing import DESKTOP, PHONE, WIDTHS, answering_late, visiting
from tests.support.compress_page import (
    EXACT,
    changed,
    choose,
    numbers,
    opened,
    pixels,
    served,
)

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
    assert page.locator("[data-of=heat]").inner_text().startswith("of ")
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
            const style = getComputedStyle(box), m = new DOMMatrix(style.transform);
            return [m.a, m.e / parseFloat(style.width), m.f / parseFloat(style.height)]
                .map((x) => x.toFixed(3));
        })"""
    )
    assert len({tuple(each) for each in moved}) == 1 and moved[0][0] == "1.500"
    page.keyboard.press("0")
    assert page.locator("[data-do=fit]").is_disabled()


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_opens_on_equal_bytes_with_the_maps_in_sight(
    browser: Browser, url: str, width: int
) -> None:
    with visiting(browser, url, width) as page:
        page.wait_for_selector(".facts.versus")
        assert page.locator(".pick").evaluate_all("all => all.map(box => box.value)") == [
            "jpeg",
            "ours",
        ]
        for mini in page.locator(".view-frame.mini").all():
            box: Any = mini.bounding_box()
            assert box["y"] + box["height"] / 2 < 900


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
    # Another level at either width: what one visit has made is kept for the next.
    wanted = 5 if page.viewport_size == {"width": DESKTOP, "height": 900} else 4
    level.fill(str(wanted))
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
    changed(page, third)
    assert float(level.input_value()) < wanted


@pytest.mark.browser
def test_another_class_and_another_rule_move_the_levels(page: Page) -> None:
    command = page.locator("#command").locator("textarea, input")
    page.get_by_role("button", name="Link and command").click()

    def moved(before: str) -> str:
        """Wait for other levels and return them, as the picture that shows them."""
        page.wait_for_function(
            """old => {
                const grid = document.querySelector('.view-frame .grid');
                return grid.src !== old && !grid.dataset.next
                    && document.querySelector('.viewer').dataset.phase === 'exact'; }""",
            arg=before,
        )
        return str(page.locator(".view-frame .grid").get_attribute("src"))

    first = str(page.locator(".view-frame .grid").get_attribute("src"))
    other = page.locator("#focus label").nth(3)
    other.click()
    of_other = moved(first)
    name = other.inner_text().split(" · ")[0]
    assert name in page.locator("[data-of=heat]").inner_text()
    page.wait_for_function(
        """name => document.querySelector('#command textarea, #command input')?.value
            .includes(name)""",
        arg=f"--class '{name}'" if " " in name else f"--class {name}",
    )
    page.locator("#focus label").nth(0).click()
    assert moved(of_other) == first
    page.get_by_label("Rate-distortion").click()
    by_rd = moved(first)
    page.wait_for_function(
        """() => document.querySelector('#command textarea, #command input')?.value
            .includes('--allocation rd')"""
    )
    assert "--class" not in command.input_value()
    page.get_by_label("Uniform").click()
    flat = moved(by_rd)
    levels = np.asarray(Image.open(io.BytesIO(base64.b64decode(flat.split(",")[1]))))
    assert len(np.unique(levels.reshape(-1, 3), axis=0)) == 1


@pytest.mark.browser
def test_a_subject_is_switched_off_and_on_again(page: Page) -> None:
    """By its name with mouse and keyboard, and by its frame."""
    name = page.locator(".subjects button").first
    grid = page.locator(".view-frame .grid")

    def after(act: Callable[[], Any]) -> str:
        before = str(grid.get_attribute("src"))
        act()
        page.wait_for_function(
            """old => {
                const grid = document.querySelector('.view-frame .grid');
                return grid.src !== old && !grid.dataset.next
                    && document.querySelector('.viewer').dataset.phase === 'exact'; }""",
            arg=before,
        )
        return str(grid.get_attribute("src"))

    first = str(grid.get_attribute("src"))
    assert name.get_attribute("aria-pressed") == "true"
    without = after(name.click)
    assert name.get_attribute("aria-pressed") == "false" and without != first
    page.get_by_role("button", name="Link and command").click()
    page.wait_for_function(
        """() => document.querySelector('#command textarea, #command input')?.value
            .includes('--map people --without ')"""
    )
    name.focus()
    assert after(lambda: page.keyboard.press("Enter")) == first
    assert name.get_attribute("aria-pressed") == "true"
    frame = page.locator(".frames i").first
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert after(lambda: page.mouse.click(*middle)) == without
    assert "off" in str(frame.get_attribute("class"))
    slider = page.get_by_label("number input for Focus")
    slider.fill("2")
    assert after(lambda: slider.press("Enter")) != without


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_the_same_map_in_a_file_that_opens_everywhere(
    browser: Browser, url: str, width: int
) -> None:
    with opened(browser, url, width) as page:
        assert page.locator("#ordinary").count() == 0 or not page.locator("#ordinary").is_visible()
        page.locator("#same-map").get_by_role("button", name="JPEG", exact=True).click()
        page.wait_for_selector(".facts.versus")
        page.locator("#ordinary").wait_for()
        table = page.locator(".facts.versus")
        assert "JPEG + map" in table.inner_text()
        sizes = table.locator("tbody tr").first.locator("td").all_inner_texts()
        with page.expect_download() as download:
            page.locator("#ordinary").click()
        data = Path(download.value.path()).read_bytes()
        assert download.value.suggested_filename == "cat.jpg"
        assert f"{len(data):,}" == sizes[1]
        assert Image.open(io.BytesIO(data)).format == "JPEG"
        page.locator("#allocation label").first.click()  # another file: this one is gone
        page.locator("#ordinary").wait_for(state="hidden")
        page.locator("#ordinary").wait_for()  # and found anew


@pytest.mark.browser
@pytest.mark.parametrize("name", ["jpeg", "webp", "avif"])
def test_a_browser_opens_what_the_writers_make(browser: Browser, name: str) -> None:
    writer, picture = WRITERS[name], skimage.data.coffee()[100:250, 200:371]
    grey = np.zeros((10, 10), np.uint8)
    grey[:, :5] = 255
    file = base64.b64encode(write(writer, picture, grey=grey)).decode()
    page = browser.new_page()
    page.set_content(f"<picture><img src='data:{writer.media_type};base64,{file}'></picture>")
    shown = page.locator("img").evaluate(
        """async image => {
            await image.decode();
            const canvas = document.createElement('canvas');
            canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            return { size: [image.naturalHeight, image.naturalWidth],
                pixels: [...context.getImageData(20, 30, 60, 50).data] }; }"""
    )
    page.close()
    assert shown["size"] == list(picture.shape[:2])
    seen = np.reshape(shown["pixels"], (50, 60, 4))[..., :3]
    original = picture[30:80, 20:80].astype(float)
    assert np.abs(seen.mean((0, 1)) - original.mean((0, 1))).max() < 3
    assert np.abs(seen - original).mean() < 10


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_any_two_pictures_at_equal_bytes_and_a_link_to_them(
    browser: Browser, url: str, width: int
) -> None:
    link = f"{url}?picture=coffee&level=20&allocation=uniform&left=jpeg&right=ours"
    with opened(browser, link, width) as page:
        assert float(page.get_by_label("number input for Average level").input_value()) == 20
        page.wait_for_selector(".facts.versus")
        text = page.locator(".facts.versus").inner_text()
        for name in ("JPEG", "Ours", "Bits per pixel", "SI-SSIM", "Important region", "PSNR"):
            assert name in text
        sizes = page.locator(".facts.versus tbody tr").first.locator("td").all_inner_texts()
        theirs, ours = (int(size.replace(",", "")) for size in sizes)
        assert theirs <= ours and theirs > ours / 2
        original = page.get_by_role("button", name="Original", exact=True)
        assert original.get_attribute("aria-pressed") == "false"
        choose(page, 0, "webp")
        choose(page, 0, "george")
        original.click()
        page.wait_for_function("() => !document.querySelector('.facts.versus')")
        original.click()
        page.wait_for_function("() => document.querySelector('.pick')?.value === 'jpeg'")
        page.wait_for_selector("[data-do=original][aria-pressed=false]")
        original.click()
        page.wait_for_function("() => document.querySelector('.pick')?.value === 'original'")
        page.locator("[data-do=swap]").click()
        page.wait_for_function("() => document.querySelector('.pick')?.value === 'ours'")
        page.get_by_role("button", name="Link and command").click()
        shown = page.locator("#link").locator("textarea, input")
        page.wait_for_function(
            """() => document.querySelector('#link textarea, #link input')?.value
                ?.includes('left=ours')"""
        )
        for part in ("picture=coffee", "level=20", "allocation=uniform"):
            assert part in shown.input_value()
        assert "--level 20 --allocation uniform" in (
            page.locator("#command").locator("textarea, input").input_value()
        )
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator("#copy").click()
        page.get_by_test_id("toast-body").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == shown.input_value()


@pytest.mark.browser
def test_quick_choices_count_from_what_was_chosen_last(page: Page) -> None:
    choose(page, 0, "jpeg")
    page.evaluate(
        """() => {
            const [box] = document.querySelectorAll('.pick');
            for (const key of ['webp', 'george']) {
                box.value = key;
                box.dispatchEvent(new Event('change'));
            }
            document.querySelector('[data-do=original]').click();
            document.querySelector('[data-do=original]').click();
            document.querySelector('[data-do=swap]').click(); }"""
    )
    page.wait_for_function(
        "() => document.querySelectorAll('.view-tag')[1].textContent.startsWith('JPEG')"
    )
    assert page.locator(".pick").evaluate_all("all => all.map(box => box.value)") == [
        "ours",
        "jpeg",
    ]
    assert page.locator("[data-do=original]").get_attribute("aria-pressed") == "false"


@pytest.mark.browser
def test_where_the_bytes_went_is_laid_over_our_picture(page: Page) -> None:
    page.get_by_role("button", name="Where the bytes went").click()
    drawn = page.locator(".layer[data-key=ours] .spent")
    assert drawn.evaluate("box => getComputedStyle(box).display") == "block"
    assert "data:image/png" in drawn.evaluate("box => getComputedStyle(box).backgroundImage")
    other = page.locator(".layer[data-key=original] .spent")
    assert other.evaluate("box => getComputedStyle(box).display") == "none"
    assert "bits a block" in page.locator(".view-legend").inner_text()
    page.get_by_role("button", name="Where the bytes went").click()
    assert not page.locator(".view-legend").is_visible()


@pytest.mark.browser
def test_loading_the_page_again_keeps_picture_and_settings(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "upside down.png"
    Image.fromarray(work.samples()["coffee"][::-1].copy()).save(path)
    with opened(browser, url) as page:
        first = numbers(page)
        page.get_by_role("button", name="Remove Image").click()
        page.locator("#picture input[type=file]").set_input_files(path)
        changed(page, first)
        page.get_by_label("number input for Average level").fill("5")
        page.wait_for_url("**level=5*")
        page.reload()
        page.wait_for_selector(EXACT)
        level = page.get_by_label("number input for Average level")
        assert float(level.input_value()) == 5
        assert (pixels(page, 1) != 0).any()
        with page.expect_download() as waiting:
            page.locator("#png").click()
        assert waiting.value.suggested_filename == "upside down.png"


@pytest.mark.browser
def test_what_is_chosen_before_the_first_answer_is_shown_in_the_end(
    browser: Browser, url: str
) -> None:
    with opened(browser, url) as page:
        with answering_late(page) as sent:
            page.select_option(".pick[data-side='0']", "webp")
            sent()
            page.select_option(".pick[data-side='0']", "jpeg")
        page.wait_for_function(
            "() => document.querySelector('.view-tag').textContent.startsWith('JPEG')"
        )
        assert page.locator(".pick").first.input_value() == "jpeg"


@pytest.mark.browser
def test_the_sample_clicked_last_is_shown_in_the_end(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        first = numbers(page)
        with answering_late(page) as sent:
            page.locator("#samples button").nth(0).click()
            sent()
            page.locator("#samples button").nth(1).click()
        changed(page, first)
        assert (pixels(page, 0) == work.samples()["coffee"]).all()


@pytest.mark.browser
def test_a_result_card_to_keep(page: Page) -> None:
    page.get_by_role("button", name="Result card").click()
    page.locator("#card-go").click()
    card = page.locator("#card img")
    card.wait_for()
    made = page.request.get(str(card.get_attribute("src"))).body()
    assert Image.open(io.BytesIO(made)).width == result_card.WIDTH


@pytest.mark.browser
def test_a_phone_shows_the_result_before_the_settings_and_zooms(browser: Browser, url: str) -> None:
    with opened(browser, url, PHONE, color_scheme="dark") as page:
        top: dict[str, Any] = {
            name: page.locator(selector).bounding_box() or {}
            for name, selector in (
                ("source", "#source"),
                ("viewer", ".viewer"),
                ("views", ".view-minis"),
                ("settings", "#settings"),
                ("numbers", "#facts"),
            )
        }
        assert sorted(top, key=lambda name: top[name]["y"]) == list(top)
        page.get_by_role("button", name="Zoom in").tap()
        page.wait_for_function("() => !document.querySelector('[data-do=fit]').disabled")


@pytest.mark.browser
def test_the_divider_shows_once_that_it_moves(browser: Browser, url: str) -> None:
    place = """() => {
        const divider = document.querySelector('#viewer .divider');
        return divider ? getComputedStyle(divider).getPropertyValue('--split') : '50%'; }"""
    with visiting(browser, url, reduced_motion="no-preference") as page:
        page.wait_for_function(f"() => Math.abs(parseFloat(({place})()) - 50) > 5")
        page.keyboard.press("Shift")  # whoever does anything has it at rest
        assert page.evaluate(place) == "50%"
        divider = page.get_by_role("slider", name="Divider")
        assert divider.get_attribute("aria-valuenow") == "50"
