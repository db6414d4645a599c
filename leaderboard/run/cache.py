"""Measured points on disk, one small file each, found by what decides their numbers.

::

    OUT/points/CODEC/KEY.json      {"key": {...}, "point": {...}, "made": {...}, "sha256"}

KEY is a hash over codec, version, settings, weights, code, quality, the picture's pixels and the
metrics. Files are written whole or not at all, so a killed run leaves only finished points; the
same point has one place, so nothing is there twice.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semcomp.errors import SemcompError
from semcomp.files import write_file

KEY_DIGITS = 32


class CacheError(SemcompError, ValueError):
    """A folder that cannot hold results; the message says what to do."""


class CacheWarning(UserWarning):
    """A point's file is damaged; the point is measured again."""


class PointCache:
    """The points of one output folder."""

    def __init__(self, out: Path) -> None:
        """Make the folder. Raises CacheError if nothing can be written there."""
        self.folder = out / "points"
        probe = self.folder / ".probe"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_file(probe, b"")
            probe.unlink()
        except OSError as error:
            raise _unwritable(self.folder, error) from error

    def path(self, key: Mapping[str, Any]) -> Path:
        """Where the point of a key is or would be."""
        digest = hashlib.sha256(_canonical(key)).hexdigest()[:KEY_DIGITS]
        return self.folder / str(key["codec"]) / f"{digest}.json"

    def read(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """`{"point": ..., "made": ...}` of a key, or None.

        A damaged file counts as none, with a CacheWarning.
        """
        path = self.path(key)
        try:
            stored = json.loads(path.read_bytes())
            body = {"key": stored["key"], "point": stored["point"], "made": stored["made"]}
            whole = stored["sha256"] == _digest(body) and stored["key"] == dict(key)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            self._warn(path, f"{type(error).__name__}: {error}")
            return None
        if not whole:
            self._warn(path, "its content is not what was written")
            return None
        return {"point": stored["point"], "made": stored["made"]}

    def write(self, key: Mapping[str, Any], point: Mapping[str, Any], made: Any) -> None:
        """Keep a point. Raises CacheError, for a full disk perhaps."""
        body = {"key": dict(key), "point": dict(point), "made": made}
        path = self.path(key)
        try:
            path.parent.mkdir(exist_ok=True)
            write_file(path, json.dumps({**body, "sha256": _digest(body)}, indent=1).encode())
        except OSError as error:
            raise _unwritable(path.parent, error) from error

    def _warn(self, path: Path, reason: str) -> None:
        warnings.warn(
            f"{path} is damaged ({reason}): its point is measured again", CacheWarning, stacklevel=3
        )


def _unwritable(folder: Path, error: OSError) -> CacheError:
    return CacheError(
        f"cannot write into {folder}: {error.strerror or error}; choose another folder with --out "
        "or make room there; finished points are kept"
    )


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()
