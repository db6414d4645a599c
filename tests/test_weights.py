"""Weights on disk: round trip, parts, and an error with a remedy for whatever can be wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from semcomp import weights
from semcomp.errors import WeightsError
from semcomp.networks.codec import CodecConfig
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.paper import PaperCodec, build_codec
from semcomp.networks.quantizer import EVEN, GROWING, QuantizerTables
from semcomp.weights import (
    available,
    find_model,
    load_contexts,
    load_model,
    quick_model,
    resolve_device,
    save_model,
)
from tests.support.tables import TINY, TINY_PAPER, context_tables, quantizer_tables, random_codes

QUANTIZER = quantizer_tables("weights")
CONTEXTS = context_tables("weights")


def save(assets: Path, name: str, config: CodecConfig = TINY, seed: int = 0) -> str:
    """Write a model of random weights to assets/name; returns its hash."""
    torch.manual_seed(seed)
    tables = QuantizerTables.binary() if config.encoder else QUANTIZER
    codec = build_codec(config, tables)
    return save_model(assets / name, codec, tables, CONTEXTS, {"name": name})


def test_a_model_comes_back(tmp_path: Path) -> None:
    digest = save(tmp_path, "tiny")
    model = load_model("tiny", "cpu", tmp_path)
    assert isinstance(model.codec, EmbeddedCodec)
    assert (model.name, model.digest) == ("tiny", digest)
    assert model.model_id.hex() == digest[:8]
    assert model.card["config"]["preset"] == model.codec.config.preset == "tiny"
    assert not model.codec.training
    torch.manual_seed(0)
    original = build_codec(TINY, QUANTIZER).state_dict()
    for name, value in model.codec.state_dict().items():
        assert not value.requires_grad
        assert torch.equal(value, original[name].half().float())
    levels = np.full((2, 3), 2)
    codes = random_codes("weights", levels)
    np.testing.assert_array_equal(model.coder.decode(model.coder.encode(codes), levels), codes)


def test_networks_take_two_bytes_a_weight(tmp_path: Path) -> None:
    save(tmp_path, "tiny")
    count = sum(p.numel() for p in load_model("tiny", "cpu", tmp_path).codec.parameters())
    size = (tmp_path / "tiny" / "weights-1.safetensors").stat().st_size
    tables = sum(getattr(t, f).nbytes for t in (QUANTIZER, CONTEXTS) for f in vars(t))
    assert 2 * count + tables < size < 2 * count + tables + 10_000


def test_saving_is_reproducible(tmp_path: Path) -> None:
    assert save(tmp_path, "first") == save(tmp_path, "second")
    assert save(tmp_path, "third", seed=1) != save(tmp_path, "first")


def test_the_papers_codec_comes_back(tmp_path: Path) -> None:
    save(tmp_path, "paper", TINY_PAPER)
    assert isinstance(load_model("paper", "cpu", tmp_path).codec, PaperCodec)


def test_large_weights_are_cut_into_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PART_BYTES", 60_000)
    save(tmp_path, "tiny")
    parts = sorted((tmp_path / "tiny").glob("weights-*.safetensors"))
    assert len(parts) > 3
    load_model("tiny", "cpu", tmp_path)
    monkeypatch.undo()
    save(tmp_path, "tiny")
    assert len(list((tmp_path / "tiny").glob("weights-*.safetensors"))) == 1


def test_more_than_nine_parts_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "PART_BYTES", 1)
    digest = save(tmp_path, "tiny")
    assert (tmp_path / "tiny" / "weights-10.safetensors").exists()
    assert load_model("tiny", "cpu", tmp_path).digest == digest


def test_saving_again_is_seen(tmp_path: Path) -> None:
    first = save(tmp_path, "tiny")
    load_model("tiny", "cpu", tmp_path)
    second = save(tmp_path, "tiny", seed=1)
    assert first != second
    assert load_model("tiny", "cpu", tmp_path).digest == second


def test_models_are_found_by_name_and_by_id(tmp_path: Path) -> None:
    assert available(tmp_path) == []
    digests = {name: save(tmp_path, name, seed=seed) for seed, name in enumerate("ba")}
    assert available(tmp_path) == ["a", "b"]
    assert find_model(bytes.fromhex(digests["a"])[:4], "cpu", tmp_path).name == "a"
    assert load_model("b", "cpu", tmp_path) is load_model("b", "cpu", tmp_path)


# What can be wrong


def test_unknown_name_lists_the_others(tmp_path: Path) -> None:
    save(tmp_path, "tiny")
    with pytest.raises(WeightsError, match=r"no weights named 'huge' \(have: tiny\)"):
        load_model("huge", "cpu", tmp_path)


def test_unknown_id_says_what_is_here(tmp_path: Path) -> None:
    digest = save(tmp_path, "tiny")
    with pytest.raises(WeightsError, match=rf"deadbeef.*tiny \({digest[:8]}\)"):
        find_model(bytes.fromhex("deadbeef"), "cpu", tmp_path)
    with pytest.raises(WeightsError, match="have: none"):
        find_model(bytes(4), "cpu", tmp_path / "nowhere")


@pytest.mark.parametrize("damage", ["cut", "flipped bit", "foreign", "missing card", "bad card"])
def test_damaged_weights_name_the_remedy(tmp_path: Path, damage: str) -> None:
    save(tmp_path, "tiny")
    weights._digest.cache_clear()  # as in a fresh process
    part, card = tmp_path / "tiny" / "weights-1.safetensors", tmp_path / "tiny" / "card.json"
    data = bytearray(part.read_bytes())
    if damage == "cut":
        part.write_bytes(data[:-100])
    elif damage == "flipped bit":
        data[-1000] ^= 1
        part.write_bytes(data)
    elif damage == "foreign":
        part.write_bytes(b"no safetensors at all")
        stated = json.loads(card.read_text()) | {"sha256": weights._digest(part.parent)}
        card.write_text(json.dumps(stated))
    elif damage == "missing card":
        card.unlink()
    else:
        card.write_text("{")
    with pytest.raises(WeightsError, match="restore the folder"):
        load_model("tiny", "cpu", tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"config": {"preset": "tiny", "decoder": [8, 8, 8, 4], "colour": 1}}, "colour"),
        ({"config": {"preset": "tiny", "decoder": [8, 8, 8, 8], "inputs": 16}}, "size mismatch"),
        ({"config": None}, "NoneType"),
    ],
)
def test_weights_of_another_version_are_refused(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    save(tmp_path, "tiny")
    card = tmp_path / "tiny" / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(WeightsError, match=rf"(?s)do not fit this version.*{problem}"):
        load_model("tiny", "cpu", tmp_path)


@pytest.mark.parametrize("device", ["toaster", "gpu", "meta", "cuda:99", "cpu:x"])
def test_bad_devices_are_refused(device: str) -> None:
    with pytest.raises(WeightsError, match="use cpu"):
        resolve_device(device)


def test_default_device_is_usable():
    assert resolve_device(None).type in ("cpu", "cuda")


# Entropy tables kept while the networks train on


def test_contexts_serve_the_same_quantizer_only(tmp_path: Path) -> None:
    save(tmp_path, "tiny")
    contexts = load_contexts(tmp_path / "tiny", QUANTIZER)
    assert contexts is not None
    np.testing.assert_array_equal(contexts.w1, CONTEXTS.w1)
    assert load_contexts(tmp_path / "tiny", quantizer_tables("another")) is None
    assert load_contexts(tmp_path / "nowhere", QUANTIZER) is None


def test_contexts_serve_a_quantizer_that_begins_alike(tmp_path: Path) -> None:
    save(tmp_path, "tiny")
    longer = quantizer_tables("longer", GROWING)
    begun = {}
    for name in ("schedule", "thresholds", "values"):
        begun[name] = getattr(longer, name).copy()
        begun[name][:100] = getattr(QUANTIZER, name)[:100]
    alike = replace(longer, basis=QUANTIZER.basis, start=QUANTIZER.start, **begun)
    contexts = load_contexts(tmp_path / "tiny", alike)
    assert contexts is not None and len(contexts.w1) == 96, "whole rounds"
    np.testing.assert_array_equal(contexts.bias, CONTEXTS.bias[:96])
    turned = replace(alike, basis=np.ascontiguousarray(alike.basis[:, ::-1]))
    assert load_contexts(tmp_path / "tiny", turned) is None


@pytest.mark.parametrize("rounds", [EVEN[1:], (*EVEN, 1), (0, 2, *EVEN[2:]), (5, *EVEN[1:])])
def test_rounds_must_share_out_the_slots(rounds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="need 24 numbers of 1 to 4 with the sum 24"):
        replace(QUANTIZER, rounds=np.array(rounds, np.int16)).check()


def test_quick_weights_stand_for_slower_ones_that_read_the_same_bits(tmp_path: Path) -> None:
    small, recurrent = load_model("small", "cpu"), load_model("recurrent", "cpu")
    assert quick_model(small).name == "fast"
    assert quick_model(recurrent) is recurrent
    assert quick_model(small, tmp_path) is small
    other = replace(small, tables=replace(small.tables, start=small.tables.start + 1))
    assert quick_model(other) is other
