"""Tests of who may review: signing in, and that nobody else is told anything over HTTP."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select
from starlette.requests import Request

from leaderboard.pages import access
from leaderboard.pages.access import Access, AccessError
from leaderboard.pages.context import BoardContext, from_this_page
from leaderboard.pages.review import words as review_page_words
from leaderboard.pages.review.events import APPROVE, DECISIONS, REJECT, ReviewEvents
from leaderboard.pages.submit import tab as submit_page
from leaderboard.store.database import Store, StoreError
from leaderboard.store.models import SignInRow, WrongTokenRow
from leaderboard.store.sign_ins import FAILURES
from leaderboard.submissions.inspection import inspect
from leaderboard.submissions.method import Method
from semcomp.demo.hosting import turns
from semcomp.demo.hosting.limits import address_of
from tests.support.board_submissions import CONTACT, NOTES, TOKEN, Board, method, open_board, upload
from tests.support.store_samples import results

NAME = "A secret method"
PRIVATE = (NAME, CONTACT, "owned", "A. Author")
"""What nobody sees of a pending entry who is not signed in."""


@pytest.fixture
def door(store: Store) -> Access:
    """Access over a board, once in each kind of database."""
    return Access(TOKEN, door=lambda: store)


def enter(door: Access, token: str = TOKEN, **changes: str) -> str:
    return door.sign_in(token, "Ann", **{"address": "1.2.3.4", "session": "page", **changes})


def test_a_key_works_in_its_own_page_of_every_replica(door: Access, store: Store) -> None:
    key = enter(door)
    replica = Access(TOKEN, door=lambda: store)
    for each in (door, replica):
        assert each.reviewer(key, session="page") == "Ann (token)"
        for wrong, session in ((key, "other"), (key[:-1], "page"), ("", "page"), (TOKEN, "page")):
            with pytest.raises(AccessError, match="Sign in"):
                each.reviewer(wrong, session=session)
    with pytest.raises(AccessError):  # a new token ends what the old one began
        Access(TOKEN + "!", door=lambda: store).reviewer(key, session="page")
    replica.sign_out(key, session="other")
    assert door.reviewer(key, session="page")
    replica.sign_out(key, session="page")
    with pytest.raises(AccessError, match="or no longer"):
        door.reviewer(key, session="page")


def test_nothing_of_a_key_or_an_address_is_stored(door: Access, store: Store) -> None:
    key = enter(door)
    with pytest.raises(AccessError):
        enter(door, "wrong")
    with store._reading() as session:
        kept = [row.key for row in session.scalars(select(SignInRow))]
        kept += [row.address for row in session.scalars(select(WrongTokenRow))]
    assert len(kept) == 2 and all(len(each) == 64 for each in kept)
    assert not {key, "1.2.3.4", sha256(key.encode()).hexdigest()} & set(kept)
    assert sha256(b"1.2.3.4").hexdigest() not in kept


def test_wrong_tokens_lock_their_address_out_of_every_replica(door: Access, store: Store) -> None:
    replica = Access(TOKEN, door=lambda: store)
    for number in range(FAILURES):
        with pytest.raises(AccessError, match="not the token"):
            enter((door, replica)[number % 2], "wrong")
    for each in (door, replica):
        with pytest.raises(AccessError, match="try again in 15 min"):
            enter(each)  # not even the right one
    enter(replica, address="5.6.7.8")


def test_a_board_that_does_not_answer_lets_nobody_in() -> None:
    def broken() -> Any:
        raise StoreError("the server does not answer")

    for door in (Access(TOKEN, door=broken), Access(TOKEN)):
        for act in (
            lambda door=door: enter(door),
            lambda door=door: door.reviewer("key", session="page"),
            lambda door=door: door.sign_out("key", session="page"),
        ):
            with pytest.raises(AccessError, match=r"does not answer|no board"):
                act()


def test_tokens_are_compared_in_constant_time(
    door: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def compared(first: bytes, second: bytes) -> bool:
        seen.append((first, second))
        return first == second

    monkeypatch.setattr("leaderboard.pages.access.hmac.compare_digest", compared)
    with pytest.raises(AccessError):
        enter(door, "x" * 1000)
    enter(door)
    assert [len(each) for pair in seen for each in pair] == [32] * 4


def test_no_token_or_a_short_one_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for token in ("", "short"):
        monkeypatch.setenv(access.TOKEN, token)
        door = Access.from_environment()
        assert not door.by_token and access.TOKEN in door.problem
        with pytest.raises(AccessError, match=access.TOKEN):
            enter(door, token)
    with pytest.raises(AccessError, match="no session"):
        enter(Access(TOKEN), session="")


def test_accounts_count_on_the_hub_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Access("", ["Ann"], hub=True)
    assert here.reviewer("", session="page", account="ann") == "ann"
    for account in ("bob", "", None):
        with pytest.raises(AccessError):
            here.reviewer("", session="page", account=account)
    # Elsewhere Gradio makes everybody the account of the server's owner.
    with pytest.raises(AccessError):
        Access(TOKEN, ["Ann"]).reviewer("", session="page", account="ann")
    monkeypatch.setenv(access.MAINTAINERS, "Ann, bob,,")
    monkeypatch.setattr(access, "hub_signs_in", lambda: True)
    assert Access.from_environment().reviewer("", session="", account="BOB") == "BOB"
    monkeypatch.setenv(access.MAINTAINERS, " ")
    assert access.MAINTAINERS in Access.from_environment().problem


def test_pages_of_others_cannot_use_a_maintainers_cookie(monkeypatch: pytest.MonkeyPatch) -> None:
    def sent(**headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return SimpleNamespace(headers=named, session_hash="page", client=None)

    assert from_this_page(sent(host="board.example"))
    assert from_this_page(sent(host="board.example", origin="https://board.example"))
    for origin in ("https://evil.example", "null", "https://board.example.evil.example"):
        assert not from_this_page(sent(host="board.example", origin=origin))
    events = ReviewEvents(BoardContext(access=Access("", ["ann"], hub=True)))
    profile: Any = SimpleNamespace(username="ann")
    with pytest.raises(AccessError):
        events._reviewer(sent(host="a.b", origin="https://evil.example"), profile, "")
    assert events._reviewer(sent(host="a.b", origin="https://a.b"), profile, "") == "ann"
    monkeypatch.setenv("SPACE_ID", "ann/board")
    monkeypatch.setenv("SPACE_HOST", "ann-board.hf.space")
    assert from_this_page(sent(host="10.0.0.1", origin="https://ann-board.hf.space"))


def test_addresses_are_those_that_a_visitor_cannot_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    def sent(host: str, forwarded: str = "") -> Any:
        return SimpleNamespace(
            client=SimpleNamespace(host=host), headers={"X-Forwarded-For": forwarded}
        )

    assert address_of(sent("1.2.3.4", "9.9.9.9")) == "1.2.3.4"
    assert address_of(sent("::ffff:1.2.3.4")) == "1.2.3.4"
    assert address_of(sent("2001:db8::1")) == address_of(sent("2001:db8::2:3"))
    assert address_of(sent("2001:db8::1")) != address_of(sent("2001:db8:0:1::1"))
    monkeypatch.setenv("SPACE_ID", "ann/board")
    assert address_of(sent("10.0.0.1", "6.6.6.6, 1.2.3.4")) == "1.2.3.4"
    assert address_of(SimpleNamespace()) == ""


def test_a_forged_header_changes_nobodys_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hub's proxy adds comes last, in the same header or in another of its name."""

    def sent(*forwarded: bytes) -> Request:
        headers = [(b"x-forwarded-for", each) for each in forwarded]
        return Request({"type": "http", "headers": headers, "client": ("10.0.0.1", 4321)})

    forged = [
        sent(b"6.6.6.6, 1.2.3.4"),
        sent(b"6.6.6.6", b"1.2.3.4"),
        sent(b"1.2.3.4"),
        sent(b", ,evil,::1 , 1.2.3.4"),
    ]
    assert {address_of(each) for each in forged} == {"10.0.0.1"}
    monkeypatch.setenv("SPACE_ID", "ann/board")
    assert {address_of(each) for each in forged} == {"1.2.3.4"}
    assert {address_of(gr.Request(each)) for each in forged[::2]} == {"1.2.3.4"}
    assert {turns._waiting(None, each).address for each in forged} == {"1.2.3.4"}
    assert vars(turns)["address_of"] is address_of


