"""Results of one codec on one data set: CompressAI's JSON shape with every picture's row.

::

    {"name", "description", "dataset",
     "results":    {"quality": [...], "bpp": [...], "psnr-rgb": [...], ...}   means over pictures
     "images":     {"columns": [...], "rows": [[...], ...]}                   one row per file
     "provenance": {...}}                                                     what made the numbers

Files without ``images``, such as CompressAI's own, are read too: their means become rows of the
picture `MEAN`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semcomp.files import write_file

from .datasets import TOGETHER
from .problems import Problem, Rejected, describe
from .rows import (
    COLUMNS,
    MEAN,
    MEAN_KEYS,
    METRICS,
    VERSIONS,
    Quality,
    ResultsError,
    Row,
    check_rows,
    parse_json,
    read_json,
    read_number,
)

if TYPE_CHECKING:
    import pandas

__all__ = [
    "MEAN",
    "METRICS",
    "Quality",
    "Results",
    "ResultsError",
    "Row",
    "dump",
    "mean_problems",
    "newest_versions",
    "of_versions",
    "quality_order",
    "read_folder",
    "read_results",
    "to_frame",
    "together",
    "write_results",
]

_KEYS = {k: v for k, v in MEAN_KEYS.items() if k not in ("quality", "psnr", "ms-ssim", "ssim")}
"""The means that are written: of every column the file's newer name."""
_ROUNDING = 2e-6
"""Means are written with six decimals."""
_INFINITE = "inf"  # JSON has no infinity, and identical pictures have an infinite PSNR


@dataclass(frozen=True)
class Results:
    """Everything measured of one codec on one data set.

    name: the codec's. rows: at most one per picture and quality. provenance: `kind` says where the
    numbers come from (`recomputed`, `published`, ...), the rest what made them: codec version and
    settings, SHA-256 of the weights, commits, device, libraries, dates.
    """

    name: str
    description: str
    dataset: str
    rows: tuple[Row, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ResultsError for what no measurement gives."""
        for part in ("name", "description", "dataset"):
            if not isinstance(getattr(self, part), str):
                raise ResultsError(f"{part} is {getattr(self, part)!r}: expected text")
        if not self.name:
            raise ResultsError("name is empty: expected the codec's name")
        if not self.rows:
            raise ResultsError(f"{self.name} has no rows: expected at least one point")
        check_rows(self.name, self.rows)

    @property
    def kind(self) -> str:
        """Where the numbers come from; `unknown` if the file does not say."""
        return str(self.provenance.get("kind", "unknown"))

    def version(self, metric: str) -> int:
        """The version of a score's definition (`rows.VERSIONS`) that these results are of."""
        metrics = self.provenance.get("metrics")
        versions = metrics.get("versions") if isinstance(metrics, dict) else None
        stated = versions.get(metric, 1) if isinstance(versions, dict) else 1
        return stated if isinstance(stated, int) else 1

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the pictures, in order of appearance."""
        return tuple(dict.fromkeys(row.image for row in self.rows))

    @property
    def qualities(self) -> tuple[Quality, ...]:
        """Qualities, numbers ascending, then names in order of appearance."""
        return tuple(sorted(dict.fromkeys(row.quality for row in self.rows), key=quality_order))

    def means(self) -> dict[str, list[float | None]]:
        """Means over the pictures for every quality of `qualities`, by the row's field.

        None where a picture of the results has no row or no score: a mean over fewer pictures
        would be no match for the others.
        """
        groups = {
            quality: [r for r in self.rows if r.quality == quality] for quality in self.qualities
        }
        count = len(self.images)
        table: dict[str, list[float | None]] = {}
        for name in _KEYS.values():
            table[name] = []
            for group in groups.values():
                values = [getattr(row, name) for row in group]
                known = [value for value in values if value is not None]
                table[name].append(sum(known) / count if len(known) == count else None)
        return table

    def to_json(self) -> dict[str, Any]:
        """What `write_results` writes, in JSON's types."""
        means = self.means()
        data: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "dataset": self.dataset,
            "results": {
                "quality": list(self.qualities),
                **{
                    key: [_plain(_rounded(value)) for value in means[name]]
                    for key, name in _KEYS.items()
                },
            },
        }
        if self.images != (MEAN,):
            data["images"] = {
                "columns": list(COLUMNS),
                "rows": [[_plain(getattr(row, c)) for c in COLUMNS] for row in self.rows],
            }
        data["provenance"] = dict(self.provenance)
        return data

    @classmethod
    def from_json(cls, data: Any) -> Results:
        """Inverse of `to_json`; reads every shape of `rows.read_json`. Raises ResultsError.

        The means stated must be those of the rows.
        """
        try:
            records = read_json(data)
        except Rejected as error:
            raise ResultsError(str(error.problems[0])) from error
        about = records.about
        provenance = about.get("provenance", {})
        if not isinstance(provenance, dict):
            raise ResultsError(f"provenance is {provenance!r}: expected an object")
        results = cls(
            name=about.get("name", ""),
            description=about.get("description", ""),
            dataset=about.get("dataset", ""),
            rows=tuple(_row(record) for record in records.rows),
            provenance=provenance,
        )
        if not records.averaged:
            _check_means(results, records.means)
        return results


