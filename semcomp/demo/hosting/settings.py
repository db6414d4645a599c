"""The limits a host may set by environment variables, read once when the page is built.

A value that makes no sense stops the start with a line that names the variable, so that a typing
error never becomes a limit of its own.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from semcomp.errors import SemcompError


class SettingsError(SemcompError, ValueError):
    """An environment variable whose value is no whole number in its range."""


def _setting(default: int, variable: str, highest: int, meaning: str) -> int:
    # `field` promises the type of the default it is given
    made: int = field(
        default=default,
        metadata={"variable": variable, "highest": highest, "meaning": meaning},
    )
    return made


@dataclass(frozen=True)
class Settings:
    """Limits of the demo; whole numbers from 1 to the `highest` of each field."""

    file_mb: int = _setting(
        40, "SEMCOMP_MAX_FILE_MB", 1_000, "largest upload, in megabytes of 1,000,000 bytes"
    )
    submission_mb: int = _setting(
        150,
        "SEMCOMP_MAX_SUBMISSION_MB",
        1_000,
        "largest archive of results for the board, in megabytes",
    )
    pixels: int = _setting(
        24_000_000, "SEMCOMP_MAX_PIXELS", 50_000_000, "largest picture, width times height"
    )
    queue: int = _setting(
        100, "SEMCOMP_QUEUE", 10_000, "jobs that may wait for the model, of all visitors together"
    )
    visitor_jobs: int = _setting(
        6, "SEMCOMP_VISITOR_JOBS", 1_000, "jobs of one visitor that may wait at once"
    )
    visitor_seconds: int = _setting(
        240,
        "SEMCOMP_VISITOR_SECONDS",
        600,
        "seconds of computing one visitor gets in ten minutes while others wait",
    )
    job_seconds: int = _setting(
        300, "SEMCOMP_JOB_SECONDS", 86_400, "seconds after which one job is stopped"
    )
    keep_minutes: int = _setting(
        60,
        "SEMCOMP_KEEP_MINUTES",
        10_080,
        "minutes an upload or a result is kept at most; it goes sooner when its visitor leaves",
    )

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """The settings of an environment (None: this process's own).

        An empty variable counts as unset. Raises SettingsError for what is no number in range.
        """
        given = os.environ if environment is None else environment
        values = {}
        for one in fields(cls):
            variable, highest = one.metadata["variable"], one.metadata["highest"]
            text = given.get(variable, "").strip()
            if not text:
                continue
            number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
            if not 1 <= number <= highest:
                raise SettingsError(
                    f"{variable}={text!r}: give a whole number from 1 to {highest:,} "
                    f"({one.metadata['meaning']}), or leave it unset for {one.default:,}"
                )
            values[one.name] = number
        return cls(**values)

    @classmethod
    def variables(cls) -> dict[str, tuple[int, str]]:
        """Name of each variable, with its default and its meaning: what docs/hosting lists."""
        return {
            str(one.metadata["variable"]): (int(str(one.default)), str(one.metadata["meaning"]))
            for one in fields(cls)
        }
