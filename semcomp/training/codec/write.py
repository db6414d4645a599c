"""What a training run leaves after each validation: checkpoint, log, curve, weights in parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semcomp.training.curves import available, draw_curves

from . import checkpoint
from .log import Report, append_row, duration

if TYPE_CHECKING:
    from .trainer import Trainer

BRIEF = ("ms_ssim_2", "ms_ssim_6", "ms_ssim_12", "ssim_6", "map_weighted_psnr")
"""Scores in the line that is reported; the log has all."""


def write_progress(trainer: Trainer, out: Path, loss: float, report: Report, left: float) -> None:
    """Write `checkpoint.pt`, a row of `log.csv` and `curve.png`; report a line.

    With the option `ship` also `weights/`, the averaged networks in fp16 in parts small enough to
    be carried anywhere (`checkpoint.read` reads the folder). left: seconds of the run, maybe nan.
    """
    out.mkdir(parents=True, exist_ok=True)
    first = not (out / "log.csv").exists()
    checkpoint.save(trainer, out / "checkpoint.pt")
    row = trainer.validation
    seconds = round(trainer.seconds)
    append_row(out / "log.csv", {"step": trainer.step, "seconds": seconds, "loss": loss, **row})
    if available():
        draw_curves(out / "log.csv", out / "curve.png")
    elif first:
        report("no learning curve is drawn: matplotlib is not installed")
    if trainer.options.ship:
        checkpoint.ship(trainer, out / "weights")
    levels = {name: value for name, value in row.items() if name.startswith("psnr_")}
    psnr = " ".join(f"{name.removeprefix('psnr_')}:{value:.3f}" for name, value in levels.items())
    rest = ", ".join(f"{name} {row[name]:.4f}" for name in BRIEF if name in row)
    end = f", {duration(left)} left" if left > 0 else ""
    report(f"{trainer.step} steps, {seconds} s, loss {loss:.4f}, psnr {psnr}, {rest}{end}")
