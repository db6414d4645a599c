"""Stacked iterations are the codec step by step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from semcomp.networks.codec import CodecConfig
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.paper import build_codec
from semcomp.networks.quantizer import EVEN, EmbeddedQuantizer
from semcomp.networks.recurrence import ConvLSTM, precision
from semcomp.networks.runtime import TileRun
from semcomp.training.codec.data import random_levels
from semcomp.training.codec.unroll import linear_path, step_by_step, unroll
from tests.support.tables import MIXED, TINY, TINY_ONE_PASS, quantizer_tables


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def image_and_levels(batch: int = 2) -> tuple[Tensor, Tensor]:
    levels = random_levels(batch, 6, 5, np.random.default_rng(1), masked=1.0)
    return (noise(batch, 3, 48, 48) * 40).clamp(-128, 127), levels


def one_by_one(unit: ConvLSTM, x: Tensor, steps: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    state, outputs = None, []
    for part in x.chunk(steps):
        hidden, state = unit(part, state)
        outputs.append(hidden)
    assert state is not None
    return torch.cat(outputs), state


def test_scan_is_the_unit_step_by_step():
    torch.manual_seed(0)
    unit = ConvLSTM(3, 5)
    x = noise(8, 3, 6, 4).requires_grad_()
    weights = noise(8, 5, 6, 4, seed=1)
    results = []
    for run in (lambda: one_by_one(unit, x, 4), lambda: unit(x, None, 4)):
        hidden, (last, memory) = run()
        # The state's gradient counts too: another scan may start from it.
        ((hidden * weights).sum() + 2 * last.sum() + 3 * memory.square().sum()).backward()
        gradients = [p.grad.clone() for p in (x, *unit.parameters())]
        results.append([hidden, last, memory, *gradients])
        for p in (x, *unit.parameters()):
            p.grad = None
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_scan_continues_a_state():
    torch.manual_seed(0)
    unit = ConvLSTM(3, 5)
    x = noise(8, 3, 4, 4)
    whole, (_, memory) = unit(x, None, 4)
    first, state = unit(x[:4], None, 2)
    second, (_, continued) = unit(x[4:], state, 2)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(continued, memory)


def test_scan_in_bf16_is_close():
    torch.manual_seed(0)
    unit = ConvLSTM(3, 8)
    x = noise(6, 3, 8, 8)
    gradients: list[Tensor] = []
    for dtype in (torch.float32, torch.bfloat16):
        with precision(dtype, x):
            hidden, _ = unit(x, None, 3)
        assert hidden.dtype == dtype
        hidden.float().square().sum().backward()
        gradient = unit.conv_hid.weight.grad
        assert gradient is not None
        gradients.append(gradient.flatten().clone())
        unit.zero_grad()
    assert gradients[1].dtype == torch.float32
    assert torch.cosine_similarity(*gradients, dim=0) > 0.999


@pytest.mark.parametrize("rounds", [EVEN, MIXED], ids=["even", "mixed"])
def test_linear_path_is_the_quantizers_slot_by_slot(rounds: Sequence[int]) -> None:
    quantizer = EmbeddedQuantizer(quantizer_tables("path", rounds))
    image, levels = image_and_levels()
    bits, linear = linear_path(quantizer, image, levels, 5)
    coefficients = quantizer.analysis(image)
    nodes, value = quantizer.initial(coefficients)
    for k in range(5):
        sent = quantizer.quantize(k, coefficients, nodes.clone()) * (levels > k)
        assert torch.equal(bits[k], sent)
        for i, slot in enumerate(quantizer.slots(k)):
            value[:, quantizer.schedule[slot]] += quantizer.advance(slot, sent[:, i], nodes)
        assert torch.equal(linear[k], value)
    assert (bits == 0).any() and (bits == 1).any()


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        dataclasses.replace(TINY, priming=1),
        dataclasses.replace(TINY, priming=2, gain=True),
        TINY_ONE_PASS,
    ],
    ids=["plain", "priming", "priming and gain", "one pass"],
)
def test_unroll_is_the_codec_step_by_step(config: CodecConfig) -> None:
    torch.manual_seed(0)
    codec = build_codec(config, quantizer_tables("unroll", MIXED))
    with torch.no_grad():  # away from the start, where much is zero
        for parameter in codec.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    image, levels = image_and_levels()
    results = []
    for run in (step_by_step, unroll):
        pictures = run(codec, image, levels, 5)
        pictures = torch.stack(pictures) if isinstance(pictures, list) else pictures
        (pictures - image).abs().mean().backward()
        every = codec.named_parameters()
        gradients = {name: p.grad.clone() for name, p in every if p.grad is not None}
        results.append((pictures, gradients))
        codec.zero_grad()
    (expected, wanted), (got, gradients) = results
    torch.testing.assert_close(got, expected, atol=1e-3, rtol=1e-4)
    assert set(gradients) == {name for name, _ in codec.named_parameters()}
    for name, gradient in gradients.items():
        assert gradient.abs().sum() > 0, name
        torch.testing.assert_close(gradient, wanted[name], atol=1e-4, rtol=1e-3)


def test_primed_codec_runs_on_tiles():
    """Priming happens inside `start`, so that files are decoded as in training."""
    torch.manual_seed(0)
    codec = build_codec(dataclasses.replace(TINY, priming=1), quantizer_tables("tile")).eval()
    assert isinstance(codec, EmbeddedCodec)
    image, _ = image_and_levels(1)
    levels = torch.full((1, 1, 6, 6), 3)
    with torch.inference_mode():
        expected = step_by_step(codec, image, levels, 3)[-1]
        run = TileRun(codec, (48, 48), torch.device("cpu"))
        codes = codec.quantize(image, 3)[0].to(torch.int8).numpy()
        for k in range(3):
            run.decode(k, codes[k])
    torch.testing.assert_close(run.reconstruction, expected)
