"""Submitting, whoever asks, the page or a program: counted, checked, stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from leaderboard.data.problems import Problem, Rejected
from leaderboard.data.results import Results
from leaderboard.pages.context import BoardContext
from leaderboard.store.database import Store
from leaderboard.store.errors import NotFound
from leaderboard.store.records import Entry, Receipt
from leaderboard.submissions.inspection import Inspected, carried_method, inspect
from leaderboard.submissions.method import Method
from semcomp.errors import SemcompError

NO_FILE = "No file yet: choose a JSON, CSV or ZIP file first."
GONE = "The upload is no longer kept here: choose the file again."


class Submitting:
    """What the page and the endpoints share over one board."""

    def __init__(self, context: BoardContext) -> None:
        self.context = context

    def count(self, upload: Any, request: gr.Request, profile: gr.OAuthProfile | None) -> None:
        """Note that an upload is about to be read. Raises TooMany, StoreError, NoUpload."""
        path_of(upload)
        self.context.count_try(request, self._account(profile))

    def inspect(self, upload: Any, method: Any) -> Inspected:
        """Check an upload. Raises Rejected, NoUpload."""
        path = path_of(upload)
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

    def add(
        self,
        upload: Any,
        method: Any,
        replaces: Any,
        request: gr.Request,
        profile: gr.OAuthProfile | None,
    ) -> Receipt:
        """Store a submission. Raises Rejected, StoreError, NoUpload."""
        self.count(upload, request, profile)
        inspected = self.inspect(upload, method)
        account = self._account(profile)
        receipt = self.context.store().add(
            inspected,
            path_of(upload),
            submitter=self.context.submitter(request, account),
            replaces=(replaces.strip() if isinstance(replaces, str) else "") or None,
        )
        if receipt.entry.state == "scoring":
            self.context.start()
        return receipt

    def _account(self, profile: gr.OAuthProfile | None) -> str | None:
        """The account of the hub; elsewhere Gradio makes everybody the server's owner."""
        return profile.username if profile and self.context.access.hub else None


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


class NoUpload(SemcompError, ValueError):
    """There is no file; the message says what to do."""


def path_of(upload: Any) -> Path:
    """Where an upload is. Raises NoUpload."""
    path = upload.get("path") if isinstance(upload, dict) else upload
    if not path:
        raise NoUpload(NO_FILE)
    if not Path(str(path)).is_file():
        raise NoUpload(GONE)
    return Path(str(path))
