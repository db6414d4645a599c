"""Tests of sending results: the page's words, the endpoints, and the page in a browser."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gradio as gr
import pytest
from gradio_client import Client, handle_file  # type: ignore[import-untyped]
from gradio_client.exceptions import AppError  # type: ignore[import-untyped]

import app
from leaderboard.data.problems import Problem
from leaderboard.pages.context import BoardContext
from leaderboard.pages.submit import tab as submit_page
from leaderboard.pages.submit import words as submit_page_words
from leaderboard.pages.submit.events import FIELDS, SubmitEvents
from leaderboard.pages.submit.submitting import SubmitApi
from leaderboard.store.database import Rates, Store, open_store
from leaderboard.store.errors import StoreError
from leaderboard.submissions.shape import DatasetShape
from tests.leaderboard.submissions.test_hostile_archives import ARCHIVES
from tests.leaderboard.submissions.test_hostile_methods import METHODS
from tests.leaderboard.submissions.test_hostile_payloads import PAYLOADS
from tests.leaderboard.submissions.test_hostile_results import FILES, VALUES
from tests.support.board_submissions import (
    CONTACT,
    NOTES,
    Board,
    method,
    open_board,
    self_reported,
    upload,
)
from tests.support.store_samples import send

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CORPUS = [*VALUES, *FILES, *METHODS, *ARCHIVES, *PAYLOADS]
"""All hostile submissions."""
STATES = tuple(submit_page_words.STATES)
TINY = DatasetShape("tiny", {"cat": (112, 96), "cup": (112, 96)})
VISITOR: Any = SimpleNamespace(client=SimpleNamespace(host="1.2.3.4"), headers={})


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp("board")
    yield from open_board(folder, f"sqlite:///{folder / 'board.sqlite3'}")


@pytest.fixture(scope="module")
def url(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The tab alone, as the demo serves it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        blocks = gr.Blocks(analytics_enabled=False)
        with blocks, gr.Tabs(), gr.Tab("Submit", id=submit_page.TAB):
            submit_page.build_tab(blocks, board.context)
        _, address, _ = app.launch(blocks, prevent_thread_lock=True, quiet=True)
        yield address
        blocks.close()


def test_problems_are_listed_all_at_once_and_escaped() -> None:
    many = [Problem(f"<i>{n}", "kodim01", "'<script>'", "less") for n in range(300)]
    shown = submit_page_words.problems_html(many)
    assert "300 problems" in shown and "And 100 more" in shown
    assert "<script>" not in shown and "<i>" not in shown and "&lt;script&gt;" in shown
    assert "One problem" in submit_page_words.problems_html(many[:1])


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://example.org/a?b=1&c=2", True),
        ("http://example.org", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,<b>", False),
        ("//example.org", False),
        ("https:///", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_addresses_of_the_web_become_links(address: str, linked: bool) -> None:
    shown = submit_page_words.link_html(address)
    assert shown.startswith("<a ") == linked
    if linked:
        assert "noopener" in shown and "&c=" not in shown


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_told_in_words(store: Store, tmp_path: Path, state: str) -> None:
    hostile = "<script>\"'&"
    entry = send(store, tmp_path, name=hostile, notes=hostile, link="javascript:x").entry
    entry = replace(entry, state=state, reason=hostile, incomplete=(hostile,), progress=(3, 8))
    shown = submit_page_words.entry_html(entry)
    assert submit_page_words.STATES[state] in shown
    assert "<script>" not in shown and "href" not in shown
    assert ("3 of 8" in shown) == (state == "scoring")
    assert "Contact" not in shown
    assert "&lt;script&gt;" in submit_page_words.entry_html(entry, contact=hostile)


def form(**changes: Any) -> list[Any]:
    """The form's values as the page sends them."""
    told = {
        **dict.fromkeys(FIELDS, ""),
        **method("My method"),
        "side_information_bytes": " 1,000 ",
        "model_bytes": "",
        **changes,
    }
    return [told[field] for field in FIELDS]


def test_the_form_is_checked_with_the_file(board: Board, tmp_path: Path) -> None:
    events = SubmitEvents(board.context)
    file = {"path": str(upload(tmp_path, "self-reported"))}
    assert "No problem found" in events.check(VISITOR, None, file, *form())
    bad = tmp_path / "bad.csv"
    bad.write_text("image,quality,bytes,psnr\ncat,1,100,nan\nfox,1,100,30\n")
    shown = events.check(
        VISITOR, None, {"path": str(bad)}, *form(name="", model_bytes="much", contact="x")
    )
    for field in ("method name", "method contact", "method model_bytes", "psnr", "fox"):
        assert field in shown, field
    assert "choose a JSON, CSV or ZIP" in events.check(VISITOR, None, None, *form())
    assert "no longer kept" in events.check(
        VISITOR, None, {"path": str(tmp_path / "gone.csv")}, *form()
    )
    assert "method dataset" in events.check(VISITOR, None, file, *form(dataset="kodak"))
    assert board.store.entries(STATES) == []