def test_scores_that_are_not_there_are_left_out() -> None:
    shown = review_page_words._means(results())
    assert "SSIM" in shown and "Means over 3 pictures, 6 points" in shown


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board with one pending entry."""
    folder = tmp_path_factory.mktemp("board")
    for board in open_board(folder, f"sqlite:///{folder / 'board.sqlite3'}"):
        path = upload(folder, "self-reported")
        found = inspect(path, Method.from_json(method(NAME)), board.context.shape("tiny"))
        board.store.add(found, path, submitter="somebody")
        yield board


@pytest.fixture(scope="module")
def page(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[gr.Blocks, str]]:
    """The tab alone, served."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        blocks = gr.Blocks(analytics_enabled=False)
        with blocks:
            submit_page.build_tab(blocks, board.context)
        _, url, _ = blocks.queue(api_open=False).launch(
            prevent_thread_lock=True, quiet=True, ssr_mode=False, run_history=False
        )
        yield blocks, url
        blocks.close()


def numbers(blocks: gr.Blocks) -> dict[str, int]:
    """The panel's events: names of their functions, and the numbers they have over HTTP."""
    found = {}
    for number, each in blocks.fns.items():
        owner = getattr(each.fn, "__self__", None)
        if isinstance(owner, ReviewEvents):
            found[str(getattr(each.fn, "__name__", ""))] = number
    return found


