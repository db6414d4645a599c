"""The board's tables.

::

    board ─ one row: revision, salt
    entries ─┬─ contacts        how to reach the submitter; no listing reads this table
             ├─ results         packed rows of a scored or self-reported entry
             ├─ uploads ─ upload_chunks     the file as it came
             ├─ jobs            what is still to be scored
             ├─ bd_rates        its BD-rates against the page's anchors
             └─ history         every change of state, never changed or deleted
    tries ─ who had a file checked within the last hour
    sign_ins, wrong_tokens ─ maintainers on the page, and who guesses at their token
    blind_classes ─ blind_visits ─ blind_votes     the blind comparison; nothing of who voted

Changes of this module need a migration (`migrations/versions`); a test compares the two.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

STATES = ("scoring", "pending", "approved", "rejected", "withdrawn", "superseded", "failed")
"""Where an entry can stand."""
ACTIVE = ("scoring", "pending", "approved")
"""States in which an entry's file may be on the board only once."""


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


class Base(DeclarativeBase):
    """Tables whose constraints have names, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class BoardRow(Base):
    """What concerns the board as a whole; one row, id 1."""

    __tablename__ = "board"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    revision: Mapped[int]
    """Grows with every change of what the public board shows."""
    salt: Mapped[str] = mapped_column(String(64))
    """Secret; hashes of visitors' addresses are made with it, the same in every replica."""


