"""Entries arrive and are read; `decisions` has what becomes of them afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from .decisions import SUBMITTER, change, record, same_as
from .engine import Database
from .errors import Duplicate, StoreError, WrongState
from .limits import check_rates, count_try, lock_names
from .models import ACTIVE, STATES, BoardRow, ContactRow, EntryRow, HistoryRow, JobRow
from .records import (
    Entry,
    Event,
    Receipt,
    entries_query,
    entry_of,
    new_receipt,
    read,
    receipt_hash,
    row_of_receipt,
)
from .results import put_results
from .uploads import fetch, purge_old, store_upload

if TYPE_CHECKING:
    from leaderboard.submissions.inspection import Inspected


LEAST_ROOM = 20_000_000
"""Bytes that must be free on the disk of a board's file."""


class Entries(Database):
    """What was sent, and the board as a whole."""

    def revision(self) -> int:
        """A number that grows with every change of what the public board shows; cheap to ask."""
        with self._reading() as session:
            return session.scalars(select(BoardRow.revision)).one()

    def check(self) -> None:
        """Raise StoreError unless the board answers and has room for more."""
        if self._engine.dialect.name == "sqlite":
            path = Path(str(self._engine.url.database))
            if not path.exists():  # the open file would go on answering until it is closed
                raise StoreError("the board's file is gone: put a backup back")
            if shutil.disk_usage(path.parent).free < LEAST_ROOM:
                raise StoreError("there is no room left on the board's disk: make some")
        self.revision()

    def salt(self) -> str:
        """A secret of this board, the same in every replica, to hash visitors' addresses with."""
        with self._reading() as session:
            return session.scalars(select(BoardRow.salt)).one()

    def count_try(self, *submitters: str) -> None:
        """Note that a file is about to be checked, stored or not, for an address and an account.

        Raises TooMany if it is too much for one of them, and then notes it for none.
        """
        with self._writing() as session:
            count_try(session, self._rates, submitters, self._now(session))

    def add(
        self, inspected: Inspected, upload: Path, *, submitter: str, replaces: str | None = None
    ) -> Receipt:
        """Store a submission and its file; the receipt is given this once.

        The entry is *pending* if self-reported, else *scoring*, with a job in the queue.
        submitter: a hash of an address or account; `limits.OPERATOR` for whoever has the database
        itself, whom no limit holds. replaces: receipt of an earlier entry; if that
        is undecided it leaves the review at once, if it is approved it stays on the board until
        this one is approved. Raises Duplicate, TooMany, NotFound or WrongState for the receipt.
        """
        with self._writing() as session:
            now = self._now(session)
            content = inspected.content or inspected.digest
            names = f"submitter {submitter}", f"file {inspected.digest}", f"content {content}"
            lock_names(session, *names)
            check_rates(session, self._rates, submitter, now)
            if inspected.kind == "self-reported" and inspected.results is None:
                raise ValueError("a self-reported submission comes with its results")
            old = None if replaces is None else _replaceable(session, replaces)
            _refuse_duplicate(session, same_as(inspected.digest, content), old)
            given_up = [] if old is None else _undecided(session, old)
            for each in given_up:
                each.claim = None
            session.flush()  # before the new entry claims what may be the same file
            token = new_receipt()
            row = EntryRow(
                **_columns(inspected, content, old),
                submitter=submitter,
                receipt=receipt_hash(token),
                submitted_at=now,
            )
            session.add(row)
            session.flush()
            session.add(ContactRow(entry_id=row.id, contact=inspected.method.contact))
            record(session, row.id, now, SUBMITTER, "submit", None, row.state)
            if inspected.results is not None and row.state == "pending":
                put_results(session, row.id, inspected.results)
            else:
                session.add(JobRow(entry_id=row.id, attempts=0, lease_until=0.0, done=0, total=0))
            store_upload(session, row.id, upload, inspected.digest)
            for each in given_up:
                each.superseded_by = row.id
                reason = "replaced by its submitter"
                change(
                    session,
                    each,
                    "superseded",
                    at=now,
                    by=SUBMITTER,
                    action="replace",
                    reason=reason,
                )
            session.flush()
            return Receipt(token, read(session, row.id))

    def lookup(self, receipt: str) -> Entry:
        """The entry of a receipt. Raises NotFound."""
        with self._reading() as session:
            return read(session, row_of_receipt(session, receipt).id)

    def entry(self, id: int) -> Entry:
        """One entry. Raises NotFound."""
        with self._reading() as session:
            return read(session, id)

    def entries(self, states: Collection[str], dataset: str | None = None) -> list[Entry]:
        """Entries in any of some states, oldest first, of one data set or of all.

        Raises ValueError for a state that does not exist.
        """
        unknown = sorted(set(states) - set(STATES))
        if unknown:
            raise ValueError(f"no state {', '.join(unknown)}: use some of {', '.join(STATES)}")
        query = entries_query().where(EntryRow.state.in_(states)).order_by(EntryRow.id)
        if dataset is not None:
            query = query.where(EntryRow.dataset == dataset)
        with self._reading() as session:
            return [entry_of(*each) for each in session.execute(query)]

    def history(self, id: int) -> list[Event]:
        """What happened to an entry, oldest first. Raises NotFound."""
        with self._reading(snapshot=True) as session:
            read(session, id)
            query = select(HistoryRow).where(HistoryRow.entry_id == id).order_by(HistoryRow.id)
            return [
                Event(row.at, row.by, row.action, row.before, row.after, row.reason)
                for row in session.scalars(query)
            ]

    def contact(self, id: int) -> str:
        """How to reach a submitter; the caller makes sure a maintainer asks. Raises NotFound."""
        with self._reading() as session:
            read(session, id)
            return session.get_one(ContactRow, id).contact

    @contextmanager
    def upload(self, id: int) -> Iterator[Path]:
        """The file that was sent, as a temporary one with the same suffix.

        Raises NotFound if there is no such entry or its file is kept no longer, and StoreError if
        its bytes are no longer those that were sent.
        """
        with self._reading(snapshot=True) as session, fetch(session, id) as path:
            yield path

    def purge_uploads(self, days: float) -> int:
        """Let go of files of entries that were rejected, failed or withdrawn so long ago.

        Everything else of an entry stays. Returns how many went.
        """
        with self._writing() as session:
            now = self._now(session)
            return purge_old(session, now - timedelta(days=days), now)


