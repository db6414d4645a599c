"""What commands share: options, and lists of names and numbers separated by commas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leaderboard.store.database import Store

DatasetName = Annotated[str, typer.Option(help="kodak, cid22, or a folder of pictures")]
Datasets = Annotated[
    str | None,
    typer.Option(
        help="kodak, cid22, or a folder of pictures [default: kodak and cid22]", show_default=False
    ),
]
Images = Annotated[
    list[str] | None,
    typer.Option(
        help="only these pictures, separated by commas, or the option several times; a name that "
        "has a comma itself is written with \\, there"
    ),
]


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
    """Names separated by commas; empty ones are left out. A name's own comma is written `\\,`."""
    names = (name.replace("\\,", ",").strip() for name in re.split(r"(?<!\\),", text))
    return [name for name in names if name]


def split_images(images: list[str] | None) -> list[str] | None:
    """The names of all `--images`; None where there is none."""
    return [name for text in images for name in split_names(text)] if images else None


def split_numbers(option: str, text: str) -> list[float]:
    """Numbers separated by commas. Raises typer.BadParameter that names the option."""
    try:
        return [float(part) for part in split_names(text)]
    except ValueError as error:
        raise typer.BadParameter(f"{option} {text!r} are not numbers") from error
