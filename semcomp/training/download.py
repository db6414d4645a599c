"""Files from the network: checked, resumable, whole or not at all.

A download goes to `NAME.partial` beside its target and takes the target's name only when its
SHA-256 is the expected one. What a broken connection leaves is continued by the next try.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from semcomp.errors import DatasetError

CHUNK = 1 << 20
"""Bytes read at a time."""


class _Interrupted(Exception):
    """The connection broke; another try may succeed."""


class _Unreachable(_Interrupted):
    """No connection, or an answer that another try would not change."""


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str,
    limit: int,
    page: str = "",
    report: Callable[[str], None] = print,
    attempts: int = 4,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Path:
    """The file `target`, downloaded from `url` if it is not there; returns `target`.

    sha256: what the file must have, whether it was downloaded or put there by hand.
    limit: most bytes accepted. page: where the file is described, for messages.
    timeout: seconds of silence after which a try counts as failed. pause: seconds before the
    second try; doubled before each further one.

    Raises DatasetError without a network, for a wrong hash, for more than `limit` bytes, and
    where nothing can be written; the message says where to put the file by hand.
    """
    by_hand = f"Or fetch it by other means and put it at {target} (SHA-256 {sha256})."
    if page:
        by_hand += f" It is described at {page}."
    if target.exists():
        if sha256_of(target) == sha256:
            return target
        raise DatasetError(
            f"{target} is damaged or another file: its SHA-256 is not {sha256}. Remove it, then "
            f"run this again with a network. {by_hand}"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        with _only_one(partial):
            _download(url, partial, sha256, limit, report, attempts, timeout, pause, by_hand)
            partial.replace(target)
    except DatasetError:
        raise
    except OSError as error:
        raise DatasetError(
            f"cannot write {target}: {error.strerror or error}. Free space there, or name another "
            "folder with SEMCOMP_CACHE_DIR"
        ) from error
    return target


def _download(
    url: str,
    partial: Path,
    sha256: str,
    limit: int,
    report: Callable[[str], None],
    attempts: int,
    timeout: float,
    pause: float,
    by_hand: str,
) -> None:
    """Bring `partial` to completion and check it."""
    reason = ""
    for attempt in range(attempts):
        if attempt:
            report(f"{reason}; trying again")
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            continued = _transfer(url, partial, limit, report, timeout)
        except _Unreachable as error:
            reason = str(error)
            break
        except _Interrupted as error:
            reason = str(error)
            continue
        found = sha256_of(partial)
        if found == sha256:
            return
        partial.unlink()
        reason = f"what came from {url} is another file: SHA-256 {found}, not {sha256}"
        if not continued:  # else the beginning may have been of another download
            raise DatasetError(
                f"{reason}. It was thrown away: the source has changed, or something on the way "
                f"replaced it. {by_hand}"
            )
    kept = partial.stat().st_size if partial.exists() else 0
    note = f" {kept:,} bytes are kept, a new run continues there." if kept else ""
    raise DatasetError(f"cannot fetch {url}: {reason}.{note} {by_hand}")


def _transfer(
    url: str, partial: Path, limit: int, report: Callable[[str], None], timeout: float
) -> bool:
    """Fetch what `partial` lacks; returns whether it continued an earlier try.

    Raises _Interrupted for what may pass, DatasetError for what will not.
    """
    have = partial.stat().st_size if partial.exists() else 0
    response = _open(url, have, timeout)
    if response is None:  # nothing is missing, says the server
        return True
    with response:
        continued = have > 0 and response.status == 206
        if response.status == 206:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                partial.unlink(missing_ok=True)
                raise _Interrupted(f"{url} sent another part than was asked for")
        else:
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        if (total or 0) > limit:
            raise DatasetError(f"{url} has {total:,} bytes, at most {limit:,} were expected")
        report(f"fetching {url}" + (f", {total / 1e6:,.0f} MB" if total else ""))
        reported = time.monotonic()
        with partial.open("ab" if continued else "wb") as file:
            for chunk in _chunks(response, url):
                have += len(chunk)
                if have > limit:
                    file.truncate(0)
                    raise DatasetError(f"{url} sends more than the {limit:,} bytes expected")
                file.write(chunk)
                if time.monotonic() - reported > 10:
                    reported = time.monotonic()
                    share = f", {have / total:.0%}" if total else ""
                    report(f"{have / 1e6:,.0f} MB{share}")
    if total is not None and have < total:
        raise _Interrupted(f"the connection ended after {have:,} of {total:,} bytes")
    return continued


def _open(url: str, have: int, timeout: float) -> HTTPResponse | None:
    """Ask for the bytes from `have` on; None if there are none."""
    if not url.startswith(("https://", "http://")):
        raise DatasetError(f"{url} is no address of the web")
    headers = {"User-Agent": "semcomp"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        with error:
            if error.code == 416 and have:
                return None
            kind = _Unreachable if error.code < 500 else _Interrupted
            raise kind(f"{url} answers {error.code} {error.reason}") from error
    except (URLError, HTTPException, OSError) as error:
        raise _Unreachable(f"no connection ({getattr(error, 'reason', error)})") from error
    return response


def _chunks(response: HTTPResponse, url: str) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(CHUNK)
        except (HTTPException, OSError) as error:
            raise _Interrupted(f"the connection to {url} broke ({error})") from error
        if not chunk:
            return
        yield chunk


@contextlib.contextmanager
def _only_one(partial: Path) -> Iterator[None]:
    """Keep two processes from writing one download; the system drops the lock when one dies."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with partial.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(
                f"another process is fetching {partial.with_suffix('').name}: wait until it is done"
            ) from error
        yield
