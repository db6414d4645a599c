"""Tests of the tour's parts, and of the picture and animation at the head of the README."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import ROOT, tour
from tests.tour import LONG, STRIP, WIDTH, Film, TourError, captioned


def test_a_picture_gets_its_text_below() -> None:
    shot = Image.new("RGB", (1200, 600), "white")
    made = captioned(shot, "A line of text")
    assert made.size == (WIDTH, WIDTH // 2 + STRIP)
    strip = made.crop((0, WIDTH // 2, WIDTH, WIDTH // 2 + STRIP)).convert("L")
    low, high = np.asarray(strip).min(), np.asarray(strip).max()
    assert low < 60 and high > 200, "light text on a dark strip"


def test_the_animation_keeps_pictures_and_times(tmp_path: Path) -> None:
    film = Film()
    for grey in (20, 120, 220):
        film.frames.append((Image.new("RGB", (300, 200), (grey,) * 3), str(grey), LONG + grey))
    film.write(tmp_path / "tour.webp", 70)
    with Image.open(tmp_path / "tour.webp") as made:
        assert made.n_frames == 3  # type: ignore[attr-defined]
        for index, grey in enumerate((20, 120, 220)):
            made.seek(index)
            made.load()
            assert made.info["duration"] == LONG + grey
            assert abs(made.convert("L").getpixel((10, 10)) - grey) < 8  # type: ignore[operator]


def test_a_missing_browser_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tour, "CHROMIUM_NAMES", ("no such browser",))
    with pytest.raises(TourError, match="install Debian's `chromium`"):
        tour.tour("http://127.0.0.1:9", tmp_path)


def test_the_readme_opens_with_the_app_and_its_tour() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    head = text.split("---", 2)[2].split("\n## ")[0]
    shown = dict(re.findall(r"!\[([^\]]+)\]\((assets/tour/[^)]+)\)", head))
    assert {Path(path).name for path in shown.values()} == {"app.png", "tour.webp"}
    for alternative, path in shown.items():
        assert len(alternative) > 20, "say what is seen"
        assert (ROOT / path).stat().st_size < 3_000_000
        with Image.open(ROOT / path) as picture:
            assert picture.width >= WIDTH
            assert getattr(picture, "n_frames", 1) > 10 or path.endswith("app.png")
