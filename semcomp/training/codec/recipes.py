"""Recipes: sets of training options under a name, and options from words.

small   two CPU cores and an hour or two. A step shows sixteen crops, each after a number of
        iterations of its own; bf16, which some CPUs multiply faster (else `--precision fp32`).
        SSIM and MS-SSIM weigh as much as L1: that gained 2 to 3% of the bytes at equal MS-SSIM
        and SI-SSIM, and 1% at equal PSNR.
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
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from semcomp.errors import TrainingError

from .options import TrainOptions

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
