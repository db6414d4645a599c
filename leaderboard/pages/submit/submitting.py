"""Submitting, whoever asks, the page or a program: counted, checked, stored.

For programs there are the endpoints /submit, /submission and /withdraw_submission. What the page
says in messages they raise as errors, in the same words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from leaderboard.data.problems import Problem, Rejected
from leaderboard.data.results import Results
from leaderboard.pages.context import BoardContext
from leaderboard.store.database import Store
from leaderboard.store.errors import NotFound
from leaderboard.store.records import Receipt
from leaderboard.submissions.inspection import Inspected, carried_description, inspect
from leaderboard.submissions.method import Method, dataset_of
from semcomp.errors import SemcompError

from .words import ASK

NO_FILE = "No file yet: choose a JSON, CSV or ZIP file first."
GONE = "The upload is no longer kept here: choose the file again."


class Submitting:
    """What the page and the endpoints share over one board."""

    def __init__(self, context: BoardContext) -> None:
        self.context = context

    def count(self, upload: Any, request: gr.Request, profile: gr.OAuthProfile | None) -> None:
        """Note that an upload is about to be read. Raises TooMany, StoreError, SemcompError."""
        path_of(upload)
        self.context.count_try(request, self._account(profile))

    def inspect(self, upload: Any, method: Any) -> Inspected:
        """Check an upload. Raises Rejected, SemcompError."""
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
        described = method
        try:
            described = method or carried_description(path) or {}
            return Method.from_json(described), ()
        except Rejected as error:
            shapes = self.context.shapes
            dataset = dataset_of(described, shapes) or next(iter(shapes))
            return Method("unnamed", dataset=dataset), error.problems

    def add(
        self,
        upload: Any,
        method: Any,
        replaces: Any,
        request: gr.Request,
        profile: gr.OAuthProfile | None,
    ) -> Receipt:
        """Store a submission. Raises Rejected, StoreError, SemcompError."""
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


class SubmitApi(Submitting):
    """The endpoints over one board."""

    def submit(
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
                their bitstreams, or a ZIP of files that are decoded here (JPEG, WebP, AVIF, JPEG
                XL, HEIC, BPG, .semc).
            method: the method's description: name, authors, link, code, licence, notes, contact
                (never shown), side_information_bytes, model_bytes, dataset; training_data,
                test_overlap (none or some), timing, earlier_versions, macs_per_pixel.
            replaces: the receipt of an earlier entry that this one replaces once it is approved.
            check_only: explain every problem and store nothing.
        """
        with _for_programs():
            if check_only:
                self.count(file, request, profile)
                return {"stored": False, **self.inspect(file, method).to_json()}
            receipt = self.add(file, method, replaces, request, profile)
            return {"stored": True, "receipt": receipt.token, **receipt.entry.to_json()}

    def submission(self, receipt: str) -> dict[str, Any]:
        """What became of results that were sent: state, progress, reason, and the scores if any.

        Args:
            receipt: as /submit gave it.
        """
        with _for_programs():
            store = self.context.store()
            entry = store.lookup(_receipt(receipt))
            results = results_of(store, entry.id)
            scores = None if results is None else results.to_json()
            return {**entry.to_json(), "results": scores}

    def withdraw(self, receipt: str) -> dict[str, Any]:
        """Take back results that were sent; the board shows them no more.

        Args:
            receipt: as /submit gave it.
        """
        with _for_programs():
            return self.context.store().withdraw(_receipt(receipt)).to_json()


def results_of(store: Store, entry_id: int) -> Results | None:
    """An entry's results; None while there are none. Raises StoreError."""
    try:
        return store.results(entry_id)
    except NotFound:
        store.entry(entry_id)  # if that is what is not there
        return None


def path_of(upload: Any) -> Path:
    """Where an upload is. Raises SemcompError."""
    path = upload.get("path") if isinstance(upload, dict) else upload
    if not path:
        raise SemcompError(NO_FILE)
    if not Path(str(path)).is_file():
        raise SemcompError(GONE)
    return Path(str(path))


@contextmanager
def _for_programs() -> Iterator[None]:
    """Errors that tell the caller what to do, as Gradio's own; anything else stays a bug."""
    try:
        yield
    except SemcompError as error:
        raise gr.Error(str(error), title="Submission", print_exception=False) from error


def _receipt(receipt: Any) -> str:
    text = receipt.strip() if isinstance(receipt, str) else ""
    if not text:
        raise SemcompError(ASK)
    return text
