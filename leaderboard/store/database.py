"""The board: what was submitted, what became of it, and what is still to be scored.

::

    page, command line, API ─→ Store ─→ transactions ─→ SQLite file or PostgreSQL
                                 │
      entries   add, read        │   jobs       claim, renew, finish
      decisions approve, ...     │   summaries  kept for quick boards
      door      sign-ins         │   (these three in `facade`)
      uploads   piece by piece   │   transfer   export, backup; restore: import

Every method is one transaction: it happens whole or, with an error, not at all. A Store may be
used from several threads; other processes open their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from leaderboard.data.results import Results

from . import decisions, entries, limits, receipts, restore, transfer, uploads
from .engine import board_url, make_engine
from .errors import Duplicate, JobLost, NotFound, StoreError, TooMany, WrongState
from .facade import Door, Queue
from .limits import Rates
from .migrate import upgrade
from .models import BoardRow, ContactRow, HistoryRow
from .records import Entry, Event, Job, Receipt
from .transactions import reading, writing

if TYPE_CHECKING:
    from leaderboard.submissions.inspection import Inspected

__all__ = [
    "Duplicate",
    "Entry",
    "Event",
    "Job",
    "JobLost",
    "NotFound",
    "Rates",
    "Receipt",
    "Store",
    "StoreError",
    "TooMany",
    "WrongState",
    "open_store",
]


def open_store(url: str | None = None, *, rates: Rates | None = None) -> Store:
    """Open a board, making or migrating its tables as needed.

    url: of PostgreSQL or SQLite. None: `SEMCOMP_DATABASE_URL`, else a SQLite file in the folder
    `SEMCOMP_DATA_DIR`, else in `board` of `SEMCOMP_CACHE_DIR` (`~/.cache/semcomp`).
    Raises StoreError for a folder that cannot be written, a server that does not answer, a
    database of newer code.
    """
    engine = make_engine(board_url(url))
    try:
        upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, rates or Rates())


class Store(Queue, Door):
    """One board. All methods raise StoreError if the database cannot be used."""

    # the board as a whole

    def revision(self) -> int:
        """A number that grows with every change of what the public board shows; cheap to ask."""
        with reading(self._engine) as session:
            return session.scalars(select(BoardRow.revision)).one()

    def salt(self) -> str:
        """A secret of this board, the same in every replica, to hash visitors' addresses with."""
        with reading(self._engine) as session:
            return session.scalars(select(BoardRow.salt)).one()

    # submitters

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
        with writing(self._engine) as session:
            return entries.add(
                session,
                inspected,
                upload,
                submitter=submitter,
                replaces=replaces,
                rates=self._rates,
                now=entries.utc(self._time(session)),
            )

    def count_try(self, *submitters: str) -> None:
        """Note that a file is about to be checked, stored or not, for an address and an account.

        Raises TooMany if it is too much for one of them, and then notes it for none.
        """
        with writing(self._engine) as session:
            now = entries.utc(self._time(session))
            limits.count_try(session, self._rates, submitters, now)

    def lookup(self, receipt: str) -> Entry:
        """The entry of a receipt. Raises NotFound."""
        with reading(self._engine) as session:
            return entries.read(session, receipts.find(session, receipt).id)

    def withdraw(self, receipt: str) -> Entry:
        """Take back the entry of a receipt; twice is as good as once.

        Raises NotFound, and WrongState for one that is not on the board or on its way there.
        """
        with writing(self._engine) as session:
            now = entries.utc(self._time(session))
            return entries.read(session, decisions.withdraw_own(session, receipt, now))

    # reading

    def entry(self, id: int) -> Entry:
        """One entry. Raises NotFound."""
        with reading(self._engine) as session:
            return entries.read(session, id)

    def entries(self, states: Collection[str], dataset: str | None = None) -> list[Entry]:
        """Entries in any of some states, oldest first, of one data set or of all."""
        with reading(self._engine) as session:
            return entries.listed(session, states, dataset)

    def results(self, id: int) -> Results:
        """Results of an entry. Raises NotFound for one that has none (yet)."""
        with reading(self._engine) as session:
            return entries.read_results(session, id)

    def approved(self, dataset: str) -> list[tuple[Entry, Results]]:
        """The public board of a data set, oldest entry first."""
        with reading(self._engine) as session:
            return entries.approved(session, dataset)

    def history(self, id: int) -> list[Event]:
        """What happened to an entry, oldest first. Raises NotFound."""
        with reading(self._engine, snapshot=True) as session:
            entries.read(session, id)
            query = select(HistoryRow).where(HistoryRow.entry_id == id).order_by(HistoryRow.id)
            return [
                Event(row.at, row.by, row.action, row.before, row.after, row.reason)
                for row in session.scalars(query)
            ]

    def contact(self, id: int) -> str:
        """How to reach a submitter; the caller makes sure a maintainer asks. Raises NotFound."""
        with reading(self._engine) as session:
            entries.read(session, id)
            return session.get_one(ContactRow, id).contact

    @contextmanager
    def upload(self, id: int) -> Iterator[Path]:
        """The file that was sent, as a temporary one with the same suffix.

        Raises NotFound if there is no such entry or its file is kept no longer, and StoreError if
        its bytes are no longer those that were sent.
        """
        with reading(self._engine, snapshot=True) as session, uploads.fetch(session, id) as path:
            yield path

    # maintainers

    def approve(self, id: int, by: str) -> None:
        """Put an entry that waits on the board, and take off the one it was sent to replace.

        Raises NotFound, WrongState, and Duplicate if the same file is on the board meanwhile.
        """
        with writing(self._engine) as session:
            decisions.approve(session, id, by, entries.utc(self._time(session)))

    def reject(self, id: int, by: str, reason: str) -> None:
        """Refuse an entry that waits; the submitter reads the reason. Raises as `approve`."""
        with writing(self._engine) as session:
            decisions.reject(session, id, by, reason, entries.utc(self._time(session)))

    def withdraw_by_maintainer(self, id: int, by: str, reason: str) -> None:
        """Take an entry off the board or out of review. Raises as `approve`."""
        with writing(self._engine) as session:
            decisions.withdraw(session, id, by, reason, entries.utc(self._time(session)))

    def supersede(self, id: int, by: str, new_id: int) -> None:
        """Let an approved entry take the place of another. Raises as `approve`."""
        with writing(self._engine) as session:
            decisions.supersede(session, id, by, new_id, entries.utc(self._time(session)))

    def purge_uploads(self, days: float) -> int:
        """Let go of files of entries that were rejected, failed or withdrawn so long ago.

        Everything else of an entry stays. Returns how many went.
        """
        with writing(self._engine) as session:
            now = entries.utc(self._time(session))
            return uploads.purge_old(session, now - timedelta(days=days), now)

    # the whole board as one file

    def export_board(self, path: Path) -> int:
        """Write the board into a file that `import_board` reads; returns the number of entries.

        Everything but contacts, hashes of submitters and the salt. The board goes on meanwhile;
        the file has the state of one moment.
        """
        with reading(self._engine, snapshot=True) as session:
            return transfer.write_board(session, path, private=False)

    def backup(self, path: Path) -> int:
        """Write all there is into a file that `import_board` reads, contacts too: keep it safe.

        Otherwise as `export_board`.
        """
        with reading(self._engine, snapshot=True) as session:
            return transfer.write_board(session, path, private=True)

    def import_board(self, path: Path) -> int:
        """Fill this board, which must be empty, from a file; returns the number of entries.

        Ids, receipts, history and what is still to be scored stay as they were. Raises StoreError
        with nothing stored.
        """
        with writing(self._engine) as session:
            return restore.read_board(session, path)
