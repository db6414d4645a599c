"""What one running app shares: the board's store, who may review, and the worker that scores.

The store is opened when it is first asked for, so that building the page touches no disk.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .access import Access
from .submissions.problems import Problem, Rejected, shown
from .submissions.shape import DatasetShape

if TYPE_CHECKING:
    from .datasets import Dataset
    from .store.database import Store

_LOG = logging.getLogger(__name__)


class BoardContext:
    """One per app; all methods may be called from any thread."""

    def __init__(
        self,
        open_board: Callable[[], Store] | None = None,
        access: Access | None = None,
        shapes: Mapping[str, DatasetShape] | None = None,
        originals: Callable[[str], Dataset] | None = None,
    ) -> None:
        """open_board: gives the store; None for the one the environment names.

        access: None for what the environment says. shapes: of the data sets that submissions may
        be of, by name; None for Kodak. originals: gives a data set's pictures by its name, to
        score against; None for `datasets.load_dataset`.
        """
        kodak = DatasetShape.kodak()
        self.shapes = {kodak.name: kodak} if shapes is None else dict(shapes)
        self.access = access or Access.from_environment()
        self._open = open_board or _open_named
        self._originals = originals
        self._store: Store | None = None
        self._stop: threading.Event | None = None
        self._lock = threading.Lock()

    def store(self) -> Store:
        """The board's store. Raises StoreError if it cannot be opened; the next call tries."""
        with self._lock:
            if self._store is None:
                self._store = self._open()
            return self._store

    def start(self) -> None:
        """Score what is queued, in the background, until `close`.

        A board that cannot be used is no reason for the demo not to start: it is logged, and the
        next submission tries again.
        """
        from .datasets import load_dataset
        from .scoring.worker import start_worker_thread
        from .store.errors import StoreError

        try:
            store = self.store()
        except StoreError as error:
            _LOG.warning("nothing is scored: %s", error)
            return
        originals = self._originals or load_dataset
        with self._lock:
            if self._stop is None:
                self._stop = start_worker_thread(store, datasets=originals, report=_LOG.info)

    def close(self) -> None:
        """Stop the worker; what it was at goes back to the queue."""
        with self._lock:
            if self._stop is not None:
                self._stop.set()
                self._stop = None

    def shape(self, dataset: str) -> DatasetShape:
        """A data set's pictures and their sizes. Raises Rejected for one not on the board."""
        if dataset not in self.shapes:
            expected = f"one of {', '.join(self.shapes)}"
            raise Rejected([Problem("method dataset", None, shown(dataset), expected)])
        return self.shapes[dataset]

    def submitter(self, request: Any, account: str | None = None) -> str:
        """Whom limits count against: a hash, from which no address can be read.

        request: Gradio's. account: of the hub, if the visitor is signed in there.
        """
        who = f"account {account.casefold()}" if account else f"address {address_of(request)}"
        return hmac.digest(self.store().salt().encode(), who.encode(), "sha256").hex()


def address_of(request: Any) -> str:
    """The network address of a visitor; of IPv6 the half that belongs to one household.

    On a Space, what the hub's proxy has added last to X-Forwarded-For: the rest of that header is
    the visitor's own text. Elsewhere the peer's, for which uvicorn heeds FORWARDED_ALLOW_IPS.
    """
    peer = getattr(getattr(request, "client", None), "host", None) or ""
    if os.environ.get("SPACE_ID"):
        peer = _headers(request).get("x-forwarded-for", "").split(",")[-1].strip() or peer
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return str(peer)[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def from_this_page(request: Any) -> bool:
    """Whether a browser sent the request from this app's own page, or no browser sent it.

    Gradio answers pages of all origins with their visitors' cookies, so that what a cookie allows
    must be asked for from here.
    """
    headers = _headers(request)
    origin = headers.get("origin")
    if not origin:
        return True
    own = {headers.get("host", "")}
    if os.environ.get("SPACE_ID"):
        own |= {host.strip() for host in os.environ.get("SPACE_HOST", "").split(",")}
    return origin.partition("://")[2] in own - {""}


def _headers(request: Any) -> dict[str, str]:
    headers = getattr(request, "headers", None) or {}
    return {str(name).lower(): str(value) for name, value in dict(headers).items()}


def _open_named() -> Store:
    from .store.database import open_store

    return open_store()
