"""Results files that are honest: read as they are meant, checked without false alarms."""

from __future__ import annotations

import json
import math

import pytest

from leaderboard.analysis.curves import on_log_scale
from leaderboard.data.problems import MOST, Problem, Rejected, describe
from leaderboard.data.results import MEAN, METRICS, read_folder, write_results
from leaderboard.submissions import checks, shape
from leaderboard.submissions.inspection import SELF_REPORTED, carried_description, inspect
from leaderboard.submissions.method import Method
from tests import ROOT
from tests.support.submitted import (
    IMAGES,
    KODAK,
    METHOD,
    QUALITIES,
    csv_of,
    json_of,
    rows,
    with_value,
)

ALL = [*read_folder(ROOT / "assets/results/kodak"), *read_folder(ROOT / "assets/published")]


def seen(tmp_path, content: str | bytes):
    """A file as it is inspected."""
    path = tmp_path / "upload"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return inspect(path, Method.from_json(METHOD), KODAK)


@pytest.mark.parametrize(
    "content",
    [
        csv_of(rows()),
        csv_of(rows()).replace(",", ";"),
        csv_of(rows()).replace(",", "\t").replace("\n", "\r\n"),
        "\ufeff" + csv_of(rows()).replace("kodim01", " KODIM01.PNG ") + "\n\n,,,,\n",
        csv_of([{**row, "width": 768, "height": 512, "bpp": ""} for row in rows()]),
        csv_of([{**row, "bpp": round(row["bytes"] / 49152, 3)} for row in rows()]),
        json_of(rows()),
        json.dumps({"images": rows(), "anything": [1, {"else": None}]}),
        json_of(rows(), results={"quality": [4, 3, 2, 1], "psnr-rgb": [36.0, 33.51, 31.0, 28.5]}),
    ],
    ids=["csv", "semicolons", "tabs", "excel", "sizes", "rates", "json", "objects", "means"],
)
def test_every_form_gives_the_same_rows(tmp_path, content):
    found = seen(tmp_path, content)
    assert found.kind == SELF_REPORTED
    assert found.results.kind == SELF_REPORTED
    assert (found.results.name, found.results.dataset) == (METHOD["name"], "kodak")
    stated = [(row["image"], row["quality"], row["bytes"], row["psnr"]) for row in rows()]
    assert [(r.image, r.quality, r.bytes, r.psnr) for r in found.results.rows] == stated
    first = found.results.rows[0]
    assert math.isclose(first.bpp, 8 * first.bytes / (768 * 512), abs_tol=6e-4)
    assert first.ssim is None
    (told,) = found.incomplete
    assert told.startswith("22 of 24 pictures are missing: kodim03, kodim04,")
    assert told.endswith("and 16 more")


def test_committed_and_published_results_pass(tmp_path):
    for results in ALL:
        path = tmp_path / f"{results.name}.json"
        write_results(results, path)
        found = inspect(path, Method("another", dataset="kodak"), KODAK)
        assert found.results.rows == results.rows
        means_only = results.images == (MEAN,)
        assert bool(found.incomplete) == means_only, results.name


def test_ceilings_leave_room_above_the_board():
    """Codecs may improve by 6 dB before a submission is called implausible."""
    room = [
        checks.score_ceiling(metric, row.bpp)
        - float(on_log_scale(metric, [getattr(row, metric)])[0])
        for results in ALL
        for row in results.rows
        for metric in METRICS
        if getattr(row, metric) is not None
    ]
    assert min(room) > 6


def test_lossless_results_pass(tmp_path):
    lossless = [{"image": i, "quality": 1, "bytes": 500_000 + n, "psnr": "inf", "ms_ssim": 1}
                for n, i in enumerate(IMAGES)]  # fmt: skip
    found = seen(tmp_path, csv_of(lossless))
    assert [row.psnr for row in found.results.rows] == [math.inf, math.inf]
    assert "1 of the 4 qualities that a BD-rate needs" in found.incomplete


def test_small_falls_pass(tmp_path):
    """Noise, or tuning for another metric, is no lie."""
    table = with_value("psnr", 33.2, 3)
    assert seen(tmp_path, csv_of(table)).results.rows[3].psnr == 33.2


