"""Terms of the training loss."""

from __future__ import annotations

import numpy as np
import pytest
import pytorch_msssim
import torch
from torch import Tensor

from semcomp.training.codec.data import random_importance
from semcomp.training.codec.losses import (
    FLOOR,
    STRIDE,
    _band,
    loss_of,
    ms_ssim_terms,
    ssim_terms,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


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
    plain = float(loss_of(y[:1], x))
    similarity = float(ssim_terms((x + 128) / 255, (y[:1] + 128) / 255, STRIDE)[0].mean())
    both = float(loss_of(y[:1], x, ssim_weight=2.0))
    assert both - plain == pytest.approx(2 * np.log(1 - similarity + FLOOR), rel=1e-4)


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


def test_training_can_follow_a_validation_of_the_same_size():
    _band.cache_clear()
    x, y = (255 * t - 128 for t in pair(40))
    with torch.inference_mode():
        loss_of(y, x, ms_ssim_weight=1.0)
    loss_of(y.requires_grad_(), x, ms_ssim_weight=1.0).backward()
    assert y.grad is not None
