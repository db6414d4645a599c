"""How quickly a large board opens and filters: `python -m tests.bench_board`."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import gradio as gr
import typer
from playwright.sync_api import Browser, sync_playwright

from leaderboard.pages.board.boards import FOLDER, load_boards
from leaderboard.pages.board.events import Events
from leaderboard.pages.board.tab import CSS, build_tab
from leaderboard.pages.board.view import TAB
from leaderboard.scoring.bd_rates import update
from leaderboard.store.database import Store, open_store
from leaderboard.submissions.shape import DatasetShape
from tests.conftest import CHROMIUM_ARGS, CHROMIUM_NAMES
from tests.support.board_results import WIDE, opened
from tests.support.large_board import copy_bd_rates, fill_board

FILTER = "group 13"
REPEATS = 5
COMPARED = 20
"""Methods whose BD-rates are computed, which takes seconds each; the others get the same ones."""


def bench_board(
    methods: Annotated[int, typer.Option(min=1, help="made-up methods on the board")] = 2000,
    qualities: Annotated[int, typer.Option(min=4, max=64, help="points of a picture")] = 8,
    keep: Annotated[
        Path | None, typer.Option(help="folder of the board, used again if it is there")
    ] = None,
    browser: Annotated[bool, typer.Option(help="measure in a browser too, if there is one")] = True,
) -> None:
    """Make a board of made-up methods on Kodak's 24 pictures and time what visitors wait for."""
    with tempfile.TemporaryDirectory(prefix="semcomp-board-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "complete").exists():
            _fill(folder, methods, qualities)
        store = open_store(f"sqlite:///{folder / 'board.sqlite3'}")
        try:
            _in_process(store)
            if browser:
                _in_browser(store)
            print(f"load of this machine: {', '.join(f'{n:.1f}' for n in os.getloadavg())}")
        finally:
            store.close()


def _fill(folder: Path, methods: int, qualities: int) -> None:
    board = load_boards().boards["kodak"]
    anchors = [board.of(name) for name in board.anchors]
    started = time.perf_counter()
    for count, store in fill_board(folder, methods, qualities, DatasetShape.kodak()):
        if count == COMPARED:
            update(store, board.name, anchors)
        if count % 500 == 0 or count == methods:
            print(f"made {count:,} methods in {time.perf_counter() - started:.0f} s", flush=True)
        if count == methods:
            copy_bd_rates(store, COMPARED)
            store.close()
    (folder / "complete").touch()


def _in_process(store: Store) -> None:
    events = Events(FOLDER, lambda: store)
    first = _timed("open, nothing in memory", lambda: opened(events))
    _timed("open again", lambda: opened(events), REPEATS)
    controls = _controls(first, WIDE)
    _timed("filter", lambda: events.rank(*controls(7, FILTER)), REPEATS)
    _timed("another page", lambda: events.turn(1, *controls(10, 3)), REPEATS)
    _timed("another score", lambda: events.rank(*controls(1, "psnr")))
    _timed("another anchor, nothing in memory", lambda: events.rank(*controls(4, "jpeg")))


def _controls(opened: tuple[Any, ...], browser: dict[str, Any]) -> Callable[..., list[Any]]:
    """What the page sends when one of its controls has another value."""
    values = [getattr(each, "value", each) for each in opened[:13]]

    def changed(place: int, value: object) -> list[Any]:
        return [*values[:place], value, *values[place + 1 :], browser]

    return changed


def _timed(label: str, work: Callable[[], Any], repeats: int = 1) -> Any:
    """Print the median of the seconds that some work takes, and of this process's own."""
    seconds, own, made = [], [], None
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        made = work()
        seconds.append(time.perf_counter() - wall)
        own.append(time.process_time() - cpu)
    median, processor = sorted(seconds)[repeats // 2], sorted(own)[repeats // 2]
    print(f"{label}: {median:.3f} s ({processor:.3f} s of the processor)", flush=True)
    return made


def _in_browser(store: Store) -> None:
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        print("in a browser: not measured (needs Chromium)")
        return
    with (
        gr.Blocks(analytics_enabled=False) as page,
        gr.Tabs(),
        gr.Tab("Leaderboard", id=TAB),
    ):
        build_tab(page, FOLDER, lambda: store)
    _, address, _ = page.launch(css=CSS, prevent_thread_lock=True, quiet=True, ssr_mode=False)
    try:
        with sync_playwright() as playwright:
            opened = playwright.chromium.launch(
                executable_path=executable, args=list(CHROMIUM_ARGS)
            )
            _watch(opened, address)
            opened.close()
    finally:
        page.close()


def _watch(browser: Browser, address: str) -> None:
    """Time the page as a visitor sees it: a first visit, then more with the files in its cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)

    def visit() -> None:
        page.goto(f"{address}?tab=leaderboard")
        page.wait_for_selector("#board-table tbody tr")

    def curves() -> None:
        page.wait_for_selector("#board-plot .scatterlayer .trace")

    def filtered(text: str) -> Callable[[], None]:
        def work() -> None:
            before = page.locator("#board-table caption").inner_text()
            page.locator("#board-filter textarea, #board-filter input").fill(text)
            page.locator("#board-filter textarea, #board-filter input").press("Enter")
            page.wait_for_function(
                "before => document.querySelector('#board-table caption')?.innerText !== before",
                arg=before,
            )

        return work

    _timed("browser, first visit, to the first row", visit)
    _timed("browser, first visit, from there to the curves", curves)
    _timed("browser, next visit, to the first row", visit, REPEATS)
    curves()
    for text in (FILTER, "self-reported", FILTER):
        _timed(f"browser, filter {text!r}", filtered(text))
    context.close()


if __name__ == "__main__":
    typer.run(bench_board)