def read_results(path: Path) -> Results:
    """Results of a file. Raises ResultsError with the file's name."""
    try:
        return Results.from_json(parse_json(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"cannot read {path}: {error}") from error
    except Rejected as error:
        raise ResultsError(f"{path} is no JSON: {error}") from error
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from error


def write_results(results: Results, path: Path) -> None:
    """Write a file whole or not at all, a row per line. Raises ResultsError."""
    try:
        write_file(path, dump(results).encode("utf-8"))
    except OSError as error:
        raise ResultsError(
            f"cannot write {path}: {error.strerror or error}; name a folder that can be written"
        ) from error


def dump(results: Results) -> str:
    """The text of a results file."""
    parts = []
    for key, value in results.to_json().items():
        if key == "images":
            lines = ",\n".join(_compact(row) for row in value["rows"])
            text = f'{{"columns": {_compact(value["columns"])}, "rows": [\n{lines}\n]}}'
        elif key == "results":
            lines = ",\n".join(f"  {json.dumps(k)}: {_compact(v)}" for k, v in value.items())
            text = f"{{\n{lines}\n}}"
        else:
            text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def read_folder(folder: Path) -> list[Results]:
    """Results of all `*.json` of a folder, sorted by file name. Raises ResultsError."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ResultsError(
            f"no results in {folder}: make some with python -m leaderboard run --out {folder}"
        )
    return [read_results(path) for path in paths]


def newest_versions(results: Sequence[Results]) -> dict[str, int]:
    """The newest version of every score whose definition has changed, among results."""
    return {
        metric: max((each.version(metric) for each in results), default=1) for metric in VERSIONS
    }


def of_versions(results: Results, versions: Mapping[str, int]) -> Results:
    """Results without the scores that are of other versions than these: nothing compares those."""
    other = [metric for metric, number in versions.items() if results.version(metric) != number]
    if not any(getattr(row, metric) is not None for row in results.rows for metric in other):
        return results
    blank: dict[str, Any] = dict.fromkeys(other)
    rows = tuple(replace(row, **blank) for row in results.rows)
    return replace(results, rows=rows)


def together(sets: Sequence[Sequence[Results]]) -> list[Results]:
    """Results over the pictures of several data sets, of the codecs measured on all of them.

    sets: results of one data set each, no picture in two. What made the numbers is told of the
    first; scores are of one version.
    """
    by_name = [{each.name: each for each in results if each.images != (MEAN,)} for results in sets]
    versions = newest_versions([each for results in by_name for each in results.values()])
    joined = []
    for name, first in by_name[0].items():
        parts = [of_versions(results[name], versions) for results in by_name if name in results]
        if len(parts) == len(by_name):
            rows = tuple(row for part in parts for row in part.rows)
            dataset = TOGETHER.join(part.dataset for part in parts)
            joined.append(replace(first, dataset=dataset, rows=rows))
    return joined


def to_frame(results: Sequence[Results]) -> pandas.DataFrame:
    """One row per codec, quality and picture.

    Columns: codec, quality, image, bytes, bpp, `METRICS`, encode_s, decode_s, kind, and what the
    codec's decoder takes, macs_per_pixel and parameters (`data.complexity`). What is not available
    is NaN, and so are scores of an older version than other results have.
    """
    import pandas

    from .complexity import complexity_of

    versions = newest_versions(results)
    results = [of_versions(each, versions) for each in results]

    columns = ("quality", "image", "bytes", "bpp", *METRICS, "encode_s", "decode_s")
    records = []
    for each in results:
        decoder = complexity_of(each)
        told = {
            "kind": each.kind,
            "macs_per_pixel": decoder.macs,
            "parameters": decoder.parameters,
        }
        for row in each.rows:
            values = {name: getattr(row, name) for name in columns}
            records.append({"codec": each.name, **values, **told})
    ends = ("kind", "macs_per_pixel", "parameters")
    frame = pandas.DataFrame.from_records(records, columns=["codec", *columns, *ends])
    numbers = ["bytes", "bpp", *METRICS, "encode_s", "decode_s", *ends[1:]]
    frame[numbers] = frame[numbers].astype("float64")
    return frame


def mean_problems(
    results: Results,
    qualities: Sequence[Quality],
    stated: Mapping[str, Any],
    allowed: Mapping[str, float],
) -> list[Problem]:
    """Means that a file states and its rows do not have.

    qualities: those of the results, in the order of the lists. stated: lists by the file's names.
    allowed: the largest difference by the rows' column; `_ROUNDING` for any other.
    """
    means = {
        name: dict(zip(results.qualities, values, strict=True))
        for name, values in results.means().items()
    }
    problems = []
    for key, values in stated.items():
        name = MEAN_KEYS.get(key, "quality")
        if name == "quality":
            continue
        if not isinstance(values, list) or len(values) != len(qualities):
            expected = f"a list of {len(qualities)} means"
            problems.append(Problem(f"results.{key}", None, describe(values), expected))
            continue
        for quality, value in zip(qualities, values, strict=True):
            mean = means[name][quality]
            if not _close(value, mean, allowed.get(name, _ROUNDING)):
                where = f"results.{key} at quality {quality}"
                expected = (
                    f"{'nothing' if mean is None else format(mean, '.6g')}, the mean of the rows"
                )
                problems.append(Problem(where, None, describe(value), expected))
    return problems


def _close(value: Any, mean: float | None, allowed: float) -> bool:
    if value is None or mean is None:
        return value is None and mean is None
    number = read_number(value)
    return number is not None and (number == mean or abs(number - mean) <= allowed)


def _check_means(results: Results, stated: Mapping[str, Any]) -> None:
    """Raise ResultsError where stated means are not all there and those of the rows, in order."""
    if stated.get("quality") != list(results.qualities):
        raise ResultsError(
            f"{results.name}: results.quality is {stated.get('quality')!r}: expected "
            f"{list(results.qualities)}, the qualities of the rows"
        )
    # a file from before a score existed lacks its means
    unknown = dict.fromkeys(_KEYS, [None] * len(results.qualities))
    problems = mean_problems(results, results.qualities, unknown | dict(stated), {})
    if problems:
        raise ResultsError(f"{results.name}: {problems[0]}")


def quality_order(quality: Quality) -> tuple[bool, float]:
    """Key to sort by: numbers ascending, then names as they are."""
    return (True, 0.0) if isinstance(quality, str) else (False, quality)


def _row(record: Mapping[str, Any]) -> Row:
    values: dict[str, Any] = {column: record.get(column) for column in COLUMNS}
    if values["psnr"] == _INFINITE:
        values["psnr"] = math.inf
    return Row(**values)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _plain(value: Any) -> Any:
    """A value in JSON's types."""
    return _INFINITE if value == math.inf else value


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
