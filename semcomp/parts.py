"""Tensors in several safetensors files, each small enough to be kept in a repository.

    NAME-1-of-2.safetensors, NAME-2-of-2.safetensors

Every part carries the set's digest, so that a lost, damaged or foreign part is noticed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from semcomp.errors import WeightsError

from .files import write_file

PART_BYTES = 15 << 20
"""Largest payload of one part; files stay under 16 MiB."""
_PART = re.compile(r"(.+)-(\d+)-of-(\d+)\.safetensors")


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 in hex over names, types, shapes and values, whatever the order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def write_parts(
    folder: Path,
    name: str,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    part_bytes: int = PART_BYTES,
) -> str:
    """Write `folder/NAME-i-of-n.safetensors`, replacing an older set; returns the digest.

    A tensor larger than `part_bytes` gets a part of its own. Raises OSError.
    """
    groups: list[dict[str, Tensor]] = [{}]
    size = 0
    for key in sorted(tensors):
        tensor = tensors[key].detach().cpu().contiguous()
        if groups[-1] and size + tensor.nbytes > part_bytes:
            groups.append({})
            size = 0
        groups[-1][key] = tensor
        size += tensor.nbytes
    digest = digest_of(tensors)
    folder.mkdir(parents=True, exist_ok=True)
    written = set()
    for index, group in enumerate(groups, 1):
        path = folder / f"{name}-{index}-of-{len(groups)}.safetensors"
        write_file(path, save(group, {**metadata, "digest": digest}))
        written.add(path.name)
    for old in folder.glob(f"{name}-*-of-*.safetensors"):
        if old.name not in written:
            old.unlink()
    return digest


def read_parts(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a set: its folder, any of its parts, or one file that is no part.

    Raises WeightsError if there is no set, a part is missing, or the digest does not fit.
    """
    parts = _parts(path)
    tensors: dict[str, Tensor] = {}
    metadata: dict[str, str] = {}
    for part in parts:
        try:
            with safe_open(str(part), framework="pt") as file:
                metadata = file.metadata() or {}
                tensors.update({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"{part} cannot be read: {error}") from error
    stated = metadata.get("digest")
    if (stated is not None or len(parts) > 1) and stated != digest_of(tensors):
        raise WeightsError(
            f"the weights of {path} are damaged or of several sets: write them again"
        )
    return tensors, metadata


def _parts(path: Path) -> list[Path]:
    """Files of the set that `path` names, in order."""
    if path.is_dir():
        sets = sorted(path.glob("*-1-of-*.safetensors"))
        if len(sets) != 1:
            have = ", ".join(part.name for part in sets) or "nothing"
            raise WeightsError(
                f"{path} should hold one set of weights, NAME-1-of-N.safetensors ..., has {have}"
            )
        path = sets[0]
    match = _PART.fullmatch(path.name)
    if match is None:
        return [path]
    name, count = match[1], int(match[3])
    if not 1 <= int(match[2]) <= count <= 10_000:
        raise WeightsError(f"{path.name} is no part of a set: parts are numbered from 1")
    parts = [path.with_name(f"{name}-{i}-of-{count}.safetensors") for i in range(1, count + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise WeightsError(f"{path.parent} lacks {', '.join(missing[:5])}: copy all {count} parts")
    return parts
