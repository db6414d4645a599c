"""A submission's whole way, in a browser and by a program: sent, scored, approved, ranked, gone.

And what is left of one whose server is killed in the middle.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import pytest
from gradio_client import Client, handle_file  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

import app
from leaderboard.pages.board import tab as board_page
from leaderboard.pages.board.view import TAB
from leaderboard.pages.submit import tab as submit_page
from leaderboard.store.database import open_store
from leaderboard.store.models import STATES
from tests.support.board_server import Server
from tests.support.board_submissions import (
    CONTACT,
    JPEG,
    KINDS,
    LEVELS,
    NOTES,
    TOKEN,
    Board,
    method,
    open_board,
    results_folder,
    upload,
)
from tests.support.browsing import answering_late
from tests.support.store_samples import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE = 900
"""Seconds that scoring may take on a busy machine."""


def serve(folder: Path, url: str) -> Iterator[tuple[str, Board]]:
    """The tabs of the board, as the demo serves them."""
    results = results_folder(folder / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "gradio"))
        patch.setenv("SEMCOMP_CACHE_DIR", str(folder / "cache"))
        for board in open_board(folder, url):
            blocks = gr.Blocks(analytics_enabled=False)
            with blocks, gr.Tabs():
                with gr.Tab("Leaderboard", id=TAB):
                    board_page.build_tab(blocks, results, board.context.store)
                with gr.Tab("Submit", id=submit_page.TAB):
                    submit_page.build_tab(blocks, board.context)
            _, address, _ = app.launch(blocks, prevent_thread_lock=True, quiet=True)
            yield address, board
            blocks.close()


@pytest.fixture
def served(board_url: str, tmp_path: Path) -> Iterator[tuple[str, Board]]:
    """On SQLite and on PostgreSQL."""
    yield from serve(tmp_path, board_url)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[tuple[str, Board]]:
    yield from serve(tmp_path, f"sqlite:///{tmp_path / 'board.sqlite3'}")


def until_scored(client: Client, receipt: str) -> dict[str, Any]:
    """The entry once it is no longer being scored."""
    deadline = time.monotonic() + PATIENCE
    while (entry := client.predict(receipt, api_name="/submission"))["state"] == "scoring":
        assert time.monotonic() < deadline, entry
        time.sleep(0.3)
    return entry


def ranking(client: Client) -> dict[str, dict[str, Any]]:
    """The board's rows by the codecs' names."""
    record = client.predict("tiny", "ssim", "jpeg", api_name="/leaderboard")
    return {row["codec"]: row for row in record["ranking"]}


@pytest.mark.slow
def test_by_a_program(served: tuple[str, Board], tmp_path: Path) -> None:
    url, board = served
    client = Client(url, verbose=False)
    receipts = {}
    for kind in KINDS:
        file = handle_file(upload(tmp_path, kind))
        sent = client.predict(file, method(f"Mine, {kind}"), api_name="/submit")
        assert sent["kind"] == kind and sent["incomplete"] == []
        assert sent["state"] == ("pending" if kind == "self-reported" else "scoring")
        receipts[kind] = sent["receipt"]
    assert set(ranking(client)) == {"jpeg"}
    before = board.store.revision()
    for kind, receipt in receipts.items():
        entry = until_scored(client, receipt)
        assert (entry["state"], entry["reason"]) == ("pending", ""), kind
        rows = entry["results"]["images"]["rows"]
        assert len(rows) == 2 * len(LEVELS if kind == "re-decoded" else JPEG)
        with pytest.raises(AppError, match="no method"):
            client.predict("tiny", f"entry-{entry['id']}", api_name="/leaderboard_results")
    assert set(ranking(client)) == {"jpeg"} and board.store.revision() == before

    for receipt in receipts.values():
        board.store.approve(board.store.lookup(receipt).id, "Ann")
        assert client.predict(receipt, api_name="/submission")["state"] == "approved"
    shown = ranking(client)
    assert {name: row["kind"] for name, row in shown.items() if name != "jpeg"} == {
        f"Mine, {kind}": kind for kind in KINDS
    }
    # The same JPEG files, as measured by their author and by the board: no difference.
    for kind in ("self-reported", "recomputed"):
        row = shown[f"Mine, {kind}"]
        assert row["rank"] is not None and abs(row["bd_rate"]) < 0.01, kind
    own = client.predict("tiny", "Mine, recomputed", api_name="/leaderboard_results")
    stated = client.predict("tiny", "Mine, self-reported", api_name="/leaderboard_results")
    column = own["images"]["columns"].index("ssim")
    for measured, told in zip(
        sorted(own["images"]["rows"]), sorted(stated["images"]["rows"]), strict=True
    ):
        assert measured[:3] == told[:3] and measured[column] == pytest.approx(told[column])
    assert CONTACT not in json.dumps([own, stated, shown])

    for receipt in receipts.values():
        client.predict(receipt, api_name="/withdraw_submission")
    assert set(ranking(client)) == {"jpeg"}


def send(page: Page, path: Path, name: str) -> str:
    """Send a file by the form; gives the receipt."""
    page.get_by_role("tab", name="Send results").click()
    file = page.locator("#submit-file input[type=file]")
    file.set_input_files(path)
    for label, text in (
        ("Name of the method", name),
        ("Authors", "A. Author"),
        ("Paper or page (optional)", "https://example.org/paper"),
        ("Contact e-mail (only the maintainers see it)", CONTACT),
        ("Notes (optional)", NOTES),
        ("Side information a decoder needs, bytes per picture", "0"),
    ):
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Check only").click()
    page.get_by_text("No problem found").wait_for()
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("#submit-said").get_by_text("Thank you").wait_for()
    return page.locator("#submit-receipt").locator("textarea, input").input_value()


def board_of(page: Page, url: str) -> str:
    """The text of the ranking, read anew."""
    page.goto(f"{url}?tab=leaderboard&dataset=tiny&metric=ssim&anchor=jpeg")
    page.locator("#board-table table").wait_for()
    return page.locator("#board-table").inner_text()


def opened(browser: Browser, url: str, width: int = 1280) -> Page:
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    page.goto(url)
    return page


@pytest.mark.slow
@pytest.mark.browser
def test_in_a_browser(on_sqlite: tuple[str, Board], browser: Browser, tmp_path: Path) -> None:
    url, board = on_sqlite
    page, maintainer = opened(browser, url), opened(browser, url)
    page.get_by_role("tab", name="Submit", exact=True).click()
    receipts = {kind: send(page, upload(tmp_path, kind), f"Mine, {kind}") for kind in KINDS}
    assert all(board.store.lookup(receipt) for receipt in receipts.values())

    page.get_by_role("tab", name="My submission").click()
    page.locator("#mine-receipt").locator("textarea, input").fill(receipts["re-decoded"])
    page.get_by_role("button", name="Look up").click()
    # It looks again by itself until the score is there.
    page.locator("#mine-said").get_by_text("Waiting for a maintainer").wait_for(
        timeout=1000 * PATIENCE
    )
    stranger = opened(browser, url)
    assert "Mine" not in board_of(stranger, url) and "Mine" not in stranger.content()

    maintainer.get_by_role("tab", name="Submit", exact=True).click()
    maintainer.get_by_role("tab", name="Review").click()
    maintainer.get_by_label("Your name, kept beside your decisions").fill("Ann")
    maintainer.get_by_label("Token").fill(TOKEN)
    maintainer.get_by_role("button", name="Sign in").click()
    maintainer.get_by_text("Signed in as Ann").wait_for()
    assert (
        maintainer.get_by_label("Token").count() == 0
        or not maintainer.get_by_label("Token").is_visible()
    )
    for kind in KINDS:
        details = maintainer.locator("#review-details")
        reason = maintainer.locator("#review-reason textarea")
        with answering_late(maintainer) as sent:  # what is chosen meanwhile stays
            maintainer.get_by_role("button", name="Refresh").click()
            sent()
            maintainer.locator("#review-entry input").click()
            maintainer.get_by_role("option", name=f"Mine, {kind}").click()
            details.get_by_text(f"Mine, {kind}: Waiting for a maintainer").wait_for()
            reason.fill("Shown anew, this goes.")
        maintainer.wait_for_function("box => !box.value", arg=reason.element_handle())
        assert CONTACT in details.inner_text() and NOTES in details.inner_text()
        maintainer.get_by_role("button", name="Approve").click()
        details.get_by_text(f"Mine, {kind}: On the board").wait_for()
    assert maintainer.title() != "owned"

    text = board_of(stranger, url)
    for kind in KINDS:
        assert f"Mine, {kind}" in text and kind in text
    entry = board.store.lookup(receipts["recomputed"])
    stranger.goto(f"{url}?tab=leaderboard&dataset=tiny&metric=ssim&method=entry-{entry.id}")
    about = stranger.locator("#board-about")
    about.get_by_text("A. Author").wait_for()
    assert NOTES in about.inner_text() and CONTACT not in stranger.content()
    with stranger.expect_download() as waiting:
        stranger.get_by_role("button", name="Its results (JSON)").click()
    found = json.loads(waiting.value.path().read_text())
    assert found["name"] == "Mine, recomputed" and len(found["images"]["rows"]) == 2 * len(JPEG)
    assert stranger.title() != "owned" and "example.org/paper" in about.inner_html()

    page.locator("#mine-receipt").locator("textarea, input").fill(receipts["recomputed"])
    page.get_by_role("button", name="Look up").click()
    page.locator("#mine-said").get_by_text("On the board").wait_for()
    page.get_by_role("button", name="Withdraw", exact=True).click()
    page.get_by_role("button", name="Yes, withdraw it for good").click()
    page.locator("#mine-said").get_by_text("Mine, recomputed: Withdrawn").wait_for()
    text = board_of(stranger, url)
    assert "Mine, recomputed" not in text and "Mine, re-decoded" in text
    for each in (page, maintainer, stranger):
        each.context.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Starts servers over one board; all are gone afterwards."""
    started: list[Server] = []

    def one(url: str, pause: str = "-") -> Server:
        started.append(Server(tmp_path, url, pause))
        return started[-1]

    yield one
    for server in started:
        server.kill()


