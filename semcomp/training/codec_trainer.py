"""Trainer of the recurrent codec: one loop, time-boxed, resumable.

Loss of a batch (paper, equation 7, with a logarithm that gives every iteration the same say,
whatever its error)::

    mean over iterations k of  log |x - x_hat_k|_1
"""

from __future__ import annotations

import copy
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semcomp.codec import PRESETS, Codec, CodecConfig
from semcomp.paper_codec import build_codec
from semcomp.quantizer import ITERATIONS, QuantizerTables
from semcomp.weights import load_model

from .data import center_crops, load_pictures, picture_paths, random_crops, random_levels
from .design import design_quantizer, sample_blocks


@dataclass
class TrainOptions:
    """Everything that decides a training run, stored in its checkpoints.

    work: crops times iterations of a step. ema: decay of the averaged weights that are exported.
    decay: the last part of the time box during which the learning rate falls to a twentieth.
    """

    preset: str = "small"
    data: str = ""
    minutes: float = 20.0
    work: int = 48
    crop: int = 128
    lr: float = 1e-3
    ema: float = 0.998
    decay: float = 0.3
    clip: float = 0.5
    seed: int = 0
    device: str = "cpu"


def iterations_for(step: int, rng: np.random.Generator) -> int:
    """Curriculum: few iterations at first, then a mixture that reaches all 24."""
    shares = [0.5, 0.3, 0.2, 0.0] if step < 300 else [0.25, 0.3, 0.25, 0.2]
    return int(rng.choice([4, 8, 12, ITERATIONS], p=shares))


def unroll(codec: Codec, image: Tensor, levels: Tensor, iterations: int) -> list[Tensor]:
    """Run the codec on image (B, 3, H, W) with levels (B, 1, H/8, W/8) -> x_hat_1, x_hat_2, ..."""
    encoder, decoder, previous = codec.start(image)
    reconstructions: list[Tensor] = []
    for k in range(iterations):
        mask = (levels > k).to(image.dtype)
        bits = codec.encode(k, image, previous, mask, encoder, decoder)
        previous = codec.decode(k, bits, decoder)
        reconstructions.append(previous)
    return reconstructions


def loss_of(codec: Codec, image: Tensor, levels: Tensor, iterations: int) -> Tensor:
    """The loss above."""
    reconstructions = unroll(codec, image, levels, iterations)
    return torch.stack([torch.log((image - x).abs().mean() + 1e-3) for x in reconstructions]).mean()


