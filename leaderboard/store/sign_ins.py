"""Sign-ins of maintainers, in the database so that they hold in every replica.

Neither keys nor addresses are stored, only hashes of them that the caller makes. A wrong token is
counted in a transaction of its own, so that many at once are all counted.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from .engine import Database
from .limits import lock_names
from .models import SignInRow, WrongTokenRow

FAILURES, PAUSE = 5, 900.0
"""Wrong tokens from one address, and the seconds it then has to wait."""
FORGOTTEN = 24 * 3600.0
"""Seconds after which wrong tokens no longer count."""
IDLE, LONGEST = 3600.0, 12 * 3600.0
"""Seconds after which a key ends: unused, and in any case."""
MOST = 10_000
"""Addresses and keys remembered, so that nobody fills the database."""
_NOTED = 30.0
"""Seconds between notes of a key's use, so that not every click writes."""


class SignIns(Database):
    """Sign-ins, the same in every replica. Keys and addresses come as hashes, hex."""

    def knock(self, address: str, right: bool) -> float:
        """Count a token from an address; returns the seconds it is locked out for, 0 if it is not.

        right: whether it was the token, which sets the count back unless the address is locked out.
        """
        with self._writing() as session:
            now = self._seconds(session)
            lock_names(session, f"door {address}")
            session.execute(delete(WrongTokenRow).where(WrongTokenRow.last <= now - FORGOTTEN))
            row = session.get(WrongTokenRow, address, with_for_update=True)
            if row is not None and now < row.locked_until:
                return row.locked_until - now
            if right:
                if row is not None:
                    session.delete(row)
                return 0.0
            if row is None:
                _make_room(session)
                row = WrongTokenRow(address=address, failures=0, last=now, locked_until=0.0)
                session.add(row)
            row.failures, row.last = row.failures + 1, now
            if row.failures >= FAILURES:
                row.failures, row.locked_until = 0, now + PAUSE
            return 0.0

    def enter(self, key: str, name: str) -> None:
        """Let a key in under a name.

        Keys that have ended go, and the oldest if there are too many.
        """
        with self._writing() as session:
            now = self._seconds(session)
            session.execute(delete(SignInRow).where(_ended(now)))
            oldest = select(SignInRow.key).order_by(SignInRow.ends.desc()).offset(MOST - 1)
            ended = list(session.scalars(oldest))
            session.execute(delete(SignInRow).where(SignInRow.key.in_(ended)))
            session.add(SignInRow(key=key, name=name, used=now, ends=now + LONGEST))

    def who(self, key: str) -> str | None:
        """The name of who has a key, whose idle time starts anew; None if it has ended."""
        with self._reading() as session:
            now = self._seconds(session)
            row = session.get(SignInRow, key)
            if row is None or now >= row.ends or now - row.used >= IDLE:
                return None
            name, stale = row.name, now - row.used >= _NOTED
        if stale:
            with self._writing() as session:
                now = self._seconds(session)
                known = SignInRow.key == key, ~_ended(now)  # it may have ended meanwhile
                session.execute(update(SignInRow).where(*known).values(used=now))
        return name

    def leave(self, key: str) -> None:
        """Make a key useless, in every replica at once; unknown ones are ignored."""
        with self._writing() as session:
            session.execute(delete(SignInRow).where(SignInRow.key == key))


def _ended(now: float) -> ColumnElement[bool]:
    return (SignInRow.ends <= now) | (SignInRow.used <= now - IDLE)


def _make_room(session: Session) -> None:
    count = session.scalar(select(func.count()).select_from(WrongTokenRow)) or 0
    if count >= MOST:
        oldest = select(WrongTokenRow.address).order_by(WrongTokenRow.last)
        rows = list(session.scalars(oldest.limit(count - MOST + 1)))
        session.execute(delete(WrongTokenRow).where(WrongTokenRow.address.in_(rows)))
