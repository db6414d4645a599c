"""The table of `python -m leaderboard speed`."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from leaderboard.__main__ import main
from leaderboard.cli import speed
from leaderboard.codecs import CODECS
from tests.support.noted import CUP


def test_a_line_says_how_far_the_goals_are() -> None:
    timed = speed.Timed("codec, level 8", 12_345, 1.5, 0.5, (0.5, None))
    assert str(timed) == "| codec, level 8 | 12,345 | 1.5 | 3.0 | 0.5 |  |"


def test_every_codec_has_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = Image.fromarray(CUP[:64, :80])
    picture.save(tmp_path / "cup.png")
    monkeypatch.setattr(speed, "_command_seconds", lambda: 2.5)
    options = ["--dataset", str(tmp_path), "--image", "cup", "--repeats", "1", "--no-lstm"]
    assert main(["speed", *options]) == 0
    told = capsys.readouterr().out
    rows = {
        row.split("|")[1].strip(): row.split("|")[2:] for row in told.splitlines() if "|" in row
    }
    for level in (8, 16):
        size = len(CODECS["george"].encode(picture, level))
        assert int(rows[f"george, level {level}"][0].replace(",", "")) == size
    assert {name.split(",")[0] for name in rows} > {"semantic-rd", "avif", "jxl", "bpg"}
    assert "2.50 s by the clock, 2.5 of the goal" in told