class EntryRow(Base):
    """One submission, whatever became of it."""

    __tablename__ = "entries"
    __table_args__ = (
        Index("ix_entries_state", "state", "dataset"),
        Index("ix_entries_submitter", "submitter", "submitted_at"),
        {"sqlite_autoincrement": True},  # an id is never used again
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    dataset: Mapped[str] = mapped_column(PlainText)
    method: Mapped[dict[str, Any]] = mapped_column(JsonText)
    """`Method.to_json()`, without the contact."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the upload, hex."""
    content: Mapped[str | None] = mapped_column(String(64), index=True)
    """SHA-256 of what the upload says however it is packed (`submissions.content`), hex; None for
    entries of before 0003."""
    claim: Mapped[str | None] = mapped_column(String(64), unique=True)
    """The content (before 0003 the digest) while the entry is active, so that the database itself
    refuses a second one; None for an entry that waits to take the place of another with the same
    content."""
    submitter: Mapped[str] = mapped_column(PlainText)
    """A hash of an address or an account, never the thing itself."""
    receipt: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the receipt, hex; the receipt itself is stored nowhere."""
    submitted_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decided_by: Mapped[str | None] = mapped_column(PlainText)
    reason: Mapped[str] = mapped_column(PlainText)
    incomplete: Mapped[list[str]] = mapped_column(JsonText)
    replaces: Mapped[int | None] = mapped_column(ForeignKey("entries.id"), index=True)
    superseded_by: Mapped[int | None] = mapped_column(ForeignKey("entries.id"))


class ContactRow(Base):
    """How to reach a submitter; read by nothing but `Store.contact` and private transfers."""

    __tablename__ = "contacts"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), primary_key=True)
    contact: Mapped[str] = mapped_column(JsonText)


class ResultsRow(Base):
    """Rows of an entry, see `packing`."""

    __tablename__ = "results"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), primary_key=True)
    packed: Mapped[bytes] = mapped_column(LargeBinary)


class UploadRow(Base):
    """The file of an entry; its bytes are in `ChunkRow`."""

    __tablename__ = "uploads"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), primary_key=True)
    suffix: Mapped[str] = mapped_column(String(8))
    size: Mapped[int] = mapped_column(BigInteger)
    purged_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When its bytes were let go; None while they are here."""


class ChunkRow(Base):
    """A piece of an upload, so that no file is in memory whole."""

    __tablename__ = "upload_chunks"

    entry_id: Mapped[int] = mapped_column(ForeignKey("uploads.entry_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class JobRow(Base):
    """Scoring that is still to be done; gone when it is."""

    __tablename__ = "jobs"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), primary_key=True)
    attempts: Mapped[int]
    token: Mapped[str | None] = mapped_column(String(64))
    """Made anew with every claim, so that a worker that was given up cannot write."""
    worker: Mapped[str | None] = mapped_column(PlainText)
    lease_until: Mapped[float] = mapped_column(Double, index=True)
    """Seconds since 1970 by the database's clock; 0 for a job nobody has had yet."""
    done: Mapped[int]
    total: Mapped[int]


class BdRateRow(Base):
    """How a complete entry stands against an anchor by one score, or why it does not."""

    __tablename__ = "bd_rates"
    __table_args__ = (Index("ix_bd_rates_anchor", "anchor", "metric"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), primary_key=True)
    anchor: Mapped[str] = mapped_column(PlainText, primary_key=True)
    metric: Mapped[str] = mapped_column(String(16), primary_key=True)
    basis: Mapped[str] = mapped_column(String(64))
    """Hash of the anchor's results that it was computed with; with others it is stale."""
    pictures: Mapped[int]
    """How many of the anchor's pictures the entry has."""
    percent: Mapped[float | None] = mapped_column(Double)
    low: Mapped[float | None] = mapped_column(Double)
    high: Mapped[float | None] = mapped_column(Double)
    overlap: Mapped[float | None] = mapped_column(Double)
    images: Mapped[list[float]] = mapped_column(JsonText)
    """Every picture's own percent, in order of the pictures' names."""
    note: Mapped[str] = mapped_column(PlainText)
    """Why there is no number; empty if there is one."""


class HistoryRow(Base):
    """One change of an entry's state."""

    __tablename__ = "history"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    by: Mapped[str] = mapped_column(PlainText)
    action: Mapped[str] = mapped_column(String(16))
    before: Mapped[str | None] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(PlainText)


class TryRow(Base):
    """Somebody had a file checked; kept for as long as it counts."""

    __tablename__ = "tries"
    __table_args__ = (Index("ix_tries_submitter", "submitter", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    submitter: Mapped[str] = mapped_column(PlainText)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class SignInRow(Base):
    """A maintainer who has signed in on a page. Times are seconds since 1970."""

    __tablename__ = "sign_ins"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """A hash of the page's key, hex; the key itself is stored nowhere."""
    name: Mapped[str] = mapped_column(PlainText)
    used: Mapped[float] = mapped_column(Double)
    ends: Mapped[float] = mapped_column(Double)


class WrongTokenRow(Base):
    """Wrong tokens from one address. Times are seconds since 1970."""

    __tablename__ = "wrong_tokens"

    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    """A hash of it, hex."""
    failures: Mapped[int]
    last: Mapped[float] = mapped_column(Double, index=True)
    locked_until: Mapped[float] = mapped_column(Double)


class BlindClassRow(Base):
    """A code under which a class votes and sees its own result."""

    __tablename__ = "blind_classes"

    code: Mapped[str] = mapped_column(String(8), primary_key=True)
    made: Mapped[datetime] = mapped_column(UtcTime)


class BlindVisitRow(Base):
    """Somebody's rounds of the blind comparison; nothing here says whose."""

    __tablename__ = "blind_visits"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(String(10))
    """YYYY-MM-DD; no time of day is kept."""
    class_code: Mapped[str | None] = mapped_column(ForeignKey("blind_classes.code"), index=True)
    public: Mapped[bool] = mapped_column(Boolean)
    """False for visits beyond an address's share: they count for their class alone."""


class BlindVoteRow(Base):
    """One answer of a visit."""

    __tablename__ = "blind_votes"
    __table_args__ = (Index("ix_blind_votes_picture", "picture", "rate"),)

    visit_id: Mapped[int] = mapped_column(ForeignKey("blind_visits.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The round, from 1."""
    picture: Mapped[str] = mapped_column(PlainText)
    rate: Mapped[float] = mapped_column(Double)
    """Bits per pixel that the pair stands for; 0 for a check."""
    left_codec: Mapped[str] = mapped_column(PlainText)
    right_codec: Mapped[str] = mapped_column(PlainText)
    choice: Mapped[str] = mapped_column(String(8))
    """left, right or none."""
    seconds: Mapped[float] = mapped_column(Double)
    """From the pictures' showing to the answer."""
