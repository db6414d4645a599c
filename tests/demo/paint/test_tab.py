"""Painting importance: the grid, the file of equal size, who paid; and the tab in a browser."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
import skimage.data
from PIL import Image

from semcomp.allocation.planning import read_levels
from semcomp.coding import bitstream
from semcomp.demo.compress import result_card
from semcomp.demo.inspect.picture_cache import frame
from semcomp.demo.paint import painting
from semcomp.demo.paint import tab as tab_paint
from semcomp.demo.sessions import visits
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import work
from semcomp.errors import SemanticError
from semcomp.pipeline import compress, decompress
from semcomp.semantics.maps import user_map
from tests.support.browsing import WIDTHS, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HEIGHT, WIDTH = 100, 140
ROWS, COLUMNS = 13, 18


@pytest.fixture(scope="module")
def session() -> Session:
    """A cat's eye; kept work is shared by the tests of this file."""
    picture = skimage.data.chelsea()[60 : 60 + HEIGHT, 180 : 180 + WIDTH]
    return Session(np.ascontiguousarray(picture), "eye")


@pytest.fixture(scope="module")
def grid() -> np.ndarray:
    """The upper left corner matters."""
    painted = np.zeros((ROWS, COLUMNS), np.uint8)
    painted[:5, :6] = 255
    return painted


def text(grid: np.ndarray) -> str:
    return base64.b64encode(grid.tobytes()).decode()


def test_a_grid_comes_back_as_it_was_painted(grid: np.ndarray) -> None:
    assert (painting.read_grid(text(grid), ROWS, COLUMNS) == grid).all()
    assert (painting.painted_map(grid, HEIGHT, WIDTH).grey == grid).all()


@pytest.mark.parametrize("sent", [None, 7, "", "ÿÿ", "not base64!", text(np.zeros(5, np.uint8))])
def test_a_grid_that_does_not_fit_is_refused(sent: Any) -> None:
    with pytest.raises(SemanticError, match="18 × 13 blocks: open this tab again"):
        painting.read_grid(sent, ROWS, COLUMNS)


@pytest.mark.parametrize("allocation", ["proportional", "rd"])
def test_the_file_has_the_same_bytes_and_follows_the_map(
    session: Session, grid: np.ndarray, allocation: str
) -> None:
    budget = len(session.data(Choice(4)))
    semantic_map = painting.painted_map(grid, HEIGHT, WIDTH)
    found = painting.fit_map(session, allocation, semantic_map, budget)
    assert 0.95 * budget < len(found.data) <= budget
    levels = read_levels(bitstream.parse(found.data).header)
    assert (levels == found.plan.levels).all()
    assert levels[:5, :6].mean() > levels[:ROWS, :COLUMNS][grid == 0].mean()
    # The command line's way, from the PNG that is offered for download, gives the same file.
    painted = np.asarray(Image.open(io.BytesIO(painting.map_png(semantic_map))))
    again = compress(
        session.picture,
        found.choice.level,
        allocation,  # type: ignore[arg-type]
        semantic_map=user_map(painted, HEIGHT, WIDTH, cell=8),
        device="cpu",
    )
    assert again.data == found.data


def test_a_budget_nothing_fits_is_named(session: Session, grid: np.ndarray) -> None:
    with pytest.raises(SemanticError, match="higher level in the first tab"):
        painting.fit_map(session, "proportional", painting.painted_map(grid, HEIGHT, WIDTH), 30)


def test_who_paid_adds_up(session: Session, grid: np.ndarray) -> None:
    semantic_map = painting.painted_map(grid, HEIGHT, WIDTH)
    before = session.plan(Choice(3, "uniform")).levels
    after = session.plan(Choice(3), semantic_map).levels
    better, worse = session.picture, np.roll(session.picture, 3, axis=0)
    painted, rest, whole = painting.areas(session, semantic_map, (before, after), (worse, better))
    assert painted.bytes[0] + rest.bytes[0] == pytest.approx(whole.bytes[0], rel=0.05)
    assert whole.bytes[0] == pytest.approx(session.encoder.block_bits[3].sum() / 8, rel=1e-4)
    assert painted.bytes[1] > painted.bytes[0] and rest.bytes[1] < rest.bytes[0]
    assert whole.ssim[1] == pytest.approx(1) and whole.ssim[0] < 0.9
    assert whole.psnr[1] > 100 > whole.psnr[0]
    nothing = painting.painted_map(np.zeros_like(grid), HEIGHT, WIDTH)
    (only,) = painting.areas(session, nothing, (before, after), (worse, better))
    assert only.name == "The whole picture"


