"""Everything that decides a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
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
    "growing": (
        (300, {4: 1.0}),
        (800, {4: 0.4, 8: 0.6}),
        (-1, {8: 0.3, 12: 0.4, ITERATIONS: 0.3}),
    ),
    "full": ((-1, {ITERATIONS: 1.0}),),
    "paper": ((-1, {16: 1.0}),),
}
"""Stages (end step, shares), the last one open; the paper trains 16 iterations throughout."""


@dataclass
class TrainOptions:
    """Everything that decides a training run; stored in its checkpoints.

    preset, priming, gain: the network (`semcomp.networks.codec.PRESETS`, `CodecConfig`).
    minutes: time box of this call. total_minutes: length of the whole schedule where several calls
        share one; 0: the time box. steps, epochs: end after so many steps, or after as many as
        show every picture so often; the schedule then counts steps, not time. 0: no such end.
    work: crops times iterations of a step, or its crops where the decoder works in one pass. crop:
        side in pixels. curriculum: a name of CURRICULA.
    masked: share of the crops under a random level map. rough: share of these whose levels jump
        from block to block, as those of `rd` do.
    lr, decay, final: learning rate; the last part of the schedule during which it falls linearly;
        the share of it at the end. warmup: steps in which it rises. clip: bound of the gradient's
        norm. ema: decay of the averaged weights that are exported.
    plain_l1: the paper's L1 (equation 7) instead of its logarithm.
    ssim_weight, ms_ssim_weight: weights of the terms log(1 - SSIM) and log(1 - MS-SSIM), or of
        1 - SSIM where `plain_similarity`. importance: "none", "smooth" (random weights) or "cam".
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
    clip: float = 0.5
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
    plain_l1: bool = False
    ssim_weight: float = 0.0
    ms_ssim_weight: float = 0.0
    plain_similarity: bool = False
    importance: str = "none"
    scales: tuple[float, ...] = ()
    transposes: bool = False
    detail: float = 0.0
    priming: int = 0
    gain: bool = False
    precision: str = "fp32"
    compile: bool = False
    validate_minutes: float = 4.0
    ship: bool = False

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> TrainOptions:
        """Options of a checkpoint; fields that another version wrote are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in plain.items() if name in known})

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
