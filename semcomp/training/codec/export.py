"""From a checkpoint to weights that can be shipped: averaged networks, entropy tables, card."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from semcomp.coding.entropy import ContextTables
from semcomp.coding.features import COUNT
from semcomp.errors import TrainingError
from semcomp.networks.codec import Codec, CodecConfig
from semcomp.networks.paper import build_codec
from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.outputs import current_commit
from semcomp.weights import load_contexts, load_model, save_model

from .checkpoint import read
from .data import load_pictures, picture_paths
from .design import sample_blocks, widen_ends
from .entropy_fit import HIDDEN, collect_codes, fit_contexts

DATA_NOTE = (
    "shared training pictures: 1,000 pictures of ImageNet (one per class, halved in size) and 300 "
    "of BSDS500 (train and val, scaled by 0.7), for research use, and the 209 training pictures of "
    "Cloudinary's CID22 (CC BY-SA 4.0); every 26th held out"
)
WIDEN_EVERY, WIDEN_BLOCKS = 4, 1000
"""Which training pictures say how rare the ends of a quantizer are, and how many blocks of each."""
STAND_IN = "; crops of them stand for CIFAR-100, on which the paper trains"


def export_model(
    checkpoint: Path,
    out: Path,
    *,
    data: Path | None = None,
    note: str = "",
    **fitting: Any,
) -> str:
    """Write `out/weights-*.safetensors` and `out/card.json` from a training checkpoint.

    checkpoint: of a run, or the folder of weights that its option `ship` wrote.
    data: training pictures, by default the run's. note: words for the card.
    fitting: `reuse`, `pictures`, `steps`, `threads` and `report` of the entropy tables. With
    `reuse`, the default, they are those in `out` or in a folder beside it, for the slots that they
    were fitted to with the same quantizer; the others, and all of a codec whose own network finds
    the bits, are fitted to so many `pictures`, spread over the training part of `data`.
    Returns the weights' SHA-256 in hex.
    """
    state = read(checkpoint)
    tables = QuantizerTables(**state["tables"])
    codec = build_codec(CodecConfig.from_dict(state["config"]), tables)
    codec.load_state_dict(state["average"])
    codec.eval().requires_grad_(False)
    pictures_of = Path(data or state["options"]["data"])
    least = int(state["options"].get("least", 1))  # older checkpoints name none
    contexts, entropy = _entropy([out], codec, tables, pictures_of, least=least, **fitting)
    card: dict[str, Any] = {
        "name": out.name,
        "license": "Apache-2.0",
        "data": DATA_NOTE + (STAND_IN if codec.closed_loop else ""),
        **({"note": note} if note else {}),
        "entropy": entropy,
        "steps": state["step"],
        "hours": round(state["seconds"] / 3600, 2),
        "origin": state["origin"],
        "options": {k: v for k, v in state["options"].items() if k not in ("data", "minutes")},
        "validation": state["validation"],
        "commit": current_commit(),
    }
    return save_model(out, codec, tables, contexts, card)


def refit_models(folders: Sequence[Path], data: Path, **fitting: Any) -> list[str]:
    """Rewrite weights of one quantizer, with entropy tables that are up to date.

    Networks and quantizer stay. data, fitting: as in `export_model`.
    Returns each folder's SHA-256 in hex.
    Raises TrainingError for different quantizers, or a codec whose own network finds the bits.
    """
    models = [load_model(folder.name, "cpu", folder.parent) for folder in folders]
    first = models[0]
    for model in models:
        if model.codec.closed_loop:
            raise TrainingError(f"{model.name} finds its own bits: give the run's --checkpoint")
        for field in fields(QuantizerTables):
            if not np.array_equal(*(getattr(m.tables, field.name) for m in (first, model))):
                raise TrainingError(f"{first.name} and {model.name} have different quantizers")
    contexts, entropy = _entropy(folders, first.codec, first.tables, data, **fitting)
    return [
        save_model(folder, model.codec, model.tables, contexts, {**model.card, "entropy": entropy})
        for folder, model in zip(folders, models, strict=True)
    ]


def widen_model(folder: Path, data: Path) -> str:
    """Rewrite weights with the ends of their quantizer widened (`design.widen_ends`).

    data: training pictures, which say what is ordinary.

    Networks and entropy tables stay: the ends are rare, and both go by a node's value and depth.
    Returns the weights' SHA-256 in hex, another only where an end was too near.
    """
    model = load_model(folder.name, "cpu", folder.parent)
    contexts = load_contexts(folder, model.tables)
    assert contexts is not None
    pictures = load_pictures(picture_paths(data)[0][::WIDEN_EVERY], 16)
    blocks = sample_blocks(pictures, WIDEN_BLOCKS, overlap=model.tables.overlap)
    wide = widen_ends(model.tables, blocks @ model.tables.basis)
    return save_model(folder, model.codec, wide, contexts, model.card)


def _entropy(
    folders: Sequence[Path],
    codec: Codec,
    tables: QuantizerTables,
    data: Path,
    *,
    least: int = 1,
    reuse: bool = True,
    pictures: int = 100,
    steps: int = 600,
    threads: int = 1,
    report: Callable[[str], None] = print,
) -> tuple[ContextTables, str]:
    """Entropy tables, from weights that have them or fitted, and how they were, for the card."""
    # An open-loop codec's codes, and so their statistics, are the quantizer's alone.
    beside = sorted({each for folder in folders for each in folder.parent.glob("*/")})
    places = [*folders, *beside] if reuse and not codec.closed_loop else []
    stored = [(load_contexts(place, tables), place) for place in places]
    grown = [(each, place) for each, place in stored if each and _grows(each)]
    known, place = max(grown, key=lambda each: _slots(each[0]), default=(None, None))
    if known is not None and place is not None and _slots(known) == len(tables.schedule):
        card: dict[str, Any] = json.loads((place / "card.json").read_text(encoding="utf-8"))
        return known, card.get("entropy", f"those of {place.name}")
    training, _ = picture_paths(data)
    chosen = np.unique(np.linspace(0, len(training) - 1, pictures).round().astype(int))
    codes = collect_codes(codec, load_pictures([training[i] for i in chosen], 16), report, least)
    contexts = fit_contexts(codes, tables, steps=steps, known=known, threads=threads, report=report)
    words = f"{len(codes)} training pictures, {steps} steps a slot, half as many in later rounds"
    return contexts, words


def _grows(contexts: ContextTables) -> bool:
    """Whether tables can be continued: of as many features and units as are fitted today."""
    return contexts.w1.shape[1:] == (COUNT, HIDDEN)


def _slots(contexts: ContextTables) -> int:
    return len(contexts.w1)
