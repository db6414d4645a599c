"""Submitting for programs: the endpoints /submit, /submission and /withdraw_submission.

What the page says in messages they raise as errors, in the same words.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from leaderboard.data.problems import Rejected
from leaderboard.store.errors import StoreError

from .submitting import NoUpload, Submitting, entry_record, results_of
from .words import ASK


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
                their bitstreams, or a ZIP of .semc files.
            method: the method's description: name, authors, link, code, licence, notes, contact
                (never shown), side_information_bytes, model_bytes, dataset.
            replaces: the receipt of an earlier entry that this one replaces once it is approved.
            check_only: explain every problem and store nothing.
        """
        with _for_programs():
            if check_only:
                self.count(file, request, profile)
                inspected = self.inspect(file, method)
                return {
                    "stored": False,
                    "kind": inspected.kind,
                    "digest": inspected.digest,
                    "incomplete": list(inspected.incomplete),
                }
            receipt = self.add(file, method, replaces, request, profile)
            return {"stored": True, "receipt": receipt.token, **entry_record(receipt.entry)}

    def submission(self, receipt: str) -> dict[str, Any]:
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

    def withdraw(self, receipt: str) -> dict[str, Any]:
        """Take back results that were sent; the board shows them no more.

        Args:
            receipt: as /submit gave it.
        """
        with _for_programs():
            return entry_record(self.context.store().withdraw(_asked(receipt)))


@contextmanager
def _for_programs() -> Iterator[None]:
    """Errors that tell the caller what to do, as Gradio's own; anything else stays a bug."""
    try:
        yield
    except (Rejected, StoreError, NoUpload) as error:
        raise gr.Error(str(error), title="Submission", print_exception=False) from error


def _asked(receipt: Any) -> str:
    text = receipt.strip() if isinstance(receipt, str) else ""
    if not text:
        raise NoUpload(ASK)
    return text
