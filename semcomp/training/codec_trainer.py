"""Trainer of the recurrent codec: one loop, time-boxed, resumable.

Loss of a batch (paper, equation 7, with two changes that the README's training section explains):

    mean over iterations k of  log |x - x_hat_k|_1  +  alpha log R_k

R_k is the estimated rate of the first k iterations (`rate.py`). The logarithms give every
iteration the same say, whatever its error; alpha is about the slope of the rate-distortion curve
on these axes, so that the encoder spends a bit only where it pays.
"""

from __future__ import annotations

import copy
import csv
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semcomp.codec import PRESETS, EmbeddedCodec
from semcomp.quantizer import ITERATIONS, QuantizerTables

from .data import center_crops, load_pictures, picture_paths, random_crops, random_levels
from .design import design_quantizer, sample_blocks
from .rate import RateModel


@dataclass
class TrainOptions:
    """Everything that decides a training run, stored in its checkpoints.

    alpha: weight of log rate in the loss. ema: decay of the averaged weights that are exported.
    decay: the last part of the time box during which the learning rate falls to a twentieth.
    """

    preset: str = "small"
    data: str = ""
    minutes: float = 20.0
    batch: int = 8
    crop: int = 128
    lr: float = 1e-3
    alpha: float = 0.4
    ema: float = 0.998
    decay: float = 0.3
    clip: float = 0.5
    seed: int = 0
    device: str = "cpu"


def iterations_for(step: int, rng: np.random.Generator) -> int:
    """Curriculum: few iterations first, then a mixture that reaches all 24."""
    if step < 600:
        return 6
    if step < 1500:
        return int(rng.choice([6, 12]))
    return int(rng.choice([6, 12, ITERATIONS], p=[0.45, 0.35, 0.2]))


def unroll(
    codec: EmbeddedCodec, rate: RateModel, image: Tensor, levels: Tensor, iterations: int
) -> tuple[list[Tensor], list[Tensor], Tensor]:
    """Run the codec -> (reconstructions, cumulative bits per pixel, last bits) per iteration."""
    encoder, decoder, previous = codec.start(image)
    pixels = image.shape[0] * image.shape[2] * image.shape[3]
    reconstructions: list[Tensor] = []
    rates: list[Tensor] = []
    spent = image.new_zeros(())
    bits = image.new_zeros(())
    for k in range(iterations):
        mask = (levels > k).to(image.dtype)
        nodes, linear = decoder.nodes.clone(), decoder.linear
        bits = codec.encode(k, image, previous, mask, encoder, decoder)
        spent = spent + rate(k, bits, nodes, linear, codec.quantizer).sum() / pixels
        previous = codec.decode(k, bits, decoder)
        reconstructions.append(previous)
        rates.append(spent)
    return reconstructions, rates, bits


def loss_of(
    codec: EmbeddedCodec,
    rate: RateModel,
    image: Tensor,
    levels: Tensor,
    iterations: int,
    alpha: float,
) -> Tensor:
    """The loss above, and the rate model's own cross-entropy with a weight that trains it."""
    reconstructions, rates, _ = unroll(codec, rate, image, levels, iterations)
    terms = [
        torch.log((image - x).abs().mean() + 1e-3) + alpha * torch.log(r + 1e-3)
        for x, r in zip(reconstructions, rates, strict=True)
    ]
    return torch.stack(terms).mean()


