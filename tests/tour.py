"""Photographs a running demo for the README: `python -m tests.tour URL`.

It drives the page in Chromium as a visitor would and writes `app.png`, a result beside JPEG's, and
`tour.webp`, an animation with a line of text under every picture. Nothing in them is drawn by hand:
run it again after the page has changed.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Error, Page, sync_playwright

from semcomp.errors import SemcompError
from tests.conftest import CHROMIUM_NAMES

WINDOW = (1280, 900)
"""Pixels of the browser's window, width and height."""
WIDTH = 900
"""Pixels a picture of the tour is wide."""
LONG, SHORT = 2200, 140
"""Milliseconds a picture stands still, and one of a movement."""
PATIENCE = 300_000
"""Milliseconds a result may take."""
STRIP = 44
"""Pixels of the strip with the text."""


class TourError(SemcompError, OSError):
    """No browser, or a page that is not the demo this tour knows."""


@dataclass
class Film:
    """The pictures of the tour, each with its text and its time in milliseconds."""

    frames: list[tuple[Image.Image, str, int]] = field(default_factory=list)
    cover: int = 0
    """Which of them `app.png` is."""

    def take(self, page: Page, text: str, milliseconds: int = LONG) -> None:
        """Add what the page shows now."""
        shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
        self.frames.append((shot, text, milliseconds))

    def write(self, path: Path, quality: int) -> None:
        """Write the animation as WebP, without the metadata of anybody."""
        pictures = [captioned(shot, text) for shot, text, _ in self.frames]
        times = [milliseconds for _, _, milliseconds in self.frames]
        pictures[0].save(
            path,
            save_all=True,
            append_images=pictures[1:],
            duration=times,
            loop=0,
            quality=quality,
            method=6,
            minimize_size=True,
        )


def tour(
    url: Annotated[str, typer.Argument(help="address of a running demo")],
    out: Annotated[Path, typer.Option(help="folder for app.png and tour.webp")] = Path(
        "assets/tour"
    ),
    quality: Annotated[int, typer.Option(min=1, max=100, help="of the animation")] = 70,
) -> None:
    """Photograph a running demo: a picture of a result and an animated tour."""
    browser_path = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    if browser_path is None:
        raise TourError(
            f"no browser found ({', '.join(CHROMIUM_NAMES)}): install Debian's `chromium`"
        )
    out.mkdir(parents=True, exist_ok=True)
    film = Film()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(
            viewport={"width": WINDOW[0], "height": WINDOW[1]}, color_scheme="light"
        )
        page.set_default_timeout(PATIENCE)
        for stop in STOPS:
            try:
                stop(page, film, url)
            except Error as error:
                message = str(error).splitlines()[0]
                raise TourError(f"the tour stopped at `{stop.__name__}`: {message}") from error
            print(f"{stop.__name__}: {len(film.frames)} pictures", flush=True)
        browser.close()
    film.frames[film.cover][0].save(out / "app.png", optimize=True)
    film.write(out / "tour.webp", quality)
    for name in ("app.png", "tour.webp"):
        print(f"{out / name}: {(out / name).stat().st_size:,} bytes")


def captioned(shot: Image.Image, text: str) -> Image.Image:
    """A picture reduced to the tour's width, with its text in a strip below."""
    height = round(shot.height * WIDTH / shot.width)
    picture = Image.new("RGB", (WIDTH, height + STRIP), "#0f172a")
    picture.paste(shot.resize((WIDTH, height), Image.Resampling.LANCZOS))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(20)
    draw.text((WIDTH / 2, height + STRIP / 2), text, fill="#f1f5f9", font=font, anchor="mm")
    return picture


# The stops: each shows one thing and leaves the page ready for the next.


def first_result(page: Page, film: Film, url: str) -> None:
    """A picture with its result, beside JPEG's, is there when the page opens."""
    page.goto(url)
    page.wait_for_function(
        """() => [...document.querySelectorAll('#viewer .view-tag')]
            .every((tag) => tag.textContent.includes('B'))"""
    )
    _exact(page)
    film.cover = len(film.frames)
    film.take(page, "JPEG and this codec at the same number of bytes")


def divider(page: Page, film: Film, url: str) -> None:
    """The divider moves between the two pictures."""
    handle = page.locator("#viewer .divider")
    handle.focus()
    for key in ("Shift+ArrowLeft",) * 3 + ("Shift+ArrowRight",) * 6 + ("Shift+ArrowLeft",) * 3:
        handle.press(key)
        film.take(page, "JPEG left, ours right: drag the divider or use the keys", SHORT)


