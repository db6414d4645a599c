"""The codec's trainer: network, averaged weights, optimizer, and one step of them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from semcomp.geometry import ITERATIONS
from semcomp.networks.codec import PRESETS, CodecConfig
from semcomp.networks.integer import fit_steps, steps
from semcomp.networks.overlap import lapped_filter
from semcomp.networks.paper import build_codec
from semcomp.networks.quantizer import QuantizerTables
from semcomp.networks.recurrence import ConvLSTM

from .data import PicturePool, random_importance, random_levels
from .design import design_quantizer, sample_blocks
from .losses import loss_of
from .options import TrainOptions, iterations_for
from .parallel import Processes
from .unroll import at_own_iterations, step_by_step, unroll

CALM = 1.3
"""Standard deviation of a unit's gates, before the sigmoids, that `relax` leaves alone."""
LOOKED_AT = 9
"""Iterations after which it looks."""


def config_for(options: TrainOptions) -> CodecConfig:
    """The network that the options name."""
    return dataclasses.replace(
        PRESETS[options.preset],
        priming=options.priming,
        gain=options.gain,
        integer=options.integer,
    )


def tables_for(config: CodecConfig, pictures: Sequence[np.ndarray], seed: int) -> QuantizerTables:
    """Quantizer designed from blocks of the pictures, or signs for a codec with an encoder."""
    if config.encoder:
        return QuantizerTables.binary()
    overlap = lapped_filter()
    blocks = sample_blocks(pictures, 100, seed, overlap)
    return design_quantizer(blocks, overlap=overlap)


