"""Everything that decides a training run; recipes: sets of options under a name.

small   two CPU cores and an hour or two. A step shows sixteen crops, each after a number of
        iterations of its own; bf16, which some CPUs multiply faster (else `--precision fp32`).
        SSIM and MS-SSIM weigh as much as L1: that gained 2 to 3% of the bytes at equal MS-SSIM
        and SI-SSIM, and 1% at equal PSNR.
fast    as `small`, for a decoder of a fifth of the work, which starts from that of `small`, cut
        down and fitted layer by layer (`--narrow assets/small`, see `narrow.py`).
base    one modern GPU (80 GB or more) and 25 minutes, in three calls of at most ten that share one
        schedule; each needs about a minute beside its time box. 26 million multiplications for a
        block, three times that with the gradients; 23 million weights, 46 MB in fp16. Crops are
        gathered on the GPU. 256 of them in a step are 65,000 blocks, enough to fill the GPU and few
        enough for some ten thousand steps. With pictures this few, reduced copies and all eight
        flips count as more. With `--tables assets/small` its bits, and so the entropy tables, are
        those of `small`.
recurrent   as `small` with ConvLSTMs as decoder, for comparison. Its batch fits the cache of one
        core; 48 crops times iterations in a step.
paper   the paper's own network and training (section 4.1): CIFAR-100, 100 epochs, Adam, learning
        rate from 0.01 to 0.0005, L1 (equation 7); batches of 32 and 16 iterations, as in
        Toderici et al. 2017, from whom the paper takes the network.
plain   that network at a quarter of its width, on two CPU cores and in several calls, each going
        on from the weights of the one before: crops of a folder's pictures stand for CIFAR-100, of
        64 pixels, because at 32 every cell lies at two borders, which in pictures hardly any does.
        L1 and Adam as in the paper, no linear path. What the paper leaves open: the encoder sees
        residuals enlarged as they shrink (`gain`), 4 to 24 iterations, half the crops under level
        maps, half of them the most detailed of four, bf16, a lower learning rate, lowest for the
        layers with most inputs: at one rate for all, their gates saturated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from semcomp.errors import TrainingError
from semcomp.geometry import ITERATIONS

Shares = Mapping[int, float]
"""Number of iterations -> share of the steps that run so many."""

CURRICULA: Mapping[str, tuple[tuple[int, Shares], ...]] = {
    "standard": (
        (300, {4: 0.5, 8: 0.3, 12: 0.2}),
        (-1, {4: 0.25, 8: 0.3, 12: 0.25, ITERATIONS: 0.2}),
    ),
    "late": ((-1, {4: 0.25, 8: 0.3, 12: 0.25, ITERATIONS: 0.2}),),
    "low": ((-1, {2: 0.2, 4: 0.3, 8: 0.3, 12: 0.2}),),
    "high": ((-1, {8: 0.2, 12: 0.3, ITERATIONS: 0.5}),),
    "full": ((-1, {ITERATIONS: 1.0}),),
    "paper": ((-1, {16: 1.0}),),
}
"""Stages (end step, shares), the last one open; the paper trains 16 iterations throughout."""


@dataclass
class TrainOptions:
    """Everything that decides a training run; stored in its checkpoints.

    preset, priming, gain, integer: the network (`semcomp.networks.codec.PRESETS`, `CodecConfig`).
    minutes: time box of this call. total_minutes: length of the whole schedule where several calls
        share one; 0: the time box. steps, epochs: end after so many steps, or after as many as
        show every picture so often; the schedule then counts steps, not time. 0: no such end.
    work: crops times iterations of a step, or its crops where the decoder works in one pass. crop:
        side in pixels. curriculum: a name of CURRICULA.
    masked: share of the crops under a random level map. rough: share of these whose levels jump
        from block to block, as those of `rd` do. least: their lowest level, 1 or 0.
    lr, decay, final: learning rate; the last part of the schedule during which it falls linearly;
        the share of it at the end. warmup: steps in which it rises. fan_in: layers with more inputs
        than this learn more slowly in proportion (Yang et al. 2021); 0: all alike. clip: bound of
        the gradient's norm. ema: decay of the averaged weights that are exported.
    relax: at a warm start, weights of ConvLSTM units whose gates have a standard deviation s above
        1.3 are multiplied by (1.3 / s) to this power; 0: left alone.
    plain_l1: the paper's L1 (equation 7) instead of its logarithm.
    ssim_weight, ms_ssim_weight: weights of the terms log(1 - SSIM) and log(1 - MS-SSIM).
        importance: "none", "smooth" (random weights) or "cam".
    scales: also train on the pictures reduced by these factors. transposes: all eight flips and
        rotations instead of left-right. detail: share of the crops chosen for their detail.
    precision: "fp32" or "bf16" for the networks. compile: fuse the units' element-wise part.
    validate_minutes: between validations. ship: write the averaged weights in small parts too.
    """

    preset: str = "small"
    data: str = ""
    minutes: float = 20.0
    work: int = 16
    crop: int = 128
    lr: float = 1e-3
    ema: float = 0.998
    decay: float = 0.3
    fan_in: float = 0.0
    clip: float = 0.5
    relax: float = 0.0
    seed: int = 0
    device: str = "cpu"
    total_minutes: float = 0.0
    steps: int = 0
    epochs: int = 0
    final: float = 0.05
    warmup: int = 100
    curriculum: str = "standard"
    masked: float = 0.5
    rough: float = 0.0
    least: int = 1
    plain_l1: bool = False
    ssim_weight: float = 0.0
    ms_ssim_weight: float = 0.0
    importance: str = "none"
    scales: tuple[float, ...] = ()
    transposes: bool = False
    detail: float = 0.0
    priming: int = 0
    gain: bool = False
    integer: bool = False
    precision: str = "fp32"
    compile: bool = False
    validate_minutes: float = 4.0
    ship: bool = False

    def check(self) -> None:
        """Raise TrainingError for a combination that cannot be trained."""
        if self.curriculum not in CURRICULA:
            raise TrainingError(f"no curriculum {self.curriculum!r}: use {', '.join(CURRICULA)}")
        if self.importance not in ("none", "smooth", "cam"):
            raise TrainingError(f"importance {self.importance!r}: use none, smooth or cam")
        if self.precision not in ("fp32", "bf16"):
            raise TrainingError(f"precision {self.precision!r}: use fp32 or bf16")
        if self.crop % 16 or self.crop < 16:
            raise TrainingError(f"crop {self.crop}: use a multiple of 16 pixels")
        shares = (self.masked, self.rough, self.detail, self.decay)
        if not all(0 <= share <= 1 for share in shares):
            raise TrainingError("masked, rough, detail and decay are shares between 0 and 1")
        if self.fan_in < 0:
            raise TrainingError(f"fan_in {self.fan_in}: use a number of inputs, or 0")
        if not 0 <= self.relax <= 1:
            raise TrainingError(f"relax {self.relax}: use a power from 0 to 1")
        if self.least not in (0, 1):
            raise TrainingError(f"least {self.least}: use 0 or 1")
        if any(not 0.1 <= scale < 1 for scale in self.scales):
            raise TrainingError(f"scales {self.scales}: give factors from 0.1 to below 1")

    def steps_for(self, pictures: int) -> int:
        """Steps after which the run ends, 0 if only its time ends it."""
        if not self.epochs:
            return self.steps
        shares = CURRICULA[self.curriculum][-1][1]
        batch = sum(share * max(1, self.work // k) for k, share in shares.items())
        return -int(-self.epochs * pictures // batch)

    def speed(self, progress: float) -> float:
        """Factor of the learning rate when `progress` (0..1) of the schedule has passed."""
        if self.decay <= 0:
            return 1.0
        return max(self.final, min(1.0, (1 - progress) / self.decay))


def iterations_for(step: int, rng: np.random.Generator, curriculum: str = "standard") -> int:
    """Number of iterations of a step, drawn from its stage of the curriculum."""
    stages = CURRICULA[curriculum]
    shares = next((s for end, s in stages if step < end), stages[-1][1])
    return int(rng.choice(list(shares), p=list(shares.values())))


RECIPES: Mapping[str, Mapping[str, Any]] = {
    "small": {
        "preset": "small",
        "minutes": 100.0,
        "work": 16,
        "lr": 1e-3,
        "decay": 0.6,
        "final": 0.03,
        "ema": 0.99,
        "ssim_weight": 1.0,
        "ms_ssim_weight": 1.0,
        "curriculum": "late",
        "transposes": True,
        "precision": "bf16",
    },
    "fast": {
        "preset": "fast",
        "minutes": 60.0,
        "work": 32,
        "lr": 1e-3,
        "decay": 0.85,
        "final": 0.03,
        "ema": 0.995,
        "warmup": 50,
        "rough": 0.5,
        "ssim_weight": 1.0,
        "ms_ssim_weight": 1.0,
        "curriculum": "late",
        "transposes": True,
        "precision": "bf16",
    },
    "base": {
        "preset": "base",
        "minutes": 7.5,
        "total_minutes": 22.5,
        "work": 256,
        "lr": 1e-3,
        "decay": 0.7,
        "final": 0.02,
        "warmup": 300,
        "ema": 0.999,
        "ssim_weight": 1.0,
        "ms_ssim_weight": 1.0,
        "curriculum": "late",
        "scales": (0.75,),
        "transposes": True,
        "precision": "bf16",
        "validate_minutes": 2.0,
        "ship": True,
    },
    "recurrent": {
        "preset": "recurrent",
        "minutes": 100.0,
        "work": 48,
        "lr": 1.5e-3,
        "decay": 0.6,
        "ssim_weight": 1.0,
        "ms_ssim_weight": 1.0,
    },
    "paper": {
        "preset": "paper",
        "data": "cifar-100",
        "minutes": math.inf,
        "epochs": 100,
        "crop": 32,
        "work": 512,
        "curriculum": "paper",
        "masked": 0.0,
        "lr": 0.01,
        "decay": 1.0,
        "final": 0.05,
        "plain_l1": True,
        "validate_minutes": 10.0,
    },
    "plain": {
        "preset": "plain",
        "minutes": 100.0,
        "crop": 64,
        "work": 96,
        "masked": 0.5,
        "least": 0,
        "detail": 0.5,
        "lr": 2e-3,
        "decay": 0.95,
        "final": 0.02,
        "fan_in": 128.0,
        "ema": 0.996,
        "plain_l1": True,
        "gain": True,
        "precision": "bf16",
        "validate_minutes": 16.0,
    },
}


def options_from(recipe: str | None, given: Mapping[str, Any]) -> TrainOptions:
    """Options of a recipe (None: the defaults), overridden by those given that are not None.

    Raises TrainingError for an unknown recipe or option.
    """
    if recipe is not None and recipe not in RECIPES:
        raise TrainingError(f"no recipe {recipe!r}: use {', '.join(RECIPES)}")
    chosen = dict(RECIPES[recipe]) if recipe else {}
    chosen.update({name: value for name, value in given.items() if value is not None})
    unknown = set(chosen) - {field.name for field in fields(TrainOptions)}
    if unknown:
        raise TrainingError(f"no training option {', '.join(sorted(unknown))}")
    options = replace(TrainOptions(), **chosen)
    options.check()
    return options


def parse_setting(words: str) -> tuple[str, Any]:
    """`name=value` -> an option's name and its value in the option's type.

    Raises TrainingError for an unknown name or a value of another type.
    """
    name, equals, text = words.partition("=")
    defaults = asdict(TrainOptions())
    if not equals or name not in defaults:
        raise TrainingError(
            f"{words!r}: write NAME=VALUE with one of {', '.join(sorted(defaults))}"
        )
    default = defaults[name]
    try:
        if isinstance(default, bool):
            return name, {"true": True, "false": False}[text.lower()]
        if isinstance(default, tuple):
            return name, tuple(float(part) for part in text.split(",") if part)
        return name, type(default)(text)
    except (KeyError, ValueError) as error:
        kind = "true or false" if isinstance(default, bool) else type(default).__name__
        raise TrainingError(f"{words!r}: {name} needs a value of type {kind}") from error


def differences(options: TrainOptions) -> dict[str, Any]:
    """The options that differ from the defaults, apart from where the data lies."""
    return {
        field.name: getattr(options, field.name)
        for field in fields(TrainOptions)
        if getattr(options, field.name) != field.default and field.name not in ("data", "device")
    }
