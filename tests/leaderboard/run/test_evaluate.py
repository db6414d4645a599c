"""Evaluation: each point is measured once; no bad codec, file or disk loses a finished one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PIL import Image

from leaderboard.data.results import read_results
from leaderboard.run.cache import CacheError, CacheWarning, PointCache
from leaderboard.run.evaluate import EvaluationError
from leaderboard.run.progress import Progress
from leaderboard.run.provenance import identity
from tests.support.noted import (
    ALL,
    BRIGHT,
    CUP,
    Noted,
    calls,
    check_failed,
    evaluate,
    keys,
    pictures_in,
)


@pytest.fixture
def pictures(tmp_path):
    return pictures_in(tmp_path)


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

    other = Noted(tmp_path)
    other.settings = "4:2:0 and a prayer; quality is libjpeg's"
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
    damaged = {
        "cut": text[: len(text) // 2],
        "empty": "",
        "changed": text.replace('"psnr": ', '"psnr": 1'),
        "foreign": "[1, 2]",
    }[damage]
    path.write_text(damaged)
    with pytest.warns(CacheWarning, match="is damaged .*: its point is measured again"):
        (after,) = evaluate([codec], one, out, qualities=[10, 30])
    assert len(calls(tmp_path)) == 3
    for old, new in zip(before.rows, after.rows, strict=True):
        assert (old.quality, old.bytes, old.psnr) == (new.quality, new.bytes, new.psnr)
    assert path.read_text() != damaged
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


def test_folder_that_cannot_be_written(pictures, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"cannot write into .*choose another folder with --out"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "file")
    assert not (tmp_path / "noted.calls").exists()


def test_full_disk_keeps_what_is_finished(pictures, tmp_path, monkeypatch):
    from leaderboard.run import cache

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
    monkeypatch.setattr("leaderboard.run.progress.time.monotonic", lambda: now[0])
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
    assert "2/5 points, 4 known, 02:06 left | fast cat 10" in text
    assert "3/5 points, 4 known, 1 failed, " in text
    assert text.count("\n") == 1 and text.count("\r") == 4


def test_progress_without_a_terminal_says_little(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("leaderboard.run.progress.time.monotonic", lambda: now[0])
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
