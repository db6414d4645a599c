"""What can be wrong with somebody's picture, file or setting.

Every message names the problem and what to do about it, and is meant to be shown as it is: commands
print it after "error:", the demo on the page. What is not a `SemcompError` or an `OSError` is a
fault of the program.
"""

from __future__ import annotations


class SemcompError(Exception):
    """Base of every error that is about the user's files and settings, not about the program."""


class ImageError(SemcompError, ValueError):
    """A picture that cannot be read, or an array that is not a picture."""


class SemanticError(SemcompError, ValueError):
    """A picture, map, class or classifier that cannot be used."""


class AllocationError(SemcompError, ValueError):
    """A level, map or budget that no allocation can be made from."""


class BitstreamError(SemcompError, ValueError):
    """Bytes that are not a whole `.semc` file, or fields that cannot be written into one."""


class FormatError(SemcompError, ValueError):
    """A picture or quality that an ordinary format has no room for, or a format not at hand."""


class SizeError(SemcompError, ValueError):
    """A size that no file has, or a codec that makes none; the message says what would help."""


class DamagedIterationError(BitstreamError):
    """A `.semc` file with a damaged iteration, or bytes behind its last one.

    whole: iterations before that, which can be decoded.
    """

    def __init__(self, message: str, whole: int) -> None:
        """message: what is wrong, without the remedy."""
        remedy = f"get the file again, or decode its first {whole} iterations"
        super().__init__(f"{message}: {remedy}")
        self.whole = whole


class WeightsError(SemcompError, ValueError):
    """Weights that are missing, damaged, incomplete or of another kind."""


class MetricError(SemcompError, ValueError):
    """Two arrays that cannot be compared, or a metric that is not defined for them."""


class DatasetError(SemcompError, ValueError):
    """Pictures that are missing, unreachable, damaged or not those of the data set."""


class TrainingError(SemcompError, ValueError):
    """A run that cannot start, go on or be continued."""
