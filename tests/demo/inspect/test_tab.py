"""The tabs with the block panel in a browser: clicks, keys, scrubbing, files cut at any place."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
import skimage.data
from PIL import Image

from semcomp.allocation.planning import read_levels
from semcomp.coding import bitstream
from semcomp.demo.compress import opening
from semcomp.demo.inspect import open_file as tab_open
from semcomp.demo.inspect import tab as tab_inside
from semcomp.demo.inspect.picture_cache import CACHE
from semcomp.demo.sessions import visits
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import work
from semcomp.errors import BitstreamError
from semcomp.pipeline import compress, decompress
from tests.support.browsing import WIDTHS, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HEIGHT, WIDTH = 96, 128
LEVEL = 3


def sample() -> np.ndarray:
    """A cat's eye, uint8 (96, 128, 3)."""
    return np.ascontiguousarray(skimage.data.chelsea()[60 : 60 + HEIGHT, 180 : 180 + WIDTH])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("files") / "eye.semc"
    path.write_bytes(compress(sample(), LEVEL, device="cpu").data)
    return path


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with the two tabs, on a small sample at a low level."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        patch.setattr(work, "samples", lambda: {"cat": sample()})
        first = Session(sample(), "cat")
        patch.setattr(tab_inside, "current", lambda request: (first, Choice(LEVEL)))
        with gr.Blocks() as page, gr.Tabs():
            with gr.Tab("First"):
                made = gr.DownloadButton("none yet")
            with gr.Tab("Inside") as tab:
                tab_inside.build_tab(page, tab)
            with gr.Tab("Open"):
                tab_open.build_tab(made)
        _, address, _ = page.launch(prevent_thread_lock=True, quiet=True)
        yield address
        page.close()