@pytest.mark.slow
def test_a_kill_in_the_middle_leaves_the_board_whole(start: Any, tmp_path: Path) -> None:
    """Killed inside the transaction, after it, and while scoring; `test_store_crashes` has more."""
    url = f"sqlite:///{tmp_path / 'board.sqlite3'}"
    path, told = upload(tmp_path, "re-decoded"), method("Survivor")

    def submit(address: str) -> None:
        client = Client(address, verbose=False)
        with pytest.raises(Exception):  # noqa: B017 - whatever a client says of a dead server
            client.predict(handle_file(path), told, api_name="/submit")

    store = open_store(url)
    for pause, kept in (("stored", 0), ("committed", 1)):
        server = start(url, pause)
        sender = threading.Thread(target=submit, args=(server.address,), daemon=True)
        sender.start()
        assert server.line() == pause
        if kept:
            (entry,) = store.entries(STATES)
            until(lambda: store.entry(entry.id).progress is not None, PATIENCE)  # noqa: B023
        server.kill()
        sender.join(PATIENCE)
        assert len(store.entries(STATES)) == kept, pause
        assert store.revision() == 0
    with store.upload(entry.id) as sent:
        assert sent.read_bytes() == path.read_bytes()

    # The next server goes on with what the last one was asked to score, once its lease is over.
    start(url)
    until(lambda: store.entry(entry.id).state == "pending", PATIENCE)
    assert len(store.results(entry.id).rows) == 2 * len(LEVELS)
    assert [event.after for event in store.history(entry.id)] == ["scoring", "pending"]
    store.close()
