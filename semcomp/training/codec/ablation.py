"""What a training choice is worth: variants of one run, each from the same start and seed.

Every variant trains for the same time, counted in the process's own CPU seconds (on a GPU in
seconds), so that a busy machine stays fair; validation is not counted. Or for the same steps.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from semcomp.errors import TrainingError
from semcomp.files import write_file
from semcomp.networks.quantizer import QuantizerTables
from semcomp.networks.recurrence import ConvLSTM
from semcomp.training.outputs import Report

from . import checkpoint
from .data import PicturePool, training_pictures
from .options import TrainOptions, differences
from .trainer import Trainer, config_for, tables_for
from .validation import validate


@dataclass(frozen=True)
class Variant:
    """What differs from the baseline.

    scratch: starts from random weights. forgets: no unit knows the iteration before.
    """

    note: str
    changes: Mapping[str, Any]
    scratch: bool = False
    forgets: bool = False


BASELINE = "baseline"
VARIANTS: Mapping[str, Variant] = {
    BASELINE: Variant("log L1, half the crops under level maps", {}),
    "other-seed": Variant("the baseline once more, by other dice", {"seed": 1}),
    "ssim": Variant("+ 0.5 log(1 - SSIM)", {"ssim_weight": 0.5}),
    "ms-ssim": Variant("+ 0.5 log(1 - MS-SSIM)", {"ms_ssim_weight": 0.5}),
    "importance": Variant("L1 weighted by random smooth maps", {"importance": "smooth"}),
    "importance-cam": Variant("L1 weighted by semantic maps", {"importance": "cam"}),
    "plain-l1": Variant("L1 without the logarithm (paper, eq. 7)", {"plain_l1": True}),
    "priming-1": Variant("one iteration with zero bits first (Johnston 2018)", {"priming": 1}),
    "no-reuse": Variant("hidden states forgotten after every iteration", {}, forgets=True),
    "gain": Variant("corrections scaled block by block", {"gain": True}),
    "patches-64": Variant("crops of 64, as many pixels", {"crop": 64, "work": 4}),
    "patches-192": Variant("crops of 192, as many pixels", {"crop": 192, "work": 4 / 9}),
    "high-detail": Variant("half the crops the most detailed of four", {"detail": 0.5}),
    "transposes": Variant("all eight flips and rotations", {"transposes": True}),
    "scales": Variant("also pictures at 0.75 and 0.5", {"scales": (0.75, 0.5)}),
    "no-masks": Variant("no level maps", {"masked": 0.0}),
    "all-masks": Variant("every crop under a level map", {"masked": 1.0}),
    "rough": Variant("half the level maps jump from block to block", {"rough": 0.5}),
    "low": Variant("2 to 12 iterations", {"curriculum": "low"}),
    "high": Variant("8 to 24 iterations", {"curriculum": "high"}),
    "full": Variant("always 24 iterations", {"curriculum": "full"}),
    "bf16": Variant("networks in bf16", {"precision": "bf16"}),
    "scratch": Variant("from random weights", {"curriculum": "standard"}, scratch=True),
    "scratch-plain": Variant(
        "the paper's network at a quarter of its width, no linear path, from random weights",
        {"preset": "plain", "curriculum": "standard"},
        scratch=True,
    ),
}


@dataclass(frozen=True)
class Budget:
    """Seconds of each variant, or steps where they are given."""

    seconds: float
    steps: int = 0

    def passed(self, spent: float, steps: int) -> float:
        """Share of it that is used up."""
        return steps / self.steps if self.steps else spent / self.seconds


def options_of(variant: Variant, base: TrainOptions) -> TrainOptions:
    """The baseline's options with the variant's changes; its `work` is a factor."""
    changes = dict(variant.changes)
    if "work" in changes:
        changes["work"] = max(1, round(base.work * changes["work"]))
    return replace(base, **changes)


def forget_states(codec: nn.Module) -> None:
    """Let every ConvLSTM of a codec start each iteration from empty states.

    A hook takes the state and the number of iterations out of the units' arguments; several
    iterations at once are then as many independent inputs.
    """
    for unit in codec.modules():
        if isinstance(unit, ConvLSTM):
            unit.register_forward_pre_hook(lambda unit, arguments: (arguments[0], None))


def run_variant(
    variant: Variant,
    base: TrainOptions,
    budget: Budget,
    start: Mapping[str, Any] | None,
    pictures: Sequence[np.ndarray],
    validation: Tensor,
    raw: bool = False,
) -> dict[str, Any]:
    """Train one variant; returns its options, steps, seconds and validation rows.

    start: a checkpoint's state (`checkpoint.read`), or None for random weights. raw: also validate
    the weights without averaging.
    """
    options = options_of(variant, base)
    if start is None or config_for(options).encoder:
        trainer = Trainer(options, tables_for(config_for(options), pictures, options.seed))
    else:
        trainer = Trainer(options, QuantizerTables(**start["tables"]))
    if start is not None and not variant.scratch:
        checkpoint.warm_start(trainer, dict(start))
    if variant.forgets:
        for codec in (trainer.codec, trainer.average):
            forget_states(codec)
    large = [picture for picture in pictures if min(picture.shape[:2]) >= options.crop]
    if not large:
        raise TrainingError(f"no picture has both sides of at least {options.crop} pixels")
    pool = PicturePool(
        large,
        trainer.device,
        options.scales,
        options.crop,
    )
    if options.importance == "cam":
        pool.weigh(lambda line: None)
    clock: Callable[[], float] = time.process_time
    if trainer.device.type == "cuda":
        clock = _device_seconds
    losses: list[float] = []
    began = clock()
    while (passed := budget.passed(clock() - began, trainer.step)) < 1:
        losses.append(float(trainer.train_step(pool, options.speed(passed))))
    seconds = clock() - began
    result: dict[str, Any] = {
        "note": variant.note,
        "options": differences(options),
        "parameters": sum(p.numel() for p in trainer.codec.parameters()),
        "steps": trainer.step,
        "seconds": round(seconds, 1),
        "loss": float(np.mean(losses[-max(1, len(losses) // 5) :])) if losses else math.nan,
        "average": validate(trainer.average, validation.to(trainer.device)),
    }
    if raw:
        trainer.codec.compute = torch.float32
        result["raw"] = validate(trainer.codec, validation.to(trainer.device))
    return result


def _device_seconds() -> float:
    torch.cuda.synchronize()
    return time.monotonic()


def run_ablation(
    base: TrainOptions,
    out: Path,
    names: Sequence[str],
    budget: Budget,
    start: Path | None,
    report: Report = print,
    *,
    scratch: bool = False,
) -> Path:
    """Run variants one after another; writes `out/ablation.json` and `out/ABLATION.md`.

    scratch: take the quantizer alone from `start`, all networks start from random weights.
    A variant that the file already has, with the same start, budget and options, is kept. Returns
    the table's path. Raises TrainingError for unknown names.
    """
    unknown = sorted(set(names) - set(VARIANTS))
    if unknown:
        raise TrainingError(f"no variant {', '.join(unknown)}: use {', '.join(VARIANTS)}")
    pictures, validation = training_pictures(base.data, min(base.crop, 64), report)
    state = None if start is None else checkpoint.read(start)
    setting: dict[str, Any] = {
        "start": None if state is None else {"step": state["step"], "config": state["config"]},
        "scratch": scratch or state is None,
        "seconds": None if budget.steps else budget.seconds,
        "steps": budget.steps or None,
        "unit": "seconds" if base.device.startswith("cuda") else "CPU seconds of the process",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "pictures": len(pictures),
        "validation_crops": list(validation.shape),
        "base": differences(base),
    }
    path = out / "ablation.json"
    results: dict[str, Any] = {}
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.get("setting") == json.loads(json.dumps(setting)):
            results = stored["variants"]
    out.mkdir(parents=True, exist_ok=True)
    table = out / "ABLATION.md"
    for name in names:
        variant = VARIANTS[name]
        variant = replace(variant, scratch=variant.scratch or scratch)
        expected = json.loads(json.dumps(differences(options_of(variant, base))))
        if name in results and results[name]["options"] == expected:
            continue
        results[name] = run_variant(
            variant, base, budget, state, pictures, validation, name == BASELINE
        )
        row = results[name]
        report(f"{name}: {row['steps']} steps, {row['seconds']} s, {_scores(row['average'])}")
        text = json.dumps({"setting": setting, "variants": results}, indent=1)
        write_file(path, (text + "\n").encode())
        write_file(table, markdown(setting, results).encode())
    return table


COLUMNS = ("psnr_2", "psnr_6", "psnr_12", "ms_ssim_2", "ms_ssim_6", "ssim_6", "map_weighted_psnr")


def _scores(row: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {row[name]:.4f}" for name in COLUMNS if name in row)


def markdown(setting: Mapping[str, Any], variants: Mapping[str, Any]) -> str:
    """A table: the baseline's scores, and every other variant's differences from them."""
    first = variants.get(BASELINE)
    budget = (
        f"{setting['steps']} steps"
        if setting["steps"]
        else f"{setting['seconds']:g} {setting['unit']}"
    )
    start = setting["start"]
    origin = f"weights after {start['step']} steps" if not setting["scratch"] else "random weights"
    lines = [
        "# Training choices, one at a time",
        "",
        f"Each variant: {budget}, from {origin}, same seed. Averaged weights (EMA) on "
        f"{setting['validation_crops'][0]} held-out crops of {setting['validation_crops'][2]} "
        "pixels, `psnr_k` after k iterations. Rows below the baseline are differences from it.",
        "",
        "| variant | what | steps | " + " | ".join(COLUMNS) + " |",
        "|---|---|---|" + "---|" * len(COLUMNS),
    ]

    def line(name: str, note: str, steps: int, row: Mapping[str, float], plain: bool) -> str:
        cells = []
        for column in COLUMNS:
            value = row.get(column, math.nan)
            digits = 4 if "ssim" in column else 3
            if plain or first is None:
                cells.append(f"{value:.{digits}f}")
            else:
                cells.append(f"{value - first['average'].get(column, math.nan):+.{digits}f}")
        return f"| {name} | {note} | {steps} | " + " | ".join(cells) + " |"

    for name, row in variants.items():
        lines.append(line(name, row["note"], row["steps"], row["average"], name == BASELINE))
        if name == BASELINE:
            note = "the baseline's weights without averaging"
            lines.append(line("no-ema", note, row["steps"], row["raw"], False))
    return "\n".join(lines) + "\n"
