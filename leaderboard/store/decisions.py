"""What becomes of an entry: approved, rejected, withdrawn or superseded; all noted in the history.

::

    scoring ─→ pending ─→ approved ─→ superseded
       │          ├─→ rejected (─→ approved, on second thoughts)
       └─→ failed └─→ withdrawn, from any of the first three
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from .engine import Database
from .errors import Duplicate, NotFound, StoreError, WrongState
from .models import ACTIVE, BoardRow, EntryRow, HistoryRow, JobRow, ResultsRow
from .records import Entry, read, row_of_receipt
from .uploads import purge

SUBMITTER = "submitter"
"""Who acts with a receipt, in the history."""


class Decisions(Database):
    """What maintainers decide, and submitters with their receipts."""

    def approve(self, id: int, by: str) -> None:
        """Put an entry that waits on the board, and take off the one it was sent to replace.

        Raises NotFound, WrongState, and Duplicate if the same file is on the board meanwhile.
        """
        with self._writing() as session:
            now = self._now(session)
            replaced = session.scalar(select(EntryRow.replaces).where(EntryRow.id == id))
            row, *older = locked(session, id, *([] if replaced is None else [replaced]))
            _require(row, ("pending", "rejected"), "approved")
            if session.get(ResultsRow, id) is None:
                raise WrongState(f"entry {id} has no results to show: nothing was changed")
            for old in older:
                if old.state == "approved":
                    old.superseded_by = id
                    change(session, old, "superseded", at=now, by=by, action="replace")
            same = select(EntryRow.id).where(same_as(row.digest, row.content), EntryRow.id != id)
            twin = session.scalar(same.where(EntryRow.state.in_(ACTIVE)))
            if twin is not None:
                raise Duplicate(
                    f"entry {twin} is the very same file: decide that one, or withdraw it before "
                    f"entry {id} is approved"
                )
            row.claim = row.content or row.digest
            change(session, row, "approved", at=now, by=by, action="approve")

    def reject(self, id: int, by: str, reason: str) -> None:
        """Refuse an entry that waits; the submitter reads the reason. Raises as `approve`."""
        with self._writing() as session:
            self._end(session, id, ("pending", "scoring"), "rejected", "reject", by, reason)

    def withdraw_by_maintainer(self, id: int, by: str, reason: str) -> None:
        """Take an entry off the board or out of review. Raises as `approve`."""
        with self._writing() as session:
            self._end(session, id, ACTIVE, "withdrawn", "withdraw", by, reason)

    def withdraw(self, receipt: str) -> Entry:
        """Take back the entry of a receipt; twice is as good as once.

        Raises NotFound, and WrongState for one that is not on the board or on its way there.
        """
        with self._writing() as session:
            row = row_of_receipt(session, receipt, lock=True)
            if row.state != "withdrawn":
                reason = "withdrawn by its submitter"
                self._end(session, row.id, ACTIVE, "withdrawn", "withdraw", SUBMITTER, reason)
            return read(session, row.id)

    def supersede(self, id: int, by: str, new_id: int) -> None:
        """Let an approved entry take the place of another. Raises as `approve`."""
        with self._writing() as session:
            if id == new_id:
                raise WrongState(f"entry {id} cannot take its own place: name another entry")
            old, new = locked(session, id, new_id)
            _require(old, ("approved", "pending"), "superseded")
            if new.state != "approved":
                raise WrongState(
                    f"entry {new_id} is {new.state}: approve it before it takes the place of "
                    "another"
                )
            if new.dataset != old.dataset:
                raise WrongState(
                    f"entry {new_id} is of {new.dataset}, entry {id} of {old.dataset}: an entry is "
                    "superseded by one of the same pictures"
                )
            old.superseded_by = new_id
            now = self._now(session)
            change(session, old, "superseded", at=now, by=by, action="supersede")

    def _end(
        self,
        session: Session,
        id: int,
        states: tuple[str, ...],
        after: str,
        action: str,
        by: str,
        reason: str,
    ) -> None:
        """Bring an entry that is in one of the states into a last one, for a reason."""
        (row,) = locked(session, id)
        _require(row, states, after)
        if not reason.strip():
            what = {"rejected": "rejection", "withdrawn": "withdrawal"}[after]
            raise StoreError(f"a {what} needs a reason, which the submitter will read")
        now = self._now(session)
        change(session, row, after, at=now, by=by, action=action, reason=reason.strip())


def change(
    session: Session,
    row: EntryRow,
    after: str,
    *,
    at: datetime,
    by: str,
    action: str,
    reason: str = "",
) -> None:
    """Bring an entry into another state, with everything that hangs on it."""
    before = row.state
    row.state, row.decided_at, row.decided_by, row.reason = after, at, by, reason
    if after not in ACTIVE:
        row.claim = None
    if after == "withdrawn":
        purge(session, row.id, at)
    if after != "scoring":
        job = session.get(JobRow, row.id)
        if job is not None:
            session.delete(job)
    record(session, row.id, at, by, action, before, after, reason)
    if "approved" in (before, after):  # everybody who shows the board learns that it has changed
        session.execute(update(BoardRow).values(revision=BoardRow.revision + 1))
    session.flush()


def record(
    session: Session,
    entry_id: int,
    at: datetime,
    by: str,
    action: str,
    before: str | None,
    after: str,
    reason: str = "",
) -> None:
    """Note a change in the history."""
    session.add(
        HistoryRow(
            entry_id=entry_id,
            at=at,
            by=by,
            action=action,
            before=before,
            after=after,
            reason=reason,
        )
    )


def locked(session: Session, *ids: int) -> list[EntryRow]:
    """Rows of entries, which nobody else changes before this transaction ends. Raises NotFound.

    They are locked in order of id, so that two who lock the same entries cannot wait for each
    other.
    """
    query = select(EntryRow).where(EntryRow.id.in_(ids)).order_by(EntryRow.id).with_for_update()
    rows = session.scalars(query.execution_options(populate_existing=True))
    known = {row.id: row for row in rows}
    for each in ids:
        if each not in known:
            raise NotFound(f"there is no entry {each} on this board")
    return [known[each] for each in ids]


def same_as(digest: str, content: str | None) -> ColumnElement[bool]:
    """Entries with this very file, or with the same contents in another one."""
    same = EntryRow.digest == digest
    return same if content is None else same | (EntryRow.content == content)


def _require(row: EntryRow, states: tuple[str, ...], wanted: str) -> None:
    """Raise WrongState unless the entry is in one of the states."""
    if row.state not in states:
        raise WrongState(
            f"entry {row.id} is {row.state}: only an entry that is {' or '.join(states)} can be "
            f"{wanted}; nothing was changed"
        )
