"""`run --ray`: what goes wrong is told as without Ray, and no finished point is lost."""

from __future__ import annotations

import sys

import pytest

from leaderboard.__main__ import main
from leaderboard.run import cache
from leaderboard.run.cache import CacheError, CacheWarning
from leaderboard.run.evaluate import EvaluationError
from leaderboard.run.workers import WorkerError
from tests.support.noted import ALL, BRIGHT, Noted, calls, check_failed, evaluate, keys, pictures_in

pytest.importorskip("ray", reason="Ray is not installed: pip install 'semcomp[cluster]'")


@pytest.fixture
def pictures(tmp_path):
    return pictures_in(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--codecs", "gif"], 2, "no codec gif: use some of jpeg, jpegli"),
        (["--dataset", "nowhere"], 1, "error: no folder nowhere: name a folder of pictures"),
        (["--images", "dog"], 1, "error: no picture dog in"),
        (["--out", "file"], 1, "choose another folder with --out"),
    ],
    ids=["codec", "dataset", "image", "folder"],
)
def test_wrong_arguments_start_no_cluster(
    pictures, tmp_path, capsys, monkeypatch, arguments, code, message
):
    monkeypatch.setitem(sys.modules, "ray", None)  # its import would be another error
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    base = ["run", "--ray", "local", "--codecs", "jpeg", "--dataset", "pictures", "--out", "out"]
    assert main([*base, *arguments]) == code
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize(("address", "tries"), [("local", 3), ("auto", 1)])
def test_a_cluster_that_does_not_start(pictures, tmp_path, monkeypatch, address, tries):
    asked = []

    def init(**options):
        asked.append(options["address"])
        raise Exception("The current node timed out during startup.")  # as Ray does

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(WorkerError, match=r"Ray.*timed out during startup.*use --"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", ray=address)
    assert asked == [address] * tries
    monkeypatch.undo()
    assert keys(evaluate([Noted(tmp_path)], pictures, tmp_path / "out")[0]) == ALL


def test_failed_tasks_and_damaged_points(pictures, tmp_path):
    """A codec's error, a worker's end, a point cut short: each costs itself alone."""
    out = tmp_path / "out"
    codecs = [Noted(tmp_path, name, name) for name in ("error", "exit", "good")]
    evaluate([codecs[2]], pictures, out)
    first = sorted((out / "points" / "good").glob("*.json"))[0]
    first.write_text(first.read_text()[:90])
    with (
        pytest.warns(CacheWarning, match="is damaged .*: its point is measured again"),
        pytest.raises(EvaluationError, match="2 of 18 points failed; the others are kept") as end,
    ):
        evaluate(codecs, pictures, out, ray="local")
    check_failed(
        end.value, out, {"error": "no such luck at all", "exit": "the Ray worker failed (Worker"}
    )
    assert len(calls(tmp_path, "good")) == 7
    # Mended, the two that failed are all that is measured.
    mended = [Noted(tmp_path, name) for name in ("error", "exit", "good")]
    assert [keys(each) for each in evaluate(mended, pictures, out)] == [ALL] * 3
    for name in ("error", "exit"):
        assert calls(tmp_path, name).count(BRIGHT) == 2
        assert len(calls(tmp_path, name)) == 7


def test_full_disk_keeps_what_is_finished(pictures, tmp_path, monkeypatch):
    written = []

    def write(path, content):
        written.append(path)
        if len(written) == 5:  # the first is the probe
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(cache, "write_file", write)
    with pytest.raises(CacheError, match="No space left on device; choose another folder"):
        evaluate([Noted(tmp_path)], pictures, tmp_path / "out", ray="local")
    monkeypatch.undo()
    assert len(list((tmp_path / "out").glob("points/*/*.json"))) == 3
    (found,) = evaluate([Noted(tmp_path)], pictures, tmp_path / "out")
    assert keys(found) == ALL
