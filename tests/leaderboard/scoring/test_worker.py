"""Tests of the worker: jobs of a real store are scored, failed, resumed and given back."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from leaderboard.data.datasets import Dataset
from leaderboard.scoring import worker
from leaderboard.scoring.process import PointsDone, ScoringOutcome, ScoringProcess
from leaderboard.scoring.rescore import rescore
from leaderboard.scoring.worker import run_worker
from leaderboard.store.database import Entry, Job, Store, open_store
from leaderboard.submissions.inspection import inspect
from leaderboard.submissions.method import Method
from leaderboard.submissions.shape import DatasetShape
from semcomp.errors import DatasetError
from tests.support.sent_files import (
    coarse,
    dataset_in,
    files_of,
    originals,
    pictures_sent,
    png,
    semc_sent,
)
from tests.support.store_samples import until

METHOD = Method("A method", contact="a@example.org", side_information_bytes=None, dataset="tiny")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dataset_in(tmp_path_factory.mktemp("originals"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'board.sqlite3'}")
    yield opened
    opened.close()


def archive(folder: Path, files: dict[str, bytes]) -> Path:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    path = folder / f"upload-{len(list(folder.glob('upload-*')))}.zip"
    path.write_bytes(stream.getvalue())
    return path


def pictures_zip(folder: Path, steps: tuple[int, ...] = (64, 32, 16, 8)) -> Path:
    return archive(folder, files_of(pictures_sent(steps)))


def with_spoilt_pixels(picture: bytes) -> bytes:
    """A PNG whose header and checksums are right, and whose packed pixels are not."""
    start = picture.index(b"IDAT") + 4
    size = int.from_bytes(picture[start - 8 : start - 4], "big")
    pixels = picture[start : start + size - 300] + bytes(300)
    checksum = zlib.crc32(b"IDAT" + pixels).to_bytes(4, "big")
    return picture[:start] + pixels + checksum + picture[start + size + 4 :]


def submit(store: Store, dataset: Dataset, path: Path) -> Entry:
    inspected = inspect(path, METHOD, DatasetShape.of(dataset))
    return store.add(inspected, path, submitter="somebody").entry


def run(store: Store, dataset: Dataset, folder: Path, **options: object) -> list[str]:
    told: list[str] = []
    run_worker(
        store,
        once=True,
        report=told.append,
        datasets=lambda name: dataset,
        folder=folder / "kept",
        **options,  # type: ignore[arg-type]
    )
    return told


def test_pictures_and_semc_files_are_scored_and_wait_for_review(
    store: Store, dataset: Dataset, tmp_path: Path
) -> None:
    pictures = submit(store, dataset, pictures_zip(tmp_path))
    files = submit(store, dataset, archive(tmp_path, files_of(semc_sent((1, 2)))))
    assert {pictures.state, files.state} == {"scoring"}
    told = run(store, dataset, tmp_path)
    assert told == [f"entry {pictures.id} is scored", f"entry {files.id} is scored"]
    for entry, kind, count in ((pictures, "recomputed", 8), (files, "re-decoded", 4)):
        assert store.entry(entry.id).state == "pending"
        results = store.results(entry.id)
        assert (results.kind, results.name, len(results.rows)) == (kind, "A method", count)
    expected = rescore(*pictures_sent((64, 32, 16, 8)), dataset, tmp_path / "other", jobs=0)
    found = {(row.image, row.quality): row for row in store.results(pictures.id).rows}
    for row in expected.rows:
        assert found[row.image, row.quality].si_ssim_2 == row.si_ssim_2
        assert found[row.image, row.quality].bytes == row.bytes
    assert not list((tmp_path / "kept").iterdir())


def test_files_that_cannot_be_scored_are_told_to_the_submitter(
    store: Store, dataset: Dataset, tmp_path: Path
) -> None:
    """An entry that was stored by checks which looked less closely."""
    files = {}
    for name, pixels in originals().items():
        for place, step in enumerate((64, 32, 16, 8)):
            files[f"reconstructions/{place}/{name}.png"] = png(coarse(pixels, step))
            files[f"bitstreams/{place}/{name}.bin"] = name.encode() * (50 << place)
    inspected = inspect(archive(tmp_path, files), METHOD, DatasetShape.of(dataset))
    name = "reconstructions/2/cup.png"
    path = archive(tmp_path, {**files, name: with_spoilt_pixels(files[name])})
    damaged = replace(inspected, digest=hashlib.sha256(path.read_bytes()).hexdigest())
    entry = store.add(damaged, path, submitter="somebody").entry
    run(store, dataset, tmp_path)
    failed = store.entry(entry.id)
    assert failed.state == "failed"
    assert failed.reason.startswith(
        "cup, reconstruction at quality 2: found the PNG file is damaged"
    )


def test_scores_that_cannot_be_true_are_refused(
    store: Store, dataset: Dataset, tmp_path: Path
) -> None:
    """The decoder that has seen the originals: perfect pictures from next to no bytes."""
    files = {}
    for name, pixels in originals().items():
        for quality in range(4):
            near = pixels.copy()
            near[0, 0, 0] ^= 1 << quality
            files[f"reconstructions/{quality}/{name}.png"] = png(near)
            files[f"bitstreams/{quality}/{name}.bin"] = name.encode() * (7 - quality)
    entry = submit(store, dataset, archive(tmp_path, files))
    run(store, dataset, tmp_path)
    failed = store.entry(entry.id)
    assert failed.state == "failed" and "no codec comes near" in failed.reason


def test_without_the_originals_a_job_waits(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    entry = submit(store, dataset, pictures_zip(tmp_path))

    def missing(name: str) -> Dataset:
        raise DatasetError("set SEMCOMP_KODAK_DIR")

    told: list[str] = []
    for _ in range(5):  # more than the attempts a job has
        run_worker(store, once=True, report=told.append, datasets=missing, folder=tmp_path / "kept")
    assert all("the originals of tiny are not here: set SEMCOMP_KODAK_DIR" in t for t in told)
    assert len(told) == 5 and store.entry(entry.id).state == "scoring"


def test_a_stopped_worker_gives_its_job_back_and_the_next_goes_on(
    store: Store, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "NOTE_S", 0.0)
    entry = submit(store, dataset, pictures_zip(tmp_path, (64, 48, 32, 24, 16, 8)))
    told: list[str] = []
    kept = tmp_path / "kept"
    stop = threading.Event()
    options = {"stop": stop, "report": told.append, "folder": kept}
    options["datasets"] = lambda name: dataset
    threading.Thread(target=run_worker, args=[store], kwargs=options, daemon=True).start()
    until(lambda: len(list(kept.glob("*/points/*/*.json"))) >= 2)
    progress = store.entry(entry.id).progress
    stop.set()
    until(lambda: bool(told))
    assert progress is None or progress[1] in (0, 12)
    assert told == [f"entry {entry.id} goes back to the queue, this worker stops"]
    finished = {path: path.stat().st_mtime_ns for path in kept.glob("*/points/*/*.json")}
    assert 2 <= len(finished) < 12
    steps: list[tuple[int, int]] = []
    renew = store.renew

    def noted(job: Job, done: int, total: int) -> None:
        steps.append((done, total))
        renew(job, done, total)

    monkeypatch.setattr(store, "renew", noted)
    assert run(store, dataset, tmp_path) == [f"entry {entry.id} is scored"]
    assert next(step for step in steps if step[1])[0] >= len(finished)
    assert len(store.results(entry.id).rows) == 12


def test_a_job_is_scored_on_ray(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    """On a real Ray of this machine, from the queue to the results."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'semcomp[cluster]'")
    upload = pictures_sent((64, 32, 16, 8))
    entry = submit(store, dataset, pictures_zip(tmp_path))
    told = run(store, dataset, tmp_path, ray="local")
    assert told == [f"entry {entry.id} is scored"]
    assert store.entry(entry.id).state == "pending"
    expected = rescore(*upload, dataset, tmp_path / "here", jobs=0)
    here, there = (
        sorted((row.image, row.quality, row.bytes, row.psnr, row.ssim) for row in results.rows)
        for results in (expected, store.results(entry.id))
    )
    assert there == here


