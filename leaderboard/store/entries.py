"""Entries arrive and are read; `decisions` has what becomes of them afterwards."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import Session

from leaderboard.data.results import Results
from leaderboard.submissions.method import Method

from .errors import Duplicate, NotFound, WrongState
from .limits import Rates, check_rates, lock_names
from .models import (
    ACTIVE,
    STATES,
    BoardRow,
    ContactRow,
    EntryRow,
    HistoryRow,
    JobRow,
    ResultsRow,
    SummaryRow,
)
from .packing import pack, unpack
from .receipts import find, new_receipt, receipt_hash
from .records import Entry, Receipt
from .uploads import purge, store_upload

if TYPE_CHECKING:
    from leaderboard.submissions.inspection import Inspected

SUBMITTER = "submitter"
"""Who acts with a receipt, in the history."""


def add(
    session: Session,
    inspected: Inspected,
    upload: Path,
    *,
    submitter: str,
    replaces: str | None,
    rates: Rates,
    now: datetime,
) -> Receipt:
    """Store a submission in the transaction at hand, see `Store.add`."""
    content = inspected.content or inspected.digest
    names = f"submitter {submitter}", f"file {inspected.digest}", f"content {content}"
    lock_names(session, *names)
    check_rates(session, rates, submitter, now)
    method, scored = inspected.method, inspected.kind == "self-reported"
    if scored and inspected.results is None:
        raise ValueError("a self-reported submission comes with its results")
    old = None if replaces is None else _replaceable(session, replaces)
    _refuse_duplicate(session, same_as(inspected.digest, content), old)
    given_up = [] if old is None else _undecided(session, old)
    for each in given_up:
        each.claim = None
    session.flush()  # before the new entry claims what may be the same file
    token = new_receipt()
    row = EntryRow(
        state="pending" if scored else "scoring",
        kind=inspected.kind,
        dataset=method.dataset,
        method=method.to_json(contact=False),
        digest=inspected.digest,
        content=content,
        claim=None if old is not None and old.claim in (content, inspected.digest) else content,
        submitter=submitter,
        receipt=receipt_hash(token),
        submitted_at=now,
        reason="",
        incomplete=list(inspected.incomplete),
        replaces=None if old is None else old.id,
    )
    session.add(row)
    session.flush()
    session.add(ContactRow(entry_id=row.id, contact=method.contact))
    record(session, row.id, now, SUBMITTER, "submit", None, row.state)
    if scored and inspected.results is not None:
        put_results(session, row.id, inspected.results)
    else:
        session.add(JobRow(entry_id=row.id, attempts=0, lease_until=0.0, done=0, total=0))
    store_upload(session, row.id, upload, inspected.digest)
    for each in given_up:
        each.superseded_by = row.id
        reason = "replaced by its submitter"
        change(session, each, "superseded", at=now, by=SUBMITTER, action="replace", reason=reason)
    session.flush()
    return Receipt(token, read(session, row.id))


def read(session: Session, entry_id: int) -> Entry:
    """One entry. Raises NotFound."""
    found = session.execute(_query().where(EntryRow.id == entry_id)).one_or_none()
    if found is None:
        raise NotFound(f"there is no entry {entry_id} on this board")
    return _entry(*found)


def listed(session: Session, states: Collection[str], dataset: str | None) -> list[Entry]:
    """Entries in some states, oldest first. Raises ValueError for a state that does not exist."""
    unknown = sorted(set(states) - set(STATES))
    if unknown:
        raise ValueError(f"no state {', '.join(unknown)}: use some of {', '.join(STATES)}")
    query = _query().where(EntryRow.state.in_(states)).order_by(EntryRow.id)
    if dataset is not None:
        query = query.where(EntryRow.dataset == dataset)
    return [_entry(*found) for found in session.execute(query)]


def read_results(session: Session, entry_id: int) -> Results:
    """Results of an entry. Raises NotFound for one without, such as one still to be scored."""
    row = session.get(ResultsRow, entry_id)
    if row is None:
        entry = read(session, entry_id)
        raise NotFound(f"entry {entry_id} has no results: it is {entry.state}")
    return unpack(row.packed)


def approved(session: Session, dataset: str) -> list[tuple[Entry, Results]]:
    """Everything on the public board of a data set, oldest first."""
    query = (
        _query()
        .add_columns(ResultsRow.packed)
        .join(ResultsRow, ResultsRow.entry_id == EntryRow.id)
        .where(EntryRow.state == "approved", EntryRow.dataset == dataset)
        .order_by(EntryRow.id)
    )
    found = session.execute(query)
    return [(_entry(row, done, total), unpack(packed)) for row, done, total, packed in found]


def put_results(session: Session, entry_id: int, results: Results) -> None:
    """Keep results; a summary of earlier ones is dropped."""
    session.merge(ResultsRow(entry_id=entry_id, packed=pack(results)))
    stale = session.get(SummaryRow, entry_id)
    if stale is not None:
        session.delete(stale)


def locked(session: Session, *ids: int) -> list[EntryRow]:
    """Rows of entries, which nobody else changes before this transaction ends. Raises NotFound.

    They are locked in order of id, so that two who lock the same entries cannot wait for each
    other.
    """
    query = select(EntryRow).where(EntryRow.id.in_(ids)).order_by(EntryRow.id).with_for_update()
    rows = session.scalars(query.execution_options(populate_existing=True))
    found = {row.id: row for row in rows}
    for each in ids:
        if each not in found:
            raise NotFound(f"there is no entry {each} on this board")
    return [found[each] for each in ids]


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


def change(
    session: Session, row: EntryRow, after: str, *, at: datetime, by: str, action: str, reason: str
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
    if "approved" in (before, after):
        bump(session)
    session.flush()


def bump(session: Session) -> None:
    """Let everybody who shows the board know that it has changed."""
    session.execute(update(BoardRow).values(revision=BoardRow.revision + 1))


def utc(seconds: float) -> datetime:
    """A moment from seconds since 1970."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def _replaceable(session: Session, receipt: str) -> EntryRow:
    """The entry that a receipt wants replaced. Raises NotFound, WrongState."""
    row = find(session, receipt, lock=True)
    if row.state == "superseded":
        raise WrongState(
            "the entry of this receipt has been replaced already: use the receipt of the newer one"
        )
    return row


