"""Weights on disk: safetensors with networks in fp16 and integer tables, found by name or id.

    assets/small/weights-1.safetensors   networks fp16; tables in their own integer types
    assets/small/card.json               configuration and everything measured (the card)

The first four bytes of the SHA-256 over all parts are the model id that every `.semc` file carries.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from semcomp.coding.entropy import ContextTables, EntropyCoder
from semcomp.errors import WeightsError
from semcomp.files import ASSETS
from semcomp.geometry import BITS
from semcomp.networks.codec import CodecConfig
from semcomp.networks.integer import prepare
from semcomp.networks.paper import AnyCodec, build_codec
from semcomp.networks.quantizer import QuantizerTables

# A forked copy of torch's thread pool waits for ever for threads that it has not got.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))

PART_BYTES = 15 << 20
"""Largest payload of one file; parts stay under 16 MiB."""
ID_BYTES = 4
"""Bytes of the hash that identify a model in a file."""
QUICK = "fast"
"""Weights that stand for slower ones where pictures are only measured."""


@dataclass(frozen=True)
class Model:
    """A codec ready to run, with what its files need.

    name: folder under `assets/`. model_id: 4 bytes. digest: SHA-256 in hex. card: the card's JSON.
    """

    name: str
    codec: AnyCodec
    tables: QuantizerTables
    coder: EntropyCoder
    device: torch.device
    model_id: bytes
    digest: str
    card: Mapping[str, Any]


def save_model(
    folder: Path,
    codec: AnyCodec,
    tables: QuantizerTables,
    contexts: ContextTables,
    card: Mapping[str, Any],
) -> str:
    """Write the parts and the card; returns the SHA-256 in hex."""
    tensors: dict[str, np.ndarray] = {}
    for name, tensor in codec.state_dict().items():
        # A loaded codec's filters lie in memory as channels_last, which the file does not know.
        half = tensor.detach().cpu().to(torch.float16).contiguous()
        tensors[f"codec.{name}"] = half.numpy()
    for prefix, group in (("quantizer", tables), ("contexts", contexts)):
        for field in fields(group):
            tensors[f"{prefix}.{field.name}"] = np.ascontiguousarray(getattr(group, field.name))
    parts: list[dict[str, np.ndarray]] = [{}]
    size = 0
    for name in sorted(tensors):
        if size + tensors[name].nbytes > PART_BYTES and parts[-1]:
            parts.append({})
            size = 0
        parts[-1][name] = tensors[name]
        size += tensors[name].nbytes
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("weights-*.safetensors"):
        old.unlink()
    metadata = {"config": json.dumps(codec.config.to_dict())}
    for index, part in enumerate(parts, 1):
        path = folder / f"weights-{index}.safetensors"
        path.write_bytes(save_tensors(part, metadata))
    _digest.cache_clear()  # the folder may have held other weights
    _load.cache_clear()
    digest = _digest(folder)
    text = json.dumps({**card, "config": codec.config.to_dict(), "sha256": digest}, indent=2)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")
    return digest


def load_contexts(folder: Path, tables: QuantizerTables) -> ContextTables | None:
    """Entropy tables stored in a folder that hold for these quantizer tables; None if none do.

    What is known of a bit when it is decoded depends on its round and those before. Where two
    quantizers begin with the same rounds, so do their entropy tables: the result may be shorter
    than the schedule.
    """
    if not (folder / "weights-1.safetensors").exists():
        return None
    tensors: dict[str, np.ndarray] = {}
    for part in _parts(folder):
        tensors.update(load_tensors(part.read_bytes()))
    try:
        stored = _quantizer_tables(tensors)
    except TypeError:  # fields that only another version knows
        return None
    shared = _shared_slots(stored, tables)
    found = {f.name: tensors[f"contexts.{f.name}"] for f in fields(ContextTables)}
    whole = found.pop("probability")
    cut = {name: array[:shared] for name, array in found.items()}
    return ContextTables(**cut, probability=whole) if shared else None


def _shared_slots(one: QuantizerTables, other: QuantizerTables) -> int:
    """With how many equal slots, in whole rounds, two quantizers begin."""
    if not all(np.array_equal(getattr(one, n), getattr(other, n)) for n in ("basis", "overlap")):
        return 0
    slots = min(len(one.schedule), len(other.schedule))
    same = np.ones(slots, bool)
    for name in ("schedule", "thresholds", "values"):
        first, second = getattr(one, name)[:slots], getattr(other, name)[:slots]
        same &= (first == second).reshape(slots, -1).all(1)
    refined = one.schedule[:slots]
    same &= one.start[refined] == other.start[refined]
    return int(np.cumprod(same).sum()) // BITS * BITS


def available(assets: Path = ASSETS) -> list[str]:
    """Names of the models under `assets/`, sorted."""
    return sorted(path.parent.name for path in assets.glob("*/weights-1.safetensors"))


def resolve_device(device: str | None) -> torch.device:
    """Named device, else `SEMCOMP_DEVICE`, else a GPU if there is one, else the CPU.

    Raises WeightsError for a device that is unknown or not here.
    """
    device = device or os.environ.get("SEMCOMP_DEVICE") or None
    try:
        resolved = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError as error:
        raise WeightsError(f"unknown device {device!r}: use cpu or cuda") from error
    try:
        torch.ones(1, device=resolved).item()
    except (RuntimeError, AssertionError) as error:
        raise WeightsError(f"no device {device!r} here: use cpu") from error
    return resolved


def load_model(name: str = "small", device: str | None = None, assets: Path = ASSETS) -> Model:
    """Load a model by name, once per device. Raises WeightsError with what is available."""
    if name not in available(assets):  # a name may come from a request: it is no path
        have = ", ".join(available(assets)) or "none"
        raise WeightsError(f"no weights named {name!r} (have: {have})")
    return _load(name, str(resolve_device(device)), assets)


def quick_model(model: Model, assets: Path = ASSETS) -> Model:
    """The weights whose pictures of a model's bits are made soonest: `QUICK`, or the model's own.

    For decoders in one pass, if both read the same bits. Raises WeightsError for damaged weights.
    """
    if not model.codec.one_pass or QUICK not in available(assets):
        return model
    quick = load_model(QUICK, str(model.device), assets)
    same = all(
        np.array_equal(getattr(quick.tables, f.name), getattr(model.tables, f.name))
        for f in fields(QuantizerTables)
    )
    return quick if same else model


def find_model(model_id: bytes, device: str | None = None, assets: Path = ASSETS) -> Model:
    """Load the model that wrote a file. Raises WeightsError if its weights are not here."""
    for name in available(assets):
        if bytes.fromhex(_digest(assets / name))[:ID_BYTES] == model_id:
            return load_model(name, device, assets)
    have = ", ".join(f"{n} ({_digest(assets / n)[:8]})" for n in available(assets)) or "none"
    raise WeightsError(
        f"the file was written with model {model_id.hex()}, whose weights are not here (have: "
        f"{have}): decode it with the version of semcomp that wrote it, or put its weights in "
        f"{assets}"
    )


def _parts(folder: Path) -> Sequence[Path]:
    parts = sorted(folder.glob("weights-*.safetensors"), key=lambda p: int(p.stem.split("-")[1]))
    if not parts:
        have = ", ".join(available(folder.parent)) or "none"
        raise WeightsError(f"no weights named {folder.name!r} (have: {have})")
    return parts


@lru_cache(maxsize=16)
def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for part in _parts(folder):
        digest.update(part.read_bytes())
    return digest.hexdigest()


def _read(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors and card of a folder, checked against the hash that the card states."""
    parts = _parts(folder)
    remedy = "restore the folder from the repository"
    try:
        card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        stated = card["sha256"]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{folder / 'card.json'} is missing or damaged: {remedy}") from error
    if stated != _digest(folder):
        raise WeightsError(f"weights in {folder} are damaged, their hash is another: {remedy}")
    tensors: dict[str, np.ndarray] = {}
    try:
        for part in parts:
            tensors.update(load_tensors(part.read_bytes()))
    except SafetensorError as error:
        raise WeightsError(f"weights in {folder} are not safetensors: {remedy}") from error
    return tensors, card


