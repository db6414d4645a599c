"""Tests of the demo: the page in a browser, its endpoints through the client, its messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client, handle_file  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]
from PIL import Image

import app
import semcomp
from semcomp.demo.lesson import tab as lesson
from semcomp.demo.shared import events, words, work
from semcomp.errors import ImageError, MetricError
from semcomp.semantics.activation import analyse
from tests.support.browsing import WIDTHS, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIDE = 192
SAMPLES = work.samples  # as it is without the fixture below


def small(name: str = "cat") -> np.ndarray:
    """A crop of a sample picture, uint8 (192, 192, 3)."""
    return SAMPLES()[name][40 : 40 + SIDE, 100 : 100 + SIDE]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo on a free port. Its samples are cut small, so that the first result is quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        cut = {"cat": small("cat"), "coffee": small("coffee")}
        patch.setattr(work, "samples", lambda: cut)
        work._sample_hashes.cache_clear()
        page = app.build()
        _, address, _ = app.launch(page, prevent_thread_lock=True, quiet=True)
        yield address
        page.close()
    work._sample_hashes.cache_clear()
    lesson._cache.clear()
    lesson._likeliest.clear()


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


@pytest.fixture(scope="module")
def picture_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "cup of coffee.png"
    Image.fromarray(small("coffee")).save(path)
    return path


@pytest.fixture(params=WIDTHS)
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page with its first result, on a desktop and on a phone."""
    with visiting(browser, url, request.param) as opened:
        opened.wait_for_selector("#facts .facts")
        opened.wait_for_selector("#focus label")  # the file is there too
        yield opened


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_above_minor(browser: Browser, url: str, width: int) -> None:
    with visiting(browser, url, width) as page:
        page.wait_for_selector("#focus label")
        found = []
        for tab in page.get_by_role("tab").all():
            name = tab.inner_text()
            tab.click()
            page.wait_for_timeout(1000)
            # Gradio fades what is being computed, and shows empty places until it is there.
            page.wait_for_function(
                """() => ![...document.querySelectorAll('.pending, [aria-label="Empty value"]')]
                    .some((each) => each.checkVisibility())"""
            )
            for violation in Axe().run(page).response["violations"]:
                if violation["impact"] != "minor":
                    where = [node["html"][:120] for node in violation["nodes"]]
                    found.append(f"{name}, {violation['id']}: {where}")
    assert not found, "\n".join(found)


@pytest.mark.browser
def test_the_keyboard_sees_where_it_is_and_skips_to_the_result(page: Page) -> None:
    names = page.locator("#samples button").evaluate_all("all => all.map(b => b.ariaLabel)")
    assert names == ["Sample picture: cat", "Sample picture: coffee"]
    slider = page.locator("#level input[type=range]")
    slider.focus()
    page.keyboard.press("ArrowRight")  # as a keyboard's user comes by it
    style = slider.evaluate("s => [getComputedStyle(s).outlineStyle, s.matches(':focus-visible')]")
    assert style == ["solid", True]
    skip = page.get_by_role("link", name="Skip to the result")
    skip.focus()
    box: Any = skip.bounding_box()
    assert box["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('#viewer') !== null")


def test_samples_ship_with_a_dependency() -> None:
    for picture in SAMPLES().values():
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3


def test_endpoints_are_these(client: Client) -> None:
    described: Any = client.view_api(return_format="dict", print_info=False)
    names = set(described["named_endpoints"])
    assert names == {
        *("/compress", "/decompress", "/explain", "/score", "/leaderboard"),
        *("/leaderboard_results", "/submit", "/submission", "/withdraw_submission"),
    }
    parameters = described["named_endpoints"]["/compress"]["parameters"]
    defaults = {p["parameter_name"]: p.get("parameter_default") for p in parameters}
    assert defaults["level"] == 8 and defaults["allocation"] == "proportional"


def test_compress_then_decompress(client: Client, picture_file: Path) -> None:
    file, record = client.predict(
        handle_file(picture_file), 3, "proportional", "", api_name="/compress"
    )
    data = Path(file).read_bytes()
    assert Path(file).suffix == ".semc"
    assert record["bytes"] == len(data)
    assert record["bpp"] == pytest.approx(8 * len(data) / SIDE**2)
    assert 0 < record["si_ssim"] <= 1 and 0 < record["ms_ssim"] <= 1 and record["psnr"] > 5
    assert len(record["classes"]) == 5
    picture, facts = client.predict(handle_file(file), 24, api_name="/decompress")
    decoded = np.asarray(Image.open(picture))
    assert (decoded == np.asarray(semcomp.decompress(data))).all()
    assert facts["bytes"] == len(data) and facts["level"] == 3
    rough, _ = client.predict(handle_file(file), 1, api_name="/decompress")
    assert (
        np.asarray(Image.open(rough)) == np.asarray(semcomp.decompress(data, iterations=1))
    ).all()


def test_score_returns_numbers(client: Client, picture_file: Path, tmp_path: Path) -> None:
    rough = tmp_path / "rough.jpg"
    Image.open(picture_file).save(rough, quality=20)
    record = client.predict(handle_file(picture_file), handle_file(rough), api_name="/score")
    assert record["psnr"] > 15
    assert all(0 < record[name] < 1 for name in ("ssim", "si_ssim", "ms_ssim"))
    same = client.predict(handle_file(picture_file), handle_file(picture_file), api_name="/score")
    assert same["psnr"] is None and same["ssim"] == pytest.approx(1)


