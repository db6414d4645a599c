"""The classifier's learning curve as a picture, from the log of a run."""

from __future__ import annotations

import csv
from pathlib import Path

from semcomp.training.curves import COLOURS

LINES = {
    "top1": "held out, top-1",
    "top5": "held out, top-5",
    "train_top1": "training, top-1",
}
"""Columns of the log in the panel of accuracies, with their labels."""


def draw_accuracy(log: Path, picture: Path) -> None:
    """Write loss and accuracies over the epochs of `log` (CSV) as a PNG.

    Raises ImportError without matplotlib, OSError without a log.
    """
    from matplotlib.figure import Figure

    with log.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) for row in rows]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(epochs, [float(row["loss"]) for row in rows], color=COLOURS[0])
    loss.set(xlabel="epoch", ylabel="cross-entropy", title="training loss")
    for (column, label), colour in zip(LINES.items(), COLOURS, strict=False):
        accuracy.plot(epochs, [100 * float(row[column]) for row in rows], color=colour, label=label)
    accuracy.set(xlabel="epoch", ylabel="%", ylim=(0, 100), title="right answers")
    accuracy.legend()
    for axes in (loss, accuracy):
        axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=120)
