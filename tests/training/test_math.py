"""What the trainer computes: stacked iterations, loss terms, crops."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import pytorch_msssim
import torch
from torch import Tensor

from semcomp.networks.codec import CodecConfig
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.paper import build_codec
from semcomp.networks.quantizer import EVEN, EmbeddedQuantizer
from semcomp.networks.recurrence import ConvLSTM, precision
from semcomp.networks.runtime import TileRun
from semcomp.training.codec.data import random_importance, random_levels
from semcomp.training.codec.losses import loss_of, ms_ssim_terms, ssim_terms
from semcomp.training.codec.pool import DETAIL_CELL, PicturePool
from semcomp.training.codec.unroll import linear_path, step_by_step, unroll
from tests.support.tables import MIXED, TINY, TINY_ONE_PASS, quantizer_tables


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def image_and_levels(batch: int = 2) -> tuple[Tensor, Tensor]:
    levels = random_levels(batch, 6, 5, np.random.default_rng(1), masked=1.0)
    return (noise(batch, 3, 48, 48) * 40).clamp(-128, 127), levels


# Stacked iterations


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


# Loss terms


def pair(side: int, count: int = 2) -> tuple[Tensor, Tensor]:
    """Smooth pictures in 0..1 and two noisy versions of each: (B, 3, S, S), (2, B, 3, S, S)."""
    x = torch.nn.functional.interpolate(noise(count, 3, 8, 8), (side, side), mode="bicubic")
    x = torch.sigmoid(x)
    noisy = [x + scale * noise(count, 3, side, side, seed=9) for scale in (0.02, 0.1)]
    return x, torch.stack(noisy).clamp(0, 1)


def test_ssim_term_is_ssim():
    x, y = pair(128)
    ours = ssim_terms(x, y)[0].mean((1, 2))
    for got, noisy in zip(ours, y, strict=True):
        expected = pytorch_msssim.ssim(x, noisy, data_range=1)
        assert float(got) == pytest.approx(float(expected), abs=1e-5)
    sparse = ssim_terms(x, y, stride=2)[0].mean((1, 2))
    torch.testing.assert_close(sparse, ours, atol=0.01, rtol=0)


@pytest.mark.parametrize("side", [176, 192])
def test_ms_ssim_term_is_ms_ssim(side: int) -> None:
    x, y = pair(side)
    ours = ms_ssim_terms(x, y).mean((1, 2))
    for got, noisy in zip(ours, y, strict=True):
        expected = pytorch_msssim.ms_ssim(x, noisy, data_range=1)
        assert float(got) == pytest.approx(float(expected), abs=1e-5)


def test_ms_ssim_term_has_four_scales_on_training_crops():
    x, y = pair(128)
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363]) * 1.0001 / 0.8668
    scores = []
    for scale, weight in enumerate(weights):
        full, contrast = ssim_terms(x, y)
        scores.append((full if scale == 3 else contrast) ** weight)
        x = torch.nn.functional.avg_pool2d(x, 2)
        y = torch.stack([torch.nn.functional.avg_pool2d(one, 2) for one in y])
    torch.testing.assert_close(ms_ssim_terms(*pair(128)), torch.stack(scores).prod(0))


@pytest.mark.parametrize(
    "terms",
    [
        {},
        {"plain_l1": True},
        {"ssim_weight": 1.0},
        {"ms_ssim_weight": 1.0},
        {"ssim_weight": 1.0, "plain_similarity": True},
    ],
    ids=str,
)
def test_loss_falls_with_the_error_and_has_finite_gradients(terms) -> None:
    x, y = (255 * t - 128 for t in pair(64))
    y = torch.cat([x[None], y]).requires_grad_()
    losses = [float(loss_of(part[None], x, **terms)) for part in y.detach()]
    assert losses[0] < losses[1] < losses[2]
    loss_of(y, x, **terms).backward()
    assert y.grad is not None
    assert torch.isfinite(y.grad).all()
    assert y.grad[1:].abs().sum() > 0


@pytest.mark.parametrize("terms", [{}, {"ssim_weight": 1.0, "ms_ssim_weight": 0.5}], ids=str)
def test_pictures_with_an_image_each_are_terms_of_their_own(terms) -> None:
    """What a batch of the decoder in one pass is: the mean of the losses of its pictures."""
    x, y = (255 * t - 128 for t in pair(64))
    mixed = torch.stack([y[0, 0], y[1, 1]])
    weight = 0.5 + random_importance(2, 64, np.random.default_rng(0)) / 2
    together = loss_of(mixed[:, None], x[:, None], weight=weight[:, None], **terms)
    alone = [
        loss_of(mixed[i][None, None], x[i : i + 1], weight=weight[i : i + 1], **terms)
        for i in range(2)
    ]
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_similarity_terms_change_the_loss():
    x, y = (255 * t - 128 for t in pair(64))
    plain = float(loss_of(y, x))
    similarity = float(ssim_terms((x + 128) / 255, (y + 128) / 255, 2)[0].mean())
    both = float(loss_of(y, x, ssim_weight=2.0, plain_similarity=True))
    assert both - plain == pytest.approx(2 * (1 - similarity), rel=1e-4)


def test_importance_moves_the_gradient():
    x, y = (255 * t - 128 for t in pair(32))
    y.requires_grad_()
    weight = torch.ones(2, 1, 32, 32)
    weight[:, :, :16] = 0
    loss_of(y, x, weight=weight).backward()
    assert (y.grad[..., :16, :] == 0).all()
    assert (y.grad[..., 16:, :] != 0).any()
    random = random_importance(3, 32, np.random.default_rng(0))
    assert random.min() > 0
    torch.testing.assert_close(random.mean((1, 2, 3)), torch.ones(3))


def test_processes_average_to_the_whole_batch():
    x, y = (255 * t - 128 for t in pair(32, count=4))
    gradients = []
    terms = {"ssim_weight": 0.5, "ms_ssim_weight": 0.5}
    whole = y.clone().requires_grad_()
    loss_of(whole, x, **terms).backward()

    def means(part: slice) -> list[Tensor]:
        seen: list[Tensor] = []

        def note(value: Tensor) -> Tensor:
            seen.append(value)
            return value

        loss_of(y[:, part], x[part], mean=note, **terms)
        return seen

    halves = (slice(0, 2), slice(2, 4))
    shared = [(a + b) / 2 for a, b in zip(*map(means, halves), strict=True)]
    for part in halves:
        own = y[:, part].clone().requires_grad_()
        answers = iter(shared)
        loss_of(own, x[part], mean=lambda v, answers=answers: next(answers), **terms).backward()
        gradients.append(own.grad / 2)
    torch.testing.assert_close(torch.cat(gradients, 1), whole.grad, atol=1e-7, rtol=1e-3)


# Crops


def ramps() -> PicturePool:
    y, x = np.mgrid[:40, :50].astype(np.uint8)
    return PicturePool([np.stack([y, x, y], 2)])


def test_transposed_crops_are_still_parts_of_the_picture():
    pool = ramps()
    crops = pool.cut(pool.draw(64, 16, np.random.default_rng(0), transposes=True), 16) + 128
    down = crops[:, 0, 1:, 0] - crops[:, 0, :-1, 0]
    across = crops[:, 0, 0, 1:] - crops[:, 0, 0, :-1]
    kinds = set(zip(down[:, 0].tolist(), across[:, 0].tolist(), strict=True))
    assert kinds == {(1, 0), (-1, 0), (0, 1), (0, -1)}


def test_pool_adds_reduced_copies():
    picture = np.full((64, 96, 3), 77, np.uint8)
    pool = PicturePool([picture, picture[:40, :40]], scales=(0.5,), minimum=32)
    assert len(pool) == 3  # the small picture's copy would be smaller than a crop
    assert pool.heights.tolist() == [64, 40, 32]
    drawn = pool.draw(50, 32, np.random.default_rng(0))
    assert set(drawn.index.tolist()) == {0, 1, 2}
    assert (pool.cut(drawn, 32) == 77 - 128).all()


def test_high_detail_crops_have_more_detail():
    rng = np.random.default_rng(0)
    picture = np.full((128, 256, 3), 100, np.uint8)
    picture[:, 192:] = rng.integers(0, 256, (128, 64, 3))
    pool = PicturePool([picture])
    spread = []
    for detail in (0.0, 0.5, 1.0):
        drawn = pool.draw(100, 32, np.random.default_rng(1), detail=detail)
        spread.append(float(pool.cut(drawn, 32).std((2, 3)).mean()))
    assert spread[0] < spread[1] < spread[2]
    assert 32 % DETAIL_CELL == 0


def test_importance_crops_follow_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ramps()
    with pytest.raises(ValueError, match="weigh"):
        pool.cut_weights(pool.draw(1, 16, np.random.default_rng(0)), 16)

    class Found:
        grey = np.array([[0, 255]], np.uint8)

    monkeypatch.setattr("semcomp.semantics.activation.analyse", lambda picture: Found)
    pool.weigh(lambda line: None)
    drawn = pool.draw(8, 16, np.random.default_rng(0))
    weight, columns = pool.cut_weights(drawn, 16), pool.cut(drawn, 16)[:, 1]
    torch.testing.assert_close(weight.mean((1, 2, 3)), torch.ones(8))
    for one, column in zip(weight[:, 0], columns, strict=True):
        order = column.flatten().argsort()
        assert (one.flatten()[order].diff() >= -1e-6).all()  # the map grows to the right
