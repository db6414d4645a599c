"""Receipts: what opens an entry to the one who sent it.

A receipt is 256 random bits. The board keeps its SHA-256 only: who reads the database cannot make a
receipt of it. (No salt and no slow hash: nobody can guess 256 bits.)
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from .errors import NotFound
from .models import EntryRow

PREFIX = "receipt-"  # never starts like an option of the command line
MAX_CHARACTERS = 200


def new_receipt() -> str:
    """A receipt that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def receipt_hash(token: str) -> str:
    """What the board keeps of a receipt, hex; space around it does not count."""
    return hashlib.sha256(token.strip().encode("utf-8", "replace")).hexdigest()


def find(session: Session, token: str, *, lock: bool = False) -> EntryRow:
    """The entry of a receipt. Raises NotFound, the same for every wrong receipt.

    The index finds the row by a hash, which tells a listener with a clock nothing about the
    receipt; the comparison that decides takes constant time.
    """
    known = None
    if len(token) <= MAX_CHARACTERS:
        query = select(EntryRow).where(EntryRow.receipt == receipt_hash(token))
        known = session.scalar(query.with_for_update() if lock else query)
    if known is None or not hmac.compare_digest(known.receipt, receipt_hash(token)):
        raise NotFound(
            "no entry has this receipt: copy it whole, as it was given when the results were sent"
        )
    return known
