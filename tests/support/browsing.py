"""The visitor of the browser tests: a page of the demo, watched for what must never happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

DESKTOP, PHONE = 1280, 360
WIDTHS = (DESKTOP, PHONE)
"""Pixels of the two windows every action is tried in."""
WAIT = 300_000
"""Milliseconds a page may take, for machines that do other things too."""


@contextmanager
def visiting(browser: Browser, url: str, width: int = DESKTOP, **settings: Any) -> Iterator[Page]:
    """A page opened at an address, in a window of its own.

    settings: of the browser's context; nothing moves by itself unless they ask for it. At the end
    no request has left the page's host, nothing has failed in it, and nothing is wider than the
    window.
    """
    known: dict[str, Any] = {
        "viewport": {"width": width, "height": 900},
        "reduced_motion": "reduce",
        "has_touch": width == PHONE,
    }
    context = browser.new_context(**known | settings)
    try:
        context.set_default_timeout(WAIT)
        page = context.new_page()
        asked: list[str] = []
        broken: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(url)
        yield page
        wide = page.evaluate("document.documentElement.scrollWidth")
    finally:
        context.close()
    host = url.split("?")[0]
    away = [each for each in asked if not each.startswith((host, "data:", "blob:", "about:"))]
    assert not away, f"the page asked for {away}"
    assert not broken, broken
    assert wide <= width, f"the page is {wide} pixels wide"


@contextmanager
def answering_late(page: Page) -> Iterator[Callable[[], None]]:
    """The page's next request to a quick event reaches the server when the block ends.

    Gives a function that waits until the page has sent it.
    """
    waiting: list[Route] = []

    def sent() -> None:
        while not waiting:
            page.wait_for_timeout(20)

    page.route("**/run/**", lambda route: waiting.append(route), times=1)
    yield sent
    waiting[0].continue_()
