"""The line beside the level slider: how large the file will be, while the slider still moves."""

from typing import Any

import gradio as gr

from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared.static import static
from semcomp.demo.shared.words import NOT_EXPECTED

CURVE = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24)
"""Levels whose expected bytes the page is told; it interpolates between them."""


def curves(session: Session, choice: Choice) -> dict[str, Any]:
    """The line's value for a picture: `{"pixels": n, "curves": {allocation: [[level, bytes]]}}`.

    choice: what matters, and how strongly. A closed loop would have to be run to the end for it:
    the line then says so.
    """
    if session.closed_loop:
        return {"text": "Expected size: only for our own network"}

    def curve(allocation: str) -> list[list[float]]:
        asked = [choice._replace(level=at, allocation=allocation) for at in CURVE]
        return [[each.level, session.expected_bytes(each)] for each in asked]

    found = {name: curve(name) for name in ("uniform", "proportional")}
    height, width = session.picture.shape[:2]
    return {"pixels": height * width, "curves": {**found, "rd": found["uniform"]}}


def build_expected() -> gr.HTML:
    """The line; its value comes from `curves`."""
    return gr.HTML(
        {"text": NOT_EXPECTED},
        html_template='<p role="status"></p>',
        js_on_load=static("expected.js"),
        apply_default_css=False,
        elem_id="expected",
    )