def test_what_the_file_says_of_its_method_fills_the_empty_fields(
    board: Board, tmp_path: Path
) -> None:
    file = tmp_path / "results.json"
    rows = [{"image": image, "quality": 1, "bytes": 900, "psnr": 30.0} for image in TINY.images]
    carried = method("From the file", model_bytes=7)
    file.write_text(json.dumps({"dataset": "tiny", "method": carried, "images": rows}))
    blank = form(**{**dict.fromkeys(FIELDS, ""), "authors": "Typed", "dataset": "tiny"})
    said, *filled = SubmitEvents(board.context).arrived(VISITOR, None, {"path": str(file)}, *blank)
    told = dict(zip(FIELDS, filled, strict=True))
    assert "No problem found" in said
    assert told["name"] == "From the file"
    assert told["model_bytes"] == "7" and told["contact"] == CONTACT
    assert told["authors"] == gr.skip() and told["dataset"] == gr.skip()


def test_the_data_set_that_a_file_names_is_chosen(tmp_path: Path, store: Store) -> None:
    context = BoardContext(lambda: store)
    file = tmp_path / "results.json"
    rows = [
        {"image": image, "quality": 1, "bytes": 900 + place, "psnr": 30.0}
        for place, image in enumerate(context.shapes["cid22"].images)
    ]
    blank = form(**{**dict.fromkeys(FIELDS, ""), "dataset": "kodak"})
    for named, chosen, said in (
        (method("CID22's", dataset="cid22"), "cid22", "No problem found"),
        ({"dataset": "cid22"}, "cid22", "method name"),  # whatever else is wrong
        (method("Nobody's", dataset="nobody's"), gr.skip(), "a picture of kodak"),
    ):
        file.write_text(json.dumps({"method": named, "images": rows}))
        told, *filled = SubmitEvents(context).arrived(VISITOR, None, {"path": str(file)}, *blank)
        assert dict(zip(FIELDS, filled, strict=True))["dataset"] == chosen
        assert said in told


def test_corpus_is_large_and_told_apart() -> None:
    assert len({each.name for each in CORPUS}) == len(CORPUS) >= 60


def test_the_same_message_everywhere(board: Board, url: str, tmp_path: Path) -> None:
    """A hostile submission of every twelfth kind: the API's lines are those of the corpus."""
    context = BoardContext(lambda: board.store)
    events, api = SubmitEvents(context), SubmitApi(context)
    for hostile in CORPUS[::12]:
        path = tmp_path / "upload"
        path.write_bytes(hostile.make())
        described = _parsed(hostile.method)
        if described is None or len(hostile.method) > 1 << 16:
            continue  # the endpoint is given an object, not the file of the command line
        with pytest.raises(gr.Error) as caught:
            api.submit(VISITOR, None, str(path), described)
        assert hostile.message in caught.value.message.splitlines(), hostile.name
        if not set(FIELDS) <= set(described):
            continue  # the form always says something
        shown = events.check(VISITOR, None, str(path), *[described[field] for field in FIELDS])
        assert "nothing was stored" in shown and "<script" not in shown, hostile.name
    assert board.store.entries(STATES) == []


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found else None


def test_limits_hold_for_an_address_and_for_an_account(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'board.sqlite3'}", rates=Rates(per_hour=1))
    context = BoardContext(lambda: store, shapes={"tiny": TINY})
    api = SubmitApi(context)

    def sent(extra: int, host: str, account: str | None = None) -> dict[str, Any]:
        path = tmp_path / f"{extra}.csv"
        path.write_bytes(self_reported(extra))
        visitor: Any = SimpleNamespace(client=SimpleNamespace(host=host), headers={})
        profile: Any = SimpleNamespace(username=account) if account else None
        return api.submit(visitor, profile, str(path), method(f"Method {extra}"))

    sent(1, "1.2.3.4")
    with pytest.raises(gr.Error, match="try again in"):
        sent(2, "1.2.3.4")
    sent(2, "5.6.7.8")
    with pytest.raises(gr.Error, match="try again in"):
        sent(3, "1.2.3.4", "ann")  # accounts prove nothing off the hub
    context.access.hub = True
    sent(3, "1.2.3.4", "ann")
    with pytest.raises(gr.Error, match="try again in"):
        sent(4, "9.9.9.9", "Ann")
    hashes = {context.submitter(SimpleNamespace(client=SimpleNamespace(host=h))) for h in "ab"}
    assert len(hashes) == 2 and all(len(each) == 64 for each in hashes)
    store.close()


