"""What a hostile submission is; `tests/leaderboard/submissions` has tables of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.submitted import METHOD


@dataclass(frozen=True)
class Hostile:
    """name: what it tries. make: the file's bytes. message: a whole line of what it is told,
    but for the indent. method: the description, as JSON's bytes.
    """

    name: str
    make: Callable[[], bytes]
    message: str
    method: bytes = field(default=json.dumps(METHOD).encode())


def text(name: str, message: str, content: str | bytes) -> Hostile:
    """A file as it is."""
    data = content.encode() if isinstance(content, str) else content
    return Hostile(name, lambda: data, message)
