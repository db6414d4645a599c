"""Tests of rescoring: the benchmark's numbers for files that were sent in, and what stops it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.codecs import CODECS
from leaderboard.data.datasets import Dataset
from leaderboard.run.cache import PointCache
from leaderboard.run.measuring import reference, score
from leaderboard.scoring import rescore as module
from leaderboard.scoring.isolated import PICTURE
from leaderboard.scoring.rescore import FilesRejected, ScoringError, forget, rescore
from semcomp.pipeline import compress, info
from tests.support.sent_files import (
    Upload,
    coarse,
    dataset_in,
    files_of,
    format_sent,
    originals,
    pictures_sent,
    png,
    semc_sent,
    upload_of_files,
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dataset_in(tmp_path_factory.mktemp("originals"))


def with_reconstruction(upload: Upload, place: int, data: bytes) -> Upload:
    """The upload with other bytes for one picture, under another digest."""
    points = upload.inspected.points
    files = files_of(upload) | {str(points[place].reconstruction): data}
    return upload_of_files(PICTURE, points, files)


def test_pictures_get_the_benchmarks_scores(dataset: Dataset, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    upload = pictures_sent()
    results = rescore(*upload, dataset, tmp_path, jobs=0, report=lambda *n: told.append(n))
    assert (results.name, results.dataset, results.kind) == ("A method", "tiny", "recomputed")
    assert [(row.image, row.quality) for row in results.rows] == [
        (name, step) for name in ("cat", "cup") for step in (48, 16, 4)
    ]
    for row in results.rows:
        original = originals()[row.image]
        expected = score(reference(original), coarse(original, int(row.quality)))
        assert {name: getattr(row, name) for name in expected} == expected
        size = len(row.image) * (40000 // int(row.quality) // len(row.image))
        assert row.bytes == size and row.bpp == pytest.approx(8 * size / (96 * 112), abs=1e-6)
        assert row.encode_s is None and row.decode_s is None
    assert told == [(done, 6) for done in range(7)]
    assert results.provenance["upload"] == upload.inspected.digest and results.provenance["metrics"]


def test_stated_side_information_counts(dataset: Dataset, tmp_path: Path) -> None:
    plain = rescore(*pictures_sent((16,)), dataset, tmp_path, jobs=0)
    costly = rescore(*pictures_sent((16,), side_bytes=100), dataset, tmp_path, jobs=0)
    for before, after in zip(plain.rows, costly.rows, strict=True):
        assert after.bytes == (before.bytes or 0) + 100
        assert after.bpp == pytest.approx(8 * after.bytes / (96 * 112), abs=1e-6)
        assert after.psnr == before.psnr


def test_semc_files_are_decoded_here(dataset: Dataset, tmp_path: Path) -> None:
    results = rescore(*semc_sent(), dataset, tmp_path, jobs=0)
    assert results.kind == "re-decoded"
    for row in results.rows:
        original = originals()[row.image]
        made = compress(original, float(row.quality), "uniform")
        expected = score(reference(original), np.asarray(made.reconstruction))
        assert {name: getattr(row, name) for name in expected} == expected
        assert row.bytes == len(made.data)
        assert row.code_bytes == info(made.data)["sizes"]["codes"]


@pytest.mark.parametrize("format", ["jpeg", "bpg"])
def test_files_of_other_formats_are_decoded_here(
    format: str, dataset: Dataset, tmp_path: Path
) -> None:
    upload = format_sent(format, (20, 40))
    results = rescore(*upload, dataset, tmp_path, jobs=0)
    assert results.kind == "re-decoded"
    assert results.provenance["settings"] == f"{format.upper()} files, decoded here"
    assert "PyAV" in results.provenance["version"] or "Pillow" in results.provenance["version"]
    for row, point in zip(results.rows, upload.inspected.points, strict=True):
        file = upload.read(point.bitstream)
        decoded = np.asarray(CODECS[format].decode(file))
        expected = score(reference(originals()[row.image]), decoded)
        assert {name: getattr(row, name) for name in expected} == expected
        assert row.bytes == len(file)


def test_every_unusable_file_is_named_and_no_other_is_lost(
    dataset: Dataset, tmp_path: Path
) -> None:
    upload = with_reconstruction(pictures_sent(), 1, b"GIF89a")
    upload = with_reconstruction(upload, 3, png(originals()["cup"][:50]))
    told: list[tuple[int, int]] = []
    with pytest.raises(FilesRejected) as problem:
        rescore(*upload, dataset, tmp_path, jobs=0, report=lambda *n: told.append(n))
    assert problem.value.problems == (
        "reconstructions/16/cat.png: not a PNG picture: send reconstructions as PNG files",
        "reconstructions/48/cup.png: the picture has 112 x 50 pixels: expected 112 x 96",
    )
    assert told[-1] == (4, 6)


def test_a_hostile_upload_is_given_up_soon(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PROBLEMS", 2)
    upload = pictures_sent()
    for place in range(6):
        upload = with_reconstruction(upload, place, b"")
    with pytest.raises(FilesRejected) as problem:
        rescore(*upload, dataset, tmp_path, jobs=0)
    assert len(problem.value.problems) == 3
    assert "not tried" in problem.value.problems[-1]


def test_a_picture_of_no_data_set_is_named(dataset: Dataset, tmp_path: Path) -> None:
    upload = pictures_sent((16,))
    strange = replace(upload.inspected.points[0], image="dog")
    inspected = replace(upload.inspected, points=(strange,))
    with pytest.raises(FilesRejected, match="dog: no picture of tiny"):
        rescore(inspected, upload.read, dataset, tmp_path, jobs=0)


def gone(name: str) -> bytes:
    """A file that cannot be read any more."""
    raise OSError("gone")


def test_what_is_this_machines_fault_is_not_the_submitters(
    dataset: Dataset, tmp_path: Path
) -> None:
    inspected = pictures_sent((16,)).inspected
    with pytest.raises(ScoringError, match="cannot read the upload: gone"):
        rescore(inspected, gone, dataset, tmp_path, jobs=0)


def test_scoring_goes_on_where_it_was_stopped(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = pictures_sent()

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rescore(*upload, dataset, tmp_path, jobs=0, report=stop)
    written: list[Any] = []
    write = PointCache.write

    def noted(*arguments: Any, **named: Any) -> None:
        written.append(arguments)
        write(*arguments, **named)

    monkeypatch.setattr(PointCache, "write", noted)
    told: list[int] = []
    results = rescore(*upload, dataset, tmp_path, jobs=0, report=lambda done, _: told.append(done))
    assert len(written) == 2 and told == [4, 5, 6]
    assert results.rows == rescore(*upload, dataset, tmp_path / "other", jobs=0).rows
    forget(upload.inspected.digest, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_worker_process_gives_the_same(dataset: Dataset, tmp_path: Path) -> None:
    upload = pictures_sent((48, 4))
    here = rescore(*upload, dataset, tmp_path / "here", jobs=0)
    assert rescore(*upload, dataset, tmp_path / "local", jobs=1).rows == here.rows


def test_ray_gives_the_same(dataset: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'semcomp[cluster]'")
    upload = pictures_sent((48, 4))
    here = rescore(*upload, dataset, tmp_path / "here", jobs=0)
    assert rescore(*upload, dataset, tmp_path / "ray", ray="local").rows == here.rows
