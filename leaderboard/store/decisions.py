"""What becomes of an entry: approved, rejected, withdrawn or superseded; all noted in the history.

::

    scoring ─→ pending ─→ approved ─→ superseded
       │          ├─→ rejected (─→ approved, on second thoughts)
       └─→ failed └─→ withdrawn, from any of the first three
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from .entries import SUBMITTER, change, locked, same_as
from .errors import Duplicate, StoreError, WrongState
from .models import ACTIVE, EntryRow, ResultsRow
from .receipts import find


def approve(session: Session, entry_id: int, by: str, now: datetime) -> None:
    """Put an entry on the board; what it was sent to replace leaves it. See `Store.approve`."""
    replaced = session.scalar(select(EntryRow.replaces).where(EntryRow.id == entry_id))
    row, *older = locked(session, entry_id, *([] if replaced is None else [replaced]))
    _require(row, ("pending", "rejected"), "approved")
    if session.get(ResultsRow, entry_id) is None:
        raise WrongState(f"entry {entry_id} has no results to show: nothing was changed")
    for old in older:
        if old.state == "approved":
            old.superseded_by = entry_id
            change(session, old, "superseded", at=now, by=by, action="replace", reason="")
    same = select(EntryRow.id).where(same_as(row.digest, row.content), EntryRow.id != entry_id)
    twin = session.scalar(same.where(EntryRow.state.in_(ACTIVE)))
    if twin is not None:
        raise Duplicate(
            f"entry {twin} is the very same file: decide that one, or withdraw it before entry "
            f"{entry_id} is approved"
        )
    row.claim = row.content or row.digest
    change(session, row, "approved", at=now, by=by, action="approve", reason="")


def reject(session: Session, entry_id: int, by: str, reason: str, now: datetime) -> None:
    """Refuse an entry that waits, scored or not. See `Store.reject`."""
    (row,) = locked(session, entry_id)
    _require(row, ("pending", "scoring"), "rejected")
    reason = _given(reason, "rejection")
    change(session, row, "rejected", at=now, by=by, action="reject", reason=reason)


def withdraw(session: Session, entry_id: int, by: str, reason: str, now: datetime) -> None:
    """Take an entry back for its maintainers' reasons. See `Store.withdraw_by_maintainer`."""
    (row,) = locked(session, entry_id)
    _require(row, ACTIVE, "withdrawn")
    reason = _given(reason, "withdrawal")
    change(session, row, "withdrawn", at=now, by=by, action="withdraw", reason=reason)


def withdraw_own(session: Session, receipt: str, now: datetime) -> int:
    """Take back the entry of a receipt; returns its id. See `Store.withdraw`."""
    row = find(session, receipt, lock=True)
    if row.state != "withdrawn":
        _require(row, ACTIVE, "withdrawn")
        reason = "withdrawn by its submitter"
        change(session, row, "withdrawn", at=now, by=SUBMITTER, action="withdraw", reason=reason)
    return row.id


def supersede(session: Session, entry_id: int, by: str, new_id: int, now: datetime) -> None:
    """Let one approved entry take the place of another. See `Store.supersede`."""
    if entry_id == new_id:
        raise WrongState(f"entry {entry_id} cannot take its own place: name another entry")
    old, new = locked(session, entry_id, new_id)
    _require(old, ("approved", "pending"), "superseded")
    if new.state != "approved":
        raise WrongState(
            f"entry {new_id} is {new.state}: approve it before it takes the place of another"
        )
    if new.dataset != old.dataset:
        raise WrongState(
            f"entry {new_id} is of {new.dataset}, entry {entry_id} of {old.dataset}: an entry is "
            "superseded by one of the same pictures"
        )
    old.superseded_by = new_id
    change(session, old, "superseded", at=now, by=by, action="supersede", reason="")


def _require(row: EntryRow, states: tuple[str, ...], wanted: str) -> None:
    """Raise WrongState unless the entry is in one of the states."""
    if row.state not in states:
        raise WrongState(
            f"entry {row.id} is {row.state}: only an entry that is {' or '.join(states)} can be "
            f"{wanted}; nothing was changed"
        )


def _given(reason: str, what: str) -> str:
    """A reason that says something. Raises StoreError."""
    if not reason.strip():
        raise StoreError(f"a {what} needs a reason, which the submitter will read")
    return reason.strip()
