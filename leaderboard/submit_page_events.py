"""What happens on the page for submitting, and the same for programs. Everything is checked here.

The page's events answer with messages in the page; the endpoints /submit, /submission and
/withdraw_submission raise them as errors, in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from . import submit_page_words as words
from .board_context import BoardContext
from .results import Results
from .store.database import Store
from .store.errors import NotFound, StoreError
from .store.records import Entry, Receipt
from .submissions.inspection import Inspected, carried_method, inspect
from .submissions.method import BYTES, Method
from .submissions.problems import Problem, Rejected

Outputs = tuple[Any, ...]

FIELDS = (
    *("name", "authors", "link", "code", "licence", "notes", "contact"),
    *("side_information_bytes", "model_bytes", "dataset"),
)
"""Fields of the form, in the order of the events' arguments; they are `Method`'s."""
NO_FILE = "No file yet: choose a JSON, CSV or ZIP file first."
GONE = "The upload is no longer kept here: choose the file again."
ASK = "Enter the receipt you were given when you sent the results."


class SubmitEvents:
    """The events over one board."""

    def __init__(self, context: BoardContext) -> None:
        self.context = context

    def check(self, upload: Any, *form: Any) -> str:
        """Every problem of a submission, or what it would become; nothing is stored."""
        try:
            return words.accepted_html(self._inspect(upload, _method(form)))
        except Rejected as error:
            return words.problems_html(error.problems)
        except (StoreError, NoUpload) as error:
            return words.says(str(error), "bad")

    def arrived(self, upload: Any, *form: Any) -> Outputs:
        """`check` of a file that has just come, after filling the form's empty fields from it."""
        told = dict(zip(FIELDS, form, strict=True))
        try:
            carried = carried_method(_path_of(upload))
        except (Rejected, NoUpload):  # the checker says what is wrong
            carried = None
        found = {} if carried is None else carried.to_json(contact=True)
        filled = [told[name] or _shown(found.get(name, told[name])) for name in FIELDS]
        # Only what changes is sent back: the visitor may have typed on in the meantime.
        changes = [
            gr.skip() if value == told[name] else value
            for name, value in zip(FIELDS, filled, strict=True)
        ]
        return self.check(upload, *filled), *changes

    def send(
        self, request: gr.Request, profile: gr.OAuthProfile | None, upload: Any, *form: Any
    ) -> Outputs:
        """Store a submission. Gives message, receipt, file (emptied if stored), "replaces"."""
        *fields, replaces = form
        try:
            receipt = self._add(upload, _method(fields), replaces, request, profile)
        except Rejected as error:
            return words.problems_html(error.problems), gr.skip(), gr.skip(), gr.skip()
        except (StoreError, NoUpload) as error:
            return words.says(str(error), "bad"), gr.skip(), gr.skip(), gr.skip()
        told = words.entry_html(receipt.entry, heading="Thank you")
        return told, gr.Textbox(receipt.token, visible=True), None, ""

    def look_up(self, receipt: str) -> Outputs:
        """An entry by its receipt: the receipt, message, actions, question, timer."""
        text = _text(receipt)
        if not text:
            return "", words.says(ASK), *_actions(None)
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
        values = [gr.skip() if name == "contact" else _shown(told[name]) for name in FIELDS]
        return gr.Tabs(selected="send"), gr.Accordion(open=True), _text(receipt), *values

    def api_submit(
        self,
        request: gr.Request,
        profile: gr.OAuthProfile | None,
        file: Any,
        method: Any,
        replaces: str = "",
        check_only: bool = False,
    ) -> dict[str, Any]:
        """Send results to the leaderboard, where a maintainer reviews them before they are shown.

        Args:
            file: results as JSON (CompressAI's shape) or CSV, or a ZIP of reconstructions with
                their bitstreams, or a ZIP of .semc files.
            method: the method's description: name, authors, link, code, licence, notes, contact
                (never shown), side_information_bytes, model_bytes, dataset.
            replaces: the receipt of an earlier entry that this one replaces once it is approved.
            check_only: explain every problem and store nothing.
        """
        with _for_programs():
            if check_only:
                inspected = self._inspect(file, method)
                return {
                    "stored": False,
                    "kind": inspected.kind,
                    "digest": inspected.digest,
                    "incomplete": list(inspected.incomplete),
                }
            receipt = self._add(file, method, replaces, request, profile)
            return {"stored": True, "receipt": receipt.token, **entry_record(receipt.entry)}

    def api_submission(self, receipt: str) -> dict[str, Any]:
        """What became of results that were sent: state, progress, reason, and the scores if any.

        Args:
            receipt: as /submit gave it.
        """
        with _for_programs():
            store = self.context.store()
            entry = store.lookup(_asked(receipt))
            results = results_of(store, entry.id)
            scores = None if results is None else results.to_json()
            return {**entry_record(entry), "results": scores}

    def api_withdraw(self, receipt: str) -> dict[str, Any]:
        """Take back results that were sent; the board shows them no more.

        Args:
            receipt: as /submit gave it.
        """
        with _for_programs():
            return entry_record(self.context.store().withdraw(_asked(receipt)))

    def _inspect(self, upload: Any, method: Any) -> Inspected:
        """Check an upload. Raises Rejected, and ValueError without a file."""
        path = _path_of(upload)
        described, problems = self._described(method, path)
        shape = self.context.shape(described.dataset)
        try:
            inspected = inspect(path, described, shape)
        except Rejected as error:
            raise Rejected([*problems, *error.problems]) from error
        if problems:
            raise Rejected(problems)
        return inspected

    def _described(self, method: Any, path: Path) -> tuple[Method, tuple[Problem, ...]]:
        """A method, and what is wrong with its description, which the file itself may carry.

        If anything is, the method is a stand-in, with which the file's own problems are found too.
        """
        try:
            found = Method.from_json(method) if method else carried_method(path)
            return found or Method.from_json({}), ()
        except Rejected as error:
            named = method.get("dataset") if isinstance(method, dict) else None
            shapes = self.context.shapes
            dataset = named if isinstance(named, str) and named in shapes else next(iter(shapes))
            return Method("unnamed", dataset=dataset), error.problems

    def _add(
        self,
        upload: Any,
        method: Any,
        replaces: Any,
        request: gr.Request,
        profile: gr.OAuthProfile | None,
    ) -> Receipt:
        inspected = self._inspect(upload, method)
        account = profile.username if profile and self.context.access.hub else None
        receipt = self.context.store().add(
            inspected,
            _path_of(upload),
            submitter=self.context.submitter(request, account),
            replaces=_text(replaces) or None,
        )
        if receipt.entry.state == "scoring":
            self.context.start()
        return receipt