def same_as(digest: str, content: str | None) -> ColumnElement[bool]:
    """Entries with this very file, or with the same contents in another one."""
    same = EntryRow.digest == digest
    return same if content is None else same | (EntryRow.content == content)


def _refuse_duplicate(session: Session, same: ColumnElement[bool], old: EntryRow | None) -> None:
    """Raise Duplicate if an active entry is the same, other than the one being replaced."""
    query = select(EntryRow.id, EntryRow.state, EntryRow.replaces).where(
        same, EntryRow.state.in_(ACTIVE)
    )
    for found in session.execute(query):
        if old is not None and (found.id == old.id or found.replaces == old.id):
            continue
        where = "on the board" if found.state == "approved" else "waiting for review"
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


def _query() -> Select[EntryRow, int, int]:
    """Entries with the progress of their jobs."""
    query = select(EntryRow, JobRow.done, JobRow.total)
    return query.outerjoin(JobRow, JobRow.entry_id == EntryRow.id)


def _entry(row: EntryRow, done: int | None, total: int | None) -> Entry:
    return Entry(
        id=row.id,
        state=row.state,
        kind=row.kind,
        method=Method(**row.method),
        dataset=row.dataset,
        digest=row.digest,
        submitted_at=row.submitted_at,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        incomplete=tuple(row.incomplete),
        progress=None if not total else (done or 0, total),
        superseded_by=row.superseded_by,
        replaces=row.replaces,
    )
