"""What a run leaves: log, curve, the bar of progress."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semcomp.training.outputs import (
    append_row,
    draw_curves,
    progress_bar,
    read_rows,
    series,
)


def test_log_gains_columns(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    append_row(log, {"step": 0, "psnr_1": 20.5})
    append_row(log, {"step": 4, "psnr_1": 21.0, "ssim_1": 0.5})
    append_row(log, {"step": 8, "psnr_1": 22.0})
    rows = read_rows(log)
    assert [row["step"] for row in rows] == ["0", "4", "8"]
    assert [row["ssim_1"] for row in rows] == ["", "0.5", ""]


def test_curve_is_drawn_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for step, loss in ((0, math.nan), (100, 2.5), (200, 2.25)):
        row = {"step": step, "seconds": step, "loss": loss, "psnr_2": 20 + step / 100}
        append_row(log, {**row, "ms_ssim_2": 0.9, "ssim_2": 0.5, "map_psnr": 21.0})
    rows = read_rows(log)
    assert series(rows, "loss") == {"training": [(100, 2.5), (200, 2.25)]}
    assert series(rows, "psnr") == {
        "level 2": [(0, 20), (100, 21), (200, 22)],
        "level map": [(step, 21) for step in (0, 100, 200)],
    }
    assert series(rows, "ms_ssim")["level 2"][0][1] == pytest.approx(10)
    draw_curves(log, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as drawn:
        assert np.asarray(drawn.convert("L")).std() > 10


def test_bar_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, drawn in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        bar = progress_bar()
        bar.set_description_str("10 steps", refresh=False)
        bar.update(0.25)  # too soon after the empty bar
        assert "10 steps" not in stream.getvalue()
        bar.refresh()
        bar.close()
        assert ("25%|######" in stream.getvalue() and "| 10 steps" in stream.getvalue()) == drawn
