"""The commands `review ...`: maintainers decide what is on the board.

The board is the one that `SEMCOMP_DATABASE_URL` or `SEMCOMP_DATA_DIR` names; who can reach it is a
maintainer. What submitters wrote is shown with its control characters escaped.
"""

from __future__ import annotations

import getpass
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leaderboard.data.rows import METRICS

from .arguments import opened_board, split_names

if TYPE_CHECKING:
    from leaderboard.data.results import Results
    from leaderboard.store.database import Entry, Store

review = typer.Typer(
    help="Decide what is on the board: list, show, approve, reject, withdraw, supersede",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Id = Annotated[int, typer.Argument(help="the entry's number", metavar="ID", show_default=False)]
By = Annotated[
    str | None, typer.Option(help="who decides, for the history [default: your user name]")
]
Reason = Annotated[str, typer.Option(help="why; the submitter reads it", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, on stdout")]


@review.command("list")
def list_(
    state: Annotated[
        str, typer.Option(help="states, separated by commas, or all")
    ] = "pending,scoring",
    dataset: Annotated[str | None, typer.Option(help="only entries of these pictures")] = None,
    as_json: AsJson = False,
) -> None:
    """List entries, oldest first; at first those that wait."""
    from leaderboard.store.models import STATES

    states = list(STATES) if state == "all" else split_names(state)
    unknown = [name for name in states if name not in STATES]
    if unknown or not states:
        raise typer.BadParameter(
            f"no state {', '.join(unknown) or 'named'}: use some of {', '.join(STATES)}, or all"
        )
    with opened_board() as store:
        entries = store.entries(states, dataset)
    if as_json:
        print(json.dumps([_plain(entry) for entry in entries], indent=1))
        return
    for entry in entries:
        lacks = ", incomplete" if entry.incomplete else ""
        if entry.progress:
            lacks += f", {entry.progress[0]} of {entry.progress[1]} points scored"
        print(
            f"{entry.id:>5}  {entry.state:<10}  {entry.submitted_at:%Y-%m-%d %H:%M}  "
            f"{entry.kind:<13}  {printable(entry.method.name)} ({entry.dataset}){lacks}"
        )
    if not entries:
        print(f"no entry is {' or '.join(states)}")


@review.command()
def show(
    id: Id,
    contact: Annotated[bool, typer.Option("--contact", help="show how to reach them")] = False,
    results: Annotated[
        Path | None, typer.Option(help="write the results here, as JSON", metavar="FILE")
    ] = None,
    upload: Annotated[
        Path | None, typer.Option(help="write the file they sent here", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show an entry with its mean scores, its history, and what to look at before deciding."""
    from leaderboard.data.results import write_results
    from leaderboard.store.database import NotFound
    from leaderboard.submissions.doubts import doubts_of

    with opened_board() as store:
        entry = store.entry(id)
        data = _plain(entry)
        data["history"] = [
            {**asdict(each), "at": each.at.isoformat()} for each in store.history(id)
        ]
        scores = None
        with suppress(NotFound):  # still to be scored
            scores = store.results(id)
            data["means"] = _means(scores)
        data["doubts"] = list(doubts_of(entry, scores, store))
        if contact:
            data["contact"] = store.contact(id)
        if results is not None:
            write_results(store.results(id), results)
        if upload is not None:
            with store.upload(id) as file:
                shutil.copyfile(file, upload)
    print(json.dumps(data, indent=1) if as_json else "\n".join(_lines(data)))


@review.command()
def approve(id: Id, by: By = None) -> None:
    """Put an entry on the board; one that it was sent to replace leaves it."""
    with opened_board() as store:
        store.approve(id, _who(by))
        _tell(store, id)


@review.command()
def reject(id: Id, reason: Reason, by: By = None) -> None:
    """Refuse an entry that waits."""
    with opened_board() as store:
        store.reject(id, _who(by), reason)
        _tell(store, id)


@review.command()
def withdraw(id: Id, reason: Reason, by: By = None) -> None:
    """Take an entry off the board, or out of review."""
    with opened_board() as store:
        store.withdraw_by_maintainer(id, _who(by), reason)
        _tell(store, id)


@review.command()
def supersede(
    id: Id,
    new: Annotated[
        int, typer.Option("--by-entry", help="the approved entry in its place", show_default=False)
    ],
    by: By = None,
) -> None:
    """Let one approved entry take the place of another."""
    with opened_board() as store:
        store.supersede(id, _who(by), new)
        _tell(store, id)


def printable(text: str) -> str:
    """Text on one line with nothing in it that a terminal would act on."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _who(by: str | None) -> str:
    """Who decides: as named, else the user of this machine."""
    if by is not None and by.strip():
        return by.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return f"user {os.getuid()}"


def _tell(store: Store, id: int) -> None:
    entry = store.entry(id)
    print(f"{id}: {printable(entry.method.name)} is {entry.state}")


def _plain(entry: Entry) -> dict[str, Any]:
    return {**entry.to_json(), "decided_by": entry.decided_by}


def _means(results: Results) -> list[dict[str, Any]]:
    """Mean rate and scores of every quality, as far as they are known."""
    means = results.means()
    known = [name for name in ("bpp", *METRICS) if any(v is not None for v in means[name])]
    return [
        {"quality": quality} | {name: _rounded(means[name][index]) for name in known}
        for index, quality in enumerate(results.qualities)
    ]


def _rounded(value: float | None) -> float | str | None:
    """A number to four digits; JSON has no infinity."""
    return "inf" if value == math.inf else None if value is None else round(value, 4)


def _lines(data: dict[str, Any]) -> Iterator[str]:
    """An entry as lines; what is not known is left out."""
    for name, value in data.items():
        if name == "method":
            yield from _lines({key: value[key] for key in value if key != "dataset"})
        elif name == "history":
            yield "history:"
            for event in value:
                reason = f": {printable(event['reason'])}" if event["reason"] else ""
                yield (
                    f"  {event['at'][:19]}  {printable(event['by'])}: {event['action']}, "
                    f"now {event['after']}{reason}"
                )
        elif name == "means":
            yield "means over the pictures:"
            for mean in value:
                yield "  " + ", ".join(f"{key.replace('_', '-')} {mean[key]}" for key in mean)
        elif name == "doubts" and value:
            yield "look at this before you decide:"
            yield from (f"  {printable(each)}" for each in value)
        elif name == "progress" and value:
            yield f"progress: {value[0]} of {value[1]} points"
        elif value not in (None, "", []):
            text = value if not isinstance(value, list) else "; ".join(map(str, value))
            yield f"{name.replace('_', ' ')}: {printable(str(text))}"
