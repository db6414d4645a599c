"""One thing that is wrong with what was sent, and all of them together as one error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from semcomp.errors import SemcompError

LONGEST_VALUE = 80
"""Characters of a value that are repeated to its sender."""
MOST = 200
"""Problems told of one submission at most; a hostile file has as many as it likes."""


@dataclass(frozen=True)
class Problem:
    """What was found somewhere in a submission, and what was expected there.

    field: the column, the entry or the part of the file. image: the picture it is about, or None.
    value: what stands there, as text on one line without control characters (see `describe`).
    expected: what should stand there, in words that say how to mend it.
    """

    field: str
    image: str | None
    value: str
    expected: str

    def __str__(self) -> str:
        """The problem as one readable line."""
        where = self.field if self.image is None else f"{self.image}, {self.field}"
        return f"{where}: found {self.value}; expected {self.expected}"

    def to_json(self) -> dict[str, str | None]:
        """The four parts under their names, for programs that read the answer."""
        return asdict(self)


class Rejected(SemcompError, ValueError):
    """A submission that cannot be taken; nothing of it is kept. str gives a line per problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        unique = tuple(dict.fromkeys(problems))
        if not unique:
            raise ValueError("a rejection needs a problem")
        if len(unique) > MOST:
            more = f"{len(unique) - MOST + 1} more problems"
            unique = (
                *unique[: MOST - 1],
                Problem("file", None, more, "the ones above mended first"),
            )
        self.problems = unique
        super().__init__("\n".join(str(each) for each in self.problems))

    def __reduce__(self) -> tuple[type[Rejected], tuple[tuple[Problem, ...]]]:
        """Pickled by its problems, so that it crosses from a worker process whole."""
        return Rejected, (self.problems,)


def refusal(field: str, value: str, expected: str, image: str | None = None) -> Rejected:
    """A rejection for one problem, see `Problem`."""
    return Rejected([Problem(field, image, value, expected)])


def describe(value: Any) -> str:
    """A value from elsewhere as text that can be repeated to its sender.

    It is on one line and cut at `LONGEST_VALUE`. Characters that cannot be seen, line breaks and
    changes of writing direction are escaped as Python does; markup is the page's to escape.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "infinity", -math.inf: "-infinity"}.get(value, "NaN")
    if isinstance(value, Mapping):
        text = f"an object of {len(value)} entries"
    elif isinstance(value, list | tuple):
        text = f"a list of {len(value)}"
    elif isinstance(value, str | bytes):
        text = repr(value[: LONGEST_VALUE + 1])
    elif isinstance(value, int) and abs(value) >= 10**LONGEST_VALUE:
        text = "a number of more than 80 digits"  # Python refuses to print the longest
    else:
        text = "nothing" if value is None else repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
