"""What happens on the maintainers' panel. Every event asks `Access` first, whoever sends it.

An event may be sent over HTTP by anybody who knows its number, hidden button or not; so hiding is
for looks alone. Files for maintainers lie under random names, which nobody else can know.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from leaderboard.data.results import dump
from leaderboard.pages.access import AccessError
from leaderboard.pages.context import BoardContext, from_this_page
from leaderboard.pages.submit import words
from leaderboard.pages.submit.submitting import results_of
from leaderboard.store.errors import NotFound, StoreError
from leaderboard.store.records import Entry
from leaderboard.submissions.doubts import doubts_of
from semcomp.demo.hosting.limits import address_of
from semcomp.errors import SemcompError

from . import words as review

Outputs = tuple[Any, ...]
Profile = gr.OAuthProfile | None
Caller = tuple[gr.Request, Profile, str]
"""Request, account of the hub, and the page's key."""

QUEUES = {
    "waiting": ("pending", "scoring"),
    "approved": ("approved",),
    "others": ("rejected", "failed", "withdrawn", "superseded"),
}
"""What a maintainer can look through, by the states of its entries."""
APPROVE, REJECT, WITHDRAW, REPLACE = "Approve", "Reject", "Withdraw", "Replace by it"
DECISIONS = (APPROVE, REJECT, WITHDRAW, REPLACE)
"""What a maintainer can decide: labels of the buttons."""
WHICH = "Choose an entry first."
NEWER = "Enter the number of the newer entry."
MOST_REASON = 1000


