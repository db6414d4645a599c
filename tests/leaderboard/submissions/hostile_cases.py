"""What a hostile submission is, and short ways to write one down."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.submitted import METHOD, csv_of, rows, with_value


@dataclass(frozen=True)
class Hostile:
    """name: what it tries. make: the file's bytes. message: a whole line of what it is told,
    but for the indent. method: the description, as JSON's bytes.
    """

    name: str
    make: Callable[[], bytes]
    message: str
    method: bytes = field(default=json.dumps(METHOD).encode())


def table(name: str, message: str, column: str, value: Any, index: int = 0) -> Hostile:
    """A CSV with one value changed."""
    return Hostile(name, lambda: csv_of(with_value(column, value, index)).encode(), message)


def text(name: str, message: str, content: str | bytes) -> Hostile:
    """A file as it is."""
    data = content.encode() if isinstance(content, str) else content
    return Hostile(name, lambda: data, message)


def described(name: str, message: str, /, **changes: Any) -> Hostile:
    """Honest results under a hostile description."""
    data = json.dumps(METHOD | changes).encode()
    return Hostile(name, lambda: csv_of(rows()).encode(), message, data)
