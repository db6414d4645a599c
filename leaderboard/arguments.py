"""Lists on the command line: names and numbers separated by commas."""

from __future__ import annotations

import typer


def split_names(text: str) -> list[str]:
    """Names separated by commas; empty ones are left out."""
    return [name.strip() for name in text.split(",") if name.strip()]


def split_numbers(option: str, text: str) -> list[float]:
    """Numbers separated by commas. Raises typer.BadParameter that names the option."""
    try:
        return [float(part) for part in split_names(text)]
    except ValueError as error:
        raise typer.BadParameter(f"{option} {text!r} are not numbers") from error
