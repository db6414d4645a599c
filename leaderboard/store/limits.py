"""How much one submitter, and everybody together, may send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from .errors import TooMany
from .models import EntryRow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Rates:
    """Most entries that are taken.

    per_hour, per_day: from one submitter. waiting: undecided ones of one submitter at a time.
    board_per_day: from all together, should somebody have many addresses.
    """

    per_hour: int = 10
    per_day: int = 30
    waiting: int = 20
    board_per_day: int = 500


def check_rates(session: Session, rates: Rates, submitter: str, now: datetime) -> None:
    """Raise TooMany if another entry of this submitter would be too much.

    Runs in the transaction that adds the entry, with the submitter locked (`entries.add`), so that
    many at once cannot slip through together.
    """
    own = EntryRow.submitter == submitter
    for who, condition, most, span, name in (
        ("you have", own, rates.per_hour, HOUR, "an hour"),
        ("you have", own, rates.per_day, DAY, "a day"),
        ("the board has", true(), rates.board_per_day, DAY, "a day"),
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
