"""Checkpoints of the codec trainer: written atomically, continued exactly, or started from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from semcomp.quantizer import QuantizerTables

if TYPE_CHECKING:
    from .codec_trainer import Trainer

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
        "validation": trainer.validation,
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def restore(trainer: Trainer, state: dict[str, Any]) -> None:
    """Continue exactly where a checkpoint stopped."""
    trainer.codec.load_state_dict(state["codec"])
    trainer.average.load_state_dict(state["average"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.rng.bit_generator.state = state["rng"]
    torch.set_rng_state(state["torch_rng"].cpu())  # map_location may have moved it
    trainer.step, trainer.seconds = state["step"], state["seconds"]
    trainer.scheduled = state.get("scheduled", 0.0)
    trainer.validation = state.get("validation", {})


def read(source: Path) -> dict[str, Any]:
    """A checkpoint's state, or that of a folder of shipped weights.

    A folder has no optimizer, and its averaged weights stand for both.
    Raises FileNotFoundError for neither, ValueError for a file that is no checkpoint.
    """
    if source.is_dir():
        # Shipped weights need the entropy coder's packages; a checkpoint needs torch alone.
        from semcomp.weights import load_model

        model = load_model(source.name, "cpu", source.resolve().parent)
        weights = model.codec.state_dict()
        return {
            "config": model.codec.config.to_dict(),
            "tables": asdict(model.tables),
            "codec": weights,
            "average": weights,
            "step": int(model.card["steps"]),
            "seconds": float(model.card["hours"]) * 3600,
        }
    if not source.exists():
        raise FileNotFoundError(f"no checkpoint {source}: give a checkpoint.pt or a weights folder")
    try:
        # Written by `save`, so by whoever trains here: it holds more than tensors.
        state: dict[str, Any] = torch.load(source, map_location="cpu", weights_only=False)
        missing = {"options", "tables", "codec", "average", "step"} - set(state)
    except (RuntimeError, EOFError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{source} is not a checkpoint, or damaged: {error}") from error
    if missing:
        raise ValueError(f"{source} is not a checkpoint of the codec: it lacks {sorted(missing)}")
    return state


def tables_of(source: Path) -> QuantizerTables:
    """The quantizer of a checkpoint or of a folder of weights."""
    return QuantizerTables(**read(source)["tables"])


def resume(trainer: Trainer, state: dict[str, Any]) -> None:
    """Continue a checkpoint, or shipped weights with a new optimizer.

    Raises ValueError if the network is another than the state's.
    """
    try:
        if "optimizer" in state:
            restore(trainer, state)
            return
        for network in (trainer.codec, trainer.average):
            network.load_state_dict(state["average"])
    except RuntimeError as error:
        raise ValueError(
            f"these weights are of another network than {trainer.codec.config}; start from them "
            f"with --warm-start ({str(error).splitlines()[-1].strip()})"
        ) from error
    trainer.step, trainer.seconds = state["step"], state["seconds"]


def warm_start(trainer: Trainer, state: dict[str, Any]) -> list[str]:
    """Take the averaged weights of a state wherever name and shape agree.

    The optimizer, the step and the schedule start anew. Returns the names of those not taken.
    """
    source: Weights = state["average"]
    own = trainer.codec.state_dict()
    taken = {
        name: tensor for name, tensor in source.items() if _shape(own.get(name)) == tensor.shape
    }
    if not taken:
        raise ValueError(f"no weight of {trainer.codec.config} has its shape in the given state")
    networks: tuple[nn.Module, ...] = (trainer.codec, trainer.average)
    for network in networks:
        network.load_state_dict({**own, **taken})
    return sorted(set(own) - set(taken))


def _shape(tensor: Tensor | None) -> torch.Size | None:
    return None if tensor is None else tensor.shape
