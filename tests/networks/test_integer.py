"""Convolutions in 8-bit integers: the same numbers whatever adds them up, close to floats."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from semcomp.networks import integer
from semcomp.networks.integer import IntegerConv, fit_steps, prepare
from semcomp.networks.paper import build_codec
from semcomp.networks.runtime import decode_codes
from semcomp.weights import load_model, save_model
from tests.support.tables import TINY_ONE_PASS, context_tables, quantizer_tables


def layer(signed: bool = False) -> tuple[IntegerConv, Tensor]:
    """A layer with steps fitted to channels of very different size, and what it was shown."""
    torch.manual_seed(1)
    conv = IntegerConv(24, 16, 3, signed=signed)
    x = torch.randn(2, 24, 20, 28) * torch.logspace(-2, 1, 24)[:, None, None]
    x = x if signed else functional.leaky_relu(x, 0.1)
    fit_steps(conv, lambda: conv(x))
    return conv, x


def unrounded(conv: IntegerConv, x: Tensor) -> Tensor:
    return functional.conv2d(x, conv.weight, conv.bias, padding=1)


@pytest.mark.parametrize("signed", [False, True])
def test_rounding_costs_little(signed: bool) -> None:
    conv, x = layer(signed)
    wanted = unrounded(conv, x)
    error = (conv(x) - wanted).square().mean() / wanted.var()
    assert 0 < error < 5e-4


@pytest.mark.parametrize("signed", [False, True])
def test_a_prepared_layer_gives_the_same(signed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    conv, x = layer(signed)
    with torch.inference_mode():
        wanted = conv(x)
        monkeypatch.setattr(integer, "_has_units", lambda: False)
        prepare(conv)
        in_floats = conv(x)
    # A value between two steps may be rounded to the other side.
    assert (in_floats - wanted).abs().max() < 0.01 * wanted.std()


@pytest.mark.skipif(not integer._has_units(), reason="no units for 8-bit integers here")
@pytest.mark.parametrize("signed", [False, True])
def test_every_processor_gives_the_same(signed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    conv, x = layer(signed)
    found = []
    for units in (True, False):
        monkeypatch.setattr(integer, "_has_units", lambda units=units: units)
        with torch.inference_mode():
            prepare(conv)
            found.append(conv(x))
    assert torch.equal(*found)


def test_a_prepared_layer_can_be_copied() -> None:
    conv, x = layer()
    with torch.inference_mode():
        prepare(conv)
        again = copy.deepcopy(conv)(x)
    assert (again - conv(x)).abs().max() < 0.01 * again.std()


def test_values_beyond_the_last_step_are_cut_off() -> None:
    conv = IntegerConv(1, 1, 1)
    with torch.no_grad():
        for parameter, value in zip(conv.parameters(), (1, 0, 0), strict=True):
            parameter.fill_(value)  # weight, bias, logarithm of the step
        values = torch.tensor([-300.0, -28.4, 0.4, 226.6, 900.0]).view(1, 1, 1, 5)
        assert conv(values).flatten().tolist() == pytest.approx([-28, -28, 0, 227, 227])


def test_weights_and_steps_learn() -> None:
    conv, x = layer()
    wanted = unrounded(conv, x).detach()
    with torch.no_grad():
        conv.weight.mul_(1.2)
        conv.log_step.add_(0.7)
    optimizer = torch.optim.Adam(conv.parameters(), lr=0.01)
    before = copy.deepcopy(conv.state_dict())
    losses = []
    for _ in range(60):
        loss = functional.mse_loss(conv(x), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
    assert all(bool((conv.state_dict()[name] != old).any()) for name, old in before.items())


def test_a_codec_in_integers_is_stored_and_loaded(tmp_path: Path) -> None:
    tables = quantizer_tables("integer")
    torch.manual_seed(0)
    codec = build_codec(replace(TINY_ONE_PASS, integer=True), tables)
    with torch.no_grad():
        for name in ("correct", "pixels"):
            weight = codec.get_parameter(f"decoder.{name}.weight")
            weight.mul_(100)  # they start near zero: let the network show
        for parameter in codec.parameters():
            parameter.copy_(parameter.half())  # in the precision that the file has
    rng = np.random.default_rng(0)
    codes = rng.choice(np.array([-1, 1], np.int8), (6, 8, 4, 6))
    whole = decode_codes(codec, codes, torch.device("cpu"))
    save_model(tmp_path / "whole", codec, tables, context_tables("integer"), {})
    model = load_model("whole", "cpu", tmp_path)
    assert model.codec.config == codec.config
    loaded = decode_codes(model.codec, codes, torch.device("cpu"))
    assert np.abs(loaded.astype(int) - whole).max() <= 1
    linear = decode_codes(build_codec(TINY_ONE_PASS, tables), codes, torch.device("cpu"))
    assert np.abs(loaded.astype(int) - linear).max() > 1, "the network has no say"
