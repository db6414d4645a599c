"""How large a submission may be, and what it may grow into."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a submission may hold at most; checked before anything is unpacked or parsed.

    upload_bytes: of an archive. results_bytes: of a results file. members: files and folders in
    an archive. unpacked_bytes: of all members together. expansion: times that a member larger than
    `small_bytes` may be larger unpacked than packed. qualities: settings of one picture.
    """

    upload_bytes: int = 512 << 20
    results_bytes: int = 4 << 20
    members: int = 10_000
    unpacked_bytes: int = 1 << 30
    small_bytes: int = 1 << 16
    expansion: int = 100
    qualities: int = 64


def megabytes(count: int) -> str:
    """A number of bytes as people read it."""
    return f"{count / 2**20:,.1f} MiB" if count >= 2**20 else f"{count:,} bytes"