def _quantizer_tables(tensors: Mapping[str, np.ndarray]) -> QuantizerTables:
    """The quantizer's tables among the tensors; weights older than a field take its default."""
    stored = {f.name: tensors.get(f"quantizer.{f.name}") for f in fields(QuantizerTables)}
    return QuantizerTables(**{name: array for name, array in stored.items() if array is not None})


@lru_cache(maxsize=4)
def _load(name: str, device: str, assets: Path) -> Model:
    folder = assets / name
    tensors, card = _read(folder)
    try:
        config = CodecConfig.from_dict(card["config"])
        tables = _quantizer_tables(tensors)
        contexts = ContextTables(
            **{f.name: tensors[f"contexts.{f.name}"] for f in fields(ContextTables)}
        )
        coder = EntropyCoder(tables, contexts)
        codec = build_codec(config, tables)
        prefix = "codec."
        codec.load_state_dict(
            {
                name.removeprefix(prefix): torch.from_numpy(array).float()
                for name, array in tensors.items()
                if name.startswith(prefix)
            }
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"weights in {folder} do not fit this version: {error}") from error
    # in single precision, whatever type a program has made torch's default
    codec = codec.float().eval().requires_grad_(False).to(device)
    if config.integer:
        prepare(codec)
    elif codec.one_pass and device == "cpu" and torch.cpu._is_avx512_bf16_supported():
        # Pictures in half the time, hardly a pixel more than one grey level off.
        codec.compute = torch.bfloat16
    # torch's annotations leave memory_format out.
    codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    digest = _digest(folder)
    return Model(
        name=name,
        codec=codec,
        tables=tables,
        coder=coder,
        device=torch.device(device),
        model_id=bytes.fromhex(digest)[:ID_BYTES],
        digest=digest,
        card=card,
    )
