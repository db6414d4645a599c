"""What can go wrong with the board, in words for the person who has to mend it."""

from __future__ import annotations

from semcomp.errors import SemcompError


class StoreError(SemcompError, RuntimeError):
    """The board cannot do what was asked; the message names the problem and the remedy."""


class NotFound(StoreError):
    """No such entry, or none that this receipt opens."""


class WrongState(StoreError):
    """The entry is not in a state that allows this; nothing was changed."""


class Duplicate(StoreError):
    """The same file is on the board already, or waits for it; nothing was stored."""


class JobLost(StoreError):
    """A scoring job is no longer this worker's; its outcome was not stored."""


class TooMany(StoreError):
    """Too much from one submitter in too short a time; nothing was stored.

    retry_after: seconds, at least 1, after which it is worth trying again.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        """Keep the wait beside the message."""
        super().__init__(message)
        self.retry_after = max(1.0, retry_after)
