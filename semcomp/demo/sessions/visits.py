"""Whose kept work is whose: one session per visitor and picture, bounded, gone when they leave.

The sample pictures are everybody's, so their sessions are shared; an upload's is its visitor's.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from semcomp.demo.shared import work

from .runs import FIRST, Choice, chosen_model
from .session import Session

MAX_BYTES = 1 << 30
"""Most memory for all sessions together; the one not used for longest goes first."""
SHARED = ""
"""The owner of the sample pictures' sessions."""


@dataclass
class Visit:
    """What a visitor looks at: the picture's session and the settings of the result shown.

    wanted: grows with every change the visitor makes, so that work for an older one can stop.
    source: which upload and weights the session is of. notes: what was done to it. shown: other
    codecs' pictures as last shown (`semcomp.demo.compress.sides.Side`). pair: keys of what stands
    left and right.
    """

    session: Session
    choice: Choice = FIRST
    wanted: int = 0
    source: tuple[str, int, str] | None = None
    notes: list[str] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)
    pair: tuple[str, str] | None = None

    def beside(self, pair: tuple[str, str]) -> tuple[str, str]:
        """What is to stand left and right now: what the visitor chose last, else `pair`.

        An event is told what was chosen when it was sent; it may have waited since.
        """
        if self.pair is None:
            self.pair = pair
        return self.pair


class Visits:
    """Sessions by owner and picture, and every visitor's visit."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._sessions: OrderedDict[tuple[str, str, str], Session] = OrderedDict()
        self._visits: dict[str, Visit] = {}
        self._awaiting: dict[str, tuple[str, str] | None] = {}  # visitor -> `Visit.pair`
        self._lock = Lock()

    def get(
        self,
        visitor: str,
        picture: NDArray[np.uint8],
        name: str = "picture",
        shared: bool = False,
        model: str | None = None,
    ) -> Session:
        """The session of a picture uint8 (H, W, 3) under some weights, kept from before or new.

        visitor: `identity` of the request. name: stem for the files. shared: for pictures that
        are everybody's. model: name of the weights, None for `chosen_model`.
        """
        model = model or chosen_model()
        key = SHARED if shared else visitor, work.digest(picture), model
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                session = self._sessions[key] = Session(picture, name, model)
            self._sessions.move_to_end(key)
            self._evict(key)
            return session

    def visit(self, visitor: str, session: Session) -> Visit:
        """Note that the visitor now looks at this session; an earlier picture of theirs goes."""
        with self._lock:
            visit = self._visits.get(visitor)
            if visit is None or visit.session is not session:
                self._forget(visitor, session)
                visit = self._visits[visitor] = Visit(session, pair=self._awaiting.get(visitor))
            self._awaiting.pop(visitor, None)
            return visit

    def await_picture(self, visitor: str) -> None:
        """Note that the visitor has another picture on its way, or none: the former one goes.

        Work for it stops, and `current` knows of nothing until `visit`.
        """
        with self._lock:
            self._forget(visitor)

    def awaits(self, visitor: str) -> bool:
        """Whether a visitor's picture is on its way, or gone."""
        with self._lock:
            return visitor in self._awaiting

    def _forget(self, visitor: str, but: Session | None = None) -> None:
        """Drop a visit and the visitor's own sessions; only what they put side by side stays."""
        visit = self._visits.pop(visitor, None)
        if visit is not None:
            visit.wanted += 1
        self._awaiting.setdefault(visitor, visit.pair if visit else None)
        for key in [k for k, s in self._sessions.items() if k[0] == visitor and s is not but]:
            del self._sessions[key]

    def current(self, visitor: str) -> Visit | None:
        """What the visitor looks at in the first tab; None before the first result."""
        with self._lock:
            return self._visits.get(visitor)

    def any(self) -> bool:
        """Whether anybody is here."""
        with self._lock:
            return bool(self._visits)

    def leave(self, visitor: str) -> None:
        """Forget a visitor and their uploads' sessions."""
        with self._lock:
            self._forget(visitor)
            del self._awaiting[visitor]

    @property
    def nbytes(self) -> int:
        """About how much memory all sessions keep."""
        with self._lock:
            return sum(session.nbytes for session in self._sessions.values())

    def _evict(self, newest: tuple[str, str, str]) -> None:
        total = sum(session.nbytes for session in self._sessions.values())
        for key in list(self._sessions):
            if total <= self.max_bytes or key == newest:
                return
            session = self._sessions.pop(key)
            total -= session.nbytes
            for visitor in [v for v, visit in self._visits.items() if visit.session is session]:
                self._forget(visitor)


def identity(request: gr.Request | None) -> str:
    """Whom a request is from: the page's session, which ends with the page."""
    return (request and request.session_hash) or "nobody"


VISITS = Visits()
"""The page's."""