def test_checks_count_for_an_address_and_for_an_account(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'board.sqlite3'}", rates=Rates(tries_per_hour=3))
    context = BoardContext(lambda: store, shapes={"tiny": TINY})
    context.access.hub = True
    events, api = SubmitEvents(context), SubmitApi(context)
    file = str(upload(tmp_path, "self-reported"))
    told = "3 files were checked for you within an hour"

    def visitor(host: str) -> Any:
        return SimpleNamespace(client=SimpleNamespace(host=host), headers={})

    ann: Any = SimpleNamespace(username="ann")
    assert "choose a JSON" in events.check(visitor("a"), None, None, *form())  # nothing to read
    assert "No problem" in events.check(visitor("a"), None, file, *form())
    assert "No problem" in events.arrived(visitor("a"), None, file, *form())[0]
    assert not api.submit(visitor("a"), None, file, method("x"), check_only=True)["stored"]
    for account in (None, ann):  # signing in is no way round the address's limit
        assert told in events.check(visitor("a"), account, file, *form())
    said, *changes = events.arrived(visitor("a"), None, file, *form())
    assert told in said and changes == [gr.skip()] * len(FIELDS)
    for check_only in (True, False):
        with pytest.raises(gr.Error, match=told):
            api.submit(visitor("a"), None, file, method("x"), check_only=check_only)
    assert told in events.send(visitor("a"), None, file, *form(), "")[0]
    assert store.entries(STATES) == []
    for host in "bcd":
        assert "No problem" in events.check(visitor(host), ann, file, *form())
    assert told in events.check(visitor("e"), ann, file, *form())  # nor are many addresses
    assert "No problem" in events.check(visitor("e"), None, file, *form())
    store.close()


def test_a_board_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    def unusable() -> Any:
        raise StoreError("the board's database does not answer: start it")

    context = BoardContext(unusable, shapes={"tiny": TINY})
    events, api = SubmitEvents(context), SubmitApi(context)
    context.start()  # no reason for the demo not to start
    file = str(upload(tmp_path, "self-reported"))
    assert "start it" in events.send(VISITOR, None, file, *form(), "")[0]
    assert "start it" in events.look_up("receipt-x")[1]
    with pytest.raises(gr.Error, match="start it"):
        api.submit(VISITOR, None, file, method("x"))


def test_sent_looked_up_replaced_and_withdrawn_by_a_program(
    board: Board, url: str, tmp_path: Path
) -> None:
    client = Client(url, verbose=False)
    file = handle_file(upload(tmp_path, "self-reported"))
    told = method("By a program")
    checked = client.predict(file, told, "", True, api_name="/submit")
    assert not checked["stored"] and checked["kind"] == "self-reported"
    assert board.store.entries(STATES) == []
    with pytest.raises(AppError, match="method name") as caught:
        client.predict(file, {**told, "name": "", "contact": ""}, api_name="/submit")
    assert "method contact" in str(caught.value)
    first = client.predict(file, told, api_name="/submit")
    assert first["stored"] and first["state"] == "pending"
    with pytest.raises(AppError, match="very file"):
        client.predict(file, told, api_name="/submit")
    changed = tmp_path / "changed.csv"
    changed.write_bytes(self_reported(5))
    second = client.predict(handle_file(changed), told, first["receipt"], api_name="/submit")
    old = client.predict(first["receipt"], api_name="/submission")
    assert old["state"] == "superseded" and old["superseded_by"] == second["id"]
    found = client.predict(second["receipt"], api_name="/submission")
    assert found["state"] == "pending" and "contact" not in json.dumps(found)
    assert (
        found["results"]["images"]["rows"][0][2]
        == json.loads(json.dumps(found))["results"]["images"]["rows"][0][2]
    )
    assert client.predict(second["receipt"], api_name="/withdraw_submission")["state"] == (
        "withdrawn"
    )
    for endpoint in ("/submission", "/withdraw_submission"):
        with pytest.raises(AppError, match="no entry has this receipt"):
            client.predict("receipt-wrong", api_name=endpoint)
        with pytest.raises(AppError, match="Enter the receipt"):
            client.predict("", api_name=endpoint)


