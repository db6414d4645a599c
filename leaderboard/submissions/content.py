"""What a submission says, however its file is packed or formatted, as one number.

Two uploads with the same contents are the same submission: a ZIP packed anew with other times and
another compression, a CSV saved as JSON, rows in another order, a PNG with other metadata. What the
method is called is left out, so that results are on the board once, under one name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from leaderboard.data.results import Results
from leaderboard.data.rows import COLUMNS, Quality

Key = tuple[str, Quality]
_TIMES = ("encode_s", "decode_s")
"""Columns that do not count: the same results, timed again, are the same results."""


def of_results(results: Results) -> str:
    """The contents of a results file: its rows, in hex."""
    columns = [name for name in COLUMNS if name not in _TIMES]
    rows = (tuple(_plain(getattr(row, name)) for name in columns) for row in results.rows)
    return _digest([("results", results.dataset), *rows])


def of_files(
    kind: str, dataset: str, bitstreams: Mapping[Key, bytes], pictures: Mapping[Key, bytes]
) -> str:
    """The contents of an archive, in hex.

    kind: of the submission. bitstreams: hashes of the files' bytes; pictures: of the
    reconstructions' pixels; both by picture and quality.
    """
    files = [
        (part, image, _plain(quality), digest.hex())
        for part, members in (("bitstream", bitstreams), ("picture", pictures))
        for (image, quality), digest in members.items()
    ]
    return _digest([(kind, dataset), *files])


def _digest(items: Iterable[tuple[object, ...]]) -> str:
    lines = sorted(map(repr, items))
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: object) -> object:
    """30 and 30.0 are the same number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
