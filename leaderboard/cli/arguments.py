"""What commands share: options, and lists of names and numbers separated by commas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leaderboard.store.database import Store

DatasetName = Annotated[str, typer.Option(help="kodak, or a folder of pictures")]
Images = Annotated[str | None, typer.Option(help="only these pictures, separated by commas")]


@contextmanager
def opened_board() -> Iterator[Store]:
    """The board of submissions that the environment names. Raises StoreError."""
    from leaderboard.store.database import open_store

    store = open_store()
    try:
        yield store
    finally:
        store.close()


def split_names(text: str) -> list[str]:
    """Names separated by commas; empty ones are left out."""
    return [name.strip() for name in text.split(",") if name.strip()]


def split_numbers(option: str, text: str) -> list[float]:
    """Numbers separated by commas. Raises typer.BadParameter that names the option."""
    try:
        return [float(part) for part in split_names(text)]
    except ValueError as error:
        raise typer.BadParameter(f"{option} {text!r} are not numbers") from error
