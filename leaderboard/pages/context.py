"""What one running app shares: the board's store, who may review, and the worker that scores.

The store is opened when it is first asked for, so that building the page touches no disk.
"""

from __future__ import annotations

import hmac
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.blind import pairs
from leaderboard.blind.opinion import Opinion
from leaderboard.data.problems import describe, refusal
from leaderboard.submissions.shape import DatasetShape
from semcomp.demo.hosting.limits import address_of, headers_of

from .access import Access

if TYPE_CHECKING:
    from leaderboard.data.datasets import Dataset
    from leaderboard.store.database import Store

_LOG = logging.getLogger(__name__)


class BoardContext:
    """One per app; all methods may be called from any thread."""

    def __init__(
        self,
        open_board: Callable[[], Store] | None = None,
        access: Access | None = None,
        shapes: Mapping[str, DatasetShape] | None = None,
        originals: Callable[[str], Dataset] | None = None,
        blind_folder: Path | None = None,
    ) -> None:
        """open_board: gives the store; None for the one the environment names.

        access: None for what the environment says. shapes: of the data sets that submissions may
        be of, by name; None for the official ones. originals: gives a data set's pictures by its
        name, to score against; None for `datasets.load_dataset`.
        """
        self.shapes = DatasetShape.official() if shapes is None else dict(shapes)
        self.access = access or Access.from_environment()
        self.access.door = self.access.door or self.store
        self._open = open_board or _open_named
        self._originals = originals
        self._blind_folder = blind_folder
        self.opinion = Opinion(self.store)
        self._store: Store | None = None
        self._stop: threading.Event | None = None
        self._lock = threading.Lock()

    def store(self) -> Store:
        """The board's store. Raises StoreError if it cannot be opened; the next call tries."""
        with self._lock:
            if self._store is None:
                self._store = self._open()
            return self._store

    def blind_folder(self) -> Path:
        """Where the blind comparison's pairs are. Raises SemcompError where there is no folder."""
        return self._blind_folder or pairs.blind_folder()

    def start(self, results: Path | None = None) -> None:
        """Score what is queued and keep the leaderboard ranked, in the background, until `close`.

        results: folder of the leaderboard's; None for a board that is not shown. A board that
        cannot be used is no reason for the demo not to start: it is logged, and the next
        submission tries again.
        """
        from leaderboard.data.datasets import load_dataset
        from leaderboard.scoring.worker import run_worker
        from leaderboard.store.errors import StoreError

        try:
            store = self.store()
        except StoreError as error:
            _LOG.warning("nothing is scored: %s", error)
            return
        originals = self._originals or load_dataset
        with self._lock:
            if self._stop is not None:
                return
            self._stop = threading.Event()
            options = {"stop": self._stop, "datasets": originals, "report": _LOG.info}
            work = threading.Thread(
                target=run_worker, args=[store], kwargs=options, name="scoring", daemon=True
            )
            work.start()
            if results is not None:
                self._keep_ranked(results, self._stop)

    def close(self) -> None:
        """Stop the worker; what it was at goes back to the queue."""
        with self._lock:
            if self._stop is not None:
                self._stop.set()
                self._stop = None

    def _keep_ranked(self, results: Path, stop: threading.Event) -> None:
        from .board.ranking import keep_ranked

        work = (results, self.store, stop)
        threading.Thread(target=keep_ranked, args=work, name="ranking", daemon=True).start()

    def shape(self, dataset: str) -> DatasetShape:
        """A data set's pictures and their sizes. Raises Rejected for one not on the board."""
        if dataset not in self.shapes:
            expected = f"one of {', '.join(self.shapes)}"
            raise refusal("method dataset", describe(dataset), expected)
        return self.shapes[dataset]

    def submitter(self, request: Any, account: str | None = None) -> str:
        """Whom the limit of entries counts for: a hash, from which no address can be read.

        request: Gradio's. account: of the hub, if the visitor is signed in there.
        """
        return self._hashed(f"account {account.casefold()}" if account else _address(request))

    def count_try(self, request: Any, account: str | None = None) -> None:
        """Note that a file is about to be checked, for the address and for the account.

        Raises TooMany, and StoreError if the board cannot be used.
        """
        named = {_address(request), *([f"account {account.casefold()}"] if account else [])}
        self.store().count_try(*sorted(map(self._hashed, named)))

    def _hashed(self, who: str) -> str:
        return hmac.digest(self.store().salt().encode(), who.encode(), "sha256").hex()


def _address(request: Any) -> str:
    return f"address {address_of(request)}"


def from_this_page(request: Any) -> bool:
    """Whether a browser sent the request from this app's own page, or no browser sent it.

    Gradio answers pages of all origins with their visitors' cookies, so that what a cookie allows
    must be asked for from here.
    """
    headers = headers_of(request)
    origin = headers.get("origin")
    if not origin:
        return True
    own = {headers.get("host", "")}
    if os.environ.get("SPACE_ID"):
        own |= {host.strip() for host in os.environ.get("SPACE_HOST", "").split(",")}
    return origin.partition("://")[2] in own - {""}


def _open_named() -> Store:
    from leaderboard.store.database import open_store

    return open_store()