def ask(url: str, number: int, data: list[Any], session: str = "page") -> tuple[int, str]:
    """Start an event as a page does, without being one."""
    body = {"data": data, "fn_index": number, "session_hash": session}
    request = urllib.request.Request(
        f"{url.rstrip('/')}/gradio_api/run/predict",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


EVENTS: list[tuple[str, list[Any]]] = [
    ("look_through", ["waiting"]),
    ("refresh", ["waiting", 1]),
    ("show", [1]),
    *(("decide", ["waiting", 1, decision, "because", 1]) for decision in DECISIONS),
    ("files", [1]),
]
"""Each event that acts for a maintainer, and what follows the key."""


def test_every_event_of_the_panel_is_known_here(page: tuple[gr.Blocks, str]) -> None:
    assert set(numbers(page[0])) == {*dict(EVENTS), "sign_in", "sign_out"}


@pytest.mark.parametrize(("event", "arguments"), EVENTS)
def test_nobody_else_sees_or_does_anything(
    page: tuple[gr.Blocks, str], board: Board, event: str, arguments: list[Any]
) -> None:
    blocks, url = page
    elsewhere = board.context.access.sign_in(TOKEN, "", address="a", session="another page")
    keys = ["", "wrong", TOKEN, secrets.token_urlsafe(32), elsewhere, None, 7, {"key": 1}, ["x"]]
    before = board.store.entry(1)
    for key in keys:
        _, said = ask(url, numbers(blocks)[event], [key, *arguments])
        assert not [text for text in (*PRIVATE, "entry-1", ".csv") if text in said], (event, key)
        assert "Sign in as a maintainer" in said or "error" in said
    assert board.store.entry(1) == before and len(board.store.history(1)) == 1


def test_the_page_itself_holds_nothing_private(page: tuple[gr.Blocks, str]) -> None:
    for path in ("config", "gradio_api/info", ""):
        with urllib.request.urlopen(f"{page[1].rstrip('/')}/{path}", timeout=60) as answer:
            text = answer.read().decode()
        assert not [each for each in (*PRIVATE, TOKEN) if each in text], path


def test_signed_in_over_http_and_hostile_text_is_escaped(
    page: tuple[gr.Blocks, str], board: Board, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    blocks, url = page
    number = numbers(blocks)
    caplog.set_level(0)
    assert "not the token" in ask(url, number["sign_in"], ["", "wrong", "waiting"], "mine")[1]
    _, said = ask(url, number["sign_in"], ["<b>Ann", TOKEN, "waiting"], "mine")
    key = json.loads(said)["data"][0]
    assert len(key) > 40 and NAME in said and "&lt;b&gt;Ann" in said and "<b>Ann" not in said
    _, said = ask(url, number["show"], [key, 1], "mine")
    assert CONTACT in said and "onerror" in said and NOTES not in said and "<img" not in said
    _, said = ask(url, number["decide"], [key, "waiting", 1, REJECT, " ", None], "mine")
    assert "needs a reason" in said and board.store.entry(1).state == "pending"
    for strange in ("x", None, 10**30, [1], 99):
        _, said = ask(url, number["decide"], [key, "waiting", strange, APPROVE, "", None], "mine")
        assert '"data"' in said and board.store.entry(1).state == "pending"
    _, said = ask(url, number["files"], [key, 1], "mine")
    for file in json.loads(said)["data"][1]:
        assert len(Path(file["path"]).parent.name) == 64
        with urllib.request.urlopen(file["url"], timeout=60) as answer:
            assert answer.headers["content-type"].split(";")[0].startswith("application/")
    ask(url, number["sign_out"], [key], "mine")
    assert "Sign in as" in ask(url, number["show"], [key, 1], "mine")[1]
    told = caplog.text + "".join(capfd.readouterr())
    assert TOKEN not in told and key not in told and CONTACT not in told


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({}, False),
        ({"x-account": "bob"}, False),
        ({"x-account": "Ann"}, True),
        ({"x-account": "Ann", "origin": "http://board.example"}, True),
        ({"x-account": "Ann", "origin": "https://evil.example"}, False),
        ({"x-account": "Ann", "x-expired": "1"}, False),
    ],
)
def test_the_hubs_session_says_who_asks(
    hub_client: tuple[TestClient, int], headers: dict[str, str], seen: bool
) -> None:
    client, number = hub_client
    body = {"data": ["", "waiting"], "fn_index": number, "session_hash": "page"}
    answer = client.post("/board/gradio_api/run/predict", json=body, headers=headers)
    assert (NAME in answer.text) == seen
    assert answer.status_code == 200 and ("Sign in as" in answer.text) != seen


@pytest.fixture
def hub_client(board: Board, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TestClient, int]]:
    """The panel as on a Space. Headers stand for the cookie that the hub's sign-in signs."""
    monkeypatch.setattr(gr, "LoginButton", gr.Button)
    door = Access("", ["ann"], hub=True)
    context = BoardContext(lambda: board.store, door, board.context.shapes)
    blocks = gr.Blocks(analytics_enabled=False)
    with blocks:
        submit_page.build_tab(blocks, context)
    pages = gr.mount_gradio_app(FastAPI(), blocks, path="/board", ssr_mode=False)

    async def signed(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        name = headers.get(b"x-account", b"").decode()
        told = {"name": name, "preferred_username": name, "profile": "", "picture": ""}
        ends = time.time() + (-1 if b"x-expired" in headers else 100)
        known = {"oauth_info": {"userinfo": told, "expires_at": ends}} if name else {}
        await pages({**scope, "session": known}, receive, send)

    with TestClient(signed, base_url="http://board.example") as client:
        yield client, numbers(blocks)["look_through"]
