"""From a trained classifier to weights that can be shipped, with their card."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semcomp.files import write_file
from semcomp.parts import write_parts
from semcomp.semantics.classifiers import Vgg16Gap
from semcomp.training.outputs import current_commit

from .options import ClassifierOptions
from .trainer import ClassifierTrainer, Score

PART_NAME = "vgg16-gap"
"""What the parts' names begin with; `weights-N` would make them a codec's."""


def halved(network: Vgg16Gap) -> dict[str, Tensor]:
    """The network's tensors with kernels in fp16; the few others keep their type.

    Variances, which batch normalisation keeps, may exceed what fp16 holds.
    """
    tensors = {}
    for name, tensor in network.state_dict().items():
        half = tensor.half()
        tensors[name] = half if tensor.ndim > 1 and bool(half.isfinite().all()) else tensor
    return tensors


def export_classifier(trainer: ClassifierTrainer, out: Path) -> dict[str, Any]:
    """Write `out/vgg16-gap-I-of-N.safetensors`, `card.json` and `CARD.md`; returns the card.

    The accuracy in the card is that of the weights as written, in fp16.
    """
    tensors = halved(trainer.network)
    shipped = copy.deepcopy(trainer.network)
    shipped.load_state_dict(tensors)
    score = trainer.evaluate(shipped)
    card = describe(trainer, score)
    card["sha256"] = write_parts(out, PART_NAME, tensors, trainer.network.metadata())
    text = json.dumps(card, indent=2, allow_nan=False)
    write_file(out / "card.json", (text + "\n").encode())
    write_file(out / "CARD.md", card_text(card).encode())
    return card


def describe(trainer: ClassifierTrainer, score: Score) -> dict[str, Any]:
    """The card: data, options, departures from the paper, what was measured."""
    options = asdict(trainer.options)
    for name in ("data", "minutes", "device", "memory_gib"):
        del options[name]
    measured: dict[str, Any] = {"pictures": score.total}
    if score.total:
        measured |= {
            "top1": score.top1 / score.total,
            "top5": score.top5 / score.total,
            "cross_entropy": score.loss / score.total,
            "how": f"central square of every held-out picture at {trainer.crop} pixels",
        }
    if score.total and trainer.teacher is not None:
        measured["how"] += f", against what {trainer.options.teacher} says"
        measured |= {
            f"map_correlation_{k}": v for k, v in trainer.map_correlation()._asdict().items()
        }
    return {
        "name": trainer.network.name,
        "network": "VGG16 conv1-conv5, global average pooling, one linear layer",
        "license": "Apache-2.0 (the weights; the pictures have their own terms)",
        "data": trainer.held_out.note,
        "classes": len(trainer.network.class_names),
        "training_pictures": trainer.pictures,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "options": options,
        "departures": departures(trainer.options),
        "epochs": round(trainer.step / len(trainer.batches), 2),
        "steps": trainer.step,
        "hours": round(trainer.seconds / 3600, 3),
        "device": str(trainer.device),
        "torch": torch.__version__,
        "commit": current_commit(),
        "held_out": measured,
    }


def departures(options: ClassifierOptions) -> list[str]:
    """Where a run differs from the paper's text, in words."""
    paper = ClassifierOptions()
    said = [
        (options.data != paper.data, f"pictures: {Path(options.data).name}, not Caltech-256"),
        (
            bool(options.teacher),
            f"learns {options.teacher}'s class scores of every cell, no labels",
        ),
        (options.width != 1, f"{options.width:g} of VGG16's channels"),
        (options.epochs != paper.epochs, f"{options.epochs} epochs, not 100"),
        (options.lr != paper.lr, f"first learning rate {options.lr:g}, not 0.01"),
        (options.final_lr != paper.final_lr, f"last rate {options.final_lr:g}, not 0.0002"),
        (options.batch_norm, "batch normalisation after every convolution"),
        (options.warmup > 0, f"the rate rises over the first {options.warmup:g} epochs"),
        (options.clip > 0, f"gradients cut to a norm of {options.clip:g}"),
    ]
    return [text for true, text in said if true]


def card_text(card: dict[str, Any]) -> str:
    """The card in Markdown."""
    held_out = card["held_out"]
    measured = "nothing was held out"
    if held_out["pictures"]:
        measured = (
            f"top-1 {held_out['top1']:.1%}, top-5 {held_out['top5']:.1%} of "
            f"{held_out['pictures']:,} held-out pictures ({held_out['how']})"
        )
    if "map_correlation_network" in held_out:
        measured += (
            "; correlation of its maps with the teacher's "
            f"{held_out['map_correlation_network']:.2f}, of one map for all pictures, the mean of "
            f"the teacher's, {held_out['map_correlation_same']:.2f}"
        )
    rows = {
        "Network": f"{card['network']}; {card['parameters']:,} parameters, "
        f"{card['classes']} classes",
        "Data": f"{card['data']}; {card['training_pictures']:,} training pictures",
        "Training": f"{card['epochs']:g} epochs, {card['steps']:,} steps, {card['hours']:g} hours "
        f"on {card['device']}",
        "Measured": measured,
        "Departs from the paper": "; ".join(card["departures"]) or "nowhere it is explicit",
        "Licence": card["license"],
        "SHA-256 of the tensors": card["sha256"],
        "Commit": card["commit"],
    }
    lines = [f"# {card['name']}", "", "| | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {text} |" for name, text in rows.items()), ""])
