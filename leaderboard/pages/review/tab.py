"""The maintainers' panel: sign-in, the entries that wait, their details, and decisions on them."""

from __future__ import annotations

from typing import Any

import gradio as gr

from leaderboard.pages.context import BoardContext
from leaderboard.pages.submit import words as submit_page_words

from . import words
from .events import (
    APPROVE,
    DECISIONS,
    MOST_REASON,
    QUEUES,
    REJECT,
    REPLACE,
    WITHDRAW,
    ReviewEvents,
)

QUICK: dict[str, Any] = {
    "queue": False,
    "preprocess": False,  # the events check what they are sent, more strictly than components
    "show_progress": "hidden",
    "api_visibility": "private",
}
LABELS = {"waiting": "Waiting", "approved": "On the board", "others": "Everything else"}


def build_panel(page: gr.Blocks, context: BoardContext) -> None:
    """Fill the place at hand. page: whose loading signs in accounts of the hub."""
    events = ReviewEvents(context)
    access = context.access
    gr.HTML(words.INTRO)
    if access.problem:
        gr.HTML(submit_page_words.says(access.problem))
    door, name, token, enter = _door(access.by_token)
    if access.hub:
        gr.LoginButton(elem_id="review-hub")
    said = gr.HTML(elem_id="review-said")
    # Not in the page's tree, and good for this page alone; see `access`.
    key = gr.Textbox("", visible=False)
    with gr.Column(visible=False, elem_id="review-panel", elem_classes="sub") as panel:
        queue = gr.Radio(
            [(LABELS[each], each) for each in QUEUES],
            value="waiting",
            label="Show",
            elem_id="review-queue",
        )
        with gr.Row(elem_classes="tight"):
            refresh = _button("Refresh", "review-refresh")
            leave = _button("Sign out", "review-leave")
        entry = gr.Dropdown([], label="Entries", elem_id="review-entry")
        details = gr.HTML(elem_id="review-details")
        actions, reason, newer, files, buttons = _decisions()
    outputs = [key, token, name, said, door, panel]
    outputs += [entry, details, actions, reason, newer, files]
    gr.on([enter.click, token.submit], events.sign_in, [name, token, queue], outputs, **QUICK)
    leave.click(events.sign_out, key, outputs, **QUICK)
    inputs = [key, queue, entry]
    queue.input(events.look_through, inputs[:2], outputs, **QUICK)
    for start in (entry.input, refresh.click(events.refresh, inputs, outputs, **QUICK).success):
        start(events.show, [key, entry], outputs, **QUICK)
    for decision in DECISIONS:
        sent = [*inputs, buttons[decision], reason, newer]
        buttons[decision].click(events.decide, sent, outputs, **QUICK)
    buttons["fetch"].click(events.files, [key, entry], [said, files], **QUICK)
    if access.hub:
        page.load(events.open, queue, outputs, **QUICK)


def _door(visible: bool) -> tuple[Any, ...]:
    """Signing in by token: column, name, token, button."""
    with gr.Column(visible=visible, elem_id="review-door", elem_classes="sub") as door:
        with gr.Row():
            name = gr.Textbox(
                label="Your name, kept beside your decisions",
                max_length=60,
                min_width=240,
                elem_id="review-name",
            )
            token = gr.Textbox(
                label="Token",
                type="password",
                max_length=500,
                min_width=240,
                elem_id="review-token",
            )
        with gr.Row():
            enter = gr.Button(
                "Sign in", variant="primary", scale=0, min_width=200, elem_id="review-enter"
            )
    return door, name, token, enter


def _decisions() -> tuple[Any, ...]:
    """What can be done with an entry: column, reason, newer entry, files, buttons by name."""
    with gr.Column(visible=False, elem_classes="sub") as actions:
        reason = gr.Textbox(
            label="Reason, for the submitter to read (needed to reject or withdraw)",
            max_length=MOST_REASON,
            lines=2,
            elem_id="review-reason",
        )
        with gr.Row(elem_classes="tight"):
            buttons = {
                APPROVE: _button(APPROVE, "review-approve", "primary"),
                REJECT: _button(REJECT, "review-reject", "stop"),
                WITHDRAW: _button(WITHDRAW, "review-withdraw", "stop"),
                "fetch": _button("Get its files", "review-fetch"),
            }
        files = gr.File(
            label="As it was sent, and its results",
            interactive=False,
            file_count="multiple",
            elem_id="review-files",
        )
        with gr.Accordion("A newer entry takes its place", open=False):
            newer = gr.Number(
                None, label="Number of the newer entry", precision=0, elem_id="review-newer"
            )
            with gr.Row():
                buttons[REPLACE] = _button(REPLACE, "review-supersede")
    return actions, reason, newer, files, buttons


def _button(label: str, name: str, variant: Any = "secondary") -> gr.Button:
    return gr.Button(label, variant=variant, scale=0, min_width=140, elem_id=name)
