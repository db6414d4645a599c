"""`python -m leaderboard submit` and `submission`: templates, checks, receipts."""

from __future__ import annotations

import io
import json
import os
import zipfile

import pytest

from leaderboard.__main__ import main
from leaderboard.store.database import open_store
from leaderboard.submissions.method import Method
from leaderboard.submissions.shape import DatasetShape
from tests.support.submitted import (
    KODAK,
    METHOD,
    csv_of,
    json_of,
    pairs,
    rows,
    semc,
    write_method,
    zip_of,
)


@pytest.fixture
def board(tmp_path, monkeypatch):
    """An empty board."""
    url = f"sqlite:///{tmp_path / 'board.db'}"
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", url)
    store = open_store(url)
    yield store
    store.close()


@pytest.fixture
def honest(tmp_path):
    """Complete results and their description."""
    path = tmp_path / "results.csv"
    path.write_text(csv_of(rows(KODAK.images)), encoding="utf-8")
    return [str(path), "--method", str(write_method(tmp_path))]


def test_check_stores_nothing(board, honest, capsys):
    assert main(["submit", *honest, "--check"]) == 0
    assert capsys.readouterr().out == ("Wavelets & trees: no problems. self-reported, 96 points.\n")
    assert board.entries(["pending", "scoring"]) == []


