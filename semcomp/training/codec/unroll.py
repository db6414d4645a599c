"""A codec run over all iterations of a training batch.

An open-loop codec's bits and linear path depend on no weight: they are found first, for all
iterations together and without gradients, and the networks then see whole stacks of iterations.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor

from semcomp.networks.codec import Codec
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.one_pass import OnePassCodec
from semcomp.networks.quantizer import EmbeddedQuantizer
from semcomp.networks.recurrence import LSTMState


@lru_cache(maxsize=16)
def _groups(schedule: tuple[int, ...], device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Slots grouped by how many bits their coefficient has received before: at most eight groups.

    Slots of one group refine different coefficients, so a group is one vector operation.
    Returns (slots, coefficients) of each, int64 on the device.
    """
    seen: dict[int, int] = {}
    groups: list[list[int]] = []
    for slot, coefficient in enumerate(schedule):
        depth = seen[coefficient] = seen.get(coefficient, -1) + 1
        if depth == len(groups):
            groups.append([])
        groups[depth].append(slot)
    every = torch.tensor(schedule, device=device)
    slots = [torch.tensor(group, device=device) for group in groups]
    return [(group, every[group]) for group in slots]


@lru_cache(maxsize=16)
def _places(ends: tuple[int, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Iteration of every slot, and its plane among the iteration's bits: int64 (slots,)."""
    places = [(k, i) for k, (a, b) in enumerate(pairwise(ends)) for i in range(b - a)]
    iteration, plane = torch.tensor(places, device=device).reshape(-1, 2).unbind(1)
    return iteration, plane


def _walk(
    quantizer: EmbeddedQuantizer, image: Tensor, iterations: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Every slot of the first iterations, at full level.

    Returns, channels last: whether the coefficient lay above the threshold, int64
    (B, Hb, Wb, slots); by how much the slot changes it, float32 of that shape; and which
    coefficient it is, int64 (slots,).
    """
    # Channels last: a slot's table row is then looked up along the innermost dimension.
    coefficients = quantizer.analysis(image).permute(0, 2, 3, 1)
    count = quantizer.ends[iterations]
    groups = _groups(tuple(quantizer.schedule[:count]), image.device)
    shape = *coefficients.shape[:3], count
    above = torch.empty(shape, dtype=torch.int64, device=image.device)
    change = torch.empty(shape, device=image.device)
    nodes = torch.zeros(coefficients.shape, dtype=torch.int64, device=image.device)
    refined = torch.empty(count, dtype=torch.int64, device=image.device)
    for slots, chosen in groups:
        refined[slots] = chosen
        node = nodes[..., chosen]
        at = slots * quantizer.thresholds.shape[1] + node
        bit = (coefficients[..., chosen] > quantizer.thresholds.take(at)).long()
        child = 2 * node + bit
        nodes[..., chosen] = child
        reached = quantizer.values.take(slots * quantizer.values.shape[1] + child)
        above[..., slots] = bit
        change[..., slots] = reached - quantizer.parents.take(at)
    return above, change, refined


@torch.no_grad()
def linear_path(
    quantizer: EmbeddedQuantizer, image: Tensor, levels: Tensor, iterations: int
) -> tuple[Tensor, Tensor]:
    """Bits and coefficients of every iteration, as `quantize` and `advance` give them slot by slot.

    image: float32 (B, 3, H, W). levels: integers (B, 1, H/8, W/8); a block sends nothing from its
    level on.
    Returns bits (iterations, B, P, Hb, Wb) of -1, 0, +1 and the coefficients after each iteration,
    (iterations, B, 192, Hb, Wb), both contiguous in channels_last order.
    """
    above, change, refined = _walk(quantizer, image, iterations)
    batch, rows, columns, _ = above.shape
    ends = quantizer.ends[: iterations + 1]
    iteration, plane = _places(tuple(ends), image.device)
    sent = levels[:, 0, :, :, None] > iteration
    bits = above.new_zeros((batch, rows, columns, iterations * quantizer.planes))
    bits[..., iteration * quantizer.planes + plane] = (2 * above - 1) * sent
    bits = bits.view(batch, rows, columns, iterations, quantizer.planes)
    change = change * sent
    channels = len(quantizer.start)
    linear = image.new_empty((iterations, batch, rows, columns, channels))
    previous = quantizer.start.expand(batch, rows, columns, channels)
    for k in range(iterations):
        now = linear[k]
        now.copy_(previous)
        part = slice(ends[k], ends[k + 1])
        now.index_add_(3, refined[part], change[..., part])
        previous = now
    bits = bits.permute(3, 0, 1, 2, 4).contiguous().to(image.dtype)
    return bits.permute(0, 1, 4, 2, 3), linear.permute(0, 1, 4, 2, 3)


@torch.no_grad()
def last_linear(quantizer: EmbeddedQuantizer, image: Tensor, levels: Tensor) -> Tensor:
    """The last coefficients of `linear_path` alone, (B, 192, Hb, Wb), without those on the way.

    levels: int64 (B, Hb, Wb), from 0 on.
    """
    iterations = int(levels.max())
    _, change, refined = _walk(quantizer, image, iterations)
    iteration, _ = _places(tuple(quantizer.ends[: iterations + 1]), image.device)
    change *= levels[..., None] > iteration
    linear = quantizer.start.expand(*levels.shape, -1).clone()
    return linear.index_add_(3, refined, change).permute(0, 3, 1, 2)


def unroll(codec: Codec, image: Tensor, levels: Tensor, iterations: int) -> Tensor:
    """Run the codec on image (B, 3, H, W) with levels (B, 1, H/8, W/8).

    Returns the reconstructions after 1, 2, ... iterations: (iterations, B, 3, H, W).
    """
    if codec.linear_path is None:
        return torch.stack(step_by_step(codec, image, levels, iterations))
    bits, linear = linear_path(codec.linear_path, image, levels, iterations)
    if codec.one_pass:
        reached = _reached(levels, torch.arange(1, iterations + 1, device=levels.device)[:, None])
        pictures = cast(OnePassCodec, codec).reconstruct(
            linear.flatten(0, 1), reached.flatten(0, 1)
        )
    else:
        units: list[LSTMState | None] = list(codec.start(image)[1].units)
        pictures = cast(EmbeddedCodec, codec).reconstruct(
            0, bits.flatten(0, 1), linear.flatten(0, 1), units, iterations
        )
    return pictures.view(iterations, *image.shape)


def _reached(levels: Tensor, iterations: Tensor) -> Tensor:
    """Iterations that blocks of levels (B, 1, Hb, Wb) have received after `iterations` (..., B)."""
    return torch.minimum(levels[:, 0].long(), iterations[..., None, None])


def at_own_iterations(codec: Codec, image: Tensor, levels: Tensor, iterations: Tensor) -> Tensor:
    """Every picture of a batch after a number of iterations of its own: (B, 3, H, W).

    codec: one in one pass, which so learns from as many different pictures as the step has passes,
    instead of from a few pictures at every level. iterations: int64 (B,), from 1 on.
    """
    one_pass = cast(OnePassCodec, codec)
    reached = _reached(levels, iterations)
    return one_pass.reconstruct(last_linear(one_pass.quantizer, image, reached), reached)


def after(codec: Codec, image: Tensor, levels: Tensor, counts: Sequence[int]) -> dict[int, Tensor]:
    """The pictures after some numbers of iterations, each (B, 3, H, W), as files would give them.

    A codec in one pass makes no others on the way.
    """
    if codec.one_pass:
        one = torch.ones(len(image), dtype=torch.int64, device=image.device)
        return {k: at_own_iterations(codec, image, levels, k * one) for k in sorted(counts)}
    pictures = step_by_step(codec, image, levels, max(counts))
    return {k: pictures[k - 1] for k in sorted(counts)}


def step_by_step(codec: Codec, image: Tensor, levels: Tensor, iterations: int) -> list[Tensor]:
    """The same one iteration at a time, as the codec runs on files."""
    encoder, decoder, previous = codec.start(image)
    reconstructions: list[Tensor] = []
    for k in range(iterations):
        mask = (levels > k).to(image.dtype)
        bits = codec.encode(k, image, previous, mask, encoder, decoder)
        previous = codec.decode(k, bits, decoder)
        reconstructions.append(previous)
    return reconstructions
