"""Who may review submissions: whoever holds the maintainers' token, or named accounts of the hub.

Self-hosted, `SEMCOMP_REVIEW_TOKEN` holds the token. On a Space the hub signs visitors in (OAuth),
and `SEMCOMP_MAINTAINERS` names the accounts, separated by commas. Signing in with the token gives
the page a key of its own, good for that page alone. The board's database keeps a hash of it
(`store.sign_ins`), so that a sign-in holds in every replica, as does the pause after wrong tokens.
The hash is made with the token: a new token ends all sign-ins.
"""

from __future__ import annotations

import hmac
import math
import os
import secrets
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import TYPE_CHECKING

from leaderboard.store.errors import StoreError
from semcomp.demo.hosting.settings import Settings
from semcomp.errors import SemcompError

if TYPE_CHECKING:
    from leaderboard.store.sign_ins import SignIns

TOKEN, MAINTAINERS = "SEMCOMP_REVIEW_TOKEN", "SEMCOMP_MAINTAINERS"
"""Names of the settings."""
SHORTEST_TOKEN = 16
"""Characters; a shorter token could be guessed in spite of the pause after wrong ones."""
_LONGEST_NAME = 60


class AccessError(SemcompError, ValueError):
    """Somebody may not review; the message says why and what to do."""


class Access:
    """Sign-in, and the check that every action of a maintainer passes."""

    def __init__(
        self,
        token: str = "",
        maintainers: Collection[str] = (),
        *,
        hub: bool = False,
        door: Callable[[], SignIns] | None = None,
    ) -> None:
        """token: empty for no sign-in by token. maintainers: accounts of the hub.

        hub: whether the hub itself signs visitors in. Elsewhere an account proves nothing, because
        Gradio then lets everybody be the account of the server's owner. door: gives the board that
        keeps the sign-ins; None until `BoardContext` says which.
        """
        self.hub = hub
        self._token = _digest(token) if len(token) >= SHORTEST_TOKEN else None
        self._short = 0 < len(token) < SHORTEST_TOKEN
        self._maintainers = frozenset(name.casefold() for name in maintainers)
        self.door = door

    @classmethod
    def from_environment(cls) -> Access:
        """Access as this process's settings say. Raises SettingsError."""
        settings = Settings.read()
        named = settings.maintainers.split(",")
        return cls(
            settings.review_token,
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
        # Hashes have one length, so that the time tells nothing of the token's either.
        right = self._token is not None and hmac.compare_digest(self._token, _digest(token))
        key = secrets.token_urlsafe(32)
        try:
            door = self._opened()
            wait = door.knock(self._hash(f"address {address}"), right)
            if wait:
                raise AccessError(
                    f"Too many wrong tokens: try again in {math.ceil(wait / 60)} min."
                )
            if not right:
                raise AccessError("This is not the token.")
            door.enter(self._of_page(key, session), _name_of(name))
        except StoreError as error:
            raise AccessError(f"Nobody can sign in now: {error}") from error
        return key

    def sign_out(self, key: str, *, session: str) -> None:
        """Make a key useless in every replica; unknown ones are ignored. Raises AccessError."""
        if key and self.by_token:
            try:
                self._opened().leave(self._of_page(key, session))
            except StoreError as error:
                raise AccessError(f"You are still signed in: {error}") from error

    def reviewer(self, key: str, *, session: str, account: str | None = None) -> str:
        """The name of who acts, for the history. Raises AccessError for all but maintainers.

        key: of `sign_in`; empty for none. session: of the page that asks. account: as the hub has
        it, None for none.
        """
        if account and self.hub and account.casefold() in self._maintainers:
            return account
        if not key or not self.by_token:
            raise AccessError("Sign in as a maintainer first.")
        try:
            name = self._opened().who(self._of_page(key, session))
        except StoreError as error:
            raise AccessError(f"Nobody can review now: {error}") from error
        if name is None:
            raise AccessError("Sign in as a maintainer first: you are not signed in, or no longer.")
        return name

    def _opened(self) -> SignIns:
        if self.door is None:
            raise StoreError("no board is open")
        return self.door()

    def _of_page(self, key: str, session: str) -> str:
        """What the board keeps of a key, which only this page and this token give."""
        return self._hash(f"key {key} of {session}")

    def _hash(self, text: str) -> str:
        secret = self._token or b""
        return hmac.digest(secret, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def hub_signs_in() -> bool:
    """Whether this is a Space with OAuth, the only place where Gradio's accounts are real."""
    import importlib.util

    space = os.environ.get("SPACE_ID") and os.environ.get("OAUTH_CLIENT_ID")
    return bool(space) and all(map(importlib.util.find_spec, ("authlib", "itsdangerous")))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _name_of(name: str) -> str:
    short = " ".join(name.split())[:_LONGEST_NAME]
    return f"{short} (token)" if short else "maintainer (token)"
