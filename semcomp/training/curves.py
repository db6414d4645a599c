"""The learning curve as a picture, from the log of a run."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

from semcomp.training.codec.log import read_rows

# Okabe and Ito's colours, which stay apart for colour-blind readers.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#999999")
PANELS = {
    "loss": "loss",
    "psnr": "PSNR (dB)",
    "ms_ssim": "MS-SSIM (dB)",
    "ssim": "SSIM (dB)",
}


def decibels(similarity: float) -> float:
    """-10 log10(1 - s): differences near 1 become visible."""
    return -10 * math.log10(max(1 - similarity, 1e-6))


def available() -> bool:
    """Whether curves can be drawn here."""
    return importlib.util.find_spec("matplotlib") is not None


def series(rows: list[dict[str, str]], panel: str) -> dict[str, list[tuple[float, float]]]:
    """Lines of a panel: label -> (steps, value); the levels of a score, and `map`."""
    result: dict[str, list[tuple[float, float]]] = {}
    for column in rows[0] if rows else ():
        if panel == "loss":
            label = "training" if column == "loss" else None
        elif column == f"map_{panel}":
            label = "level map"
        else:
            level = column.removeprefix(f"{panel}_")
            label = f"level {level}" if level != column and level.isdigit() else None
        if label is None:
            continue
        points = []
        for row in rows:
            value = float(row[column] or "nan")
            if math.isfinite(value):
                shown = decibels(value) if panel.endswith("ssim") else value
                points.append((float(row["step"]), shown))
        result[label] = points
    return result


def draw_curves(log: Path, picture: Path) -> None:
    """Write the learning curve of `log` (CSV) as a PNG: loss, PSNR, MS-SSIM, SSIM over steps.

    Scores are drawn as gains over their first value, which the legend gives: levels lie decibels
    apart, and what a run teaches is tenths of one. Raises ImportError without matplotlib.
    """
    from matplotlib.figure import Figure

    rows = read_rows(log)
    figure = Figure(figsize=(11, 7), dpi=110, layout="constrained")
    for axes, (panel, title) in zip(figure.subplots(2, 2).flat, PANELS.items(), strict=True):
        for colour, (label, points) in zip(COLOURS * 2, series(rows, panel).items(), strict=False):
            if not points:
                continue
            steps, values = zip(*points, strict=True)
            dashed = "--" if label == "level map" else "-"
            if panel != "loss":
                label = f"{label} ({values[0]:.2f})"
                values = tuple(value - values[0] for value in values)
            axes.plot(steps, values, dashed, color=colour, label=label, marker=".", linewidth=1.4)
        axes.set_title(title if panel == "loss" else f"{title}, gained since the start", loc="left")
        axes.set_xlabel("steps")
        axes.grid(alpha=0.3)
        if panel != "loss" and axes.lines:
            axes.legend(fontsize=7, ncols=3, framealpha=0.6)
    partial = picture.with_suffix(".partial")
    figure.savefig(partial, format="png")
    partial.replace(picture)