def test_uploads_are_never_served_as_pages(url: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<script>alert(1)</script>")
    for name in ("page.html", "picture.svg", "results.json", "x.csv"):
        boundary = "xxx"
        body = (
            (
                f'--{boundary}\r\nContent-Disposition: form-data; name="files"; '
                f'filename="{name}"\r\nContent-Type: text/html\r\n\r\n'
            ).encode()
            + page.read_bytes()
            + f"\r\n--{boundary}--\r\n".encode()
        )
        request = urllib.request.Request(
            f"{url}gradio_api/upload",
            body,
            {"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            path = json.loads(answer.read())[0]
        with urllib.request.urlopen(f"{url}gradio_api/file={path}", timeout=60) as answer:
            # JSON may be shown as text; nothing is run.
            types = ("application/octet-stream", "application/json")
            assert answer.headers["content-type"] in types, name
            inline = answer.headers["content-disposition"].startswith("inline")
            assert not inline or name.endswith(".json")


def open_tab(browser: Browser, url: str, width: int = 1280) -> Page:
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    page.goto(url)
    page.wait_for_selector("#submit-go")
    return page


@pytest.mark.browser
def test_sent_and_withdrawn_in_a_browser(
    browser: Browser, board: Board, url: str, tmp_path: Path
) -> None:
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    page = open_tab(browser, url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for _ in range(20):  # the templates arrive after the page
        try:
            with page.expect_download(timeout=6000) as waiting:
                page.get_by_role("button", name="Template: results (CSV)").click()
            break
        except PlaywrightTimeout:
            continue
    assert waiting.value.suggested_filename == "results.csv"
    template = waiting.value.path()
    assert template.read_text().startswith("image,quality,bytes")
    page.locator("#submit-file input[type=file]").set_input_files(
        {"name": "results.csv", "mimeType": "text/csv", "buffer": template.read_bytes()}
    )
    said = page.locator("#submit-said .says")
    said.wait_for()
    assert "problems; nothing was stored" in said.inner_text()
    assert "method name" in said.inner_text() and "bytes" in said.inner_text()
    page.locator("#submit-file").get_by_label("Remove").or_(
        page.locator("#submit-file").get_by_label("Clear")
    ).first.click()
    for label, text in (
        ("Name of the method", "In a <browser"),
        ("Authors", "A. Author"),
        ("Contact e-mail (only the maintainers see it)", CONTACT),
        ("Notes (optional)", NOTES),
    ):
        page.get_by_label(label).fill(text)
    path = tmp_path / "mine.csv"
    path.write_bytes(self_reported(9))
    page.locator("#submit-file input[type=file]").set_input_files(path)
    page.get_by_text("No problem found").or_(page.get_by_text("plain text without HTML")).wait_for()
    page.get_by_label("Name of the method").fill("In a browser")
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator("#submit-receipt").wait_for()
    receipt = page.locator("#submit-receipt").locator("textarea, input").input_value()
    assert board.store.lookup(receipt).state == "pending"
    assert "Waiting for a maintainer" in page.locator("#submit-said").inner_text()
    page.get_by_role("tab", name="My submission").click()
    page.locator("#mine-receipt").locator("textarea, input").fill(receipt)
    page.get_by_role("button", name="Look up").click()
    page.get_by_role("button", name="Send a new version").click()
    page.wait_for_function("document.querySelector('#submit-replaces') !== null")
    assert page.get_by_label("Name of the method").input_value() == "In a browser"
    page.get_by_role("tab", name="My submission").click()
    page.get_by_role("button", name="Withdraw", exact=True).click()
    page.get_by_role("button", name="Yes, withdraw it for good").click()
    page.locator("#mine-said").get_by_text("In a browser: Withdrawn").wait_for()
    assert board.store.lookup(receipt).state == "withdrawn"
    assert page.title() != "owned" and page.locator("#submit img[src=x]").count() == 0
    away = [u for u in asked if not u.startswith((url, "data:", "blob:"))]
    assert not away, f"the page asked for {away}"
    page.context.close()


@pytest.mark.browser
def test_a_phone_scrolls_down_only(browser: Browser, url: str, tmp_path: Path) -> None:
    page = open_tab(browser, url, 360)
    bad = tmp_path / "bad.csv"
    bad.write_text("image,quality,bytes\n" + "x" * 200 + ",1,100\n")
    page.locator("#submit-file input[type=file]").set_input_files(bad)
    page.locator("#submit-said .says.bad").wait_for()
    for tab in ("Send results", "My submission", "Review"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, tab
    page.context.close()