def closer(page: Page, film: Film, url: str) -> None:
    """Zoom, both pictures and the small views in step."""
    handle = page.locator("#viewer .divider")
    for _ in range(3):
        handle.press("+")
        film.take(page, "Zoom and pan: all views keep in step", 3 * SHORT)
    film.take(page, "Zoom and pan: all views keep in step", LONG // 2)
    handle.press("0")


def lower_level(page: Page, film: Film, url: str) -> None:
    """Another level: fewer bytes."""
    before = page.locator("#facts .facts").text_content()
    level = page.locator("#level input[type=number]")
    level.fill("3")
    level.press("Enter")
    _changed(page, before)
    _exact(page)
    film.take(page, "Fewer bytes: the subject keeps the most")


def subjects(page: Page, film: Film, url: str) -> None:
    """What the map sees, and all but the first of it switched off."""
    seen = page.locator("#viewer .subjects button")
    for place in range(1, seen.count()):
        before = page.locator("#facts .facts").text_content()
        seen.nth(place).click()
        film.take(page, "What the map sees: a click leaves it out", LONG // 2)
        _changed(page, before)
        _exact(page)
    film.take(page, "All bytes to the rest of it, their number stays")


def ordinary(page: Page, film: Film, url: str) -> None:
    """An ordinary file that the same map leads, beside a plain one of its size."""
    page.locator("#same-map").get_by_role("button", name="AVIF").click()
    page.locator("#ordinary").wait_for()
    page.evaluate("window.scrollTo(0, 0)")
    _exact(page)
    film.take(page, "The same map in a file that opens everywhere")


def paint(page: Page, film: Film, url: str) -> None:
    """Importance by brush."""
    _tab(page, "Paint importance")
    canvas = page.locator("#canvas canvas").first
    canvas.wait_for()
    page.wait_for_timeout(1500)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    if box is None:
        raise TourError("the picture to paint on is not shown")
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    for step in range(6):
        x, y = 0.25 + 0.08 * step, 0.3 + 0.06 * (step % 2)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        film.take(page, "Paint what matters: the bytes follow, their number stays", 2 * SHORT)
    page.mouse.up()
    page.locator("#paint-go").click()
    page.wait_for_selector("#paint-said table")
    page.locator("#paint-said").scroll_into_view_if_needed()
    film.take(page, "Same bytes, other places: and who paid for it")


def inside(page: Page, film: Film, url: str) -> None:
    """One block, and what each iteration made of it."""
    _tab(page, "Look inside")
    page.wait_for_timeout(4000)  # the iterations run by once
    film.take(page, "Click a block: its importance, its level, its bits", LONG // 2)


def board(page: Page, film: Film, url: str) -> None:
    """The benchmark's board."""
    _tab(page, "Leaderboard")
    page.wait_for_selector("#board-table")
    _still(page)
    film.take(page, "Measured beside JPEG, WebP, AVIF, JPEG XL and BPG, recomputable")


STOPS: tuple[Callable[[Page, Film, str], None], ...] = (
    first_result,
    divider,
    closer,
    lower_level,
    subjects,
    ordinary,
    paint,
    inside,
    board,
)


def _exact(page: Page) -> None:
    """Wait until the viewer shows the real file's picture and its numbers."""
    page.wait_for_selector("#viewer .viewer[data-phase=exact]")
    page.wait_for_function(
        """() => { const facts = document.querySelector('#facts .facts');
            return facts && !facts.innerText.includes('≈'); }"""
    )
    _still(page)


def _changed(page: Page, before: str | None) -> None:
    """Wait until the numbers are others than before, and exact."""
    page.wait_for_function(
        """old => { const said = document.querySelector('#facts .facts').textContent;
            return said !== old && !said.includes('≈'); }""",
        arg=before,
    )


def _tab(page: Page, name: str) -> None:
    page.evaluate("window.scrollTo(0, 0)")
    page.get_by_role("tab", name=name, exact=True).click()
    _still(page)


def _still(page: Page) -> None:
    """Wait until nothing on the page moves any more."""
    before = b""
    for _ in range(40):
        page.wait_for_timeout(500)
        now = page.screenshot(animations="disabled")
        if now == before:
            return
        before = now


if __name__ == "__main__":
    typer.run(tour)
