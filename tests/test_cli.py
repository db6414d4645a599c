"""The command `python -m semcomp`, through `main`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import ExifTags, Image

import semcomp
from semcomp.__main__ import main
from semcomp.coding import bitstream
from semcomp.files import write_file
from semcomp.formats.registry import read
from semcomp.image import to_file
from semcomp.metrics import psnr
from semcomp.semantics.maps import user_map
from tests import ROOT


@pytest.fixture(autouse=True)
def no_device_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine's environment asks for is no part of the tests."""
    monkeypatch.delenv("SEMCOMP_DEVICE", raising=False)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture file of 100x84 pixels."""
    path = tmp_path / "photo.png"
    Image.fromarray(skimage.data.chelsea()[70:154, 120:220]).save(path)
    return path


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """A picture file of 128x128 pixels with a face."""
    path = tmp_path / "portrait.png"
    Image.fromarray(skimage.data.astronaut()[:256:2, 100:356:2]).save(path)
    return path


@pytest.fixture(scope="module")
def semc() -> bytes:
    """A compressed picture of 100x84 pixels at level 3."""
    return semcomp.compress(skimage.data.chelsea()[70:154, 120:220], 3).data


def run(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """Run a command that prints JSON and must succeed."""
    assert main([str(word) for word in words] + ["--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    result: dict[str, Any] = json.loads(captured.out)
    return result


def failure(capsys: pytest.CaptureFixture[str], *words: object, code: int = 1) -> str:
    """Run a command that must fail; returns what it says."""
    assert main([str(word) for word in words]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    if code == 1:
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("allocation", ["uniform", "proportional", "rd"])
def test_there_and_back(
    allocation: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, back = tmp_path / "photo.semc", tmp_path / "back.png"
    facts = run(capsys, "compress", photo, file, "--level", 4, "--allocation", allocation)
    assert facts["bytes"] == file.stat().st_size == sum(facts["sizes"].values())
    assert facts["bpp"] == pytest.approx(8 * facts["bytes"] / (100 * 84))
    assert (facts["width"], facts["height"], facts["level"]) == (100, 84, 4)
    assert (facts["allocation"], facts["model"]) == (allocation, "small")
    assert facts["floor"] == (2.33 if allocation == "proportional" else None)
    assert facts["seconds"] > 0
    if allocation == "uniform":
        assert "class" not in facts
    else:
        assert isinstance(facts["class"], str)
        assert 0 < facts["probability"] <= 1

    header = run(capsys, "info", file)
    assert header["model_id"] == facts["model_id"]
    assert header["iterations"] == facts["iterations"]

    decoded = run(capsys, "decompress", file, back)
    assert (decoded["width"], decoded["height"], decoded["complete"]) == (100, 84, True)
    assert decoded["iterations"] == facts["iterations"]
    with Image.open(photo) as before, Image.open(back) as after:
        assert psnr(np.asarray(before.convert("RGB")), np.asarray(after)) > 18
    assert not list(tmp_path.glob(".*"))


def test_one_line_of_text(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "photo.semc"
    assert main(["compress", str(photo), str(file), "--level", "1"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert f"{file.stat().st_size} bytes" in out
    assert "bpp" in out
    assert main(["decompress", str(file), str(tmp_path / "back.png")]) == 0
    assert "100x84" in capsys.readouterr().out
    assert main(["info", str(file)]) == 0
    assert "proportional, level 1, floor 1" in capsys.readouterr().out


def test_options_of_compress(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, painted = tmp_path / "photo.semc", tmp_path / "painted.png"
    grey = np.zeros((20, 20), np.uint8)
    grey[:, 10:] = 255
    Image.fromarray(grey).save(painted)
    common = ["compress", photo, file, "--level", 4, "--device", "cpu", "--model", "small"]
    facts = run(capsys, *common, "--map", painted, "--floor", 1)
    assert facts["floor"] == 1
    assert "class" not in facts
    assert run(capsys, "info", file)["allocation"] == "levels"
    facts = run(capsys, *common, "--class", "tabby")
    assert facts["class"].startswith("tabby")
    assert "subjects" not in run(capsys, *common, "--map", "classifier")


def test_what_matters_is_told_and_can_be_left_out(
    portrait: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "photo.semc"
    words = ["compress", portrait, file, "--level", 4, "--map", "people"]
    facts = run(capsys, *words)
    assert [each["name"] for each in facts["subjects"]] == ["face", "person", facts["class"]]
    assert all(each["counts"] for each in facts["subjects"])
    before = file.read_bytes()
    facts = run(capsys, *words, "--without", "Face", "--focus", 1.5)
    assert [each["counts"] for each in facts["subjects"]] == [False, True, True]
    assert (facts["focus"], facts["floor"]) == (1.5, 1.17)
    assert run(capsys, "info", file)["floor"] == 1.17
    assert main([*map(str, words), "--without", "face"]) == 0
    assert "what matters: face (left out), person, " in capsys.readouterr().err
    assert file.read_bytes() != before
    assert main([*map(str, words), "--without", "class", "--without", "object"]) == 0
    assert "no clear subject" not in capsys.readouterr().err
    leave_all = [word for kind in ("class", "object", "face") for word in ("--without", kind)]
    assert main([*map(str, words), *leave_all]) == 0
    assert "no clear subject: next to nothing to gain" in capsys.readouterr().err
    assert "found face, person, " in failure(capsys, *words, "--without", "dog")


def test_decompress_stops_early(
    semc: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, rough = tmp_path / "a.semc", tmp_path / "rough.bmp"
    file.write_bytes(semc)
    facts = run(capsys, "decompress", file, rough, "--iterations", 2)
    assert facts["iterations"] == 2 < facts["iterations_in_file"]
    wanted = semcomp.decompress(semc, iterations=2)
    with Image.open(rough) as found:
        assert found.format == "BMP"
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


def test_cut_file_decodes_with_a_warning(
    semc: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "cut.semc", tmp_path / "out.png"
    file.write_bytes(bitstream.truncate(semc, 2))
    assert main(["decompress", str(file), str(out), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("warning: the file is cut: 2 of")
    assert captured.err.count("\n") == 1
    facts = json.loads(captured.out)
    assert (facts["iterations"], facts["complete"]) == (2, False)
    assert out.exists()
    assert main(["info", str(file)]) == 0
    assert "cut off" in capsys.readouterr().out


@pytest.mark.parametrize("allocation", ["proportional", "uniform"])
def test_explain(
    allocation: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "steps"
    facts = run(capsys, "explain", photo, folder, "--level", 3, "--allocation", allocation)
    assert json.loads((folder / "explanation.json").read_text()) == facts
    assert sorted(facts["files"]) == sorted(path.name for path in folder.iterdir())
    data = (folder / "picture.semc").read_bytes()
    steps = facts["steps"]
    assert [step["iteration"] for step in steps] == list(range(1, facts["levels"]["highest"] + 1))
    sizes = [step["bytes"] for step in steps]
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(data) == facts["bytes"]
    assert steps[-1]["psnr"] > steps[0]["psnr"]
    for k in (1, len(steps)):
        with Image.open(folder / f"step-{k:02}.png") as shown:
            np.testing.assert_array_equal(
                np.asarray(shown), np.asarray(semcomp.decompress(data, iterations=k))
            )
    assert sum(facts["levels"]["blocks_per_level"]) == 12 * 14
    assert ("map.png" in facts["files"]) == (allocation == "proportional")
    if allocation == "proportional":
        assert facts["levels"]["algorithm"]["budget"] == 3 * 12 * 14
        assert len(facts["map"]["top"]) == 5
        assert facts["map"]["chosen"][0]["class"] in {c["class"] for c in facts["map"]["top"]}
    else:
        assert facts["map"] is None
        assert "algorithm" not in facts["levels"]


def test_explain_in_text(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(photo), str(tmp_path / "steps"), "--level", "1"]) == 0
    out = capsys.readouterr().out
    assert "iteration  1:" in out
    assert "levels.png" in out


def test_bad_files(
    photo: Path, semc: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, text = tmp_path / "out.semc", tmp_path / "text.png"
    text.write_text("no picture")
    damaged = tmp_path / "damaged.semc"
    damaged.write_bytes(semc[:40] + bytes([semc[40] ^ 1]) + semc[41:])
    assert "nowhere.png" in failure(capsys, "compress", tmp_path / "nowhere.png", out)
    assert "not a picture" in failure(capsys, "compress", text, out)
    assert "not a picture" in failure(capsys, "explain", text, tmp_path / "steps")
    assert "nowhere.semc" in failure(capsys, "info", tmp_path / "nowhere.semc")
    assert "cannot read the map" in failure(capsys, "compress", photo, out, "--map", text)
    assert "PNG" in failure(capsys, "info", photo)
    assert "PNG" in failure(capsys, "decompress", photo, tmp_path / "x.png")
    assert "damaged" in failure(capsys, "decompress", damaged, tmp_path / "x.png")
    assert not out.exists()
    assert not (tmp_path / "x.png").exists()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a file that never ends")
def test_a_file_that_never_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "/dev/zero has more than" in failure(capsys, "info", "/dev/zero")
    out = tmp_path / "x.png"
    assert "/dev/zero has more than" in failure(capsys, "decompress", "/dev/zero", out)
    assert not out.exists()


def test_bad_values(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compress", photo, tmp_path / "out.semc"]
    for level in ("nan", "0", "25", "-1"):
        assert "0.1..24" in failure(capsys, *words, "--level", level)
    assert "0..2:" in failure(capsys, *words, "--focus", 3)
    assert "floor 25" in failure(capsys, *words, "--floor", 25)
    assert "unknown class" in failure(capsys, *words, "--class", "unicorn of the moon")
    assert "enormous" in failure(capsys, *words, "--model", "enormous")
    assert "cpu" in failure(capsys, *words, "--device", "gpu")


def test_wrong_command_lines(
    photo: Path, semc: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "out.semc"
    words = ["compress", photo, file]
    failure(capsys, "compress", photo, code=2)
    failure(capsys, "shrink", photo, code=2)
    failure(capsys, *words, "--level", "much", code=2)
    assert "rd" in failure(capsys, *words, "--allocation", "fair", code=2)
    assert "either" in failure(capsys, *words, "--map", photo, "--class", "tabby", code=2)
    assert "uniform" in failure(capsys, *words, "--allocation", "uniform", "--map", photo, code=2)
    people = ["--map", "people", "--classifier", "vgg16-gap"]
    assert "--classifier" in failure(capsys, *words, *people, code=2)
    assert "--map people" in failure(capsys, *words, "--without", "face", code=2)
    assert "not both" in failure(capsys, "compress", "-", file, "--map", "-", code=2)
    for option in (["--focus", "2"], ["--class", "tabby"]):
        assert option[0] in failure(capsys, *words, "--allocation", "uniform", *option, code=2)
    assert "--floor" in failure(capsys, *words, "--allocation", "rd", "--floor", 2, code=2)
    file.write_bytes(semc)
    failure(capsys, "decompress", file, tmp_path / "x.png", "--iterations", -1, code=2)
    assert ".png" in failure(capsys, "decompress", file, tmp_path / "x.doc", code=2)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--help"], ["compress", "--help"], ["info", "--help"]):
        assert main(words) == 0
        assert "Usage" in capsys.readouterr().out


def test_unwritable_outputs(
    photo: Path, semc: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.semc"
    file.write_bytes(semc)
    assert "no folder" in failure(capsys, "compress", photo, tmp_path / "no" / "out.semc")
    assert "is a folder" in failure(capsys, "compress", photo, tmp_path)
    assert "no folder" in failure(capsys, "decompress", file, photo / "out.png")
    failure(capsys, "explain", photo, file)


def test_the_input_is_never_overwritten(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = photo.read_bytes()
    link = tmp_path / "link.semc"
    link.symlink_to(photo)
    for target in (photo, link, tmp_path / "." / "photo.png"):
        assert "input itself" in failure(capsys, "compress", photo, target)
    painted = tmp_path / "painted.png"
    painted.write_bytes(before)
    assert "input itself" in failure(capsys, "compress", photo, painted, "--map", painted)
    assert photo.read_bytes() == painted.read_bytes() == before


def test_write_file_is_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_file(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"

    def full(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_file(target, b"newer")
    assert target.read_bytes() == b"new"
    assert sorted(tmp_path.iterdir()) == [link, target]


def test_special_files_are_written_into() -> None:
    write_file(Path("/dev/null"), b"x")
    assert Path("/dev/null").is_char_device()


def test_as_a_program(semc: bytes, tmp_path: Path) -> None:
    file = tmp_path / "a.semc"
    file.write_bytes(semc[:10])
    done = subprocess.run(
        [sys.executable, "-m", "semcomp", "info", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: truncated header")


def test_what_was_done_to_a_picture_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clear, file = tmp_path / "clear.png", tmp_path / "clear.semc"
    Image.new("RGBA", (16, 16), (200, 0, 0, 100)).save(clear)
    words = ["compress", str(clear), str(file), "--level", "1", "--allocation", "uniform"]
    assert main(words) == 0
    assert capsys.readouterr().err == "note: Transparent places were laid on white.\n"
    assert run(capsys, *words)["notes"] == ["Transparent places were laid on white."]
    words[0], words[2] = "explain", str(tmp_path / "steps")
    assert run(capsys, *words)["notes"] == ["Transparent places were laid on white."]


def test_through_pipes(photo: Path, tmp_path: Path) -> None:
    def piped(data: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "semcomp", *words]
        return subprocess.run(command, cwd=ROOT, input=data, capture_output=True, check=True)

    options = ("--level", "1", "--allocation", "uniform")
    made = piped(photo.read_bytes(), "compress", "-", "-", *options)
    assert made.stdout == semcomp.compress(photo, 1, "uniform").data
    assert made.stderr.startswith(f"-: {len(made.stdout)} bytes".encode())
    again = piped(photo.read_bytes(), "compress", "/dev/stdin", "/dev/stdout", "--json", *options)
    assert again.stdout == made.stdout
    assert json.loads(again.stderr)["bytes"] == len(made.stdout)
    with Image.open(BytesIO(piped(made.stdout, "decompress", "-", "-").stdout)) as back:
        assert (back.format, back.size) == ("PNG", (100, 84))
    assert b"100x84 pixels" in piped(made.stdout, "info", "-").stdout
    left = np.zeros((84, 100), np.uint8)
    left[:, :50] = 255
    made = piped(to_file(left), "compress", str(photo), "-", "--level", "1", "--map", "-")
    painted = user_map(left, 84, 100, cell=8)
    assert made.stdout == semcomp.compress(photo, 1, semantic_map=painted).data


def test_a_terminal_sees_how_far_it_is(
    photo: Path,
    semc: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "photo.semc"
    file.write_bytes(semc)
    words = ["decompress", str(file), str(tmp_path / "back.png")]
    assert main(words) == 0 and capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(words) == 0 and "decoding" in capsys.readouterr().err
    for command, allocation in (("compress", "uniform"), ("explain", "rd")):
        words = [command, str(photo), str(tmp_path / command), "--level", "1"]
        assert main([*words, "--allocation", allocation]) == 0
        assert "coding" in capsys.readouterr().err


def test_no_file_is_written_onto_a_terminal(
    photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "pipe the output on" in failure(capsys, "compress", photo, "-")


@pytest.mark.parametrize("package", ["semcomp", "leaderboard"])
def test_names_that_a_terminal_cannot_write(package: str, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    words = {"semcomp": ["info"], "leaderboard": ["table", "--out", str(tmp_path), "--results"]}
    done = subprocess.run(
        [sys.executable, "-m", package, *words[package], str(tmp_path / "चित्र.semc")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert "चित्र.semc".encode("ascii", "backslashreplace") in done.stderr


@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("3", "3")])
@pytest.mark.parametrize("package", ["semcomp", "leaderboard"])
def test_the_programs_ask_for_one_blas_thread_in_time(
    package: str, given: str | None, found: str
) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    if given:
        environment["OPENBLAS_NUM_THREADS"] = given
    code = (
        f"import os, sys; from {package}.__main__ import main; assert 'numpy' not in sys.modules\n"
        "main(['--help']); print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == found


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """A JPEG of 84x100 pixels that lies on its side, with EXIF of a camera and a place."""
    path = tmp_path / "camera.jpg"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "A camera"
    exif.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base.ColorSpace: 65535, 0x829A: 0.01})
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    picture = Image.fromarray(skimage.data.chelsea()[70:154, 120:220]).transpose(
        Image.Transpose.ROTATE_90
    )
    picture.save(path, quality=95, exif=exif)
    return path


@pytest.mark.parametrize("ending", [".jpg", ".webp", ".avif", ".heic", ".bpg"])
def test_files_that_open_everywhere(
    ending: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / f"small{ending}"
    facts = run(capsys, "compress", photo, target, "--size", "2.5 kB", "--focus", 1.5)
    assert 2000 < facts["bytes"] == target.stat().st_size <= 2500
    assert ending[1:] in (facts["format"], "jpg") and facts["class"] and facts["quality"] > 0
    assert psnr(np.asarray(Image.open(photo)), read(target.read_bytes())) > 24
    again = tmp_path / "again"
    name, quality = facts["format"], facts["quality"]
    run(capsys, "compress", photo, again, "--format", name, "--quality", quality, "--focus", 1.5)
    assert again.read_bytes() == target.read_bytes()
    said = failure(capsys, "compress", photo, target, "--size", 10)
    assert "bytes: ask for at least that many" in said
    assert target.read_bytes() == again.read_bytes()


def test_a_semc_of_a_size(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = run(capsys, "compress", photo, tmp_path / "a.semc", "--size", 900)
    assert 800 < facts["bytes"] <= 900 and facts["format"] == "semc"
    assert "ask for at least" in failure(capsys, "compress", photo, tmp_path / "b", "--size", 9)


def test_exif_goes_along_when_asked(
    camera: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for ending in (".jpg", ".webp", ".avif"):
        plain, told = tmp_path / f"plain{ending}", tmp_path / f"told{ending}"
        run(capsys, "compress", camera, plain, "--allocation", "uniform")
        run(capsys, "compress", camera, told, "--allocation", "uniform", "--keep-exif")
        with Image.open(plain) as picture:
            assert picture.size == (100, 84) and not picture.getexif()
        with Image.open(told) as picture:
            exif = picture.getexif()
            assert picture.size == (100, 84)
        assert exif[ExifTags.Base.Make] == "A camera" and ExifTags.Base.Orientation not in exif
        assert exif.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
        details = exif.get_ifd(ExifTags.IFD.Exif)
        assert details[ExifTags.Base.ColorSpace] == 1 and details[0x829A] == 0.01


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["x.jpg", "--level", 4], "--level means nothing to jpeg"),
        (["x.webp", "--floor", 1], "--floor means nothing to webp"),
        (["x.semc", "--quality", 4], "--quality means nothing to semc"),
        (["x.semc", "--keep-exif"], "--keep-exif means nothing to semc"),
        (["x.jpg", "--size", 4000, "--quality", 4], "give one of --level, --size and --quality"),
        (["x.gif"], "choose an ending of .semc, .jpg"),
    ],
)
def test_options_that_mean_nothing_to_a_format(
    options: list[Any], says: str, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = failure(capsys, "compress", photo, *options, code=2)
    assert says in " ".join(said.replace("│", " ").split())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--format", "xyz"], "take one of semc, jpeg"),
        (["--allocation", "rd"], "`rd` is for .semc files"),
        (["--size", "some"], "'some' is no size"),
        (["--quality", 1000], "JPEG has qualities from 1 to 97"),
    ],
)
def test_what_an_ordinary_format_cannot_do(
    options: list[Any],
    says: str,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "small.jpg"
    assert says in failure(capsys, "compress", photo, target, *options)
    assert not target.exists()
