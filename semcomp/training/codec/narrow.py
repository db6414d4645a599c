"""A narrower decoder in one pass out of a trained one: layers kept, cut and fitted one by one.

Each residual block keeps those of its inner channels that matter most, and its second convolution
is fitted anew, by least squares on pictures, to what the wide block adds. What an earlier layer
got wrong is so made good by the next, as far as it can be. After seconds the narrow decoder gives
two fifths of what the wide one adds to the linear path, more than random weights learn in a
thousand steps.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from semcomp.geometry import ITERATIONS
from semcomp.networks.integer import unrounded
from semcomp.networks.one_pass import OnePassCodec, OnePassDecoder, Residual

from .data import PicturePool, random_levels
from .options import TrainOptions
from .unroll import at_own_iterations

CROPS = 96
"""Crops that the layers are fitted to."""
RIDGE = 1e-3
"""Share of the features' mean square that is added to the diagonal of the normal equations."""


@torch.no_grad()
def narrow(
    wide: OnePassCodec,
    slim: OnePassCodec,
    pictures: Sequence[np.ndarray],
    options: TrainOptions,
) -> dict[str, Tensor]:
    """Weights with which `slim` does what `wide` does, as well as it can; on the CPU.

    slim: has as many channels and blocks at H/8 and as many blocks at H/4; fewer channels at H/4
    and inside the blocks. pictures: uint8 (H, W, 3). options: of the crops and level maps that
    it is fitted to.
    """
    rng = np.random.default_rng(options.seed)
    pool = PicturePool(pictures)
    image = pool.cut(pool.draw(CROPS, options.crop, rng, transposes=True), options.crop)
    levels = random_levels(
        CROPS,
        options.crop // 8,
        ITERATIONS,
        rng,
        options.masked,
        rough=options.rough,
        least=options.least,
    )
    # Half of them in the first eight iterations, where most files end.
    most = np.where(np.arange(CROPS) < CROPS // 2, 8, ITERATIONS)
    iterations = torch.from_numpy(rng.integers(1, most + 1))
    caught: list[tuple[Tensor, Tensor]] = []
    hook = wide.decoder.register_forward_pre_hook(lambda _, inputs: caught.append(inputs))
    at_own_iterations(wide, image, levels, iterations)
    hook.remove()
    fitted = copy.deepcopy(slim).cpu()
    with unrounded(fitted):  # its steps are fitted when its weights are there
        _fit_decoder(wide.decoder, fitted.decoder, *caught[0])
    return fitted.state_dict()


def _fit_decoder(
    wide: OnePassDecoder, slim: OnePassDecoder, linear: Tensor, levels: Tensor
) -> None:
    """Fill the weights of `slim`, given what `wide` is asked: see `OnePassDecoder.forward`."""
    slim.enter.load_state_dict(wide.enter.state_dict(), strict=False)  # of one there are no steps
    slim.level_bias.copy_(wide.level_bias)
    target = wide.enter(linear) + wide.level_bias[levels].permute(0, 3, 1, 2)
    found = target
    for old, new in zip(wide.eighth, slim.eighth, strict=True):
        target, found = _fit_block(old, new, target, found)
    target, found = _leaky(target), _leaky(found)
    _fit(slim.correct, found, wide.correct(target))
    target = functional.pixel_shuffle(wide.refine(target), 2)
    # The channels that the last layer reads most from.
    fine = wide.quarter(target)
    kept = _most(_leaky(fine), wide.pixels, slim.pixels.in_channels)
    _fit(slim.refine, found, functional.pixel_unshuffle(target[:, kept], 2))
    found = functional.pixel_shuffle(slim.refine(found), 2)
    for old, new in zip(wide.quarter, slim.quarter, strict=True):
        target, found = _fit_block(old, new, target, found, kept)
    _fit(slim.pixels, _leaky(found), wide.pixels(_leaky(target)))


def _fit_block(
    old: nn.Module, new: nn.Module, target: Tensor, found: Tensor, kept: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Fit a block so that it takes `found` to where the old one takes `target`; gives both.

    kept: the channels of `target` that `found` has; None for all.
    """
    assert isinstance(old, Residual) and isinstance(new, Residual)
    before = old.first(_leaky(target))
    inner = _most(_leaky(before), old.second, new.first.out_channels)
    if kept is None:
        new.first.weight.copy_(old.first.weight[inner])
        assert new.first.bias is not None and old.first.bias is not None
        new.first.bias.copy_(old.first.bias[inner])
    else:
        _fit(new.first, _leaky(found), before[:, inner])
    target = old(target)
    wanted = target if kept is None else target[:, kept]
    _fit(new.second, _leaky(new.first(_leaky(found))), wanted - found)
    return target, new(found)


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.1)


def _most(inputs: Tensor, layer: nn.Conv2d, count: int) -> Tensor:
    """The inputs' channels that add most to what a layer gives, ascending: int64 (count,)."""
    share = inputs.square().mean((0, 2, 3)) * layer.weight.square().sum((0, 2, 3))
    return share.topk(count).indices.sort().values


def _fit(layer: nn.Conv2d, inputs: Tensor, wanted: Tensor) -> None:
    """Weights and bias of a convolution from inputs (B, C, H, W) to what it is to give."""
    kernel, padding = layer.kernel_size[0], int(layer.padding[0])
    size = inputs.shape[1] * kernel * kernel + 1
    gram, product = inputs.new_zeros((size, size)), inputs.new_zeros((size, wanted.shape[1]))
    for x, y in zip(torch.split(inputs, 8), torch.split(wanted, 8), strict=True):
        rows = functional.unfold(x, kernel, padding=padding).transpose(1, 2).flatten(0, 1)
        rows = torch.cat([rows, rows.new_ones(len(rows), 1)], 1)
        gram += rows.t() @ rows
        product += rows.t() @ y.flatten(2).transpose(1, 2).flatten(0, 1)
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    solution = torch.linalg.solve(gram.double(), product.double()).float()
    layer.weight.copy_(solution[:-1].t().reshape(layer.weight.shape))
    assert layer.bias is not None
    layer.bias.copy_(solution[-1])
