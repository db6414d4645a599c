"""Curves that others published, shown beside what is measured here and never mixed with it.

Each is a results file under `assets/published`, of means or, where its source states them, of
single pictures. Its provenance names the paper (`reference`), how many pictures there are
(`pictures`), where the numbers stand (`source`: repository, commit, files) and, where known, what
the decoder takes (`decoder`: macs_per_pixel, parameters, source).
"""

from __future__ import annotations

from pathlib import Path

from semcomp.files import ASSETS

from .results import MEAN, Results, ResultsError, read_results

FOLDER = ASSETS / "published"
PUBLISHED = "published"
"""The `kind` of such results."""


def read_published(
    folder: Path = FOLDER, dataset: str | None = None, pictures: int | None = None
) -> list[Results]:
    """Published curves of a folder, sorted by file name.

    dataset, pictures: only curves of this data set and over so many pictures. A mean over others
    would be no match.

    Raises ResultsError for a file that is not marked as published, does not say where its numbers
    stand, or has other pictures than it says. An empty folder has no curves.
    """
    curves = []
    for path in sorted(folder.glob("*.json"), key=lambda path: path.stem):
        results = read_results(path)
        _check(results, path)
        if dataset not in (None, results.dataset):
            continue
        if pictures in (None, results.provenance["pictures"]):
            curves.append(results)
    return curves


def source_of(results: Results) -> str:
    """One line: the paper, the file its numbers were taken from, and what to know of them."""
    told = results.provenance
    source = told["source"]
    files = ", ".join(source["files"])
    decoder, notes = told.get("decoder"), told.get("notes")
    return (
        f"{told['reference']}; numbers from {source['repository']} "
        f"at {source['commit'][:8]}, {files}"
        + (f"; decoder from {decoder['source']}" if decoder else "")
        + (f"; {notes}" if notes else "")
    )


def _check(results: Results, path: Path) -> None:
    if results.kind != PUBLISHED:
        raise ResultsError(
            f"{path}: provenance.kind is {results.kind!r}: expected {PUBLISHED!r}; what was "
            "measured here belongs under assets/results"
        )
    count = results.provenance.get("pictures")
    if not isinstance(count, int):
        raise ResultsError(f"{path}: provenance.pictures is missing: expected how many there are")
    if results.images != (MEAN,) and len(results.images) != count:
        raise ResultsError(
            f"{path}: provenance.pictures is {count}, and there are rows of {len(results.images)}"
        )
    if not results.provenance.get("reference"):
        raise ResultsError(f"{path}: provenance.reference is missing: name the paper")
    source = results.provenance.get("source")
    required = {"repository": str, "commit": str, "files": list}
    if not isinstance(source, dict) or not all(
        isinstance(source.get(key), kind) and source[key] for key, kind in required.items()
    ):
        raise ResultsError(
            f"{path}: provenance.source is {source!r}: expected repository, commit and files"
        )
