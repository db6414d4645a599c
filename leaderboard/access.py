"""Who may review submissions: whoever holds the maintainers' token, or named accounts of the hub.

Self-hosted, `SEMCOMP_REVIEW_TOKEN` holds the token. On a Space the hub signs visitors in (OAuth),
and `SEMCOMP_MAINTAINERS` names the accounts, separated by commas. Signing in with the token gives
the page a key of its own, good for that page alone; the server keeps only the key's hash.
"""

from __future__ import annotations

import hmac
import math
import os
import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256

TOKEN, MAINTAINERS = "SEMCOMP_REVIEW_TOKEN", "SEMCOMP_MAINTAINERS"
"""Names of the settings."""
SHORTEST_TOKEN = 16
"""Characters; a shorter token could be guessed in spite of the pause after wrong ones."""
FAILURES, PAUSE = 5, 900.0
"""Wrong tokens from one address, and the seconds it then has to wait."""
IDLE, LONGEST = 3600.0, 12 * 3600.0
"""Seconds after which a key ends: unused, and in any case."""
_KEPT = 10_000
"""Addresses and keys remembered, so that memory stays bounded."""
_LONGEST_NAME = 60


class AccessError(ValueError):
    """Somebody may not review; the message says why and what to do."""


@dataclass
class _Key:
    name: str
    session: str
    ends: float
    used: float


@dataclass
class _Address:
    failures: int = 0
    until: float = -math.inf


class Access:
    """Sign-in, and the check that every action of a maintainer passes."""

    def __init__(
        self,
        token: str = "",
        maintainers: Collection[str] = (),
        *,
        hub: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """token: empty for no sign-in by token. maintainers: accounts of the hub.

        hub: whether the hub itself signs visitors in. Elsewhere an account proves nothing, because
        Gradio then lets everybody be the account of the server's owner. clock: seconds.
        """
        self.hub = hub
        self._token = _digest(token) if len(token) >= SHORTEST_TOKEN else None
        self._short = 0 < len(token) < SHORTEST_TOKEN
        self._maintainers = frozenset(name.casefold() for name in maintainers)
        self._clock = clock
        self._keys: dict[bytes, _Key] = {}
        self._addresses: dict[str, _Address] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls) -> Access:
        """Access as this process's settings say."""
        named = os.environ.get(MAINTAINERS, "").split(",")
        return cls(
            os.environ.get(TOKEN, "").strip(),
            [name.strip() for name in named if name.strip()],
            hub=hub_signs_in(),
        )

    @property
    def by_token(self) -> bool:
        """Whether a token is set that can be used."""
        return self._token is not None

    @property
    def problem(self) -> str:
        """Why nobody can sign in on the page; empty if somebody can."""
        if self._short:
            return f"{TOKEN} is too short: use at least {SHORTEST_TOKEN} characters."
        if self.by_token or (self.hub and self._maintainers):
            return ""
        if self.hub:
            return f"No maintainer is named: set {MAINTAINERS} to accounts of the hub."
        return f"Nobody can sign in here yet: set {TOKEN} on the server."

    def sign_in(self, token: str, name: str, *, address: str, session: str) -> str:
        """A key for a page, in exchange for the token.

        name: what the history shall call the maintainer. address: of the visitor, for counting
        wrong tokens. session: of the page; the key works in no other. Raises AccessError.
        """
        if self.problem:
            raise AccessError(self.problem)
        if not session:
            raise AccessError("This page has no session: load it again.")
        now = self._clock()
        with self._lock:
            seen = self._addresses.pop(address, _Address())
            self._addresses[address] = seen  # the latest stand last
            while len(self._addresses) > _KEPT:
                del self._addresses[next(iter(self._addresses))]
            if now < seen.until:
                minutes = math.ceil((seen.until - now) / 60)
                raise AccessError(f"Too many wrong tokens: try again in {minutes} min.")
            # Hashes have one length, so that the time tells nothing of the token's either.
            right = self._token is not None and hmac.compare_digest(self._token, _digest(token))
            if not right:
                seen.failures += 1
                if seen.failures >= FAILURES:
                    seen.failures, seen.until = 0, now + PAUSE
                raise AccessError("This is not the token.")
            del self._addresses[address]
            key = secrets.token_urlsafe(32)
            self._forget(now)
            self._keys[_digest(key)] = _Key(_shown(name), session, now + LONGEST, now)
        return key

    def sign_out(self, key: str) -> None:
        """Make a key useless; unknown ones are ignored."""
        with self._lock:
            self._keys.pop(_digest(key), None)

    def reviewer(self, key: str, *, session: str, account: str | None = None) -> str:
        """The name of who acts, for the history. Raises AccessError for all but maintainers.

        key: of `sign_in`; empty for none. session: of the page that asks. account: as the hub has
        it, None for none.
        """
        if account and self.hub and account.casefold() in self._maintainers:
            return account
        now = self._clock()
        with self._lock:
            found = self._keys.get(_digest(key)) if key else None
            if found is None or found.session != session:
                raise AccessError("Sign in as a maintainer first.")
            if now >= found.ends or now - found.used >= IDLE:
                del self._keys[_digest(key)]
                raise AccessError("You have been signed out: sign in again.")
            found.used = now
            return found.name

    def _forget(self, now: float) -> None:
        """Drop the keys that have ended, and the oldest ones if there are too many."""
        for digest, key in list(self._keys.items()):
            if now >= key.ends or now - key.used >= IDLE or len(self._keys) >= _KEPT:
                del self._keys[digest]


def hub_signs_in() -> bool:
    """Whether this is a Space with OAuth, the only place where Gradio's accounts are real."""
    import importlib.util

    space = os.environ.get("SPACE_ID") and os.environ.get("OAUTH_CLIENT_ID")
    return bool(space) and all(map(importlib.util.find_spec, ("authlib", "itsdangerous")))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _shown(name: str) -> str:
    kept = " ".join(name.split())[:_LONGEST_NAME]
    return f"{kept} (token)" if kept else "maintainer (token)"
