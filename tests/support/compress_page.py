"""The first tab in a browser: a server with small samples, its page, and what stands on it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from semcomp.demo.compress import tab as tab_compress
from semcomp.demo.sessions.visits import VISITS
from semcomp.demo.shared import look, work
from tests.support.browsing import DESKTOP, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIDE = 176
EXACT = ".viewer[data-phase=exact]"


def small(name: str) -> np.ndarray:
    """A crop of a sample picture, uint8 (176, 176, 3)."""
    return np.ascontiguousarray(work.samples()[name][40 : 40 + SIDE, 100 : 100 + SIDE])


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The first tab alone on a free port, with two small samples and two codecs."""
    cut = {name: small(name) for name in ("cat", "coffee")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        patch.setattr(work, "samples", lambda: cut)
        work._sample_hashes.cache_clear()
        with gr.Blocks(analytics_enabled=False) as page:
            tab_compress.build_tab(page)
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
    VISITS._sessions.clear()  # of the samples: their files lie where only this server serves them


@contextmanager
def opened(browser: Browser, url: str, width: int = DESKTOP, **settings: Any) -> Iterator[Page]:
    """A page with its first result, all of it, beside the original unless the address says more."""
    link = url if "?" in url else f"{url}?left=original&right=ours"
    with visiting(browser, link, width, **settings) as page:
        page.wait_for_selector(EXACT)
        page.wait_for_selector("#facts .facts")
        page.wait_for_selector("#focus label")
        yield page


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
    """Put another codec's picture on a side of the viewer and wait for it and its size."""
    page.select_option(f".pick[data-side='{side}']", key)
    page.wait_for_function(
        """side => {
            const box = document.querySelector(`.pick[data-side='${side}']`);
            const tag = document.querySelectorAll('.view-tag')[side].textContent;
            return tag.startsWith(box.selectedOptions[0].label) && / k?B(, .*)?$/.test(tag); }""",
        arg=side,
    )


def numbers(page: Page) -> str:
    """The numbers below the viewer, without the tracker that Gradio may lay over them."""
    return "".join(page.locator("#facts .facts").all_text_contents())


def changed(page: Page, before: str) -> str:
    """Wait for exact numbers other than `before` and return them."""
    page.wait_for_function(
        """old => {
            const shown = document.querySelector('#facts .facts')?.textContent;
            return shown && document.querySelector('.viewer').dataset.phase === 'exact'
                && shown !== old && !shown.includes('…') && !shown.includes('≈'); }""",
        arg=before,
    )
    return numbers(page)
