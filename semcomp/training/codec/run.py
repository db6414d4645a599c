"""A training run of the codec: one loop, time-boxed, resumable.

After each validation it leaves checkpoint, log, curve and, if asked for, weights in parts.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from semcomp.errors import TrainingError
from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.outputs import (
    Report,
    append_row,
    curves_available,
    draw_curves,
    progress_bar,
)

from . import checkpoint
from .data import PicturePool, training_pictures
from .dry_run import describe, measure
from .options import TrainOptions
from .parallel import Processes, use_compiled_cells
from .trainer import Trainer, config_for, tables_for
from .validation import validate

BRIEF = ("ms_ssim_2", "ms_ssim_6", "ms_ssim_12", "ssim_6", "map_weighted_psnr")
"""Scores in the line that is reported; the log has all."""


def start(
    options: TrainOptions,
    pictures: Sequence[np.ndarray],
    *,
    resume: Path | None = None,
    warm_start: Path | None = None,
    narrow: Path | None = None,
    tables: Path | None = None,
    processes: Processes | None = None,
    report: Report = print,
) -> Trainer:
    """A trainer from scratch, continuing `resume`, or with weights taken from `warm_start`.

    narrow: start from these weights of a wider decoder, cut to the options' preset; with its
    quantizer. tables: take the quantizer from this checkpoint or folder instead of designing one.
    """
    if resume is not None:
        state = checkpoint.read(resume)
        trainer = Trainer(options, QuantizerTables(**state["tables"]), processes)
        checkpoint.resume(trainer, state)
        return trainer
    tables = tables or narrow
    if tables is not None:
        quantizer = QuantizerTables(**checkpoint.read(tables)["tables"])
    else:
        quantizer = tables_for(config_for(options), pictures, options.seed)
    trainer = Trainer(options, quantizer, processes)
    if warm_start is not None:
        left = checkpoint.warm_start(trainer, checkpoint.read(warm_start))
        report(f"weights from {warm_start}" + (f", but not {', '.join(left)}" if left else ""))
        if left:
            trainer.fit_steps(PicturePool(pictures, trainer.device))
        if options.relax:
            trainer.relax(PicturePool(pictures, trainer.device))
    if narrow is not None:
        checkpoint.start_narrow(trainer, checkpoint.read(narrow), pictures)
        report(f"weights of {narrow}, narrowed")
        trainer.fit_steps(PicturePool(pictures, trainer.device))
    return trainer


def train(
    options: TrainOptions,
    out: Path,
    resume: Path | None = None,
    report: Report = print,
    *,
    warm_start: Path | None = None,
    narrow: Path | None = None,
    tables: Path | None = None,
    dry_run: bool = False,
) -> Trainer:
    """Train for `options.minutes`; writes `out/checkpoint.pt`, `out/log.csv` and `out/curve.png`.

    resume, warm_start, narrow, tables: see `start`. dry_run: only measure and report the cost.
    Under `torchrun` the first process validates, writes and reports.
    """
    options.check()
    processes = Processes()
    device = processes.device(torch.device(options.device))
    options = dataclasses.replace(options, device=str(device))
    processes.open(device)
    say = report if processes.first else lambda line: None
    pictures, validation = training_pictures(options.data, options.crop, say)
    validation = validation.to(device)
    pool = PicturePool(pictures, device, options.scales, options.crop)
    if options.importance == "cam":
        pool.weigh(say)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        # The bits of training are those of files: the transform runs in full fp32.
        torch.backends.cudnn.allow_tf32 = False
    if options.compile:
        gates = torch.bfloat16 if options.precision == "bf16" else torch.float32
        use_compiled_cells(device, gates, say)
    trainer = start(
        options,
        pictures,
        resume=resume,
        warm_start=warm_start,
        narrow=narrow,
        tables=tables,
        processes=processes,
        report=say,
    )
    last_step = options.steps_for(len(pictures))
    if dry_run:
        for line in describe(trainer, pool, measure(trainer, pool), last_step):
            say(line)
    else:
        _train(trainer, pool, validation, out, last_step, say)
    processes.close()
    return trainer


def _train(
    trainer: Trainer,
    pool: PicturePool,
    validation: Tensor,
    out: Path,
    last_step: int,
    report: Report,
) -> None:
    """Steps and validations to the end of the time box, or to `last_step` if it is not 0."""
    options, processes = trainer.options, trainer.processes
    budget = options.minutes * 60
    # A schedule starts with this call, unless several calls share one.
    shared = options.total_minutes > 0
    whole = options.total_minutes * 60 or budget
    seconds_before, scheduled_before = trainer.seconds, trainer.scheduled if shared else 0.0
    first_step, base_step = trainer.step, 0 if options.epochs else trainer.step
    losses: list[Tensor] = []
    next_validation = 0.0
    bar = progress_bar(processes.first)
    began = time.monotonic()
    while True:
        # All processes follow the first one's clock.
        elapsed = processes.agree(time.monotonic() - began, trainer.device)
        trainer.seconds = seconds_before + elapsed
        trainer.scheduled = scheduled_before + elapsed
        by_steps = (trainer.step - base_step) / last_step if last_step else 0.0
        done = max(elapsed / budget if budget else 1.0, by_steps)
        left = elapsed / done - elapsed if done else math.nan
        if elapsed >= next_validation or done >= 1:
            bar.clear()
            mean = float(torch.stack(losses).mean()) if losses else math.nan
            if losses and not math.isfinite(mean):
                raise TrainingError(
                    f"the loss is {mean} at step {trainer.step}: resume {out / 'checkpoint.pt'} "
                    "with a lower learning rate (--lr)"
                )
            if processes.first:
                trainer.validation = validate(trainer.average, validation)
                write_progress(trainer, out, mean, report, left)
            losses = []
            next_validation = elapsed + options.validate_minutes * 60
        if done >= 1:
            bar.close()
            return
        passed = by_steps if last_step else trainer.scheduled / whole
        losses.append(trainer.train_step(pool, options.speed(passed)))
        rate = (trainer.step - first_step) / max(time.monotonic() - began, 1e-3)
        text = f"{trainer.step} steps, {rate:.2f} per second{_left(left)}"
        bar.set_description_str(text, refresh=False)
        bar.update(done - bar.n)


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
    if curves_available():
        draw_curves(out / "log.csv", out / "curve.png")
    elif first:
        report("no learning curve is drawn: matplotlib is not installed")
    if trainer.options.ship:
        checkpoint.ship(trainer, out / "weights")
    levels = {name: value for name, value in row.items() if name.startswith("psnr_")}
    psnr = " ".join(f"{name.removeprefix('psnr_')}:{value:.3f}" for name, value in levels.items())
    rest = ", ".join(f"{name} {row[name]:.4f}" for name in BRIEF if name in row)
    report(f"{trainer.step} steps, {seconds} s, loss {loss:.4f}, psnr {psnr}, {rest}{_left(left)}")


def _left(seconds: float) -> str:
    known = seconds > 0  # nan before the first step
    return f", {tqdm.format_interval(seconds)} left" if known else ""
