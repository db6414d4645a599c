"""The maintainers' commands: review, export, import, backup; what they say and how they end."""

from __future__ import annotations

import json

import pytest

from leaderboard.__main__ import main
from leaderboard.cli.review import printable
from leaderboard.data.results import read_results
from leaderboard.store.database import open_store
from tests.support.store_samples import CONTACT, results, send


@pytest.fixture
def board(store, board_url, monkeypatch):
    """A board that the commands find in the environment."""
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", board_url)
    return store


def run(capsys, *words: str) -> str:
    """What a command says that goes well."""
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out


def refused(capsys, *words: str) -> str:
    """What a command says that cannot be done."""
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.err


def test_review_from_the_list_to_the_board(board, tmp_path, capsys):
    assert run(capsys, "review", "list") == "no entry is pending or scoring\n"
    first = send(board, tmp_path, b"1", name="One\x1b[31m\n2")
    send(board, tmp_path, b"2", "recomputed", name="Two")
    board.renew(board.claim("worker", 60), 12, 192)
    assert "progress: 12 of 192 points\n" in run(capsys, "review", "show", "2")
    lines = run(capsys, "review", "list").splitlines()
    assert len(lines) == 2
    assert "pending" in lines[0] and r"One\x1b[31m\n2 (kodak)" in lines[0]
    assert "scoring" in lines[1] and lines[1].endswith("Two (kodak), 12 of 192 points scored")
    assert run(capsys, "review", "approve", "1", "--by", "ada") == (
        "1: One\\x1b[31m\\n2 is approved\n"
    )
    assert board.lookup(first.token).decided_by == "ada"
    run(capsys, "review", "reject", "2", "--reason", "not Kodak\nat all")
    found = json.loads(run(capsys, "review", "list", "--state", "all", "--json"))
    assert [(entry["id"], entry["state"]) for entry in found] == [(1, "approved"), (2, "rejected")]
    assert CONTACT not in json.dumps(found)
    send(board, tmp_path, b"3")
    run(capsys, "review", "approve", "3")
    assert "is superseded" in run(capsys, "review", "supersede", "1", "--by-entry", "3")
    assert board.entry(1).superseded_by == 3
    run(capsys, "review", "withdraw", "3", "--reason", "wrong decoder", "--by", "ada")
    shown = run(capsys, "review", "show", "3")
    for line in ("id: 3", "state: withdrawn", "name: method", "reason: wrong decoder"):
        assert f"{line}\n" in shown
    assert "ada: withdraw, now withdrawn: wrong decoder" in shown
    assert CONTACT not in shown


def test_show_what_was_sent(board, tmp_path, capsys):
    send(board, tmp_path, b"a file")
    table, file = tmp_path / "results.json", tmp_path / "sent"
    saved = ["--results", str(table), "--upload", str(file)]
    data = json.loads(run(capsys, "review", "show", "1", "--contact", "--json", *saved))
    assert data["contact"] == CONTACT
    assert data["history"][0]["action"] == "submit"
    assert [mean["quality"] for mean in data["means"]] == [1, 2]
    assert data["means"][1]["psnr"] == "inf"
    assert data["means"][1]["ms_ssim"] == 0.9
    assert "quality 2, bpp 0.201, psnr inf, ms-ssim 0.9, " in run(capsys, "review", "show", "1")
    assert file.read_bytes() == b"a file"
    found = read_results(table)
    assert found.rows == results().rows


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["review", "show", "7"], "there is no entry 7 on this board"),
        (["review", "approve", "7"], "there is no entry 7 on this board"),
        (["review", "reject", "1", "--reason", " "], "a rejection needs a reason"),
        (["review", "supersede", "1", "--by-entry", "1"], "cannot take its own place"),
        (["review", "show", "1", "--upload", "/dev/null/x"], "/dev/null/x: Not a directory"),
        (["export", "/dev/null/x.zip"], "cannot write /dev/null/x.zip: Not a directory"),
        (["import", "missing.zip"], "this board holds entries already"),
    ],
)
def test_what_cannot_be_done_is_told(board, tmp_path, capsys, words, message):
    send(board, tmp_path)
    assert message in refused(capsys, *words)
    assert board.entry(1).state == "pending"


def test_a_command_line_that_makes_no_sense(board, tmp_path, capsys):
    for words in (
        ["review", "list", "--state", "famous"],
        ["review", "list", "--state", ","],
        ["review", "reject", "1"],
        ["backup", str(tmp_path / "new.zip"), "--keep", "2"],
    ):
        assert main(words) == 2
        assert capsys.readouterr().out == ""


def test_a_board_that_cannot_be_opened(monkeypatch, capsys):
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/board")
    said = refused(capsys, "review", "list")
    assert "cannot reach the board's database" in said
    assert "secret" not in said


def test_export_and_import(board, tmp_path, capsys, monkeypatch):
    receipt = send(board, tmp_path)
    path = tmp_path / "board.zip"
    assert "1 entries, without contacts" in run(capsys, "export", str(path))
    monkeypatch.setenv("SEMCOMP_DATABASE_URL", f"sqlite:///{tmp_path / 'other.sqlite3'}")
    assert f"1 entries from {path}" in run(capsys, "import", str(path))
    other = open_store()
    assert other.lookup(receipt.token) == receipt.entry
    assert other.contact(1) == ""
    other.close()


def test_backups_of_a_folder(board, tmp_path, capsys):
    send(board, tmp_path)
    folder = tmp_path / "backups"
    folder.mkdir()
    old = [folder / f"board-2025010{day}T000000Z.zip" for day in range(1, 4)]
    others = folder / "holiday.zip"
    for each in (*old, others):
        each.write_bytes(b"")
    said = run(capsys, "backup", str(folder), "--keep", "2")
    assert "1 entries with their contacts, for maintainers only" in said
    assert not old[0].exists() and not old[1].exists()
    assert old[2].exists() and others.exists()
    (made,) = set(folder.iterdir()) - {*old, others}
    other = open_store(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    other.import_board(made)
    assert other.contact(1) == CONTACT
    other.close()


def test_printable_leaves_nothing_for_a_terminal():
    assert printable("é 漢 ok") == "é 漢 ok"
    assert printable("a\x1b]0;x\x07\n\u202e\ud800") == r"a\x1b]0;x\x07\n\u202e\ud800"
