"""Votes of the blind comparison: stored whole or not at all, with nothing of who voted.

A visit is a number and a day; its address is known to the page's memory alone. A class is a code.
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import starmap
from typing import Literal

from sqlalchemy import delete, func, select

from .engine import Database
from .errors import NotFound, StoreError
from .models import BlindClassRow, BlindVisitRow, BlindVoteRow

Choice = Literal["left", "right", "none"]
CHOICES: tuple[Choice, ...] = ("left", "right", "none")
NONE = "none"
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Characters of class codes: none that is taken for another."""
CODE = 6
"""Characters of a class code."""
UNUSED = timedelta(days=30)
"""How long a class code without a vote is kept."""
MOST_CLASSES = 20_000
MOST_VISITS = 400
"""Visits of one class."""


@dataclass(frozen=True)
class Vote:
    """One answer. picture: its name with its data set's. rate: bits per pixel, 0 for a check.

    left, right: names of codecs, of a check what its sides are. seconds: taken to answer.
    """

    picture: str
    rate: float
    left: str
    right: str
    choice: Choice
    seconds: float
    visit: int = 0
    number: int = 0
    day: str = ""

    @property
    def chosen(self) -> str:
        """The codec that was chosen; "none" for no difference seen."""
        return {"left": self.left, "right": self.right}.get(self.choice, NONE)


class Votes(Database):
    """The votes, and the classes that have codes."""

    def add_vote(
        self, vote: Vote, visit: int | None, number: int, *, public: bool, class_code: str | None
    ) -> int:
        """Store the answer of a visit's round; returns the visit's number.

        visit: None for the first answer, which makes the visit: public (counts for all) or not, of
        a class or of none. Raises NotFound for an unknown class, StoreError for a full one.
        """
        with self._writing() as session:
            if visit is None:
                if class_code is not None:
                    if session.get(BlindClassRow, class_code, with_for_update=True) is None:
                        raise NotFound(f"no class has the code {class_code}: ask for it again")
                    mine = BlindVisitRow.class_code == class_code
                    query = select(func.count()).select_from(BlindVisitRow).where(mine)
                    if (session.scalar(query) or 0) >= MOST_VISITS:
                        raise StoreError(
                            "this class has all the visits it may have: make a new code"
                        )
                day = self._now(session).strftime("%Y-%m-%d")
                row = BlindVisitRow(day=day, class_code=class_code, public=public)
                session.add(row)
                session.flush()
                visit = row.id
            session.add(
                BlindVoteRow(
                    visit_id=visit,
                    number=number,
                    picture=vote.picture,
                    rate=vote.rate,
                    left_codec=vote.left,
                    right_codec=vote.right,
                    choice=vote.choice,
                    seconds=vote.seconds,
                )
            )
            return visit

    def answers(self, vote: Vote) -> Counter[str]:
        """What was chosen in a pair by all who have seen it: votes by codec, or by "none"."""
        row = BlindVoteRow
        sides = (vote.left, vote.right)
        query = (
            select(row.left_codec, row.right_codec, row.choice, func.count())
            .where(row.picture == vote.picture, row.rate == vote.rate)
            .where(row.left_codec.in_(sides), row.right_codec.in_(sides))
            .group_by(row.left_codec, row.right_codec, row.choice)
        )
        count: Counter[str] = Counter()
        with self._reading() as session:
            for left, right, choice, votes in session.execute(query):
                count[{"left": left, "right": right}.get(choice, NONE)] += votes
        return count

    def votes(self, class_code: str | None = None) -> list[Vote]:
        """All public votes, or all of a class, in the order of visits and rounds."""
        row, visit = BlindVoteRow, BlindVisitRow
        mine = visit.public if class_code is None else visit.class_code == class_code
        query = (
            select(
                *(row.picture, row.rate, row.left_codec, row.right_codec, row.choice),
                *(row.seconds, row.visit_id, row.number, visit.day),
            )
            .join(visit, visit.id == row.visit_id)
            .where(mine)
            .order_by(row.visit_id, row.number)
        )
        with self._reading() as session:
            return list(starmap(Vote, session.execute(query)))

    def count_votes(self) -> int:
        """How many votes there are, of all kinds."""
        with self._reading() as session:
            return session.scalar(select(func.count()).select_from(BlindVoteRow)) or 0

    def make_class(self) -> str:
        """A new class's code. Codes that nobody has used for a month go. Raises StoreError."""
        with self._writing() as session:
            now = self._now(session)
            used = select(BlindVisitRow.class_code).where(BlindVisitRow.class_code.is_not(None))
            old = (BlindClassRow.made < now - UNUSED) & BlindClassRow.code.not_in(used)
            session.execute(delete(BlindClassRow).where(old))
            count = session.scalar(select(func.count()).select_from(BlindClassRow)) or 0
            if count >= MOST_CLASSES:
                raise StoreError("no more class codes can be made now: try again next month")
            code = "".join(secrets.choice(ALPHABET) for _ in range(CODE))
            session.add(BlindClassRow(code=code, made=now))
            return code

    def is_class(self, code: str) -> bool:
        """Whether a class has this code."""
        with self._reading() as session:
            return session.get(BlindClassRow, code) is not None