def results_of(store: Store, entry_id: int) -> Results | None:
    """An entry's results; None while there are none. Raises StoreError."""
    try:
        return store.results(entry_id)
    except NotFound:
        store.entry(entry_id)  # if that is what is not there
        return None


def entry_record(entry: Entry) -> dict[str, Any]:
    """An entry in JSON's types, without its contact."""
    return {
        "id": entry.id,
        "state": entry.state,
        "kind": entry.kind,
        "dataset": entry.dataset,
        "digest": entry.digest,
        "method": entry.method.to_json(),
        "submitted_at": entry.submitted_at.isoformat(),
        "decided_at": entry.decided_at.isoformat() if entry.decided_at else None,
        "reason": entry.reason,
        "incomplete": list(entry.incomplete),
        "progress": list(entry.progress) if entry.progress else None,
        "superseded_by": entry.superseded_by,
    }


@contextmanager
def _for_programs() -> Iterator[None]:
    """Errors that tell the caller what to do, as Gradio's own; anything else stays a bug."""
    try:
        yield
    except (Rejected, StoreError, NoUpload) as error:
        raise gr.Error(str(error), title="Submission", print_exception=False) from error


class NoUpload(ValueError):
    """There is no file; the message says what to do."""


def _method(form: Sequence[Any]) -> dict[str, Any]:
    """What the form says, as `Method.from_json` takes it."""
    told = dict(zip(FIELDS, form, strict=True))
    return {**told, **{name: _size(told[name]) for name in BYTES}}


def _size(value: Any) -> Any:
    """A number of bytes as typed, with or without separators; None if empty.

    What is no number stays as it is, for the checker to name.
    """
    if not isinstance(value, str):
        return value
    digits = re.sub(r"[\s,_]", "", value)
    if not digits:
        return None
    return int(digits) if digits.isascii() and digits.isdigit() else value


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _path_of(upload: Any) -> Path:
    """Where an upload is. Raises NoUpload."""
    path = upload.get("path") if isinstance(upload, dict) else upload
    if not path:
        raise NoUpload(NO_FILE)
    if not Path(str(path)).is_file():
        raise NoUpload(GONE)
    return Path(str(path))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _asked(receipt: Any) -> str:
    if not _text(receipt):
        raise NoUpload(ASK)
    return _text(receipt)


def _actions(entry: Entry | None) -> Outputs:
    """The actions an entry allows, and whether to look again by itself."""
    live = entry is not None and entry.state in ("scoring", "pending", "approved")
    moving = entry is not None and entry.state == "scoring"
    return gr.Row(visible=live), gr.Row(visible=False), gr.Timer(active=moving)
