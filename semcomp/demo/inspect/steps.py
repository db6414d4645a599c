"""Pictures after every iteration, kept in memory for as long as a visitor may scrub through them.

A browser fetches them one by one under an unguessable token. Nothing is written to disk; the
shelf is bounded, a visitor's new picture replaces their last, and leaving the page drops it.
"""

from __future__ import annotations

import io
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from PIL import Image

ORIGINAL = -1
"""Where the original stands among the pictures; 0 is before the first iteration."""
LIMIT = 256_000_000
"""Bytes on the shelf, all visitors together."""
MAX_AGE = 3600.0
"""Seconds after the last use."""


@dataclass(eq=False)
class Steps:
    """name: of the file, without suffix. data: the `.semc` file. pictures: WebP without loss.

    complete: whether all of them are there.
    """

    name: str
    data: bytes
    pictures: dict[int, bytes] = field(default_factory=dict)
    complete: bool = False
    owner: str = ""
    used: float = 0.0

    def add(self, k: int, picture: np.ndarray) -> None:
        """Keep the picture after k iterations, uint8 (H, W, 3)."""
        self.pictures[k] = lossless(picture)

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return len(self.data) + sum(map(len, self.pictures.values()))


class Shelf:
    """Steps by token. limit: bytes; the least recently used go first. max_age: seconds."""

    def __init__(self, limit: int = LIMIT, max_age: float = MAX_AGE) -> None:
        self.limit = limit
        self.max_age = max_age
        self._kept: OrderedDict[str, Steps] = OrderedDict()
        self._lock = Lock()

    def put(self, owner: str, steps: Steps) -> str:
        """Take what `owner` looks at from now on; returns the token. Their last one is dropped."""
        token = secrets.token_urlsafe(24)
        self.drop(owner)
        steps.owner, steps.used = owner, time.monotonic()
        with self._lock:
            self._kept[token] = steps
        self.sweep()
        return token

    def get(self, token: str) -> Steps | None:
        """The steps of a token, None once they are gone."""
        self.sweep()
        with self._lock:
            steps = self._kept.get(token)
            if steps is not None:
                steps.used = time.monotonic()
                self._kept.move_to_end(token)
            return steps

    def of(self, owner: str) -> Steps | None:
        """What an owner has on the shelf."""
        with self._lock:
            found = (steps for steps in self._kept.values() if steps.owner == owner)
            return next(found, None)

    def drop(self, owner: str) -> None:
        """Forget what an owner had, or every owner whose name starts with `owner/`."""
        with self._lock:
            for token, steps in list(self._kept.items()):
                if steps.owner == owner or steps.owner.startswith(f"{owner}/"):
                    del self._kept[token]

    def sweep(self) -> None:
        """Forget the old, and the least recently used beyond the limit; the newest always stays."""
        now = time.monotonic()
        with self._lock:
            for token, steps in list(self._kept.items()):
                if now - steps.used > self.max_age:
                    del self._kept[token]
            while len(self._kept) > 1 and self._size() > self.limit:
                self._kept.popitem(last=False)

    @property
    def size(self) -> int:
        """Bytes kept."""
        with self._lock:
            return self._size()

    def _size(self) -> int:
        return sum(steps.size for steps in self._kept.values())


def lossless(picture: np.ndarray) -> bytes:
    """uint8 (H, W, 3) -> WebP without loss: smaller and quicker to make than PNG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "WEBP", lossless=True, quality=0, method=0, exact=True)
    return stream.getvalue()


SHELF = Shelf()
"""The server's one shelf."""
