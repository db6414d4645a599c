"""Convolutions in 8-bit integers, which processors add up four times as fast as floats.

Inputs and kernels are rounded, each input channel in steps of its own, each kernel by its largest
weight; their products are added in 32 bits, and only the sums are floats again::

    q = clip(round(x / step_c) + zero, 0, 255)
    w = round(weight * step_c / scale_o)            in -127..127
    y = scale_o * sum((q - zero) * w) + bias

A network learns with the rounding in place (Jacob et al. 2018): its gradient is passed on as if
nothing had been rounded (straight through), and the steps are learnt with the weights (Esser et
al. 2020). The integers are the same on every machine. Where a processor has no units for them, a
convolution of floats that hold whole numbers gives the same sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGEST = 127
"""Of a kernel's weights, in steps."""
FIRST_STEP = 1 / 32
"""Steps of inputs until they are fitted."""
QUANTILE = 0.9995
"""Share of a channel's inputs that `fit_steps` leaves room for: the few beyond are cut off."""

LEAST = 1 / 256
"""Range of a channel at least, as part of the largest: one that was silent may speak yet."""


class _Kernels(NamedTuple):
    """A convolution made ready: inverse steps (C, 1, 1), kernels, scales (O,), ones, zeros (O,)."""

    inverse: Tensor
    kernels: Tensor
    scales: Tensor
    ones: Tensor
    zeros: Tensor
    packed: bool


class IntegerConv(nn.Conv2d):
    """A convolution of stride 1 that keeps its size, of rounded inputs with rounded kernels."""

    def __init__(self, inputs: int, outputs: int, size: int, signed: bool = False) -> None:
        """inputs, outputs: channels. size: of the kernel, odd. signed: whether inputs are as often
        negative as positive; else they have been through a leaky ReLU with a slope of 0.1."""
        super().__init__(inputs, outputs, size, 1, size // 2)
        self.zero = 128 if signed else 28
        self.log_step = nn.Parameter(torch.full((inputs,), math.log(FIRST_STEP)))
        self.rounds = True
        """False in `unrounded`."""
        self._ready: _Kernels | None = None

    def forward(self, x: Tensor) -> Tensor:
        """float (B, C, H, W) -> float32 (B, O, H, W)."""
        if not self.rounds:
            return super().forward(x)
        assert self.bias is not None
        ready = self._ready
        if ready is None:
            scaled = x.float() / self.log_step.exp()[:, None, None]
            whole = _rounded(scaled).clamp(-self.zero, 255 - self.zero)
            kernels, scales = self._kernels()
        elif ready.packed:
            return self._in_integers(x, ready)
        else:
            whole = self._shifted(x, ready).floor_().sub_(self.zero)
            kernels, scales = ready.kernels, ready.scales
        sums = functional.conv2d(whole, kernels, padding=self.padding)
        return sums * scales[:, None, None] + self.bias[:, None, None]

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles are not ready: what the library has packed cannot be copied."""
        return {**self.__dict__, "_ready": None}

    def prepare(self) -> None:
        """Round the kernels once for all: the weights are not to change any more."""
        with torch.no_grad():
            kernels, scales = self._kernels()
            inverse = (-self.log_step).exp()[:, None, None].contiguous()
            ones, zeros = torch.ones_like(scales), torch.zeros_like(scales, dtype=torch.int64)
            packed = self.weight.device.type == "cpu" and _has_units()
            if packed:
                steps = [1, 1]
                kernels = torch.ops.onednn.qconv_prepack(
                    kernels.to(torch.int8), ones, 1.0, self.zero, steps, self.padding, steps, 1
                )
        self._ready = _Kernels(inverse, kernels, scales, ones, zeros, packed)

    def _kernels(self) -> tuple[Tensor, Tensor]:
        """Whole numbers (O, C, h, w) and their scales (O,), in float32."""
        weights = self.weight * self.log_step.exp()[:, None, None]
        scales = weights.detach().abs().amax((1, 2, 3)).clamp_min(1e-12) / LARGEST
        return _rounded(weights / scales[:, None, None, None]), scales

    def _shifted(self, x: Tensor, ready: _Kernels) -> Tensor:
        """Inputs in steps, half a step above what they are rounded to, within 0..255."""
        return x.float().mul(ready.inverse).add_(self.zero + 0.5).clamp_(0, 255)

    def _in_integers(self, x: Tensor, ready: _Kernels) -> Tensor:
        whole = self._shifted(x, ready).to(torch.uint8)
        whole = whole.contiguous(memory_format=torch.channels_last)
        # Sums alone: scaled in there, they would be rounded in another way than elsewhere.
        sums: Tensor = torch.ops.onednn.qconv2d_pointwise(
            whole, 1.0, self.zero, ready.kernels, ready.ones, ready.zeros, None,
            [1, 1], self.padding, [1, 1], 1, 1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        assert self.bias is not None
        return sums.mul_(ready.scales[:, None, None]).add_(self.bias[:, None, None])


def prepare(network: nn.Module) -> None:
    """Make every integer convolution of a network ready, whose weights stay as they are."""
    for module in _convolutions(network):
        module.prepare()


def steps(network: nn.Module) -> list[nn.Parameter]:
    """Logarithms of the steps of all integer convolutions, float (C,) each; none without any."""
    return [module.log_step for module in _convolutions(network)]


@contextmanager
def unrounded(network: nn.Module) -> Iterator[None]:
    """While it lasts, the network's integer convolutions multiply floats as they are."""
    found = _convolutions(network)
    try:
        for module in found:
            module.rounds = False
        yield
    finally:
        for module in found:
            module.rounds = True


@torch.no_grad()
def fit_steps(network: nn.Module, run: Callable[[], object]) -> None:
    """Set the steps of all integer convolutions to what they see in `run`, before any rounding."""
    hooks = [module.register_forward_pre_hook(_fit) for module in _convolutions(network)]
    try:
        with unrounded(network):
            run()
    finally:
        for hook in hooks:
            hook.remove()


def _convolutions(network: nn.Module) -> list[IntegerConv]:
    return [module for module in network.modules() if isinstance(module, IntegerConv)]


def _fit(module: nn.Module, inputs: tuple[Tensor]) -> None:
    assert isinstance(module, IntegerConv)
    values = inputs[0].float().abs().transpose(0, 1).flatten(1)
    place = max(1, round(QUANTILE * values.shape[1]))
    largest = values.kthvalue(place).values
    largest = largest.clamp_min(max(float(largest.max()) * LEAST, 1e-3))
    module.log_step.copy_((largest / (255 - module.zero)).log())


def _rounded(x: Tensor) -> Tensor:
    """Whole numbers with the gradient of `x`."""
    return x + (x.round() - x).detach()


def _has_units() -> bool:
    """Whether this processor multiplies 8-bit integers without a sum that overflows in between."""
    return bool(torch.backends.mkldnn.is_available() and torch.cpu._is_vnni_supported())  # type: ignore[no-untyped-call]
