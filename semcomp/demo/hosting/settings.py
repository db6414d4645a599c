"""What a host may set for the demo and the board by environment variables, SEMCOMP_*.

A value that makes no sense stops the start with a line that names the variable, so that a typing
error never becomes a limit of its own. The variables that the codec alone heeds (SEMCOMP_DEVICE,
SEMCOMP_CACHE_DIR, SEMCOMP_KODAK_DIR, SEMCOMP_CID22_DIR) are read where they are used, without this
class.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from semcomp.errors import SemcompError


class SettingsError(SemcompError, ValueError):
    """An environment variable whose value makes no sense."""


def _digits(value: Any) -> Any:
    """Digits alone: pydantic would also take `1_000` and `1.0`."""
    if isinstance(value, str) and not (value.strip().isascii() and value.strip().isdigit()):
        raise ValueError("not a whole number")
    return value


Whole = Annotated[int, BeforeValidator(_digits)]


def _limit(default: int, highest: int, meaning: str) -> Any:
    """A field for a whole number from 1 to `highest`; its description is what to give."""
    what = f"a whole number from 1 to {highest:,} ({meaning})"
    return Field(default, ge=1, le=highest, description=what)


class Settings(BaseSettings):
    """The settings, by defaults and keywords or, with `read`, from the environment."""

    model_config = SettingsConfigDict(
        env_prefix="SEMCOMP_", frozen=True, extra="ignore", str_strip_whitespace=True
    )

    max_file_mb: Whole = _limit(40, 1_000, "largest upload, in megabytes of 1,000,000 bytes")
    max_submission_mb: Whole = _limit(
        150, 1_000, "largest archive of results for the board, in megabytes"
    )
    max_pixels: Whole = _limit(24_000_000, 50_000_000, "largest picture, width times height")
    queue: Whole = _limit(100, 10_000, "jobs that may wait for the model, of all visitors together")
    visitor_jobs: Whole = _limit(6, 1_000, "jobs of one visitor that may wait at once")
    visitor_seconds: Whole = _limit(
        240, 600, "seconds of computing one visitor gets in ten minutes while others wait"
    )
    job_seconds: Whole = _limit(300, 86_400, "seconds after which one job is stopped")
    keep_minutes: Whole = _limit(
        60,
        10_080,
        "minutes an upload or a result is kept at most; it goes sooner when its visitor leaves",
    )
    stored_mb: Whole = _limit(
        4_000,
        1_000_000,
        "megabytes of uploads and results that are kept at a time, of all visitors together",
    )
    visitor_mb: Whole = _limit(400, 1_000_000, "megabytes of uploads one address may have kept")
    upload_days: float = Field(
        default=30, ge=0, le=36_500, description="a number of days from 0 to 36,500"
    )
    database_url: str = Field(default="", repr=False)
    data_dir: str = ""
    review_token: str = Field(default="", repr=False)
    maintainers: str = ""

    @model_validator(mode="before")
    @classmethod
    def _unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        """An empty variable counts as unset."""
        return {name: value for name, value in values.items() if str(value).strip()}

    @classmethod
    def read(cls) -> "Settings":
        """The settings of this process's environment. Raises SettingsError."""
        try:
            return cls()
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
        name, text = str(wrong["loc"][0]), str(wrong["input"]).strip()
        field = cls.model_fields[name]
        raise SettingsError(
            f"SEMCOMP_{name.upper()}={text!r}: give {field.description}, or leave it unset for "
            f"{field.default:,}"
        )