def test_a_withdrawn_job_is_dropped(
    store: Store, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "NOTE_S", 0.0)
    entry = submit(store, dataset, pictures_zip(tmp_path))
    renew = store.renew
    calls: list[int] = []

    def withdrawn(job: Job, done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 2:
            store.withdraw_by_maintainer(entry.id, "maintainer", "a test")
        renew(job, done, total)

    monkeypatch.setattr(store, "renew", withdrawn)
    (told,) = run(store, dataset, tmp_path)
    assert "no longer" in told and store.entry(entry.id).state == "withdrawn"


def test_a_process_that_dies_is_reported_and_its_job_tried_again(
    store: Store, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(ScoringProcess):
        def next(self, seconds: float) -> PointsDone | ScoringOutcome | None:
            self._process.kill()
            return super().next(seconds)

    entry = submit(store, dataset, pictures_zip(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(worker, "ScoringProcess", Dying)
        patch.setattr(worker, "LEASE_S", 0.05)
        (told,) = run(store, dataset, tmp_path)
    assert "ended with signal SIGKILL" in told and store.entry(entry.id).state == "scoring"
    time.sleep(0.1)
    assert run(store, dataset, tmp_path) == [f"entry {entry.id} is scored"]


def test_workers_stop_when_told(store: Store, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert run_worker(store, stop=stop, folder=tmp_path) == 0