@torch.inference_mode()
def validate(
    codec: Codec, image: Tensor, shown: tuple[int, ...] = (1, 2, 4, 6, 8, 12, 16, 24)
) -> dict[str, float]:
    """Mean PSNR in dB of held-out crops at several uniform levels."""
    shape = (len(image), 1, image.shape[2] // 8, image.shape[3] // 8)
    levels = torch.full(shape, ITERATIONS, device=image.device)
    row = {}
    for k, x in enumerate(unroll(codec, image, levels, max(shown)), 1):
        if k in shown:
            mse = (image - x.clamp(-128, 127).round()).square().mean((1, 2, 3))
            row[f"psnr_{k}"] = float((10 * torch.log10(255**2 / mse)).mean())
    return row


class Trainer:
    """Codec, optimiser and averaged weights of one run."""

    def __init__(self, options: TrainOptions, tables: QuantizerTables) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.tables = tables
        device = torch.device(options.device)
        codec = build_codec(PRESETS[options.preset], tables).to(device)
        # torch's annotations leave memory_format out.
        codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.codec = codec
        self.average = copy.deepcopy(self.codec).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.codec.parameters(), lr=options.lr, betas=(0.9, 0.99))
        self.rng = np.random.default_rng(options.seed)
        self.step = 0
        self.seconds = 0.0
        self.validation: dict[str, float] = {}

    def train_step(self, pictures: list[np.ndarray], speed: float) -> float:
        """One update with the learning rate scaled by `speed`; returns the loss."""
        options = self.options
        iterations = iterations_for(self.step, self.rng)
        batch = max(1, options.work // iterations)
        image = random_crops(pictures, batch, options.crop, self.rng)
        levels = random_levels(batch, options.crop // 8, iterations, self.rng)
        image = image.to(options.device, memory_format=torch.channels_last)
        levels = levels.to(options.device)
        for group in self.optimizer.param_groups:
            group["lr"] = options.lr * speed * min(1.0, (self.step + 1) / 100)
        loss = loss_of(self.codec, image, levels, iterations)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.codec.parameters(), options.clip)
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            weight = 1 - min(options.ema, self.step / (self.step + 10))
            for mean, value in zip(self.average.parameters(), self.codec.parameters(), strict=True):
                mean.lerp_(value, weight)
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Write a checkpoint; a kill while writing leaves the previous one."""
        state = {
            "options": asdict(self.options),
            "tables": asdict(self.tables),
            "codec": self.codec.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.bit_generator.state,
            "torch_rng": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
            "validation": self.validation,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, state: dict[str, Any]) -> None:
        """Continue exactly where a checkpoint stopped."""
        self.codec.load_state_dict(state["codec"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch_rng"].cpu())  # map_location may have moved it
        self.step, self.seconds = state["step"], state["seconds"]


def tables_for(config: CodecConfig, pictures: Sequence[np.ndarray], seed: int) -> QuantizerTables:
    """Quantizer designed from blocks of the pictures, or signs for a codec with an encoder."""
    if config.encoder:
        return QuantizerTables.binary()
    return design_quantizer(sample_blocks(pictures, 100, seed))


def resumed(options: TrainOptions, source: Path) -> Trainer:
    """Trainer that continues a checkpoint, or a folder of shipped weights with a new optimiser."""
    if not source.is_dir():
        state = torch.load(source, map_location=options.device, weights_only=False)
        trainer = Trainer(options, QuantizerTables(**state["tables"]))
        trainer.load(state)
        return trainer
    model = load_model(source.name, options.device, source.resolve().parent)
    trainer = Trainer(options, model.tables)
    for networks in (trainer.codec, trainer.average):
        networks.load_state_dict(model.codec.state_dict())
    trainer.step = int(model.card["steps"])
    trainer.seconds = float(model.card["hours"]) * 3600
    return trainer


def train(
    options: TrainOptions,
    out: Path,
    resume: Path | None = None,
    report: Callable[[str], None] = print,
) -> Trainer:
    """Train for `options.minutes`; writes `out/checkpoint.pt` and `out/log.csv`.

    resume: a checkpoint, or a folder of shipped weights.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    training, held_out = picture_paths(Path(options.data))
    pictures = load_pictures(training, options.crop)
    validation = center_crops(load_pictures(held_out, 192), 192)[:24].to(options.device)
    if resume is None:
        trainer = Trainer(options, tables_for(PRESETS[options.preset], pictures, options.seed))
    else:
        trainer = resumed(options, resume)
    start, earlier = time.monotonic(), trainer.seconds
    budget = options.minutes * 60
    losses: list[float] = []
    next_report = 0.0
    with (out / "log.csv").open("a", newline="") as file:
        writer = csv.writer(file)
        while True:
            elapsed = time.monotonic() - start
            trainer.seconds = earlier + elapsed
            if elapsed >= next_report or elapsed >= budget:
                row = trainer.validation = validate(trainer.average, validation)
                if file.tell() == 0:
                    writer.writerow(["step", "seconds", "loss", *row])
                mean = float(np.mean(losses)) if losses else float("nan")
                writer.writerow([trainer.step, round(trainer.seconds), mean, *row.values()])
                file.flush()
                scores = " ".join(f"{name} {value:.3f}" for name, value in row.items())
                report(f"{trainer.step} steps, {trainer.seconds:.0f} s, loss {mean:.4f}, {scores}")
                losses = []
                trainer.save(out / "checkpoint.pt")
                next_report = elapsed + 240
            if elapsed >= budget:
                return trainer
            remaining = 1 - elapsed / budget
            speed = max(0.05, min(1.0, remaining / options.decay)) if options.decay > 0 else 1.0
            losses.append(trainer.train_step(pictures, speed))