@pytest.fixture(params=WIDTHS)
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, at desktop and phone width."""
    with visiting(browser, url, request.param) as opened:
        yield opened


def wait_for_all(page: Page, panel: str) -> int:
    """Wait until every iteration is there; returns how many there are."""
    page.wait_for_function(
        """panel => {
            const said = document.querySelector(panel + ' .kname')?.textContent ?? '';
            const [k, all] = said.split(' of ');
            return k && k === all;
        }""",
        arg=panel,
    )
    return int(page.locator(f"{panel} .kname").inner_text().split(" of ")[1])


def scrub(page: Page, panel: str, k: int) -> None:
    """Move the slider as a hand would."""
    page.locator(f"{panel} input.k").fill(str(k))
    page.locator(f"{panel} .kname", has_text=f"{k} of").wait_for()


def shown(page: Page, panel: str) -> np.ndarray:
    """The pixels on the canvas."""
    text = page.locator(f"{panel} canvas.picture").evaluate(
        """async canvas => {
            const blob = await new Promise(done => canvas.toBlob(done, 'image/png'));
            return Array.from(new Uint8Array(await blob.arrayBuffer()));
        }"""
    )
    return np.asarray(Image.open(io.BytesIO(bytes(text))).convert("RGB"))


@pytest.mark.browser
def test_click_a_block_and_move_with_the_keys(page: Page) -> None:
    page.get_by_role("tab", name="Inside").click()
    wait_for_all(page, "#inside")
    box: Any = page.locator("#inside canvas.picture").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 3.5 / 16, box["y"] + box["height"] * 6.5 / 12)
    which = page.locator("#inside .which")
    assert which.inner_text() == "Block in row 7, column 4"
    data = compress(sample(), LEVEL, device="cpu").data
    level = int(read_levels(bitstream.parse(data).header)[6, 3])
    tiles = page.locator("#inside .tiles").inner_text()
    assert f"packed from {8 * level}" in tiles and "importance" in tiles
    assert page.locator("#inside .steps button").count() == level
    page.locator("#inside canvas.picture").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert which.inner_text() == "Block in row 8, column 5"
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    assert which.inner_text() == "Block in row 1, column 13"
    page.locator("#inside [data-layer=levels]").click()
    levels = read_levels(bitstream.parse(data).header)
    assert page.locator("#inside .low").inner_text() == f"level {levels.min()}"
    assert page.locator("#inside .high").inner_text() == f"level {levels.max()}"
    page.keyboard.press("ArrowRight")
    assert page.locator("#inside [data-layer=bits]").get_attribute("aria-checked") == "true"


@pytest.mark.browser
def test_scrub_and_download_the_file_cut_there(page: Page, file: Path) -> None:
    page.get_by_role("tab", name="Open").click()
    page.locator("#open input[type=file]").set_input_files(file)
    last = wait_for_all(page, "#opened")
    data = file.read_bytes()
    for k in (2, last):
        scrub(page, "#opened", k)
        cut = bitstream.truncate(data, k)
        assert f"{len(cut):,} of {len(data):,} bytes" in page.locator("#opened .cut").inner_text()
        with page.expect_download() as waiting:
            page.locator("#opened .save").click()
        assert waiting.value.path().read_bytes() == cut
        assert waiting.value.suggested_filename == f"eye-{k}.semc"
        expected = np.asarray(decompress(data, iterations=k))
        assert (shown(page, "#opened") == expected).all()
    with page.expect_download() as waiting:
        page.locator("#opened .png").click()
    assert (np.asarray(Image.open(waiting.value.path()).convert("RGB")) == expected).all()
    # Without the original there is nothing to compare with, and the page does not pretend.
    assert page.locator("#opened [data-layer=original]").count() == 0
    page.locator("#opened .play").click()
    page.wait_for_function("() => Number(document.querySelector('#opened input.k').value) >= 2")


def test_the_result_of_the_first_tab_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = visits.Visits()
    monkeypatch.setattr(opening, "VISITS", kept)
    monkeypatch.setattr(tab_inside, "current", opening.current)  # the page above has another
    session = kept.get("somebody", sample(), "eye")
    kept.visit("somebody", session).choice = Choice(1)
    request: Any = SimpleNamespace(session_hash="somebody")
    (asked,) = tab_inside.show(4, request)
    assert asked[2] == 5  # the model has to decode first
    assert "average level 1" in asked[1]
    session.finished(Choice(1))
    *_, last = tab_inside.show(5, request)
    value, said, _ = last
    assert value["ready"] == value["iterations"] and value["name"] == "eye"
    assert f"{len(session.data(Choice(1))):,} bytes" in said
    assert list(tab_inside.show(5, request)) == [(gr.skip(), gr.skip(), gr.skip())]
    tab_inside.leave(request)
    assert CACHE.of(tab_inside.owner(request)) is None


def test_a_picture_on_its_way_shows_nothing_of_the_former(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = visits.Visits()
    for module in (opening, tab_inside):
        monkeypatch.setattr(module, "VISITS", kept)
    request: Any = SimpleNamespace(session_hash="somebody")
    former = kept.visit("somebody", kept.get("somebody", sample(), "eye"))
    kept.await_picture("somebody")
    assert former.wanted == 1 and kept.current("somebody") is None and kept.nbytes == 0
    assert list(tab_inside.show(4, request)) == [({"text": opening.WAITING}, "", gr.skip())]
    with pytest.raises(gr.Error, match="no result yet"):
        opening.current(request)
    kept.visit("somebody", kept.get("somebody", sample(), "eye"))
    assert opening.current(request)[0].name == "eye"


def test_a_damaged_file_is_shown_as_far_as_it_is_whole(tmp_path: Path) -> None:
    data = compress(sample(), 2, device="cpu").data
    path = tmp_path / "eye.semc"
    path.write_bytes(data[:-3] + bytes([data[-3] ^ 255]) + data[-2:])
    request: Any = SimpleNamespace(session_hash="somebody")
    *_, (value, facts) = tab_open.open_file({"path": str(path)}, request)
    whole = value["iterations"]
    assert 0 < whole < value["promised"] and value["ready"] == whole
    assert f"Iteration {whole + 1} is damaged. {whole} of {value['promised']}" in facts
    assert "--" not in facts
    with pytest.raises(BitstreamError, match="damaged header"):
        tab_open.whole_part(data[:8] + b"\7" + data[9:])


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BitstreamError, match="no file yet"):
        work.read_file(None)
    with pytest.raises(BitstreamError, match="upload the file again"):
        work.read_file({"path": str(tmp_path / "swept.semc")})
    wrong = tmp_path / "picture.semc"
    wrong.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    request: Any = SimpleNamespace(session_hash="somebody")
    with pytest.raises(gr.Error, match="a PNG picture"):
        next(tab_open.open_file({"path": str(wrong)}, request))