def test_incomplete_is_told(tmp_path):
    table = rows(KODAK.images)
    table[5]["ms_ssim"] = None
    del table[7]
    assert seen(tmp_path, csv_of(table)).incomplete == (
        "quality 4 lacks kodim02",
        "ms_ssim is missing in 1 of 95 rows (kodim02)",
    )
    assert seen(tmp_path, csv_of(rows(KODAK.images))).incomplete == ()


def test_compressai_means(tmp_path):
    old = {"bpp": [0.1, 0.2], "psnr": [28.0, 30.0], "ms-ssim": [0.9, 0.95]}
    found = seen(tmp_path, json.dumps({"name": "mbt2018", "description": "x", "results": old}))
    assert [(r.image, r.quality, r.bpp, r.psnr, r.ms_ssim) for r in found.results.rows] == [
        ("(mean)", 1, 0.1, 28.0, 0.9),
        ("(mean)", 2, 0.2, 30.0, 0.95),
    ]
    assert found.incomplete[0].startswith("means only")


def test_every_problem_at_once(tmp_path):
    table = rows()
    table[0]["psnr"] = "nan"
    table[1]["ms_ssim"] = 1.5
    table[2]["image"] = "kodim25"
    table[3]["bytes"] = ""
    table[4]["quality"] = "<i>"
    table[5]["psnr"] = 90
    with pytest.raises(Rejected) as rejected:
        seen(tmp_path, csv_of(table))
    found = [(each.field, each.image, each.value) for each in rejected.value.problems]
    assert found == [
        ("image", None, "'kodim25'"),
        ("bytes at quality 4", "kodim01", "nothing"),
        ("quality", "kodim02", "'<i>'"),
        ("psnr at quality 1", "kodim01", "NaN"),
        ("ms_ssim at quality 2", "kodim01", "1.5"),
        ("psnr at quality 2", "kodim02", "90.0"),
    ]
    assert str(rejected.value).count("\n") == 5


def test_problems_are_bounded_and_survive_pickling():
    import pickle

    error = Rejected(Problem("psnr", str(n), "NaN", "decibels") for n in range(1000))
    assert len(error.problems) == MOST
    assert error.problems[-1].value == "801 more problems"
    again = pickle.loads(pickle.dumps(error))
    assert again.problems == error.problems
    assert str(again) == str(error)
    with pytest.raises(ValueError, match="needs a problem"):
        Rejected([])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (math.nan, "NaN"),
        (-math.inf, "-infinity"),
        ("a\u202eb\n", r"'a\u202eb\n'"),
        ("x" * 1000, f"'{'x' * 76}..."),
        pytest.param(10**5000, "a number of more than 80 digits", id="digits"),
        ({"a": 1}, "an object of 1 entries"),
        ([1, 2], "a list of 2"),
    ],
)
def test_shown(value, text):
    assert describe(value) == text
    assert len(describe(value)) <= 80


def test_carried_description(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json_of(rows(), method=METHOD), encoding="utf-8")
    assert carried_description(path) == METHOD
    path.write_text(json_of(rows()), encoding="utf-8")
    assert carried_description(path) is None
    path.write_text(csv_of(rows()), encoding="utf-8")
    assert carried_description(path) is None


def test_method_keeps_its_contact_to_itself():
    method = Method.from_json(
        METHOD | {"name": " e\u0301 ", "notes": "a\r\nb", "model_bytes": None}
    )
    assert (method.name, method.notes, method.model_bytes) == ("é", "a\nb", None)
    assert Method.from_json(method.to_json(contact=True)) == method
    assert "contact" not in method.to_json()
    assert Method(**method.to_json()).contact == ""


def test_shape(kodak_dir):
    from leaderboard.data.datasets import load_dataset

    few = shape.DatasetShape.of(load_dataset(kodak_dir, ["kodim03", "kodim04"]))
    assert dict(few.sizes) == {"kodim03": (768, 512), "kodim04": (512, 768)}
    assert all(KODAK.sizes[name] == size for name, size in few.sizes.items())
    assert KODAK.find("KODIM04.png") == "kodim04"
    assert KODAK.find("kodim4") is None
    assert KODAK.pixels("kodim04") == 768 * 512
    assert len(QUALITIES) == 4
