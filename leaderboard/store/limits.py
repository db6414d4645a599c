"""How much one submitter, and everybody together, may send."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, text
from sqlalchemy.orm import Session

from .errors import TooMany
from .models import EntryRow, TryRow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPERATOR = "operator"
"""The submitter at the shell, who has the database itself: a limit would keep them from nothing."""


@dataclass(frozen=True)
class Rates:
    """Most entries that are taken, and most files that are looked at.

    per_hour, per_day: from one submitter. waiting: undecided ones of one submitter at a time.
    board_per_day: from all together, should somebody have many addresses. tries_per_hour: files
    that are checked for one submitter, whether they are stored or not.
    """

    per_hour: int = 10
    per_day: int = 30
    waiting: int = 20
    board_per_day: int = 500
    tries_per_hour: int = 120


def count_try(session: Session, rates: Rates, submitters: Collection[str], now: datetime) -> None:
    """Note that a file is checked for somebody who has an address, and perhaps an account.

    Raises TooMany if it is too much for one of them, and then notes it for none.
    """
    lock_names(session, *(f"tries {each}" for each in submitters))
    session.execute(delete(TryRow).where(TryRow.at <= now - HOUR))
    for each in submitters:
        query = select(TryRow.at).where(TryRow.submitter == each).order_by(TryRow.at.desc())
        last = session.scalar(query.offset(rates.tries_per_hour - 1).limit(1))
        if last is not None:
            wait = (last + HOUR - now).total_seconds()
            raise TooMany(
                f"{rates.tries_per_hour} files were checked for you within an hour, which is all "
                f"that is done: try again in {_in_words(wait)}, or check on your own machine with "
                "python -m leaderboard submit FILE --check",
                wait,
            )
        session.add(TryRow(submitter=each, at=now))


def lock_names(session: Session, *names: str) -> None:
    """Keep others who lock one of these names waiting until this transaction ends.

    SQLite has one writer at a time anyway.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    for name in sorted(names):
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name}
        )


def check_rates(session: Session, rates: Rates, submitter: str, now: datetime) -> None:
    """Raise TooMany if another entry of this submitter would be too much.

    Runs in the transaction that adds the entry, with the submitter locked (`entries.add`), so that
    many at once cannot slip through together. `OPERATOR` has no limit.
    """
    if submitter == OPERATOR:
        return
    own = EntryRow.submitter == submitter
    for who, condition, most, span, name in (
        ("you have", own, rates.per_hour, HOUR, "an hour"),
        ("you have", own, rates.per_day, DAY, "a day"),
        ("the board has", EntryRow.submitter != OPERATOR, rates.board_per_day, DAY, "a day"),
    ):
        wait = _wait(session, condition, most, span, now)
        if wait is not None:
            verb = "sent" if who == "you have" else "received"
            raise TooMany(
                f"{who} {verb} {most} entries within {name}, which is all that is taken: try "
                f"again in {_in_words(wait)}",
                wait,
            )
    undecided = select(func.count()).where(own, EntryRow.state.in_(("scoring", "pending")))
    if (session.scalar(undecided) or 0) >= rates.waiting:
        raise TooMany(
            f"{rates.waiting} of your entries wait for review already: withdraw one of them, or "
            "wait until some are decided",
            HOUR.total_seconds(),
        )


def _wait(
    session: Session, condition: ColumnElement[bool], most: int, span: timedelta, now: datetime
) -> float | None:
    """Seconds until fewer than `most` entries lie within the span; None if it is so already."""
    query = (
        select(EntryRow.submitted_at)
        .where(condition, EntryRow.submitted_at > now - span)
        .order_by(EntryRow.submitted_at.desc())
        .offset(most - 1)
        .limit(1)
    )
    last = session.scalar(query)
    return None if last is None else (last + span - now).total_seconds()


def _in_words(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return "a minute" if minutes == 1 else f"{minutes} minutes"
    hours = round(minutes / 60)
    return "an hour" if hours == 1 else f"{hours} hours"
