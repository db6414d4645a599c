"""The board: what was submitted, what became of it, and what is still to be scored.

::

    page, command line, API ─→ Store ─→ transactions (`engine`) ─→ SQLite file or PostgreSQL
                                 │
      entries    add, read       │   jobs      claim, renew, finish
      decisions  approve, ...    │   results   of entries, and their BD-rates
      sign_ins   of maintainers  │   transfer  export, import, backup
                                 │   votes     of the blind comparison

Every method is one transaction: it happens whole or, with an error, not at all. A Store may be
used from several threads; other processes open their own.
"""

from __future__ import annotations

from .decisions import Decisions
from .engine import board_url, make_engine
from .entries import Entries
from .errors import Duplicate, JobLost, NotFound, StoreError, TooMany, WrongState
from .jobs import Jobs
from .limits import Rates
from .migrate import upgrade
from .records import Entry, Event, Job, Receipt
from .results import BdRate, StoredResults
from .sign_ins import SignIns
from .transfer import Transfer
from .votes import Vote, Votes

__all__ = [
    "BdRate",
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
    "Vote",
    "WrongState",
    "open_store",
]


class Store(Entries, Decisions, Jobs, StoredResults, SignIns, Transfer, Votes):
    """One board. All methods raise StoreError if the database cannot be used."""


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