def test_losers_are_orange_and_winners_blue() -> None:
    picture = np.full((16, 24, 3), 200, np.uint8)
    gained = np.array([[-8.0, 0.0, 8.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    drawn, limit = painting.robbed(picture, gained)
    assert drawn.shape == picture.shape and limit == pytest.approx(8)
    lost, same, won = drawn[3, 3], drawn[3, 12], drawn[3, 20]
    assert lost[0] > lost[2] and won[2] > won[0] and same[0] == same[1] == same[2]


def test_compressing_a_painting_shows_before_after_and_who_paid(
    session: Session, grid: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "VISITS", visits.Visits())
    monkeypatch.setattr(tab_paint, "current", lambda request: (session, Choice(3)))
    request: Any = SimpleNamespace(session_hash="somebody")
    canvas, *results = tab_paint.prepare(request)
    assert results[:5] == [None, "", None, None, None]  # those of another picture go
    assert (canvas["rows"], canvas["columns"]) == (ROWS, COLUMNS)
    assert set(map(str, tab_paint.prepare(request))) == {str(gr.skip())}  # what is painted stays
    sent = {**canvas, "grid": text(grid)}
    *_, last = tab_paint.compress(sent, "proportional", request)
    shown, said, file, painted, card, _ = last
    assert [layer["label"] for layer in shown["layers"]] == [
        *("Original", "Before", "After", "Who paid")
    ]
    with open(file, "rb") as stream:
        data = stream.read()
    assert len(data) <= len(session.data(Choice(3)))
    assert f"{len(data):,} after" in said and "What you painted" in said
    after = frame([shown["token"], tab_paint.AFTER])["picture"].split(",")[1]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(after))))
    assert (pixels == np.asarray(decompress(data))).all()
    assert Image.open(painted).size == (COLUMNS, ROWS)
    assert Image.open(card).width == result_card.WIDTH
    with pytest.raises(gr.Error, match="does not fit"):
        next(tab_paint.compress({"grid": "AAAA"}, "proportional", request))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with the tab alone, on a small sample."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        patch.setattr(work, "samples", lambda: {"cat": skimage.data.chelsea()[60:156, 180:308]})
        with gr.Blocks() as page, gr.Tabs():
            with gr.Tab("First"):
                gr.Markdown("first")
            with gr.Tab("Paint") as tab:
                tab_paint.build_tab(page, tab)
        _, address, _ = page.launch(prevent_thread_lock=True, quiet=True)
        yield address
        page.close()


@pytest.fixture(params=WIDTHS)
def opened(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The tab with the classifier's map on its canvas, at desktop and phone width."""
    with visiting(browser, url, request.param) as page:
        page.get_by_role("tab", name="Paint").click()
        page.locator("#canvas .said", has_text="matters").wait_for()
        yield page


def share(page: Page) -> int:
    """Percent of the picture that matters, as the page says."""
    page.wait_for_timeout(250)  # the line waits for the end of a stroke
    return int(page.locator("#canvas .said").inner_text().split("%")[0])


@pytest.mark.browser
def test_painting_with_the_mouse_moves_bytes(opened: Page) -> None:
    opened.locator("#canvas [data-fill=none]").click()
    assert share(opened) == 0
    box: Any = opened.locator("#canvas .picture").bounding_box()
    opened.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    opened.mouse.down()
    opened.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    opened.mouse.up()
    painted = share(opened)
    assert 0 < painted < 50
    opened.locator("#canvas [data-tool=less]").click()
    opened.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    assert share(opened) < painted
    opened.locator("#canvas .undo").click()
    assert share(opened) == painted
    opened.locator("#paint-go").click()
    opened.locator("#paint-said .facts").wait_for()
    assert "What you painted" in opened.locator("#paint-said").inner_text()
    opened.get_by_role("radio", name="Who paid").click()
    image = opened.locator("#painted img.picture")
    opened.wait_for_function(
        "() => document.querySelector('#painted img.picture').alt.includes('orange')"
    )
    assert str(image.get_attribute("src")).startswith("data:image/webp")
    with opened.expect_download() as waiting:
        opened.locator("#paint-file").click()
    assert waiting.value.suggested_filename == "cat-painted.semc"
    decompress(waiting.value.path().read_bytes())


@pytest.mark.browser
def test_painting_without_a_mouse(opened: Page) -> None:
    opened.locator("#canvas [data-fill=none]").click()
    opened.locator("#canvas .picture").focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("Space")
    dabbed = share(opened)
    assert dabbed > 0
    opened.keyboard.press("e")
    opened.keyboard.press("Space")
    assert share(opened) < dabbed
    opened.locator("#canvas summary").click()
    opened.locator("#canvas [name=right]").fill("10")
    opened.locator("#canvas [data-box='255']").click()
    opened.locator("#canvas .said", has_text="more than left").wait_for()
    opened.locator("#canvas [name=right]").fill("100")
    opened.locator("#canvas [data-box='255']").click()
    assert 30 <= share(opened) <= 50
