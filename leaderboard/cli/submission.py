"""The command `submission`: what became of an entry, and to take it back, with its receipt."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leaderboard.store.records import Entry


def submission(
    receipt: Annotated[
        str,
        typer.Argument(
            help="as `submit` gave it; - reads it from standard input",
            envvar="SEMCOMP_RECEIPT",
            show_default=False,
        ),
    ],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="take the entry back")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="answer in JSON")] = False,
) -> None:
    """Look up an entry of yours by its receipt, or withdraw it."""
    from leaderboard.store.database import open_store
    from leaderboard.store.errors import StoreError

    token = sys.stdin.readline().strip() if receipt == "-" else receipt
    try:
        store = open_store()
        entry = store.withdraw(token) if withdraw else store.lookup(token)
    except StoreError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    print(json.dumps(_record(entry), indent=1, ensure_ascii=False) if as_json else _lines(entry))


def _record(entry: Entry) -> dict[str, object]:
    return {
        "entry": entry.id,
        "state": entry.state,
        "kind": entry.kind,
        "method": entry.method.to_json(),
        "dataset": entry.dataset,
        "sha256": entry.digest,
        "submitted_at": entry.submitted_at.isoformat(),
        "decided_at": None if entry.decided_at is None else entry.decided_at.isoformat(),
        "reason": entry.reason,
        "incomplete": list(entry.incomplete),
        "progress": entry.progress,
        "superseded_by": entry.superseded_by,
    }


def _lines(entry: Entry) -> str:
    lines = [f"Entry {entry.id}, {entry.method.name} ({entry.kind}): {entry.state}"]
    if entry.progress is not None:
        lines.append("  {} of {} points scored".format(*entry.progress))
    if entry.reason:
        lines.append(f"  {entry.reason}")
    lines += [f"  incomplete: {line}" for line in entry.incomplete]
    if entry.superseded_by is not None:
        lines.append(f"  replaced by entry {entry.superseded_by}")
    return "\n".join(lines)
