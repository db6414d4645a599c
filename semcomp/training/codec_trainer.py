"""Trainer of the recurrent codec: one loop, time-boxed, resumable."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from semcomp.codec import PRESETS, CodecConfig
from semcomp.paper_codec import build_codec
from semcomp.quantizer import QuantizerTables

from . import checkpoint
from .data import center_crops, load_pictures, picture_paths, random_importance, random_levels
from .design import design_quantizer, sample_blocks
from .log import Progress, Report, append_row
from .losses import loss_of
from .options import TrainOptions, iterations_for
from .parallel import Processes
from .pool import PicturePool
from .unroll import unroll
from .validation import validate

VALIDATION_SIDE, VALIDATION_CROPS = 192, 24


def config_for(options: TrainOptions) -> CodecConfig:
    """The network that the options name."""
    return dataclasses.replace(PRESETS[options.preset], priming=options.priming, gain=options.gain)


def tables_for(config: CodecConfig, pictures: Sequence[np.ndarray], seed: int) -> QuantizerTables:
    """Quantizer designed from blocks of the pictures, or signs for a codec with an encoder."""
    if config.encoder:
        return QuantizerTables.binary()
    return design_quantizer(sample_blocks(pictures, 100, seed))


class Trainer:
    """Codec, optimiser and averaged weights of one run."""

    def __init__(
        self, options: TrainOptions, tables: QuantizerTables, processes: Processes | None = None
    ) -> None:
        options.check()
        torch.manual_seed(options.seed)
        self.options = options
        self.tables = tables
        self.processes = processes or Processes()
        self.device = torch.device(options.device)
        codec = build_codec(config_for(options), tables).to(self.device)
        # torch's annotations leave memory_format out.
        codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.codec = codec
        # What is exported and validated runs in fp32, whatever trains.
        self.average = copy.deepcopy(codec).requires_grad_(False)
        if options.precision == "bf16":
            codec.compute = torch.bfloat16
        self.optimizer = torch.optim.Adam(
            codec.parameters(), lr=options.lr, betas=(0.9, 0.99), fused=True
        )
        self.rng = np.random.default_rng(options.seed)
        self.step = 0
        self.seconds = 0.0
        self.scheduled = 0.0
        self.validation: dict[str, float] = {}

    def batch(self, pool: PicturePool) -> tuple[Tensor, Tensor, Tensor | None, int]:
        """This process's part of the next batch: image, levels, weights of the L1, iterations."""
        options, rng = self.options, self.rng
        iterations = iterations_for(self.step, rng, options.curriculum)
        world = self.processes.count
        count = max(1, options.work // iterations // world) * world
        own = self.processes.share(count)
        crops = pool.draw(
            count, options.crop, rng, transposes=options.transposes, detail=options.detail
        )
        phase = float(rng.random())
        levels = random_levels(count, options.crop // 8, iterations, rng, options.masked, phase)
        weight = None
        if options.importance == "smooth":
            weight = random_importance(count, options.crop, rng)[own].to(self.device)
        return (
            pool.cut(crops.part(own), options.crop),
            levels[own].to(self.device),
            weight,
            iterations,
        )

    def train_step(self, pool: PicturePool, speed: float) -> Tensor:
        """One update with the learning rate scaled by `speed`; returns the loss."""
        options = self.options
        image, levels, weight, iterations = self.batch(pool)
        loss = loss_of(
            unroll(self.codec, image, levels, iterations),
            image,
            weight=weight,
            ssim_weight=options.ssim_weight,
            ms_ssim_weight=options.ms_ssim_weight,
            plain_similarity=options.plain_similarity,
            mean=self.processes.mean,
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.processes.mean_gradients(self.codec.parameters())
        torch.nn.utils.clip_grad_norm_(self.codec.parameters(), options.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = options.lr * speed * min(1.0, (self.step + 1) / options.warmup)
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            weight_now = 1 - min(options.ema, self.step / (self.step + 10))
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.codec.parameters()), weight_now
            )
        return loss.detach()


def start(
    options: TrainOptions,
    pictures: Sequence[np.ndarray],
    *,
    resume: Path | None = None,
    warm_start: Path | None = None,
    tables: Path | None = None,
    processes: Processes | None = None,
    report: Report = print,
) -> Trainer:
    """A trainer from scratch, continuing `resume`, or with weights taken from `warm_start`.

    tables: take the quantizer from this checkpoint or folder instead of designing one.
    """
    if resume is not None:
        state = checkpoint.read(resume)
        trainer = Trainer(options, QuantizerTables(**state["tables"]), processes)
        checkpoint.resume(trainer, state)
        return trainer
    if tables is not None:
        quantizer = checkpoint.tables_of(tables)
    else:
        quantizer = tables_for(config_for(options), pictures, options.seed)
    trainer = Trainer(options, quantizer, processes)
    if warm_start is not None:
        left = checkpoint.warm_start(trainer, checkpoint.read(warm_start))
        report(f"weights from {warm_start}" + (f", but not {', '.join(left)}" if left else ""))
    return trainer


def train(
    options: TrainOptions,
    out: Path,
    resume: Path | None = None,
    report: Report = print,
    *,
    warm_start: Path | None = None,
    tables: Path | None = None,
) -> Trainer:
    """Train for `options.minutes`; writes `out/checkpoint.pt` and `out/log.csv`.

    resume, warm_start, tables: see `start`. Under `torchrun` the first process writes and reports.
    """
    options.check()
    processes = Processes()
    device = processes.device(torch.device(options.device))
    options = dataclasses.replace(options, device=str(device))
    processes.open(device)
    training, held_out = picture_paths(Path(options.data))
    pictures = load_pictures(training, options.crop)
    validation = center_crops(load_pictures(held_out, VALIDATION_SIDE), VALIDATION_SIDE)
    validation = validation[:VALIDATION_CROPS].to(device)
    pool = PicturePool(pictures, device, options.scales, options.crop)
    trainer = start(
        options,
        pictures,
        resume=resume,
        warm_start=warm_start,
        tables=tables,
        processes=processes,
        report=report,
    )
    if processes.first:
        out.mkdir(parents=True, exist_ok=True)
    budget = options.minutes * 60
    whole = options.total_minutes * 60 or budget
    seconds_before = trainer.seconds
    # A schedule of its own starts here, unless several calls share one.
    scheduled_before = trainer.scheduled if options.total_minutes else 0.0
    first_step, next_validation = trainer.step, 0.0
    losses: list[Tensor] = []
    progress = Progress(processes.first)
    began = time.monotonic()
    while True:
        elapsed = processes.agree(time.monotonic() - began, device)
        trainer.seconds = seconds_before + elapsed
        trainer.scheduled = scheduled_before + elapsed
        steps = trainer.step - first_step
        done = max(
            elapsed / budget if budget else 1.0, steps / options.steps if options.steps else 0
        )
        if elapsed >= next_validation or done >= 1:
            progress.clear()
            mean = float(torch.stack(losses).mean()) if losses else math.nan
            if losses and not math.isfinite(mean):
                raise FloatingPointError(
                    f"the loss is {mean} at step {trainer.step}: resume from {out} with a lower "
                    "learning rate (--lr)"
                )
            if processes.first:
                trainer.validation = validate(trainer.average, validation)
                record(trainer, out, mean, report)
            losses = []
            next_validation = elapsed + options.validate_minutes * 60
        if done >= 1:
            processes.close()
            return trainer
        passed = steps / options.steps if options.steps else trainer.scheduled / whole
        losses.append(trainer.train_step(pool, options.speed(passed)))
        spent = time.monotonic() - began
        progress.update(
            done,
            f"{trainer.step} steps, {(steps + 1) / spent:.2f}/s",
            spent * (1 / done - 1) if done else 0,
        )


def record(trainer: Trainer, out: Path, loss: float, report: Report) -> None:
    """Write the checkpoint and a row of the log, and report the row."""
    checkpoint.save(trainer, out / "checkpoint.pt")
    seconds = round(trainer.seconds)
    append_row(
        out / "log.csv",
        {"step": trainer.step, "seconds": seconds, "loss": loss, **trainer.validation},
    )
    row = trainer.validation
    psnr = " ".join(
        f"{k.removeprefix('psnr_')}:{v:.3f}" for k, v in row.items() if k[:5] == "psnr_"
    )
    rest = " ".join(
        f"{name} {row[name]:.4f}"
        for name in ("ms_ssim_2", "ms_ssim_6", "ssim_2", "ssim_6", "map_weighted_psnr")
        if name in row
    )
    report(f"{trainer.step} steps, {seconds} s, loss {loss:.4f}, psnr {psnr}, {rest}")
