"""Column types that mean the same in SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import DateTime, Dialect, Text, TypeDecorator


class PlainText(TypeDecorator[str]):
    """Text as it came, except for the characters that PostgreSQL does not take.

    NUL and lone surrogates become the replacement character.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Text on its way into the database."""
        if value is None:
            return None
        whole = value.replace("\0", "\ufffd")
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in whole)


class JsonText(TypeDecorator[Any]):
    """A JSON value as ASCII text, so that every character that JSON knows survives."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """A value on its way into the database. Raises ValueError for NaN and infinities."""
        return None if value is None else json.dumps(value, allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """A value on its way out."""
        return None if value is None else json.loads(value)


class UtcTime(TypeDecorator[datetime]):
    """A moment with its time zone, always UTC; SQLite itself forgets zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """A moment on its way into the database. Raises ValueError for one without a zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """A moment on its way out."""
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)
