"""Results files: a round trip, CompressAI's shape, and errors that say what is wrong where."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.data.results import (
    MEAN,
    METRICS,
    Results,
    ResultsError,
    Row,
    dump,
    newest_versions,
    of_versions,
    read_folder,
    read_results,
    to_frame,
    write_results,
)


def row(image="kodim01", quality=20, **changes) -> Row:
    values = {
        "bytes": 1000,
        "bpp": 0.5,
        "header_bytes": None,
        "map_bytes": None,
        "code_bytes": None,
        "checksum_bytes": None,
        "psnr": 30.0,
        "ms_ssim": 0.95,
        "ssim": 0.9,
        "si_ssim": 0.89,
        "si_ssim_2": 0.88,
        "encode_s": 0.25,
        "decode_s": 0.125,
        "encode_wall_s": 0.3,
        "decode_wall_s": 0.2,
    }
    return Row(image=image, quality=quality, **{**values, **changes})


def results(*rows: Row, name="jpeg") -> Results:
    return Results(name, "JPEG of the tests", "tiny", rows, {"kind": "recomputed", "commits": []})


TWO = results(
    row("a", 40, psnr=31.0, bpp=1.0),
    row("a", 5, psnr=20.0, bpp=0.25),
    row("b", 40, psnr=math.inf, bpp=1.5),
    row("b", 5, psnr=22.0, bpp=0.75),
)


def test_means_over_pictures_in_order_of_quality():
    assert TWO.qualities == (5, 40)
    assert TWO.images == ("a", "b")
    means = TWO.means()
    assert means["bpp"] == [0.5, 1.25]
    assert means["psnr"] == [21.0, math.inf]
    assert means["encode_s"] == [0.25, 0.25]


def test_shape_is_that_of_compressai():
    data = json.loads(dump(TWO))
    assert list(data) == ["name", "description", "dataset", "results", "images", "provenance"]
    assert data["results"]["bpp"] == [0.5, 1.25]
    assert data["results"]["psnr-rgb"] == [21.0, "inf"]
    assert data["results"]["quality"] == [5, 40]
    assert set(data["results"]) == {
        *("quality", "bpp", "psnr-rgb", "ms-ssim-rgb", "ssim-rgb", "si-ssim", "si-ssim-2"),
        *("top-ssim", "top-ssim-2", "ssimulacra2", "lpips", "encoding_time", "decoding_time"),
    }
    assert len(data["images"]["rows"]) == 4
    assert dump(TWO).count("\n[") == 4  # a line each


def weighed(version: int | None, name: str = "jpeg", **changes) -> Results:
    """Results whose SI-SSIM is of a version; None: of a file that names none."""
    made = {} if version is None else {"metrics": {"versions": {"si_ssim": version}}}
    return replace(results(row("a", **changes), name=name), provenance=made)


def test_scores_of_another_version_are_not_compared():
    former, present = weighed(None, name="former"), weighed(2)
    assert (former.version("si_ssim"), present.version("si_ssim")) == (1, 2)
    assert former.version("psnr") == present.version("psnr") == 1
    frame = to_frame([former, present]).set_index("codec")
    assert math.isnan(frame.loc["former", "si_ssim"])
    assert frame.loc["jpeg", "si_ssim"] == 0.89
    assert (frame["ssim"] == 0.9).all()
    # alone they are what they were
    assert to_frame([former])["si_ssim"].tolist() == [0.89]
    assert of_versions(former, newest_versions([former])) is former


@pytest.mark.parametrize("stated", [None, [], {"si_ssim": "two"}, {"si_ssim": None}])
def test_a_version_that_is_no_number_is_the_first(stated):
    made = {"metrics": {"versions": stated}}
    assert replace(results(row()), provenance=made).version("si_ssim") == 1


def test_rows_of_files_without_the_later_columns():
    data = json.loads(dump(TWO))
    later = ("top_ssim", "top_ssim_2")
    kept = [i for i, name in enumerate(data["images"]["columns"]) if name not in later]
    for key in ("top-ssim", "top-ssim-2"):
        del data["results"][key]
    data["images"] = {
        "columns": [data["images"]["columns"][i] for i in kept],
        "rows": [[values[i] for i in kept] for values in data["images"]["rows"]],
    }
    assert Results.from_json(data).rows == TWO.rows


scores = st.none() | st.floats(-1, 1)
seconds = st.none() | st.floats(0, 1e6)
sizes = st.integers(0, 10**9)


@st.composite
def rows_of_one(draw):
    parts = draw(st.none() | st.tuples(sizes, sizes, sizes, st.integers(1, 9)))
    size = sum(parts) if parts else draw(st.integers(1, 10**9))
    header, grid, code, checksum = parts or (None,) * 4
    return Row(
        draw(st.text(min_size=1, max_size=5)),
        draw(st.integers(-9, 99) | st.floats(-9, 99) | st.sampled_from(["low", "high"])),
        size,
        draw(st.floats(1e-6, 50)),
        *(header, grid, code, checksum),
        draw(st.none() | st.just(math.inf) | st.floats(-10, 100)),
        *(draw(scores) for _ in range(4)),
        *(draw(seconds) for _ in range(4)),
        *(draw(scores) for _ in range(2)),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(rows_of_one(), min_size=1, max_size=6, unique_by=lambda r: (r.image, r.quality)))
def test_round_trip(rows):
    written = results(*rows)
    assert Results.from_json(json.loads(dump(written))) == written


def test_files(tmp_path):
    write_results(TWO, tmp_path / "jpeg.json")
    write_results(replace(TWO, name="bpg"), tmp_path / "bpg.json")
    assert read_results(tmp_path / "jpeg.json") == TWO
    assert [each.name for each in read_folder(tmp_path)] == ["bpg", "jpeg"]


def test_missing_picture_leaves_no_mean():
    partial = results(row("a", 5), row("a", 40), row("b", 40))
    means = partial.means()
    assert means["psnr"] == [None, 30.0]
    assert results(row(ms_ssim=None)).means()["ms_ssim"] == [None]
    assert Results.from_json(json.loads(dump(partial))) == partial


def test_compressai_file_without_rows():
    data = {
        "name": "mbt2018-mean",
        "description": "Inference",
        "results": {"psnr-rgb": [28.1, 30.2], "ms-ssim-rgb": [0.91, 0.95], "bpp": [0.1, 0.3]},
    }
    read = Results.from_json(data)
    assert read.kind == "unknown"
    assert [(r.image, r.quality, r.bpp, r.psnr, r.ssim) for r in read.rows] == [
        (MEAN, 1, 0.1, 28.1, None),
        (MEAN, 2, 0.3, 30.2, None),
    ]
    again = json.loads(dump(read))
    assert "images" not in again
    assert again["results"]["psnr-rgb"] == [28.1, 30.2]
    assert Results.from_json(again) == read


def test_frame():
    frame = to_frame([TWO, results(row(ms_ssim=None), name="bpg")])
    assert list(frame.columns) == [
        *("codec", "quality", "image", "bytes", "bpp", *METRICS, "encode_s", "decode_s", "kind"),
        *("macs_per_pixel", "parameters"),
    ]
    assert list(frame["codec"]) == ["jpeg"] * 4 + ["bpg"]
    assert set(frame["kind"]) == {"recomputed"}
    assert np.isnan(frame["ms_ssim"].iloc[-1])
    assert frame["psnr"].iloc[2] == math.inf
    assert to_frame([]).empty


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"psnr": float("nan")}, "psnr is nan: expected decibels"),
        ({"ms_ssim": 1.2}, "ms_ssim is 1.2: expected -1 to 1"),
        ({"si_ssim_2": "0.9"}, "si_ssim_2 is '0.9': expected -1 to 1"),
        ({"bpp": 0}, "bpp is 0: expected more than 0"),
        ({"bpp": math.inf}, "bpp is inf"),
        ({"bytes": 0}, "bytes is 0: expected a number of bytes"),
        ({"bytes": None}, "bytes is None: expected the file's size"),
        ({"bytes": 10.5}, "bytes is 10.5"),
        ({"map_bytes": -1}, "map_bytes is -1"),
        ({"encode_s": -0.1}, "encode_s is -0.1: expected seconds"),
        ({"quality": None}, "quality is None: expected a number or a name"),
        ({"image": ""}, "image is '': expected a picture's name"),
    ],
)
def test_impossible_rows_are_named(changes, message):
    with pytest.raises(ResultsError) as caught:
        results(row("kodim07", 20), replace(row("kodim08", 40), **changes))
    assert message in str(caught.value)
    assert str(caught.value).startswith("jpeg, image ")


def test_parts_must_add_up():
    parts = {"header_bytes": 20, "map_bytes": 30, "code_bytes": 40, "checksum_bytes": 4}
    assert results(row(bytes=94, **parts)).rows[0].map_bytes == 30
    with pytest.raises(ResultsError, match="bytes is 95: expected 94, the sum"):
        results(row(bytes=95, **parts))


def test_rows_are_not_doubled():
    with pytest.raises(ResultsError, match="quality is 20: expected each quality once"):
        results(row(), row(bytes=999))


def test_names_and_rows_are_needed():
    with pytest.raises(ResultsError, match="name is empty"):
        results(row(), name="")
    with pytest.raises(ResultsError, match="jpeg has no rows"):
        results()
    with pytest.raises(ResultsError, match="dataset is 3: expected text"):
        Results("jpeg", "", 3, (row(),))


def changed(path, value):
    """TWO's JSON with one place changed."""
    data = json.loads(dump(TWO))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "file: found a list of 0; expected an object with 'images' or 'results'"),
        ({"name": "x", "results": {}}, "results.bpp: found nothing; expected a list of rates"),
        (
            {"name": "x", "results": {"bpp": [1], "psnr-rgb": [2, 3]}},
            "results.psnr-rgb: found a list of 2; expected a list of 1, as bpp has",
        ),
        (
            changed(["images", "rows", 1, 8], 33.0),
            "results.psnr-rgb at quality 5: found 21.0; expected 27.5, the mean of the rows",
        ),
        (
            changed(["results", "bpp", 0], 0.4),
            "results.bpp at quality 5: found 0.4; expected 0.5, the mean of the rows",
        ),
        (changed(["results", "quality"], [40, 5]), "results.quality is [40, 5]: expected [5, 40]"),
        (
            changed(["results", "ssim-rgb"], None),
            "results.ssim-rgb: found nothing; expected a list of 2 means",
        ),
        (changed(["results", "bpp", 0], None), "results.bpp at quality 5: found nothing"),
        (
            changed(["images", "rows", 1], [1, 2]),
            "images.rows[1]: found a list of 2; expected a list of 21 values",
        ),
        (changed(["images", "columns", 0], "picture"), "column: found 'picture'; expected only im"),
        (changed(["images"], []), "images: found an empty list; expected an object per picture"),
        (changed(["provenance"], "mine"), "provenance is 'mine'"),
        (changed(["images", "rows", 0, 0], ["a"]), "image is ['a']: expected a picture's name"),
        (changed(["images", "rows", 0, 1], {}), "quality is {}: expected a number or a name"),
    ],
)
def test_wrong_files_are_named(data, message, tmp_path):
    path = tmp_path / "jpeg.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ResultsError) as caught:
        read_results(path)
    assert message in str(caught.value).replace('"', "'")
    assert str(path) in str(caught.value)


def test_unreadable_files(tmp_path):
    with pytest.raises(ResultsError, match=r"cannot read .*none\.json"):
        read_results(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text(dump(TWO)[:300])
    with pytest.raises(ResultsError, match=r"cut\.json is no JSON"):
        read_results(tmp_path / "cut.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ResultsError, match="cannot read"):
        read_results(tmp_path / "bytes.json")
    with pytest.raises(ResultsError, match=r"no results in .*leaderboard run"):
        read_folder(tmp_path / "empty")


def test_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "jpeg.json"
    write_results(TWO, path)
    with pytest.raises(ResultsError, match=r"cannot write .*; name a folder"):
        write_results(TWO, tmp_path / "missing" / "jpeg.json")
    assert read_results(path) == TWO
    assert [each.name for each in tmp_path.iterdir()] == ["jpeg.json"]
