"""What the hub's sign-in needs: declared, switched on, and what Gradio itself asks for."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import requires

import gradio as gr
import pytest
from packaging.requirements import Requirement

from leaderboard.pages import access
from leaderboard.pages.access import Access
from leaderboard.pages.context import BoardContext
from leaderboard.pages.submit import tab as submit_page
from tests import ROOT


def test_a_space_installs_and_switches_on_what_signing_in_needs() -> None:
    front = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    assert re.search(r"^hf_oauth: true$", front, re.MULTILINE)
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    (gradio,) = (each for each in wanted if each.name == "gradio")
    assert "oauth" in gradio.extras


def test_gradio_asks_for_the_modules_that_access_looks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Requirement(each) for each in requires("gradio") or ()]
    extra = {each.name for each in found if each.marker and "oauth" in str(each.marker)}
    looked: set[str] = set()

    def look(name: str) -> object:
        looked.add(name)
        return object()

    monkeypatch.setenv("SPACE_ID", "ann/board")
    monkeypatch.setenv("OAUTH_CLIENT_ID", "client")
    monkeypatch.setattr(importlib.util, "find_spec", look)
    assert access.hub_signs_in()
    assert looked == extra
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not access.hub_signs_in()  # a button that cannot work is not shown


def test_the_button_is_there_on_the_hub_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    attached: list[object] = []
    monkeypatch.setattr("gradio.routes.attach_oauth", attached.append)
    for hub in (True, False):
        attached.clear()
        context = BoardContext(access=Access("", ["ann"], hub=hub))
        with gr.Blocks(analytics_enabled=False) as page:
            submit_page.build_tab(page, context)
        buttons = [each for each in page.blocks.values() if isinstance(each, gr.LoginButton)]
        assert len(buttons) == hub and page.expects_oauth == hub
        assert bool(attached) == hub


def test_the_routes_of_signing_in_are_there_on_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("authlib", "itsdangerous"):
        pytest.importorskip(module, reason="not installed: pip install 'gradio[oauth]'")
    from fastapi import FastAPI
    from gradio import oauth

    monkeypatch.setenv("SPACE_ID", "ann/board")
    monkeypatch.setenv("SYSTEM", "spaces")
    for name in ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL"):
        monkeypatch.setattr(oauth, name, "https://hub.example", raising=False)
    app = FastAPI()
    oauth.attach_oauth(app)
    paths = {getattr(route, "path", "") for route in app.routes}
    assert {"/login/huggingface", "/login/callback", "/logout"} <= paths
