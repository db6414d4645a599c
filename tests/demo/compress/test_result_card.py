"""The result card: what stands on it, for pictures of any shape and names of any kind."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageFont

from semcomp.__main__ import main
from semcomp.demo.compress import result_card
from semcomp.demo.compress.result_card import Card
from semcomp.demo.sessions.runs import Choice
from semcomp.demo.sessions.session import Session
from semcomp.demo.shared import words

CHOICE = Choice(2)


@pytest.fixture(scope="module")
def session() -> Session:
    picture = skimage.data.chelsea()[60:156, 180:308]
    return Session(np.ascontiguousarray(picture), "a cat's eye")


@pytest.fixture(scope="module")
def made(session: Session) -> Card:
    run = session.finished(CHOICE)
    seen = session.encoder.semantic_map()
    command = words.command(session.name, CHOICE, seen)
    return result_card.card(session, CHOICE, run.plan, run.data, run.picture, seen, command)


def test_it_says_what_the_file_is(session: Session, made: Card) -> None:
    data = session.data(CHOICE)
    assert f"128 x 96 pixels, {len(data):,} bytes" in made.lines
    assert any(session.encoder.model.digest[:16] in line for line in made.lines)
    assert any(session.encoder.semantic_map().chosen[0].name in line for line in made.lines)
    assert {name for _, name in made.numbers} >= {"whole file", "MS-SSIM", "SI-SSIM", "PSNR, dB"}
    assert made.levels.shape == (12, 16)


def test_its_command_makes_the_same_file(
    session: Session, made: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(session.picture).save(f"{session.name}.png")
    words_of = shlex.split(made.command)
    assert words_of[:3] == ["python", "-m", "semcomp"]
    assert main([*words_of[3:], "--device", "cpu"]) == 0
    assert Path(f"{session.name}.semc").read_bytes() == session.data(CHOICE)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (16, 640), (640, 16), (8, 8)])
def test_any_shape_fits(made: Card, height: int, width: int) -> None:
    shape = -(-height // 8), -(-width // 8)
    other = replace(
        made,
        picture=np.full((height, width, 3), 128, np.uint8),
        levels=np.full(shape, 12, np.uint8),
    )
    drawn = result_card.draw(other)
    assert drawn.width == result_card.WIDTH and 300 < drawn.height < 2000
    assert drawn.getpixel((2, 2)) == drawn.getpixel((2, drawn.height - 3))  # paper all around
    assert drawn.getpixel((drawn.width - 3, drawn.height // 2)) == drawn.getpixel((2, 2))


def test_the_decoded_picture_is_on_it(made: Card) -> None:
    red = replace(made, picture=np.full((96, 128, 3), (255, 0, 0), np.uint8))
    share = (np.asarray(result_card.draw(red)) == (255, 0, 0)).all(2).mean()
    assert share > 0.25


def test_long_and_foreign_names_are_broken_and_replaced(made: Card) -> None:
    font = ImageFont.load_default(size=34)
    long = "x" * 400 + " end"
    lines = result_card._broken(long, font, 500)
    assert "".join(lines).replace("end", "") == "x" * 400 and lines[-1].endswith("end")
    assert all(font.getlength(line) <= 500 for line in lines)
    assert result_card.draw(replace(made, title=long)).height > result_card.draw(made).height
    assert result_card._plain("süß 🙂 ∞") == "süß ? infinite"


def test_the_page_asks_for_a_finished_result(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    request: Any = SimpleNamespace(session_hash="somebody")
    monkeypatch.setattr(result_card, "current", lambda request: (session, Choice(7)))
    with pytest.raises(gr.Error, match="no finished result yet"):
        result_card.make(request)
    session.finished(CHOICE)
    monkeypatch.setattr(result_card, "current", lambda request: (session, CHOICE))
    made = Path(result_card.make(request))
    assert made.name == "a cat-s eye-card.png" and Image.open(made).width == result_card.WIDTH