def test_submit_look_up_replace_withdraw(board, honest, tmp_path, capsys, monkeypatch):
    assert main(["submit", *honest]) == 0
    out = capsys.readouterr().out
    (receipt,) = [line[9:] for line in out.splitlines() if line.startswith("Receipt: ")]
    (entry,) = board.entries(["pending"])
    assert (entry.method, entry.method.contact) == (Method(**{**METHOD, "contact": ""}), "")
    assert board.contact(entry.id) == METHOD["contact"]
    assert len(board.results(entry.id).rows) == 96

    assert main(["submit", *honest]) == 1  # the very same file
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert not said.out
    assert len(board.entries(["pending"])) == 1

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{receipt}\n"))
    assert main(["submission", "-"]) == 0
    assert "Wavelets & trees (self-reported): pending" in capsys.readouterr().out
    assert main(["submission", "wrong" + receipt]) == 1
    assert receipt not in capsys.readouterr().err

    other = tmp_path / "other.json"
    other.write_text(json_of(rows(), method=METHOD), encoding="utf-8")
    assert main(["submit", str(other), "--replaces", receipt, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["state"] == "pending"

    monkeypatch.setenv("SEMCOMP_RECEIPT", answer["receipt"])
    assert main(["submission", "--withdraw", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "withdrawn"
    assert board.entries(["pending"]) == []


def test_an_archive_waits_to_be_scored(board, tmp_path, capsys):
    path = tmp_path / "submission.zip"
    path.write_bytes(zip_of({**pairs(), "method.json": json.dumps(METHOD).encode()}))
    assert main(["submit", str(path)]) == 0
    out = capsys.readouterr().out
    assert "Wavelets & trees: no problems. recomputed, 8 points." in out
    assert "  incomplete: 22 of 24 pictures are missing" in out
    (entry,) = board.entries(["scoring"])
    with board.upload(entry.id) as kept:
        assert kept.read_bytes() == path.read_bytes()


def test_problems_of_file_and_description_come_together(board, tmp_path, capsys):
    path = tmp_path / "results.csv"
    path.write_text("image,quality,bytes,psnr\nkodim01,1,5000,-1\n", encoding="utf-8")
    method = str(write_method(tmp_path, link="ftp://example.org"))
    assert main(["submit", str(path), "--method", method, "--check"]) == 1
    said = capsys.readouterr()
    assert not said.out
    assert said.err == (
        "error: 2 problems; nothing was submitted\n"
        "  method link: found 'ftp://example.org'; expected an address such as "
        "https://example.org/paper, or nothing: http and https only\n"
        "  kodim01, psnr at quality 1: found -1.0; expected decibels, 0 or more\n"
    )
    assert main(["submit", str(path), "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [each["field"] for each in problems] == ["method", "psnr at quality 1"]
    assert problems[1]["image"] == "kodim01"


def test_a_description_that_never_comes(board, tmp_path, honest, capsys):
    pipe = tmp_path / "method.json.pipe"
    os.mkfifo(pipe)
    assert main(["submit", str(honest[0]), "--method", str(pipe), "--check"]) == 1
    assert f"found no readable {pipe}; expected a JSON file" in capsys.readouterr().err


def test_a_board_that_cannot_be_opened_is_told(honest, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", f"sqlite:///{tmp_path}/file/board.db")
    assert main(["submit", *honest]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def filled_in(folder, format, shape):
    """Fill in a template as its reader would; gives the command's arguments."""
    images = shape.images
    if format == "zip":
        path = folder / "submission.zip"
        with zipfile.ZipFile(path) as archive:
            members = {i.filename: archive.read(i) for i in archive.infolist()}
        members = {name: data for name, data in members.items() if not name.endswith("/")}
        described = METHOD | {"dataset": json.loads(members["method.json"])["dataset"]}
        members["method.json"] = json.dumps(described).encode()
        members |= {f"4/{name}.semc": semc(name, shape.sizes[name]) for name in images}
        path.write_bytes(zip_of(members))
        return [str(path)]
    path = folder / f"results.{format}"
    if format == "json":
        data = json.loads(path.read_text(encoding="utf-8"))
        data["method"] = METHOD | {"dataset": data["method"]["dataset"]}
        for row, (index, image) in zip(data["images"], enumerate(images), strict=True):
            assert row["image"] == image
            row |= {"bytes": 5000 + index, "psnr": 28.5}
        path.write_text(json.dumps(data), encoding="utf-8")
        return [str(path)]
    lines = path.read_text(encoding="utf-8").splitlines()
    for index, line in enumerate(lines[1:], start=1):
        image, quality, *_ = line.split(",")
        lines[index] = f"{image},{quality},{5000 + index},28.5,0.95,0.9,,"
    path.write_text("\n".join(lines), encoding="utf-8")
    return [str(path), "--method", str(write_method(folder, dataset=shape.name))]


@pytest.mark.parametrize("format", ["csv", "json", "zip"])
@pytest.mark.parametrize("dataset", ["kodak", "cid22"])
def test_templates_lead_to_a_submission(dataset, format, tmp_path, capsys):
    folder, shape = tmp_path / "new" / "folder", DatasetShape.official()[dataset]
    template = ["submit", "--template", format, str(folder), "--dataset", dataset]
    assert main(template) == 0
    assert "fill it in" in capsys.readouterr().out
    assert main(template) == 1
    assert "is there already" in capsys.readouterr().err
    # As it is, it is refused with what is to be filled in.
    file = next(path for path in folder.iterdir() if path.name != "method.json")
    method = ["--method", str(folder / "method.json")] if format == "csv" else []
    assert main(["submit", str(file), *method, "--check"]) == 1
    said = capsys.readouterr().err
    assert "method name: found ''; expected the method's name" in said
    if format != "zip":
        last = shape.images[-1]
        assert f"{last}, bytes at quality 1: found nothing; expected the size of the" in said
    # The data set is the one that the description names.
    assert main(["submit", *filled_in(folder, format, shape), "--check"]) == 0
    assert f", {len(shape.images)} points" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "name a FILE to submit, or --template FORMAT DIR"),
        (["x.csv", "--template", "csv", "y"], 2, "name a FILE to submit, or --template"),
        (["--template", "xml", "y"], 1, "template: found 'xml'; expected csv, json, zip"),
        (["none.csv", "--check"], 1, "file: found no readable file"),
    ],
)
def test_wrong_command_lines(arguments, code, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["submit", *arguments]) == code
    assert message in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_another_data_set(tmp_path, capsys):
    from PIL import Image

    pictures = tmp_path / "pets"
    pictures.mkdir()
    Image.new("RGB", (40, 30)).save(pictures / "cat.png")
    path = tmp_path / "results.csv"
    path.write_text("image,quality,bytes,psnr\ncat,1,100,30\n", encoding="utf-8")
    method = str(write_method(tmp_path, dataset="pets"))
    options = [str(path), "--method", method, "--check", "--dataset", str(pictures)]
    assert main(["submit", *options]) == 0
    assert "incomplete: 1 of the 4 qualities" in capsys.readouterr().out
