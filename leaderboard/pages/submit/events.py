"""What happens on the page for submitting; it answers with messages in the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import gradio as gr

from leaderboard.data.problems import Rejected
from leaderboard.store.errors import StoreError
from leaderboard.store.records import Entry
from leaderboard.submissions.inspection import carried_description
from leaderboard.submissions.method import BYTES, COUNTS, Method, dataset_of
from semcomp.errors import SemcompError

from . import words
from .submitting import Submitting, path_of

Outputs = tuple[Any, ...]

FIELDS = tuple(field.name for field in fields(Method))
"""Fields of the form, in the order of the events' arguments."""


class SubmitEvents(Submitting):
    """The events over one board."""

    def check(
        self, request: gr.Request, profile: gr.OAuthProfile | None, upload: Any, *form: Any
    ) -> str:
        """Every problem of a submission, or what it would become; nothing is stored."""
        try:
            self.count(upload, request, profile)
            return words.accepted_html(self.inspect(upload, _method(form)))
        except Rejected as error:
            return words.problems_html(error.problems)
        except SemcompError as error:
            return words.says(str(error), "bad")

    def arrived(
        self, request: gr.Request, profile: gr.OAuthProfile | None, upload: Any, *form: Any
    ) -> Outputs:
        """`check` of a file that has just come, after filling the form's empty fields from it.

        The data set is the file's own, whatever was chosen before.
        """
        told = dict(zip(FIELDS, form, strict=True))
        try:
            self.count(upload, request, profile)
        except SemcompError as error:
            return words.says(str(error), "bad"), *(gr.skip() for _ in FIELDS)
        dataset, stated = None, {}
        try:
            carried = carried_description(path_of(upload))
            dataset = dataset_of(carried, self.context.shapes)
            stated = {} if carried is None else Method.from_json(carried).to_json(contact=True)
        except SemcompError:  # the checker says what is wrong
            pass
        known = {**told, "dataset": dataset or told["dataset"]}
        filled = [known[name] or _field(stated.get(name, known[name])) for name in FIELDS]
        # Only what changes is sent back: the visitor may have typed on in the meantime.
        changes = [
            gr.skip() if value == told[name] else value
            for name, value in zip(FIELDS, filled, strict=True)
        ]
        try:
            said = words.accepted_html(self.inspect(upload, _method(filled)))
        except Rejected as error:
            said = words.problems_html(error.problems)
        except SemcompError as error:
            said = words.says(str(error), "bad")
        return said, *changes

    def send(
        self, request: gr.Request, profile: gr.OAuthProfile | None, upload: Any, *form: Any
    ) -> Outputs:
        """Store a submission. Gives message, receipt, file (emptied if stored), "replaces"."""
        *stated, replaces = form
        try:
            receipt = self.add(upload, _method(stated), replaces, request, profile)
        except Rejected as error:
            return words.problems_html(error.problems), gr.skip(), gr.skip(), gr.skip()
        except SemcompError as error:
            return words.says(str(error), "bad"), gr.skip(), gr.skip(), gr.skip()
        told = words.entry_html(receipt.entry, heading="Thank you")
        return told, gr.Textbox(receipt.token, visible=True), None, ""

    def look_up(self, receipt: str) -> Outputs:
        """An entry by its receipt: the receipt, message, actions, question, timer."""
        text = _text(receipt)
        if not text:
            return "", words.says(words.ASK), *_actions(None)
        try:
            entry = self.context.store().lookup(text)
        except StoreError as error:
            return "", words.says(str(error), "bad"), *_actions(None)
        return text, words.entry_html(entry), *_actions(entry)

    def withdraw(self, receipt: str) -> Outputs:
        """Withdraw an entry; the rest as `look_up`."""
        try:
            entry = self.context.store().withdraw(_text(receipt))
        except StoreError as error:
            return "", words.says(str(error), "bad"), *_actions(None)
        return _text(receipt), words.entry_html(entry), *_actions(entry)

    def renew(self, receipt: str) -> Outputs:
        """The form filled in from an entry, for a new version of it; the contact is not shown."""
        try:
            entry = self.context.store().lookup(_text(receipt))
        except StoreError:
            return (gr.skip(),) * (len(FIELDS) + 3)
        told = entry.method.to_json()
        values = [gr.skip() if name == "contact" else _field(told[name]) for name in FIELDS]
        return gr.Tabs(selected="send"), gr.Accordion(open=True), _text(receipt), *values


def _method(form: Sequence[Any]) -> dict[str, Any]:
    """What the form says, as `Method.from_json` takes it."""
    told = dict(zip(FIELDS, form, strict=True))
    return {**told, **{name: _size(told[name]) for name in (*BYTES, *COUNTS)}}


def _size(value: Any) -> Any:
    """A number as typed, with or without separators; None if empty.

    What is no number stays as it is, for the checker to name.
    """
    if not isinstance(value, str):
        return value
    digits = re.sub(r"[\s,_]", "", value)
    if not digits:
        return None
    return int(digits) if digits.isascii() and digits.isdigit() else value


def _field(value: Any) -> str:
    return "" if value is None else str(value)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _actions(entry: Entry | None) -> Outputs:
    """The actions an entry allows, and whether to look again by itself."""
    live = entry is not None and entry.state in ("scoring", "pending", "approved")
    moving = entry is not None and entry.state == "scoring"
    return gr.Row(visible=live), gr.Row(visible=False), gr.Timer(active=moving)
