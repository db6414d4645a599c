"""What a host may set for the demo and the board by environment variables, SEMCOMP_*.

A value that makes no sense stops the start with a line that names the variable, so that a typing
error never becomes a limit of its own. The variables that the codec alone heeds (SEMCOMP_DEVICE,
SEMCOMP_CACHE_DIR, SEMCOMP_KODAK_DIR, SEMCOMP_CID22_DIR) are read where they are used, without this
class.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
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


def _limit(default: int, variable: str, highest: int, meaning: str) -> Any:
    """A field for a whole number from 1 to `highest`; its description is what to give."""
    what = f"a whole number from 1 to {highest:,} ({meaning})"
    return Field(default, validation_alias=variable, ge=1, le=highest, description=what)


class Settings(BaseSettings):
    """The settings, by defaults and keywords or, with `read`, from the environment."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, str_strip_whitespace=True
    )

    file_mb: Whole = _limit(
        40, "SEMCOMP_MAX_FILE_MB", 1_000, "largest upload, in megabytes of 1,000,000 bytes"
    )
    submission_mb: Whole = _limit(
        150,
        "SEMCOMP_MAX_SUBMISSION_MB",
        1_000,
        "largest archive of results for the board, in megabytes",
    )
    pixels: Whole = _limit(
        24_000_000, "SEMCOMP_MAX_PIXELS", 50_000_000, "largest picture, width times height"
    )
    queue: Whole = _limit(
        100, "SEMCOMP_QUEUE", 10_000, "jobs that may wait for the model, of all visitors together"
    )
    visitor_jobs: Whole = _limit(
        6, "SEMCOMP_VISITOR_JOBS", 1_000, "jobs of one visitor that may wait at once"
    )
    visitor_seconds: Whole = _limit(
        240,
        "SEMCOMP_VISITOR_SECONDS",
        600,
        "seconds of computing one visitor gets in ten minutes while others wait",
    )
    job_seconds: Whole = _limit(
        300, "SEMCOMP_JOB_SECONDS", 86_400, "seconds after which one job is stopped"
    )
    keep_minutes: Whole = _limit(
        60,
        "SEMCOMP_KEEP_MINUTES",
        10_080,
        "minutes an upload or a result is kept at most; it goes sooner when its visitor leaves",
    )
    stored_mb: Whole = _limit(
        4_000,
        "SEMCOMP_STORED_MB",
        1_000_000,
        "megabytes of uploads and results that are kept at a time, of all visitors together",
    )
    visitor_mb: Whole = _limit(
        400, "SEMCOMP_VISITOR_MB", 1_000_000, "megabytes of uploads one address may have kept"
    )
    upload_days: float = Field(
        default=30,
        validation_alias="SEMCOMP_UPLOAD_DAYS",
        ge=0,
        le=36_500,
        description="a number of days from 0 to 36,500",
    )
    database_url: str = Field(default="", validation_alias="SEMCOMP_DATABASE_URL", repr=False)
    data_dir: str = Field(default="", validation_alias="SEMCOMP_DATA_DIR")
    review_token: str = Field(default="", validation_alias="SEMCOMP_REVIEW_TOKEN", repr=False)
    maintainers: str = Field(default="", validation_alias="SEMCOMP_MAINTAINERS")

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
        variable, text = str(wrong["loc"][0]), str(wrong["input"]).strip()
        field = cls.variables()[variable]
        raise SettingsError(
            f"{variable}={text!r}: give {field.description}, or leave it unset for "
            f"{field.default:,}"
        )

    @classmethod
    def variables(cls) -> dict[str, FieldInfo]:
        """The fields by the names of their variables."""
        return {str(field.validation_alias): field for field in cls.model_fields.values()}
