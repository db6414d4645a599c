"""What a run would cost: parameters, memory, steps per second, before it starts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from tqdm import tqdm

from semcomp.training.outputs import peak_memory

from .data import PicturePool
from .options import CURRICULA, differences
from .trainer import Trainer


@dataclass(frozen=True)
class Cost:
    """parameters: of the network. peak: bytes of device memory (of the process on a CPU).

    steps_per_second: in the curriculum's last stage. blocks: block-iterations of such a step.
    """

    parameters: int
    peak: int
    steps_per_second: float
    blocks: int


def measure(trainer: Trainer, pool: PicturePool, seconds: float = 8.0) -> Cost:
    """Train for a few seconds on weights that are thrown away."""
    options, device = trainer.options, trainer.device
    trainer.step = 10**6  # the last stage of the curriculum
    shares = CURRICULA[options.curriculum][-1][1]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    time_of_step = 0.0
    for iterations, share in shares.items():
        trainer.train_step(pool, 0.0, iterations)  # the first of its shapes is slower
        began, steps, spent = _now(device), 0, 0.0
        while not steps or spent < seconds / len(shares):
            trainer.train_step(pool, 0.0, iterations)
            steps, spent = steps + 1, _now(device) - began
        time_of_step += share * spent / steps
    blocks = options.work * (options.crop // 8) ** 2
    return Cost(
        sum(p.numel() for p in trainer.codec.parameters()),
        peak_memory(device),
        1 / time_of_step,
        blocks,
    )


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic()


def describe(trainer: Trainer, pool: PicturePool, cost: Cost, steps: int) -> list[str]:
    """Lines for the reader. steps: the run's end where it counts steps, else 0."""
    options = trainer.options
    settings: Mapping[str, object] = differences(options)
    lines = [
        f"network: preset {options.preset}, {cost.parameters:,} parameters, "
        f"{2 * cost.parameters / 2**20:.1f} MiB in fp16",
        f"pictures: {len(pool):,} with {len(pool.pixels) / 1e6:.1f} million pixels",
        "options: " + (", ".join(f"{k}={v}" for k, v in settings.items()) or "defaults"),
        f"peak memory: {cost.peak / 2**30:.2f} GiB "
        + ("on the device" if trainer.device.type == "cuda" else "of the process"),
        f"speed: {cost.steps_per_second:.2f} steps per second, "
        f"{cost.steps_per_second * cost.blocks:,.0f} blocks times iterations",
    ]
    if steps:
        lines.append(
            f"{steps:,} steps: about {tqdm.format_interval(steps / cost.steps_per_second)}"
        )
    else:
        whole = max(options.total_minutes, options.minutes)
        for minutes, name in ((options.minutes, "this call"), (whole, "the schedule")):
            lines.append(
                f"{name}: about {round(minutes * 60 * cost.steps_per_second):,} steps "
                f"in {minutes:g} minutes"
            )
    return lines
