"""What was worked out from the results, kept beside them so that a board opens quickly."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from .entries import bump, locked
from .models import EntryRow, SummaryRow


def put_summary(session: Session, entry_id: int, payload: dict[str, Any]) -> None:
    """Keep a summary, see `Store.put_summary`."""
    json.dumps(payload, allow_nan=False)  # ValueError, before anything is written
    (row,) = locked(session, entry_id)
    session.merge(SummaryRow(entry_id=entry_id, payload=payload))
    if row.state == "approved":
        bump(session)


def summaries(session: Session, dataset: str) -> dict[int, dict[str, Any]]:
    """Summaries of what is on the public board, by entry."""
    query = (
        select(SummaryRow.entry_id, SummaryRow.payload)
        .join(EntryRow, EntryRow.id == SummaryRow.entry_id)
        .where(EntryRow.state == "approved", EntryRow.dataset == dataset)
    )
    return {found.entry_id: found.payload for found in session.execute(query)}