class ReviewEvents:
    """The events over one board. `key` is what signing in has given the page, or empty."""

    def __init__(self, context: BoardContext) -> None:
        self.context = context

    def open(self, request: gr.Request, profile: Profile, queue: str) -> Outputs:
        """The panel for an account of the hub that may review, as the page loads."""
        try:
            name = self._reviewer(request, profile, "")
        except AccessError:
            return self._closed("")
        return self._opened("", name, queue)

    def sign_in(self, request: gr.Request, name: str, token: str, queue: str) -> Outputs:
        """Exchange the token for a key: key, emptied token, then as `_opened`."""
        try:
            key = self.context.access.sign_in(
                token if isinstance(token, str) else "",
                name if isinstance(name, str) else "",
                address=address_of(request),
                session=request.session_hash or "",
            )
        except AccessError as error:
            return self._closed(words.says(str(error), "bad"))
        return self._opened(
            key, self.context.access.reviewer(key, session=request.session_hash or ""), queue
        )

    def sign_out(self, request: gr.Request, key: str) -> Outputs:
        """Forget the key, on the board and on the page."""
        try:
            self.context.access.sign_out(_text(key), session=request.session_hash or "")
        except AccessError as error:
            return self._closed(words.says(str(error), "bad"))
        return self._closed(words.says("You are signed out."))

    def look_through(self, request: gr.Request, profile: Profile, key: str, queue: str) -> Outputs:
        """Entries to choose from, and the details of none."""
        who = request, profile, key
        return self._answer(who, lambda _: (self._choices(queue), *self._details(None)))

    def refresh(
        self, request: gr.Request, profile: Profile, key: str, queue: str, entry: Any
    ) -> Outputs:
        """Entries to choose from now. What is chosen stays, even if it was chosen after this was
        asked for: only the choices change, and `show` follows."""

        def refreshed(_: str) -> Outputs:
            return gr.Dropdown(**self._listed(queue, _number(entry))), *(gr.skip(),) * 5

        return self._answer((request, profile, key), refreshed)

    def show(self, request: gr.Request, profile: Profile, key: str, entry: Any) -> Outputs:
        """The details of an entry."""
        who = request, profile, key
        return self._answer(who, lambda _: (gr.skip(), *self._details(_number(entry))))

    def decide(
        self,
        request: gr.Request,
        profile: Profile,
        key: str,
        queue: str,
        entry: Any,
        decision: Any,
        reason: Any,
        newer: Any,
    ) -> Outputs:
        """Bring an entry into another state. decision: a label of `DECISIONS`. reason: for its
        submitter, where one is needed. newer: number of the entry that takes its place."""

        def decided(by: str) -> Outputs:
            number, place = _number(entry), _number(newer)
            if number is None:
                raise SemcompError(WHICH)
            store = self.context.store()
            if decision == APPROVE:
                store.approve(number, by)
            elif decision == REJECT:
                store.reject(number, by, _text(reason)[:MOST_REASON])
            elif decision == WITHDRAW:
                store.withdraw_by_maintainer(number, by, _text(reason)[:MOST_REASON])
            elif decision == REPLACE and place is not None:
                store.supersede(number, by, place)
            else:
                raise SemcompError(NEWER)
            return self._choices(queue, number), *self._details(number)

        return self._answer((request, profile, key), decided)

    def files(self, request: gr.Request, profile: Profile, key: str, entry: Any) -> Outputs:
        """Message, the file as it was sent, and the results if there are any."""
        try:
            self._reviewer(request, profile, key)
            number = _number(entry)
            if number is None:
                return words.says(WHICH, "bad"), None
            return "", self._files(number)
        except SemcompError as error:
            return words.says(str(error), "bad"), None

    def _reviewer(self, request: gr.Request, profile: Profile, key: str) -> str:
        """Who acts. Raises AccessError for everybody who may not."""
        account = profile.username if profile is not None and from_this_page(request) else None
        return self.context.access.reviewer(
            _text(key), session=request.session_hash or "", account=account
        )

    def _answer(self, who: Caller, made: Callable[[str], Outputs]) -> Outputs:
        """What `made` gives for the panel's entries and details, if the caller may review."""
        try:
            by = self._reviewer(*who)
        except AccessError as error:
            return self._closed(words.says(str(error), "bad"))
        try:
            return *(gr.skip(),) * 3, "", *(gr.skip(),) * 2, *made(by)
        except SemcompError as error:
            told = words.says(str(error), "bad")
            return *(gr.skip(),) * 3, told, *(gr.skip(),) * 8

    def _opened(self, key: str, name: str, queue: str) -> Outputs:
        """Key, token, name, message, sign-in form, panel; entries and details."""
        told = words.says(f"Signed in as {name}", "good")
        try:
            return (
                key,
                "",
                "",
                told,
                gr.Column(visible=False),
                gr.Column(visible=True),
                self._choices(queue),
                *self._details(None),
            )
        except StoreError as error:
            return self._closed(words.says(str(error), "bad"))

    def _closed(self, told: str) -> Outputs:
        """As `_opened`, with everything gone that only maintainers see."""
        door = gr.Column(visible=self.context.access.by_token)
        return (
            "",
            "",
            gr.skip(),
            told,
            door,
            gr.Column(visible=False),
            gr.Dropdown(choices=[], value=None),
            *self._details(None),
        )

    def _choices(self, queue: str, chosen: int | None = None) -> gr.Dropdown:
        """The entries of a queue. chosen: stays chosen, in whichever queue it is now."""
        return gr.Dropdown(value=chosen, **self._listed(queue, chosen))

    def _listed(self, queue: str, chosen: int | None) -> dict[str, Any]:
        """Choices and label for the entries of a queue and the one that is chosen."""
        states = QUEUES.get(queue, QUEUES["waiting"])
        entries: list[Entry] = self.context.store().entries(states)
        choices = [(review.line(entry), entry.id) for entry in entries]
        ids = [entry.id for entry in entries]
        if chosen is not None and chosen not in ids:
            choices.append((review.line(self.context.store().entry(chosen)), chosen))
        label = "Entries" if not entries else f"Entries ({len(entries)})"
        return {"choices": choices, "label": label}

    def _details(self, entry_id: int | None) -> Outputs:
        """Message, actions, reason, entry to replace it, files."""
        if entry_id is None:
            return "", gr.Column(visible=False), "", None, None
        store = self.context.store()
        entry = store.entry(entry_id)
        results = results_of(store, entry_id)
        told = review.details_html(
            entry,
            store.contact(entry_id),
            results,
            store.history(entry_id),
            doubts_of(entry, results, store),
        )
        return told, gr.Column(visible=True), "", None, None

    def _files(self, entry_id: int) -> list[str]:
        store = self.context.store()
        # Under a name that nobody else can know.
        folder = Path(get_upload_folder()) / secrets.token_hex(32)
        folder.mkdir(parents=True)
        made = []
        results = results_of(store, entry_id)
        try:
            with store.upload(entry_id) as sent:
                copy = folder / f"entry-{entry_id}{sent.suffix}"
                shutil.copyfile(sent, copy)
                made.append(str(copy))
        except NotFound:  # kept no longer; its results are
            if results is None:
                raise
        if results is not None:
            path = folder / f"entry-{entry_id}-results.json"
            path.write_text(dump(results), encoding="utf-8")
            made.append(str(path))
        return made


def _text(value: Any) -> str:
    """A text without space around it; empty for what is none."""
    return value.strip() if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    """An entry's number as a component sends it; None for what no database takes as one."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number < 2**31 else None