def _columns(inspected: Inspected, content: str, old: EntryRow | None) -> dict[str, Any]:
    """A new entry as the checks describe it. old: the one it replaces."""
    # One that waits to take the place of the same contents leaves the claim to it till then.
    waits = old is not None and old.claim in (content, inspected.digest)
    return {
        "state": "pending" if inspected.kind == "self-reported" else "scoring",
        "kind": inspected.kind,
        "dataset": inspected.method.dataset,
        "method": inspected.method.to_json(contact=False),
        "digest": inspected.digest,
        "content": content,
        "claim": None if waits else content,
        "reason": "",
        "incomplete": list(inspected.incomplete),
        "replaces": None if old is None else old.id,
    }


def _replaceable(session: Session, receipt: str) -> EntryRow:
    """The entry that a receipt wants replaced. Raises NotFound, WrongState."""
    row = row_of_receipt(session, receipt, lock=True)
    if row.state == "superseded":
        raise WrongState(
            "the entry of this receipt has been replaced already: use the receipt of the newer one"
        )
    return row


def _refuse_duplicate(session: Session, same: ColumnElement[bool], old: EntryRow | None) -> None:
    """Raise Duplicate if an active entry is the same, other than the one being replaced."""
    query = select(EntryRow.id, EntryRow.state, EntryRow.replaces).where(
        same, EntryRow.state.in_(ACTIVE)
    )
    for twin in session.execute(query):
        if old is not None and old.id in (twin.id, twin.replaces):
            continue
        where = "on the board" if twin.state == "approved" else "waiting for review"
        raise Duplicate(
            f"this very file is {where} already: send a changed file, or replace your own entry "
            "with its receipt"
        )


def _undecided(session: Session, old: EntryRow) -> list[EntryRow]:
    """What leaves the review when `old` is replaced: itself, and what was sent in its place before.

    An entry that is approved stays on the board until the new one is approved too.
    """
    query = select(EntryRow).where(
        or_(EntryRow.id == old.id, EntryRow.replaces == old.id),
        EntryRow.state.in_(("scoring", "pending")),
    )
    return list(session.scalars(query.order_by(EntryRow.id).with_for_update()))
