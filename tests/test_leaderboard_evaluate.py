"""Evaluation: right numbers, each measured once, nothing lost by a kill, a bad codec or a bad file.

The codecs of these tests are JPEGs that note every call in a file, and can be told to misbehave.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from leaderboard.cache import CacheError, CacheWarning, PointCache
from leaderboard.codecs import CODECS, CodecError
from leaderboard.codecs.jpeg import JpegCodec
from leaderboard.datasets import load_dataset
from leaderboard.evaluate import EvaluationError
from leaderboard.evaluate import evaluate as evaluate_by
from leaderboard.measuring import Sitting
from leaderboard.progress import Progress
from leaderboard.provenance import code_digest, identity, joined, source_files
from leaderboard.results import METRICS, Results, read_results
from leaderboard.scores import MetricError, reference, score
from leaderboard.workers import InThisProcess, Task, WorkerError
from semcomp.metrics import ms_ssim, psnr, si_ssim, ssim
from semcomp.semantic import analyse, load_classifier, upsample_grey

ROOT = Path(__file__).resolve().parent.parent
CAT = np.ascontiguousarray(data.chelsea()[40:208, 60:252])
CUP = np.ascontiguousarray(data.coffee()[100:268, 150:342])


# Starting processes takes seconds: tests that are not about them do without.
evaluate = partial(evaluate_by, jobs=0)


class Noted(JpegCodec):
    """JPEG that notes its calls in a file, and does a `trick` at quality 30 of its first picture.

    The trick is done on pictures that are brighter than the cat's.
    """

    qualities = (10, 30, 60)  # type: ignore[assignment]

    def __init__(self, folder: Path, name: str = "noted", trick: str = "") -> None:
        self.name = name
        self.folder = folder
        self.trick = trick

    def encode(self, image, quality):
        """Note the call, then do it."""
        if image.size != (64, 64):  # the warm-up
            with (self.folder / f"{self.name}.calls").open("a") as notes:
                print(f"{np.asarray(image).mean():.3f}", quality, os.getpid(), file=notes)
            if quality == 30 and np.asarray(image).mean() > CAT.mean():
                self._act()
        elif self.trick == "cold":
            raise CodecError("there is no warming up")
        return super().encode(image, quality)

    def decode(self, data):
        """A picture, of a wrong size perhaps."""
        picture = super().decode(data)
        return picture.crop((0, 0, 20, 20)) if self.trick == "size" else picture

    def _act(self):
        if self.trick == "error":
            raise CodecError("no such luck\nat all")
        if self.trick == "bug":
            raise ZeroDivisionError("divided by nothing")
        if self.trick == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.trick == "exit":
            os._exit(3)
        if self.trick == "slow":
            time.sleep(60)


def calls(folder: Path, name="noted") -> list[str]:
    path = folder / f"{name}.calls"
    return [" ".join(line.split()[:2]) for line in path.read_text().splitlines()]


@pytest.fixture
def pictures(tmp_path):
    """Two pictures: the cat, and a cup that is made brighter."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(CAT).save(folder / "cat.png")
    Image.fromarray(CUP // 2 + 127).save(folder / "cup.png")
    return load_dataset(folder)


def keys(results: Results) -> list[tuple[str, float | str]]:
    return [(row.image, row.quality) for row in results.rows]


ALL = [(image, quality) for image in ("cat", "cup") for quality in (10, 30, 60)]


def test_numbers_are_those_of_the_files(pictures, tmp_path):
    """Every column against an independent computation."""
    out = tmp_path / "out"
    (found,) = evaluate([JpegCodec()], pictures, out, qualities=[10, 40])
    assert keys(found) == [("cat", 10), ("cat", 40), ("cup", 10), ("cup", 40)]
    assert read_results(out / "jpeg.json") == found
    codec = CODECS["jpeg"]
    for row in found.rows:
        picture = next(p for p in pictures.pictures if p.name == row.image).load()
        file = codec.encode(Image.fromarray(picture), row.quality)
        decoded = np.asarray(codec.decode(file))
        assert row.bytes == len(file)
        assert row.bpp == pytest.approx(8 * len(file) / (168 * 192), abs=1e-6)
        assert row.psnr == pytest.approx(psnr(picture, decoded), abs=1e-6)
        assert row.ms_ssim == pytest.approx(ms_ssim(picture, decoded), abs=1e-6)
        assert row.ssim == pytest.approx(ssim(picture, decoded), abs=1e-6)
        for name, column in (
            ("efficientnet-lite0", "si_ssim"),
            ("efficientnet-lite2", "si_ssim_2"),
        ):
            seen = analyse(picture, classifier=load_classifier(name))
            weight = upsample_grey(seen.grey, *picture.shape[:2])
            assert getattr(row, column) == pytest.approx(
                si_ssim(picture, decoded, weight), abs=2e-6
            )
        assert row.si_ssim != row.si_ssim_2
        assert row.header_bytes is row.map_bytes is row.code_bytes is row.checksum_bytes is None
        assert 0 < row.encode_s < 5 and 0 < row.decode_s < 5
        assert row.encode_wall_s is not None and row.decode_wall_s is not None
    made = found.provenance
    assert found.kind == "recomputed" and found.dataset == "pictures"
    assert made["version"] == codec.version and made["settings"] == codec.settings
    assert made["weights"] is None
    assert made["libraries"]["torch"] and made["python"] and made["device"]


def test_own_files_are_itemised_and_score_as_in_bench(tmp_path):
    """The same numbers as `semcomp bench`, from files of the same bytes."""
    from semcomp.bench import bench

    folder = tmp_path / "cats"
    folder.mkdir()
    Image.fromarray(CAT).save(folder / "cat.png")
    own = [CODECS["george"], CODECS["semantic"], CODECS["semantic-rd"]]
    found = evaluate(own, load_dataset(folder), tmp_path / "out", qualities=[2, 4])
    rows = bench(folder, levels=[2.0, 4.0], report=lambda line: None)
    assert len(rows) == 6
    by_allocation = dict(zip(("uniform", "proportional", "rd"), found, strict=True))
    for theirs in rows:
        mine = next(r for r in by_allocation[theirs.allocation].rows if r.quality == theirs.level)
        assert (mine.bytes, mine.map_bytes) == (theirs.bytes, theirs.map_bytes)
        assert (mine.map_bytes == 0) == (theirs.allocation == "uniform")
        parts = (mine.header_bytes, mine.map_bytes, mine.code_bytes, mine.checksum_bytes)
        assert sum(parts) == mine.bytes and min(parts[0], parts[2], parts[3]) > 0
        for name in ("bpp", "psnr", "ms_ssim", "ssim", "si_ssim"):
            assert getattr(mine, name) == pytest.approx(getattr(theirs, name), abs=2e-6), name
    for each in found:
        assert each.provenance["weights"] == CODECS["george"].weights_sha256


@pytest.mark.parametrize("name", ["george", "semantic", "semantic0", "semantic-rd"])
def test_sessions_give_the_same_bytes(name):
    """Work that is shared over qualities and codecs changes no byte, whatever comes first."""
    codec = CODECS[name]
    for qualities, picture in (((12, 0.5, 3), CAT[:96, :128]), ((2.5, 24), CUP[:90, :71])):
        image = Image.fromarray(np.ascontiguousarray(picture))
        session = codec.session(image)
        for quality in qualities:
            assert session.encode(quality) == codec.encode(image, quality), quality
    with pytest.raises(CodecError):
        codec.session(image).encode(1000)


def test_shared_work_is_charged_to_every_file():
    """Seconds are those of an encoder that starts afresh."""
    codec = CODECS["semantic-rd"]
    image = Image.fromarray(np.ascontiguousarray(CUP[:128]))
    codec.encode(image, 1)  # loads the weights
    session = codec.session(image)
    spent = []
    for quality in (24, 24, 2):
        started = time.process_time()
        session.encode(quality)
        spent.append(time.process_time() - started)
        spent[-1] += session.correction.cpu
    first, again, low = spent
    assert again == pytest.approx(first, rel=0.5)
    assert 0.15 * again < low < 0.75 * again  # a third of the iterations, and the map


def test_maps_are_made_once_per_picture(monkeypatch, pictures):
    from leaderboard import measuring

    made = []
    monkeypatch.setattr(measuring, "reference", lambda image: made.append(1) or reference(image))
    monkeypatch.setattr(measuring, "_references", {})
    for picture in pictures.pictures:
        for name in ("jpeg", "webp"):
            Sitting(CODECS[name], picture.load(), picture.sha256).measure(50)
    assert len(made) == 2


def test_scores_of_small_and_identical_pictures():
    small = reference(CAT[:40, :50])
    scores = score(small, CAT[:40, :50])
    assert tuple(scores) == METRICS
    assert scores["ms_ssim"] is None
    assert scores["psnr"] == float("inf") and scores["ssim"] == scores["si_ssim"] == 1
    with pytest.raises(MetricError, match="differ in size"):
        score(small, CAT[:50, :40])


def test_points_are_measured_once(pictures, tmp_path):
    codec = Noted(tmp_path)
    first = evaluate([codec], pictures, tmp_path / "out", qualities=[10, 60])
    assert len(calls(tmp_path)) == 4
    again = evaluate([codec], pictures, tmp_path / "out", qualities=[10, 60.0])
    assert again == first
    more = evaluate([codec], pictures, tmp_path / "out")
    assert keys(more[0]) == ALL
    assert len(calls(tmp_path)) == len(set(calls(tmp_path))) == 6
    assert [r for r in more[0].rows if r.quality != 30] == list(first[0].rows)


def test_a_part_run_loses_nothing(pictures, tmp_path):
    codec, out = Noted(tmp_path), tmp_path / "out"
    evaluate([codec], pictures, out)
    before = read_results(out / "noted.json")
    part = replace(pictures, pictures=pictures.pictures[1:])
    (found,) = evaluate([codec], part, out, qualities=[30])
    assert keys(found) == [("cup", 30)]
    assert read_results(out / "noted.json") == before


def test_other_making_is_another_point(pictures, tmp_path):
    out = tmp_path / "out"
    evaluate([Noted(tmp_path)], pictures, out, qualities=[10])

    class Other(Noted):
        settings = "4:2:0 and a prayer; quality is libjpeg's"

    other = Other(tmp_path)
    key = {**identity(other), "quality": 10, "picture": pictures.pictures[0].sha256}
    assert PointCache(out).read(key) is None
    key["settings"] = Noted(tmp_path).settings
    assert PointCache(out).read(key) is not None
    for name in ("version", "weights", "code", "metrics", "quality", "picture"):
        assert PointCache(out).read({**key, name: "another"}) is None
    # Rows of another making are no match for the new ones: they go.
    changed = replace(read_results(out / "noted.json"))
    broken = json.loads((out / "noted.json").read_text())
    broken["provenance"]["code"] = "another"
    (out / "noted.json").write_text(json.dumps(broken))
    evaluate([Noted(tmp_path)], pictures, out, qualities=[60])
    assert {row.quality for row in read_results(out / "noted.json").rows} == {60}
    assert {row.quality for row in changed.rows} == {10}


@pytest.mark.parametrize("damage", ["cut", "empty", "changed", "foreign", "folder"])
def test_damaged_points_are_measured_again(pictures, tmp_path, damage):
    codec, out = Noted(tmp_path), tmp_path / "out"
    one = replace(pictures, pictures=pictures.pictures[:1])
    (before,) = evaluate([codec], one, out, qualities=[10, 30])
    path = sorted((out / "points" / "noted").glob("*.json"))[0]
    text = path.read_text()
    if damage == "folder":
        path.unlink()
        path.mkdir()
        with pytest.warns(CacheWarning), pytest.raises(CacheError, match="cannot write into"):
            evaluate([codec], one, out, qualities=[10, 30])
        return
    path.write_text(
        {
            "cut": text[: len(text) // 2],
            "empty": "",
            "changed": text.replace('"psnr": ', '"psnr": 1'),
            "foreign": "[1, 2]",
        }[damage]
    )
    with pytest.warns(CacheWarning, match="is damaged .*: its point is measured again"):
        (after,) = evaluate([codec], one, out, qualities=[10, 30])
    assert len(calls(tmp_path)) == 3
    for old, new in zip(before.rows, after.rows, strict=True):
        assert (old.quality, old.bytes, old.psnr) == (new.quality, new.bytes, new.psnr)
    assert path.read_text() != text or damage != "changed"
    evaluate([codec], one, out, qualities=[10, 30])  # and now it is whole: no warning, no call
    assert len(calls(tmp_path)) == 3


def test_damaged_results_file_is_written_again(pictures, tmp_path):
    codec, out = Noted(tmp_path), tmp_path / "out"
    evaluate([codec], pictures, out)
    before = read_results(out / "noted.json")
    (out / "noted.json").write_text("{")
    evaluate([codec], pictures, out)
    assert read_results(out / "noted.json") == before
    assert len(calls(tmp_path)) == 6


BRIGHT = f"{np.mean(CUP // 2 + 127):.3f} 30"
"""The call at which tricks are done."""


def check_failed(error, out, reasons):
    """One point of each named codec has failed, for its reason; all others are there."""
    assert {f.codec: (f.image, f.quality) for f in error.failures} == dict.fromkeys(
        reasons, ("cup", 30)
    )
    for failure in error.failures:
        assert reasons[failure.codec] in failure.reason
        assert str(failure).startswith(f"{failure.codec}, cup, quality 30: ")
    for each in error.results:
        expected = [key for key in ALL if each.name not in reasons or key != ("cup", 30)]
        assert keys(each) == keys(read_results(out / f"{each.name}.json")) == expected


def test_a_failed_point_costs_itself_alone(pictures, tmp_path):
    out = tmp_path / "out"
    codecs = [Noted(tmp_path, name, name) for name in ("error", "bug", "good")]
    with pytest.raises(EvaluationError, match="2 of 18 points failed; the others are kept") as end:
        evaluate(codecs, pictures, out)
    reasons = {"error": "no such luck at all", "bug": "ZeroDivisionError: divided by nothing"}
    check_failed(end.value, out, reasons)
    # A mean over fewer pictures would be no match.
    assert read_results(out / "bug.json").means()["psnr"][1] is None
    # Mended, it is the only one that is measured.
    mended = [Noted(tmp_path, name) for name in ("error", "bug", "good")]
    assert [keys(each) for each in evaluate(mended, pictures, out)] == [ALL] * 3
    for name in ("error", "bug", "good"):
        assert calls(tmp_path, name).count(BRIGHT) == 1 + (name != "good")
        assert len(calls(tmp_path, name)) == 6 + (name != "good")


def test_a_dead_worker_costs_one_point(pictures, tmp_path):
    out = tmp_path / "out"
    codecs = [Noted(tmp_path, name, name) for name in ("kill", "exit", "good")]
    with pytest.raises(EvaluationError, match="2 of 18 points failed") as end:
        evaluate(codecs, pictures, out, jobs=1)
    reasons = {
        "kill": "killed by signal 9 (SIGKILL): out of memory? use fewer --jobs, and run the",
        "exit": "the worker process ended with exit code 3: see its output",
    }
    check_failed(end.value, out, reasons)
    assert len(calls(tmp_path, "kill")) == len(calls(tmp_path, "exit")) == 6


def test_stopping_keeps_what_is_finished(pictures, tmp_path):
    class Stopping(Progress):
        def point(self, codec, label, seconds):
            """Stop after four points."""
            if len(list((tmp_path / "out").glob("points/*/*.json"))) == 4:
                raise KeyboardInterrupt

    with pytest.raises(EvaluationError, match="stopped: 4 of 6 points are finished and kept in"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", progress=Stopping)
    (found,) = evaluate([Noted(tmp_path)], pictures, tmp_path / "out")
    assert keys(found) == ALL and len(calls(tmp_path)) == 6


@pytest.mark.parametrize(
    ("trick", "reason"),
    [
        ("size", "size decoded RGB 20x20, not RGB 192x168"),
        ("cold", "there is no warming up"),
    ],
)
def test_a_codec_that_never_works(pictures, tmp_path, trick, reason):
    good = Noted(tmp_path, "good")
    with pytest.raises(EvaluationError, match="6 of 12 points failed") as end:
        evaluate([Noted(tmp_path, trick, trick), good], pictures, tmp_path / "out")
    assert {failure.reason for failure in end.value.failures} == {reason}
    assert [path.name for path in (tmp_path / "out").glob("*.json")] == ["good.json"]


def test_pictures_that_change_during_a_run(pictures, tmp_path):
    Image.fromarray(CUP).save(pictures.pictures[0].path)
    with pytest.raises(EvaluationError, match="3 of 6") as end:
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out")
    assert "has changed since the run began" in end.value.failures[0].reason
    assert keys(read_results(tmp_path / "out" / "noted.json")) == ALL[3:]


def test_jobs_share_the_work(pictures, tmp_path):
    codecs = [Noted(tmp_path, name) for name in ("one", "two")]
    results = evaluate(codecs, pictures, tmp_path / "out", jobs=2)
    assert [keys(each) for each in results] == [ALL, ALL]
    notes = [(tmp_path / f"{name}.calls").read_text().split() for name in ("one", "two")]
    processes = {note for text in notes for note in text[2::3]}
    assert len(processes) == 2 and str(os.getpid()) not in processes
    with pytest.raises(WorkerError, match="-1 jobs"):
        evaluate(codecs, pictures, tmp_path / "other", jobs=-1)


def test_killed_run_goes_on(pictures, tmp_path):
    """kill -9 in the middle: nothing is lost, doubled or measured twice, and nobody is left."""
    out = tmp_path / "out"
    code = f"""
from pathlib import Path
from leaderboard.datasets import load_dataset
from leaderboard.evaluate import evaluate
from tests.test_leaderboard_evaluate import Noted
if __name__ == "__main__":
    here = Path({str(tmp_path)!r})
    slow = Noted(here, "noted", "slow")
    evaluate([slow, Noted(here, "quick")], load_dataset(here / "pictures"), here / "out", jobs=2)
"""
    script = tmp_path / "run.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, str(script)], env=environment, cwd=ROOT) as process:
        points = out / "points"
        wait_for(lambda: process.poll() is not None or len(list(points.glob("*/*.json"))) == 10)
        assert process.poll() is None
        process.kill()
    notes = (tmp_path / "noted.calls").read_text().splitlines()
    (sleeper,) = (int(line.split()[2]) for line in notes if line.startswith(BRIGHT))
    others = {int(line.split()[2]) for line in notes} - {sleeper}
    assert others
    kept = {path: path.read_bytes() for path in points.glob("*/*.json")}
    assert len(kept) == 10  # 12 but for the slow one and the one behind it
    wait_for(lambda: not any(map(alive, others)))
    os.kill(sleeper, signal.SIGKILL)  # it would see that nobody is there when it wakes up
    assert not list(out.glob("*.json"))

    codecs = [Noted(tmp_path), Noted(tmp_path, "quick")]
    results = evaluate(codecs, pictures, out)
    assert [keys(each) for each in results] == [ALL, ALL]
    assert {path: path.read_bytes() for path in kept} == kept
    assert len(list(points.glob("*/*.json"))) == 12
    assert sorted(calls(tmp_path, "quick")) == sorted(set(calls(tmp_path, "quick")))
    assert sorted(calls(tmp_path)) == sorted([*set(calls(tmp_path)), BRIGHT])  # it had not finished


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_ray_measures_the_same(pictures, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'semcomp[cluster]'")
    codecs = [Noted(tmp_path, "good"), Noted(tmp_path, "bad", "kill"), CODECS["george"]]
    with pytest.raises(EvaluationError, match="1 of 12 points failed") as end:
        evaluate(codecs[:2], pictures, tmp_path / "out", ray="local")
    (failure,) = end.value.failures
    assert (failure.codec, failure.image, failure.quality) == ("bad", "cup", 30)
    assert "the Ray worker failed (WorkerCrashedError" in failure.reason
    good, bad = end.value.results
    assert keys(good) == ALL and len(bad.rows) == 5
    local = evaluate(codecs[:1], pictures, tmp_path / "local")[0]
    for ours, theirs in zip(local.rows, good.rows, strict=True):
        assert (ours.bytes, ours.psnr, ours.si_ssim_2) == (
            theirs.bytes,
            theirs.psnr,
            theirs.si_ssim_2,
        )
    evaluate(codecs[:1], pictures, tmp_path / "out", ray="local")  # all is known
    assert len(calls(tmp_path, "good")) == 12


def test_no_cluster(pictures, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'semcomp[cluster]'")
    with pytest.raises(WorkerError, match=r"no Ray cluster at '127\.0\.0\.1:1' .*ray start --head"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", ray="127.0.0.1:1")
    with pytest.raises(WorkerError, match="cannot hand points back one by one"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", ray="ray://127.0.0.1:1")


def test_ray_missing(pictures, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkerError, match="Ray is not installed: pip install"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", ray="local")


def test_worker_with_other_libraries_measures_nothing(pictures, tmp_path):
    codec = Noted(tmp_path)
    known = {**identity(codec), "version": "libjpeg 6b"}
    task = Task(codec, pictures.pictures[0], (10, 30), known)
    outcomes = list(InThisProcess().run([task]))
    assert [outcome.quality for outcome in outcomes] == [10, 30]
    assert all(outcome.point is None for outcome in outcomes)
    assert "the worker has another version (libjpeg-turbo" in outcomes[0].problem
    assert "than the driver (libjpeg 6b)" in outcomes[0].problem


def test_folder_that_cannot_be_written(pictures, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"cannot write into .*choose another folder with --out"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "file")
    assert not (tmp_path / "noted.calls").exists()


def test_full_disk_keeps_what_is_finished(pictures, tmp_path, monkeypatch):
    from leaderboard import cache

    written = []

    def write(path, content):
        written.append(path)
        if len(written) == 5:  # the first is the probe
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(cache, "write_file", write)
    with pytest.raises(CacheError, match="No space left on device; choose another folder"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out")
    monkeypatch.undo()
    assert len(list((tmp_path / "out").glob("points/*/*.json"))) == 3
    evaluate([Noted(tmp_path)], pictures, tmp_path / "out")
    assert len(calls(tmp_path)) <= 6 + 2


def test_missing_weights_are_no_crash(pictures, tmp_path):
    from leaderboard.codecs.semcomp import SemcompCodec

    with pytest.raises(EvaluationError, match="cannot use codec huge: no weights named 'huge'"):
        evaluate([SemcompCodec("huge", "uniform", model="huge")], pictures, tmp_path / "out")


def test_code_digest_follows_imports_and_ignores_comments(tmp_path):
    names = {path.name for path in source_files(ROOT / "leaderboard" / "codecs" / "jpeg.py")}
    assert {"jpeg.py", "base.py", "image.py"} <= names
    assert not {"bpg.py", "metrics.py", "__init__.py"} & names
    ours = {path.name for path in source_files(ROOT / "leaderboard" / "codecs" / "semcomp.py")}
    assert {"pipeline.py", "planning.py", "entropy.py", "allocation.py"} <= ours
    scoring = {path.name for path in source_files(ROOT / "leaderboard" / "measuring.py")}
    assert {"scores.py", "metrics.py", "classifiers.py"} <= scoring

    def digest(text: str) -> str:
        path = tmp_path / f"{abs(hash(text))}" / "module.py"
        path.parent.mkdir()
        path.write_text(text)
        return code_digest(path)

    plain = digest("def f():\n    return 1\n")
    assert digest('"""Text."""\ndef f():\n    """More."""\n    return 1  # why\n') == plain
    assert digest("def f():\n    return 2\n") != plain


def test_records_of_many_points_are_one():
    points = [
        {"date": "b", "dirty": False, "x": {"y": 1}},
        {"date": "a", "dirty": True, "x": {"y": 1}},
    ]
    assert joined(points) == {"date": ["a", "b"], "dirty": True, "x": {"y": 1}}
    assert joined([joined(points), {"date": "c", "dirty": False, "x": {"y": 1}}])["date"] == list(
        "abc"
    )
    assert joined(points[:1]) == points[0]


class Terminal(list):
    """A stream that remembers."""

    def __init__(self, live: bool) -> None:
        super().__init__()
        self.live = live

    def isatty(self) -> bool:
        return self.live

    def write(self, text: str) -> None:
        self.append(text)

    def flush(self) -> None:
        """Nothing to do."""


def test_progress_tells_the_time_left(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("leaderboard.progress.time.monotonic", lambda: now[0])
    stream = Terminal(True)
    bar = Progress({"slow": 3, "fast": 2}, 4, stream)
    assert bar.seconds_left() is None
    now[0] += 60
    bar.point("slow", "cat 10", 50.0)
    assert bar.seconds_left() == pytest.approx((2 * 50 + 2 * 50) * 60 / 50)
    now[0] += 6
    bar.point("fast", "cat 10", 5.0)
    assert bar.seconds_left() == pytest.approx((2 * 50 + 5) * 66 / 55)
    bar.point("slow", "cat 30", None)
    bar.close()
    text = "".join(stream)
    assert "2/5 points, 4 known, 2:06 min left | fast cat 10" in text
    assert "3/5 points, 4 known, 1 failed, " in text
    assert text.count("\n") == 1 and text.count("\r") == 4


def test_progress_without_a_terminal_says_little(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("leaderboard.progress.time.monotonic", lambda: now[0])
    stream = Terminal(False)
    bar = Progress({"jpeg": 100}, 0, stream)
    for _ in range(100):
        now[0] += 1
        bar.point("jpeg", "x", 1.0)
    bar.close()
    text = "".join(stream)
    assert "\r" not in text
    assert 4 <= text.count("\n") <= 6
    assert "100/100 points" in text