def test_explain_shows_every_step(client: Client, picture_file: Path) -> None:
    overlay, levels, record = client.predict(
        handle_file(picture_file), 2, "proportional", "", api_name="/explain"
    )
    assert Image.open(overlay).format == Image.open(levels).format == "PNG"
    assert len(record["steps"]) >= 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": 0}, "level"),
        ({"level": 99}, "level"),
        ({"allocation": "random"}, "uniform, proportional, rd"),
        ({"class_name": "no such thing"}, "class"),
    ],
)
def test_wrong_settings_are_named(
    client: Client, picture_file: Path, change: dict[str, Any], message: str
) -> None:
    settings = {"level": 2, "allocation": "proportional", "class_name": ""}
    with pytest.raises(AppError, match=message):
        client.predict(
            picture=handle_file(picture_file), **(settings | change), api_name="/compress"
        )


def test_a_server_s_own_files_cannot_be_read(client: Client) -> None:
    with pytest.raises(AppError):
        client.predict(
            {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}},
            *(2, "uniform", ""),
            api_name="/compress",
        )


def test_a_picture_too_large_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEMCOMP_MAX_PIXELS", "1000")
    path = tmp_path / "large.png"
    Image.new("RGB", (40, 40)).save(path)
    with pytest.raises(gr.Error, match="scale it down"), work.for_visitors():
        work.read_picture({"path": str(path)})


def test_missing_uploads_are_named(tmp_path: Path) -> None:
    for upload, message in (
        (None, "pick a sample"),
        ({"path": None}, "pick a sample"),
        ({"path": str(tmp_path / "swept.png")}, "again"),
    ):
        with pytest.raises(ImageError, match=message):
            work.read_picture(upload)


def test_large_pictures_are_reduced_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (300, 60)).save(path)
    panorama, notes = work.read_picture({"path": str(path)}, 4500)
    assert panorama.shape == (30, 150, 3) and "300 × 60" in notes[0]  # not cut by its long side
    for enough in (0, 18_000):
        assert work.read_picture({"path": str(path)}, enough)[0].shape == (60, 300, 3)


def test_what_was_done_to_an_upload_is_told(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (30, 30), (9, 9, 9, 9)).save(path)
    _, notes = work.read_picture({"path": str(path)}, 400)
    assert notes == [
        "Transparent places were laid on white.",
        "Reduced from 30 × 30 pixels first.",
    ]


def test_scores_that_are_not_defined_are_left_out() -> None:
    picture, other = small()[:64, :64], small("coffee")[:64, :64]
    semantic_map = analyse(picture)
    facts = work.score(picture, other, semantic_map)
    assert facts["ms_ssim"] is None and "161" in facts["notes"][0]
    assert "n/a" in words.score_html(facts)


def test_pictures_of_two_sizes_are_not_scored(tmp_path: Path) -> None:
    for name, side in (("a", 20), ("b", 30)):
        Image.new("RGB", (side, side)).save(tmp_path / f"{name}.png")
    uploads = [{"path": str(tmp_path / f"{name}.png")} for name in "ab"]
    with pytest.raises(MetricError, match="20 × 20 and 30 × 30"):
        work.score_uploads(*uploads)


def test_a_gpu_is_borrowed_only_where_one_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "spaces", None)
    assert events.on_gpu(small) is small
    lender = SimpleNamespace(GPU=lambda duration: lambda function: [function, duration])
    monkeypatch.setattr(events, "spaces", lender)
    borrowed: Any = events.on_gpu(small)
    assert borrowed == [small, 120]


def test_texts_from_outside_are_escaped() -> None:
    with pytest.raises(gr.Error) as caught, work.for_visitors():
        raise ImageError("<script>")
    assert "<script>" not in caught.value.message
    assert "probability" in words.focus_text(analyse(small()))
    assert words.percent(0.0001) == "under 0.1%"


@pytest.mark.browser
def test_the_page_opens_with_a_result_and_the_next_tabs_go_on(
    page: Page, picture_file: Path, tmp_path: Path
) -> None:
    page.wait_for_selector(".facts.versus")
    size = page.locator(".facts.versus tbody tr").first.locator("td").last.inner_text()
    page.get_by_role("tab", name="Open a file").click()
    page.locator("#again").click()
    page.wait_for_selector("#file-facts .facts")
    assert f"{size} bytes" in page.locator("#file-facts").inner_text()
    page.get_by_role("tab", name="Score").click()
    Image.open(picture_file).save(tmp_path / "rough.jpg", quality=20)
    for side, path in (("original", picture_file), ("decoded", tmp_path / "rough.jpg")):
        page.locator(f"#score-{side} input[type=file]").set_input_files(path)
        page.locator(f"#score-{side} img").wait_for()
    page.locator("#score").click()
    page.wait_for_selector("#scores .facts")
    assert "SI-SSIM" in page.locator("#scores").inner_text()


@pytest.mark.browser
def test_no_tab_is_wider_than_a_phone(browser: Browser, url: str) -> None:
    with visiting(browser, url, 390) as page:
        for tab in page.get_by_role("tab").all():
            tab.click()
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390, f"{tab.inner_text()} is {wide} pixels wide"
