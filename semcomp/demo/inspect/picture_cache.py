"""Pictures that a browser fetches one by one, kept in memory for as long as a visitor looks.

A browser asks for them under an unguessable token. Nothing is written to disk; the cache is
bounded, a visitor's new pictures replace their last, and leaving the page drops them.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from semcomp.image import to_file

ORIGINAL = -1
"""Where the original stands among the pictures; 0 is before the first iteration."""
LIMIT = 256_000_000
"""Bytes in the cache, all visitors together."""
MAX_AGE = 3600.0
"""Seconds after the last use."""
GONE = "These steps are no longer kept here; start again to see them."


@dataclass(eq=False)
class PictureSet:
    """What one visitor looks at in one place, such as a file after every iteration.

    name: of the file, without suffix. data: the `.semc` file. pictures: WebP without loss.
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
        # WebP at its fastest is smaller and quicker to make than PNG.
        self.pictures[k] = to_file(picture, "WEBP", lossless=True, quality=0, method=0, exact=True)

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return len(self.data) + sum(map(len, self.pictures.values()))


class PictureCache:
    """Picture sets by token.

    limit: bytes; the least recently used go first. max_age: seconds.
    """

    def __init__(self, limit: int = LIMIT, max_age: float = MAX_AGE) -> None:
        self.limit = limit
        self.max_age = max_age
        self._sets: OrderedDict[str, PictureSet] = OrderedDict()
        self._lock = Lock()

    def put(self, owner: str, pictures: PictureSet) -> str:
        """Take what `owner` looks at from now on; returns the token. Their last one is dropped."""
        token = secrets.token_urlsafe(24)
        self.drop(owner)
        pictures.owner, pictures.used = owner, time.monotonic()
        with self._lock:
            self._sets[token] = pictures
        self.sweep()
        return token

    def get(self, token: str) -> PictureSet | None:
        """The pictures of a token, None once they are gone."""
        self.sweep()
        with self._lock:
            pictures = self._sets.get(token)
            if pictures is not None:
                pictures.used = time.monotonic()
                self._sets.move_to_end(token)
            return pictures

    def of(self, owner: str) -> PictureSet | None:
        """What an owner has in the cache."""
        with self._lock:
            return next((each for each in self._sets.values() if each.owner == owner), None)

    def drop(self, owner: str) -> None:
        """Forget what an owner had, or every owner whose name starts with `owner/`."""
        with self._lock:
            for token, pictures in list(self._sets.items()):
                if pictures.owner == owner or pictures.owner.startswith(f"{owner}/"):
                    del self._sets[token]

    def sweep(self) -> None:
        """Forget the old, and the least recently used beyond the limit; the newest always stays."""
        now = time.monotonic()
        with self._lock:
            for token, pictures in list(self._sets.items()):
                if now - pictures.used > self.max_age:
                    del self._sets[token]
            while len(self._sets) > 1 and self._size() > self.limit:
                self._sets.popitem(last=False)

    @property
    def size(self) -> int:
        """Bytes in memory."""
        with self._lock:
            return self._size()

    def _size(self) -> int:
        return sum(pictures.size for pictures in self._sets.values())


CACHE = PictureCache()
"""The server's."""


def lookup(query: Any) -> tuple[PictureSet | None, int]:
    """The pictures and the k that a browser asks for as [token, k]; anything may come from there.

    None: they are gone, or the query makes no sense.
    """
    if not (isinstance(query, list) and len(query) == 2):
        return None, 0
    token, k = query
    if not (isinstance(token, str) and isinstance(k, int)):
        return None, 0
    return CACHE.get(token), k


def frame(query: list[Any]) -> dict[str, Any]:
    """For the browser: [token, k] -> the picture after k iterations, or why there is none."""
    pictures, k = lookup(query)
    picture = None if pictures is None else pictures.pictures.get(k)
    if picture is None:
        return {"error": GONE}
    return {"picture": "data:image/webp;base64," + base64.b64encode(picture).decode()}
