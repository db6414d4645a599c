"""Weights in parts: small files that know whether they belong together."""

from __future__ import annotations

import pytest
import torch

from semcomp import parts
from semcomp.errors import WeightsError
from semcomp.parts import read_parts, write_parts
from semcomp.semantics.classifiers import Vgg16Gap
from tests.support.shapes import SHAPES


def test_the_papers_network_ships_in_small_parts(tmp_path):
    network = Vgg16Gap(3, SHAPES, width=32)
    tensors = {k: v.half() if v.ndim > 1 else v for k, v in network.state_dict().items()}
    write_parts(tmp_path, "vgg16-gap", tensors, network.metadata(), part_bytes=3 << 20)
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert len(sizes) > 2
    assert max(sizes) < (3 << 20) + (1 << 16)
    again = Vgg16Gap.load(tmp_path)
    for name, value in network.state_dict().items():
        assert torch.allclose(again.state_dict()[name].float(), value.float(), atol=1e-3), name
    assert parts.PART_BYTES + (1 << 16) < 16 << 20


def test_parts_that_do_not_belong_together(tmp_path):
    one, two = ({"a": torch.full((8,), v), "b": torch.full((8,), v)} for v in (1.0, 2.0))
    for name, tensors in (("one", one), ("two", two)):
        write_parts(tmp_path / name, "x", tensors, {"note": name}, part_bytes=32)
    tensors, metadata = read_parts(tmp_path / "one" / "x-2-of-2.safetensors")
    assert (set(tensors), metadata["note"]) == ({"a", "b"}, "one")
    second = tmp_path / "one" / "x-2-of-2.safetensors"
    second.write_bytes((tmp_path / "two" / "x-2-of-2.safetensors").read_bytes())
    with pytest.raises(WeightsError, match="damaged or of several sets"):
        read_parts(tmp_path / "one")
    second.unlink()
    with pytest.raises(WeightsError, match=r"lacks x-2-of-2\.safetensors"):
        read_parts(tmp_path / "one")
    with pytest.raises(WeightsError, match="has nothing"):
        read_parts(tmp_path)


def test_a_flipped_bit_is_noticed(tmp_path):
    write_parts(tmp_path, "x", {"a": torch.ones(100)}, {})
    path = tmp_path / "x-1-of-1.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged"):
        read_parts(tmp_path)


def test_a_smaller_set_replaces_a_larger(tmp_path):
    large = {name: torch.ones(8) for name in "abc"}
    write_parts(tmp_path, "x", large, {}, part_bytes=32)
    write_parts(tmp_path, "x", {"a": torch.zeros(8)}, {}, part_bytes=32)
    assert [path.name for path in tmp_path.iterdir()] == ["x-1-of-1.safetensors"]
    assert read_parts(tmp_path)[0]["a"].sum() == 0