class Trainer:
    """Codec, optimiser and averaged weights of one run."""

    def __init__(
        self, options: TrainOptions, tables: QuantizerTables, processes: Processes | None = None
    ) -> None:
        options.check()
        torch.manual_seed(options.seed)
        self.options = options
        self.tables = tables
        self.processes = processes or Processes()
        self.device = torch.device(options.device)
        codec = build_codec(config_for(options), tables).to(self.device)
        # torch's annotations leave memory_format out.
        codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.codec = codec
        # What is exported and validated runs in fp32, whatever trains.
        self.average = copy.deepcopy(codec).requires_grad_(False)
        if options.precision == "bf16":
            codec.compute = torch.bfloat16
        groups = _groups(codec, options.fan_in)
        self.shares = [share for share, _ in groups]
        """Of the learning rate, one for each of the optimizer's groups."""
        self.optimizer = torch.optim.Adam(
            [{"params": own} for _, own in groups], lr=options.lr, betas=(0.9, 0.99), fused=True
        )
        self.rng = np.random.default_rng(options.seed)
        self.step = 0
        self.seconds = 0.0
        self.scheduled = 0.0
        self.origin: dict[str, float] = {}
        """Steps and hours of the run that a warm start took its weights from."""
        self.validation: dict[str, float] = {}

    def crops(self, iterations: int) -> int:
        """Crops of a step, all processes together."""
        world = self.processes.count
        passes = 1 if self.codec.one_pass else iterations
        return max(1, self.options.work // passes // world) * world

    def batch(self, pool: PicturePool, iterations: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """This process's part of the next batch: image, levels, weights of the L1."""
        options, rng = self.options, self.rng
        count = self.crops(iterations)
        own = self.processes.share(count)
        crops = pool.draw(
            count, options.crop, rng, transposes=options.transposes, detail=options.detail
        )
        phase = float(rng.random())
        levels = random_levels(
            count,
            options.crop // 8,
            iterations,
            rng,
            options.masked,
            phase,
            options.rough,
            options.least,
        )
        weight = None
        if options.importance == "smooth":
            weight = random_importance(count, options.crop, rng)[own].to(self.device)
        elif options.importance == "cam":
            weight = pool.cut_weights(crops.part(own), options.crop)
        return pool.cut(crops.part(own), options.crop), levels[own].to(self.device), weight

    def train_step(self, pool: PicturePool, speed: float, iterations: int | None = None) -> Tensor:
        """One update with the learning rate scaled by `speed`; returns the loss, on the device.

        iterations: None to draw them from the curriculum.
        """
        options = self.options
        if iterations is None:
            iterations = iterations_for(self.step, self.rng, options.curriculum)
        image, levels, weight = self.batch(pool, iterations)
        mean = self.processes.mean
        if self.codec.one_pass:
            # Every crop is a term of its own: nothing in its logarithms to share.
            pictures = self.one_pass(image, levels, iterations)[:, None]
            image, mean = image[:, None], _same
            weight = None if weight is None else weight[:, None]
        else:
            pictures = unroll(self.codec, image, levels, iterations)
        loss = loss_of(
            pictures,
            image,
            weight=weight,
            plain_l1=options.plain_l1,
            ssim_weight=options.ssim_weight,
            ms_ssim_weight=options.ms_ssim_weight,
            mean=mean,
        )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.processes.mean_gradients(self.codec.parameters())
        torch.nn.utils.clip_grad_norm_(self.codec.parameters(), options.clip)
        speed *= min(1.0, (self.step + 1) / max(options.warmup, 1))
        for group, share in zip(self.optimizer.param_groups, self.shares, strict=True):
            group["lr"] = options.lr * speed * share
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            share = 1 - min(options.ema, self.step / (self.step + 10))
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.codec.parameters()), share
            )
        return self.processes.mean(loss.detach())

    @torch.no_grad()
    def fit_steps(self, pool: PicturePool) -> None:
        """Set the steps of integer convolutions, if any, to what a batch shows them, unrounded."""
        if not steps(self.codec):
            return
        image, levels, _ = self.batch(pool, ITERATIONS)
        fit_steps(self.codec, lambda: self.one_pass(image, levels, ITERATIONS))
        for own in steps(self.codec):  # each process has seen crops of its own
            own.copy_(self.processes.mean(own))
        self.average.load_state_dict(self.codec.state_dict())

    @torch.no_grad()
    def relax(self, pool: PicturePool) -> None:
        """Make the weights of saturated units smaller, see `TrainOptions.relax`.

        At a rate too high for layers with many inputs, weights grow until gates are open or shut
        and nothing between: such units learn no more. Smaller ones do (Ash and Adams 2020).
        """
        units = [unit for unit in self.codec.modules() if isinstance(unit, ConvLSTM)]
        if not units:
            return
        spread = torch.zeros(len(units), device=self.device)

        def look(module: nn.Module, inputs: tuple[Any, ...], _: Any) -> None:
            unit = cast(ConvLSTM, module)
            x, state = inputs[:2]
            gates = unit.conv_in(x)
            if state is not None:
                gates = gates + unit.conv_hid(state[0])
            spread[units.index(unit)] = gates.float().std()  # that of the last iteration remains

        hooks = [unit.register_forward_hook(look) for unit in units]
        image, levels, _ = self.batch(pool, LOOKED_AT)
        # Not `unroll`: an open-loop codec's units would see all iterations at once, without state.
        step_by_step(self.codec, image, torch.full_like(levels, LOOKED_AT), LOOKED_AT)
        for hook in hooks:
            hook.remove()
        spread = self.processes.mean(spread)
        for unit, factor in zip(
            units, (CALM / spread).clamp(max=1) ** self.options.relax, strict=True
        ):
            for parameter in unit.parameters():
                parameter.mul_(factor)
        self.average.load_state_dict(self.codec.state_dict())

    def one_pass(self, image: Tensor, levels: Tensor, iterations: int) -> Tensor:
        """This process's crops after numbers of iterations drawn for each: (B, 3, H, W)."""
        count = self.crops(iterations)
        drawn = self.rng.integers(1, iterations + 1, count)
        drawn[: count // 8] = iterations  # level maps in full, too
        own = torch.from_numpy(drawn)[self.processes.share(count)].to(self.device)
        return at_own_iterations(self.codec, image, levels, own)


def _groups(codec: nn.Module, fan_in: float) -> list[tuple[float, list[nn.Parameter]]]:
    """The optimizer's groups of parameters, each behind its share of the learning rate.

    Adam moves every weight of a layer by about the rate, however many there are: what the layer
    gives then moves with its number of inputs. See `TrainOptions.fan_in`.
    """
    if not fan_in:
        return [(1.0, list(codec.parameters()))]
    return [
        (min(1.0, fan_in / own[0].numel()) if own.dim() > 1 else 1.0, [own])
        for own in codec.parameters()
    ]


def _same(value: Tensor) -> Tensor:
    """The mean over all processes of what only this one has a term for."""
    return value
