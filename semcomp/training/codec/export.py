"""From a checkpoint to weights that can be shipped: averaged networks, entropy tables, card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.numpy import load, save

from semcomp.coding.entropy import ContextTables
from semcomp.files import write_file
from semcomp.networks.codec import CodecConfig
from semcomp.networks.paper import build_codec
from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.outputs import current_commit
from semcomp.weights import load_contexts, save_model

from .checkpoint import read
from .data import load_pictures, picture_paths
from .design import sample_blocks, widen_ends
from .entropy_fit import collect_codes, fit_contexts

DATA_NOTE = (
    "shared training pictures: 1,000 pictures of ImageNet (one per class, halved in size) and 300 "
    "of BSDS500 (train and val, scaled by 0.7), for research use, and the 209 training pictures of "
    "Cloudinary's CID22 (CC BY-SA 4.0); every 26th held out"
)
WIDEN_EVERY, WIDEN_BLOCKS = 4, 1000
"""Which training pictures say how rare the ends of a quantizer are, and how many blocks of each."""
STAND_IN = "; 32x32 crops of them stand for CIFAR-100, on which the paper trains"


def export_model(
    checkpoint: Path,
    out: Path,
    *,
    data: Path | None = None,
    pictures: int = 100,
    steps: int = 600,
    reuse: bool = True,
    note: str = "",
    report: Callable[[str], None] = print,
) -> str:
    """Write `out/weights-*.safetensors` and `out/card.json` from a training checkpoint.

    checkpoint: of a run, or the folder of weights that its option `ship` wrote.
    With `reuse` the entropy tables are those in `out` or in a folder beside it, for the slots that
    they were fitted to with the same quantizer; the others, and all of a codec whose own network
    finds the bits, are fitted to so many `pictures`, spread over the training part of `data`.
    note: words for the card.
    Returns the weights' SHA-256 in hex.
    """
    state = read(checkpoint)
    tables = QuantizerTables(**state["tables"])
    codec = build_codec(CodecConfig.from_dict(state["config"]), tables)
    codec.load_state_dict(state["average"])
    codec.eval().requires_grad_(False)
    # An open-loop codec's codes, and so their statistics, are the quantizer's alone.
    reuse = reuse and not codec.closed_loop
    folders = [out, *sorted(out.parent.glob("*/"))] if reuse else []
    stored = [load_contexts(folder, tables) for folder in folders]
    known = max((contexts for contexts in stored if contexts is not None), key=_slots, default=None)
    if known is not None and _slots(known) == len(tables.schedule):
        contexts = known
    else:
        training, _ = picture_paths(Path(data or state["options"]["data"]))
        chosen = load_pictures(training[:: max(1, len(training) // pictures)][:pictures], 16)
        codes = collect_codes(codec, chosen, report)
        contexts = fit_contexts(codes, tables, steps=steps, known=known, report=report)
    card: dict[str, Any] = {
        "name": out.name,
        "license": "Apache-2.0",
        "data": DATA_NOTE + (STAND_IN if codec.closed_loop else ""),
        **({"note": note} if note else {}),
        "steps": state["step"],
        "hours": round(state["seconds"] / 3600, 2),
        "origin": state["origin"],
        "options": {k: v for k, v in state["options"].items() if k not in ("data", "minutes")},
        "validation": state["validation"],
        "commit": current_commit(),
    }
    return save_model(out, codec, tables, contexts, card)


def widen_model(folder: Path, data: Path) -> str:
    """Rewrite weights with the ends of their quantizer widened (`design.widen_ends`).

    data: training pictures, which say what is ordinary.

    Networks and entropy tables stay: the ends are rare, and both go by a node's value and depth.
    Returns the weights' SHA-256 in hex, another only where an end was too near.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("weights-*.safetensors")):
        with safe_open(path, "np") as part:
            metadata = part.metadata()
        tensors = load(path.read_bytes())
        if "quantizer.values" in tensors:  # the tables lie in one part, which has all of them
            names = (field.name for field in fields(QuantizerTables))
            stored = {n: tensors[f"quantizer.{n}"] for n in names if f"quantizer.{n}" in tensors}
            tables = QuantizerTables(**stored)
            pictures = load_pictures(picture_paths(data)[0][::WIDEN_EVERY], 16)
            blocks = sample_blocks(pictures, WIDEN_BLOCKS, overlap=tables.overlap)
            wide = widen_ends(tables, blocks @ tables.basis)
            tensors["quantizer.thresholds"] = wide.thresholds
            tensors["quantizer.values"] = wide.values
        written = save(tensors, metadata)
        digest.update(written)
        write_file(path, written)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    card["sha256"] = digest.hexdigest()
    write_file(folder / "card.json", (json.dumps(card, indent=2) + "\n").encode())
    return digest.hexdigest()


def _slots(contexts: ContextTables) -> int:
    return len(contexts.w1)
