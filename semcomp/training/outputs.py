"""What a run leaves and says: checkpoints, rows of `log.csv` and their curve, progress, memory."""

from __future__ import annotations

import csv
import importlib.util
import io
import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from semcomp.errors import TrainingError
from semcomp.files import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Report = Callable[[str], None]

# Okabe and Ito's colours, which stay apart for colour-blind readers.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#999999")
PANELS = {
    "loss": "loss",
    "psnr": "PSNR (dB)",
    "ms_ssim": "MS-SSIM (dB)",
    "ssim": "SSIM (dB)",
}
"""Of the codec's curve."""
ACCURACIES = {
    "top1": "held out, top-1",
    "top5": "held out, top-5",
    "train_top1": "training, top-1",
}
"""Columns of the classifier's log in the panel of accuracies, with their labels."""


def write_state(state: dict[str, Any], path: Path) -> None:
    """Write what `torch.load` reads; a kill while writing leaves the file of before."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def current_commit() -> str:
    """The checkout's commit, or "unknown"."""
    try:
        result = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.strip()


def peak_memory(device: torch.device) -> int:
    """Largest use of memory so far in bytes: the GPU's by tensors, else the process's."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def append_row(path: Path, row: Mapping[str, float]) -> None:
    """Add a row to a CSV file; columns that it does not have yet are added to all its rows."""
    rows = [*read_rows(path), row]
    _write_rows(path, list(dict.fromkeys(name for each in rows for name in each)), rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file; none if there is no such file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cut_rows(path: Path, step: int) -> None:
    """Drop rows after `step`: they belong to work that a kill has undone.

    Raises TrainingError for a file that is no log, which stays as it is.
    """
    try:
        before = read_rows(path)
        rows = [row for row in before if int(row["step"]) <= step]
        if len(rows) < len(before):
            _write_rows(path, list(before[0]), rows)
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"{path} is no log of such a run: move it away") from error


def _write_rows(path: Path, columns: list[str], rows: Sequence[Mapping[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_file(path, text.getvalue().encode())


def progress_bar(visible: bool = True) -> tqdm[Any]:
    """A bar from 0 to 1 with words after it, on a terminal alone: the log has its own lines."""
    return tqdm(
        total=1.0,
        disable=None if visible else True,  # None: unless on a terminal
        bar_format="{percentage:3.0f}%|{bar:24}| {desc}",
        mininterval=0.5,
        miniters=0,
        leave=False,
    )


def curves_available() -> bool:
    """Whether curves can be drawn here."""
    return importlib.util.find_spec("matplotlib") is not None


def decibels(similarity: float) -> float:
    """-10 log10(1 - s): differences near 1 become visible."""
    return -10 * math.log10(max(1 - similarity, 1e-6))


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
                gain = decibels(value) if panel.endswith("ssim") else value
                points.append((float(row["step"]), gain))
        result[label] = points
    return result


def draw_curves(log: Path, picture: Path) -> None:
    """Write the codec's learning curve as a PNG: loss, PSNR, MS-SSIM, SSIM over steps.

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
    _save(figure, picture)


def draw_accuracy(log: Path, picture: Path) -> None:
    """Write the classifier's loss and accuracies over the epochs as a PNG.

    Raises ImportError without matplotlib.
    """
    from matplotlib.figure import Figure

    rows = read_rows(log)
    epochs = [int(row["epoch"]) for row in rows]
    figure = Figure(figsize=(9, 3.5), dpi=120, layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(epochs, [float(row["loss"]) for row in rows], color=COLOURS[0])
    loss.set(xlabel="epoch", ylabel="cross-entropy", title="training loss")
    for (column, label), colour in zip(ACCURACIES.items(), COLOURS, strict=False):
        accuracy.plot(epochs, [100 * float(row[column]) for row in rows], color=colour, label=label)
    accuracy.set(xlabel="epoch", ylabel="%", ylim=(0, 100), title="right answers")
    accuracy.legend()
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
    _save(figure, picture)


def _save(figure: Figure, picture: Path) -> None:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_file(picture, content.getvalue())
