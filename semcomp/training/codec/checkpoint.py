"""Checkpoints of the codec trainer: written atomically, continued exactly, or started from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from semcomp.errors import TrainingError
from semcomp.networks.codec import CodecConfig
from semcomp.networks.one_pass import OnePassCodec
from semcomp.networks.paper import build_codec
from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.outputs import write_state

from .narrow import narrow
from .trainer import Trainer

Weights = dict[str, Tensor]


def save(trainer: Trainer, path: Path) -> None:
    """Write a checkpoint; a kill while writing leaves the previous one."""
    state = {
        "options": asdict(trainer.options),
        "config": trainer.codec.config.to_dict(),
        "tables": asdict(trainer.tables),
        "codec": trainer.codec.state_dict(),
        "average": trainer.average.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "rng": trainer.rng.bit_generator.state,
        "torch_rng": torch.get_rng_state(),
        "step": trainer.step,
        "seconds": trainer.seconds,
        "scheduled": trainer.scheduled,
        "origin": trainer.origin,
        "validation": trainer.validation,
    }
    write_state(state, path)


def restore(trainer: Trainer, state: dict[str, Any]) -> None:
    """Continue exactly where a checkpoint stopped."""
    trainer.codec.load_state_dict(state["codec"])
    trainer.average.load_state_dict(state["average"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.rng.bit_generator.state = state["rng"]
    torch.set_rng_state(state["torch_rng"].cpu())  # map_location may have moved it
    trainer.step, trainer.seconds = state["step"], state["seconds"]
    trainer.scheduled, trainer.origin = state["scheduled"], state["origin"]
    trainer.validation = state["validation"]


def ship(trainer: Trainer, folder: Path) -> str:
    """Write the averaged networks (fp16) and the tables in parts of at most 16 MiB.

    Returns their digest. `read` takes the folder like a checkpoint, without the optimizer.
    """
    from semcomp.parts import write_parts

    tensors = {f"codec.{k}": v.to(torch.float16) for k, v in trainer.average.state_dict().items()}
    tables = {f"quantizer.{k}": torch.from_numpy(v) for k, v in asdict(trainer.tables).items()}
    about = {
        "options": asdict(trainer.options),
        "config": trainer.codec.config.to_dict(),
        "step": trainer.step,
        "seconds": trainer.seconds,
        "origin": trainer.origin,
        "validation": trainer.validation,
    }
    return write_parts(folder, "network", {**tensors, **tables}, {"about": json.dumps(about)})


def read(source: Path) -> dict[str, Any]:
    """A checkpoint's state, or that of a folder of weights (`ship`, or those under `assets/`).

    Keys: options, config, tables, codec, average, step, seconds, origin, validation; and of a
    checkpoint optimizer, rng, torch_rng, scheduled.

    A folder has no optimizer, and its averaged weights stand for both.
    Raises FileNotFoundError for neither, TrainingError for a file that is no checkpoint.
    """
    if source.is_dir():
        return _read_folder(source)
    if not source.exists():
        raise FileNotFoundError(f"no checkpoint {source}: give a checkpoint.pt or a weights folder")
    try:
        # Written by `save`, so by whoever trains here: it holds more than tensors.
        state: dict[str, Any] = torch.load(source, map_location="cpu", weights_only=False)
        missing = {"options", "config", "tables", "codec", "average", "step"} - set(state)
    except (RuntimeError, EOFError, KeyError, TypeError, ValueError, UnpicklingError) as error:
        raise TrainingError(f"{source} is not a checkpoint, or damaged: {error}") from error
    if missing:
        raise TrainingError(
            f"{source} is not a checkpoint of the codec: it lacks {sorted(missing)}"
        )
    return state


def _read_folder(folder: Path) -> dict[str, Any]:
    # Not through `semcomp.weights`: training needs nothing of the entropy coder's.
    from safetensors.torch import load_file

    from semcomp.parts import read_parts

    parts = sorted(folder.glob("weights-*.safetensors"))
    if parts:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        about = {**card, "step": card["steps"], "seconds": card["hours"] * 3600}
        tensors: Weights = {}
        for part in parts:
            tensors.update(load_file(part))
    else:
        tensors, metadata = read_parts(folder)
        about = json.loads(metadata["about"])
    weights = {k.removeprefix("codec."): v.float() for k, v in tensors.items() if k[:6] == "codec."}
    names = [field.name for field in fields(QuantizerTables)]
    return {
        "options": about["options"],
        "config": about["config"],
        "tables": {
            name: tensors[f"quantizer.{name}"].numpy()
            for name in names
            if f"quantizer.{name}" in tensors
        },
        "codec": weights,
        "average": weights,
        "step": int(about["step"]),
        "seconds": float(about["seconds"]),
        "origin": about["origin"],
        "validation": about["validation"],
    }


def resume(trainer: Trainer, state: dict[str, Any]) -> None:
    """Continue a checkpoint, or shipped weights with a new optimizer.

    Raises TrainingError if network or `fan_in` are others than the state's.
    """
    try:
        if "optimizer" in state:
            restore(trainer, state)
            return
        for network in (trainer.codec, trainer.average):
            network.load_state_dict(state["average"])
    except RuntimeError as error:
        raise TrainingError(
            f"these weights are of another network than {trainer.codec.config}; start from them "
            f"with --warm-start ({str(error).splitlines()[-1].strip()})"
        ) from error
    except ValueError as error:
        raise TrainingError(
            "this run's layers had other shares of the learning rate: give the same fan_in, or "
            f"start from its weights with --warm-start ({error})"
        ) from error
    trainer.step, trainer.seconds = state["step"], state["seconds"]
    trainer.origin = state["origin"]


def warm_start(trainer: Trainer, state: dict[str, Any]) -> list[str]:
    """Take the averaged weights of a state wherever name and shape agree.

    The optimizer, the step and the schedule start anew; `origin` remembers what came before.
    Returns the names of those not taken.
    """
    source: Weights = state["average"]
    own = trainer.codec.state_dict()
    taken = {
        name: tensor for name, tensor in source.items() if _shape(own.get(name)) == tensor.shape
    }
    if not taken:
        raise TrainingError(f"no weight of {trainer.codec.config} has its shape in the given state")
    networks: tuple[nn.Module, ...] = (trainer.codec, trainer.average)
    for network in networks:
        network.load_state_dict({**own, **taken})
    trainer.origin = _origin(state)
    return sorted(set(own) - set(taken))


def start_narrow(trainer: Trainer, state: dict[str, Any], pictures: Sequence[np.ndarray]) -> None:
    """Take a state's decoder in one pass, cut to the trainer's narrower one (`narrow.narrow`).

    pictures: uint8 (H, W, 3), which it is fitted to. `origin` remembers what came before.
    """
    wide = build_codec(CodecConfig.from_dict(state["config"]), trainer.tables)
    if not isinstance(wide, OnePassCodec) or not isinstance(trainer.codec, OnePassCodec):
        raise TrainingError("only decoders in one pass can be narrowed: start with --warm-start")
    wide.load_state_dict(state["average"])
    try:
        weights = narrow(wide, trainer.codec, pictures, trainer.options)
    except (ValueError, RuntimeError) as error:
        raise TrainingError(
            f"{wide.config} cannot be narrowed to {trainer.codec.config}: at H/8 both need the "
            f"same channels, and everywhere as many blocks ({error})"
        ) from error
    for network in (trainer.codec, trainer.average):
        network.load_state_dict(weights)
    trainer.origin = _origin(state)


def _origin(state: dict[str, Any]) -> dict[str, float]:
    """Steps and hours that a state's weights have seen, all runs together."""
    before = state["origin"]
    return {
        "steps": state["step"] + before.get("steps", 0),
        "hours": round(state["seconds"] / 3600 + before.get("hours", 0.0), 2),
    }


def _shape(tensor: Tensor | None) -> torch.Size | None:
    return None if tensor is None else tensor.shape