@torch.inference_mode()
def validate(
    codec: EmbeddedCodec, rate: RateModel, image: Tensor, shown: tuple[int, ...] = (2, 4, 6, 12, 24)
) -> dict[str, float]:
    """PSNR in dB of held-out crops and estimated bits per pixel at several uniform levels."""
    levels = torch.full((len(image), 1, image.shape[2] // 8, image.shape[3] // 8), ITERATIONS)
    levels = levels.to(image.device)
    reconstructions, rates, _ = unroll(codec, rate, image, levels, max(shown))
    row = {}
    for k in shown:
        x = reconstructions[k - 1].clamp(-128, 127).round()
        mse = (image - x).square().mean((1, 2, 3))
        row[f"psnr_{k}"] = float((10 * torch.log10(255**2 / mse)).mean())
        row[f"bpp_{k}"] = float(rates[k - 1])
    return row


class Trainer:
    """Codec, rate model, optimiser and averaged weights of one run."""

    def __init__(self, options: TrainOptions, tables: QuantizerTables) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.tables = tables
        device = torch.device(options.device)
        codec = EmbeddedCodec(PRESETS[options.preset], tables).to(device)
        self.codec = codec.to(memory_format=torch.channels_last)
        self.rate = RateModel().to(device)
        self.average = copy.deepcopy(self.codec).requires_grad_(False)
        groups = [
            {"params": list(self.codec.parameters()), "lr": options.lr, "base": options.lr},
            {"params": list(self.rate.parameters()), "lr": 3e-3, "base": 3e-3},
        ]
        self.optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
        self.rng = np.random.default_rng(options.seed)
        self.step = 0
        self.seconds = 0.0

    def train_step(self, pictures: list[np.ndarray], speed: float) -> float:
        """One update with the learning rate scaled by `speed`; returns the loss."""
        options = self.options
        iterations = iterations_for(self.step, self.rng)
        image = random_crops(pictures, options.batch, options.crop, self.rng)
        levels = random_levels(options.batch, options.crop // 8, iterations, self.rng)
        image = image.to(options.device, memory_format=torch.channels_last)
        levels = levels.to(options.device)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * speed * min(1.0, (self.step + 1) / 100)
        loss = loss_of(self.codec, self.rate, image, levels, iterations, options.alpha)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.codec.parameters(), options.clip)
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            weight = 1 - min(options.ema, self.step / (self.step + 10))
            for mean, value in zip(
                self.average.parameters(), self.codec.parameters(), strict=True
            ):
                mean.lerp_(value, weight)
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Write a checkpoint; a kill while writing leaves the previous one."""
        state = {
            "options": asdict(self.options),
            "tables": asdict(self.tables),
            "codec": self.codec.state_dict(),
            "rate": self.rate.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.bit_generator.state,
            "torch_rng": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, state: dict[str, Any]) -> None:
        """Continue exactly where a checkpoint stopped."""
        self.codec.load_state_dict(state["codec"])
        self.rate.load_state_dict(state["rate"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch_rng"])
        self.step, self.seconds = state["step"], state["seconds"]


def train(
    options: TrainOptions,
    out: Path,
    resume: Path | None = None,
    report: Callable[[str], None] = print,
) -> Trainer:
    """Train for `options.minutes`; writes `out/checkpoint.pt` and `out/log.csv`."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    training, held_out = picture_paths(Path(options.data))
    pictures = load_pictures(training, options.crop)
    validation = center_crops(load_pictures(held_out, 192), 192)[:24].to(options.device)
    if resume is not None:
        state = torch.load(resume, map_location=options.device, weights_only=False)
        trainer = Trainer(options, QuantizerTables(**state["tables"]))
        trainer.load(state)
    else:
        report("designing the quantizer ...")
        blocks = sample_blocks(pictures, 100, options.seed)
        trainer = Trainer(options, design_quantizer(blocks))
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
                row = validate(trainer.average, trainer.rate, validation)
                if file.tell() == 0:
                    writer.writerow(["step", "seconds", "loss", *row])
                mean = float(np.mean(losses)) if losses else float("nan")
                writer.writerow([trainer.step, round(trainer.seconds), mean, *row.values()])
                file.flush()
                scores = " ".join(f"{name} {value:.3f}" for name, value in row.items())
                report(f"{trainer.step} steps, {trainer.seconds:.0f} s, loss {mean:.4f}, {scores}")
                losses = []
                trainer.save(out / "checkpoint.pt")
                next_report = elapsed + 180
            if elapsed >= budget:
                return trainer
            remaining = 1 - elapsed / budget
            speed = max(0.05, min(1.0, remaining / options.decay)) if options.decay > 0 else 1.0
            losses.append(trainer.train_step(pictures, speed))
