"""The ConvLSTM unit, and its walk over several iterations at once with its own backward pass.

Where the inputs of all iterations are known beforehand (an open-loop codec in training), only the
product with the previous hidden state has to wait for the iteration before. The convolution of the
inputs then runs once over all iterations, and this module does the rest::

    gates_k = conv_in(x_k) + W h_{k-1}           W: the 1x1 hidden convolution, a matrix product
    c_k = sigm(f) * c_{k-1} + sigm(i) * tanh(C~)
    h_k = sigm(o) * tanh(c_k)

Written out by hand because autograd keeps a dozen copies of the gates per iteration, and because
the gradient of W is then one product over all iterations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

LSTMState = tuple[Tensor, Tensor]
"""h and c of a unit."""


def forward_cell(gates: Tensor, memory: Tensor, after: Tensor, hidden: Tensor) -> None:
    """Turns gates (N, 4 C) into their activations in place; writes c_k and h_k.

    memory, after: c_{k-1} and c_k, hidden: h_k, all (N, C).
    """
    channels = memory.shape[1]
    gates[:, : 2 * channels].sigmoid_()
    gates[:, 2 * channels : 3 * channels].tanh_()
    gates[:, 3 * channels :].sigmoid_()
    forget, enter, candidate, output = gates.chunk(4, 1)
    torch.mul(forget, memory, out=after)
    after.addcmul_(enter, candidate)
    hidden.copy_(after.tanh().mul_(output))


def backward_cell(
    activations: Tensor,
    memory: Tensor,
    before: Tensor,
    hidden_grad: Tensor,
    memory_grad: Tensor,
    gates_grad: Tensor,
) -> None:
    """Writes the gates' gradient; memory_grad turns from that of c_k into that of c_{k-1}."""
    forget, enter, candidate, output = activations.float().chunk(4, 1)
    hidden_grad = hidden_grad.float()
    shaped = memory.tanh()
    through = hidden_grad * output
    memory_grad += through - through * shaped * shaped
    by_memory = memory_grad * forget
    parts = (
        by_memory * before * (1 - forget),
        memory_grad * candidate * enter * (1 - enter),
        memory_grad * enter * (1 - candidate * candidate),
        through * shaped * (1 - output),
    )
    for part, target in zip(parts, gates_grad.chunk(4, 1), strict=True):
        target.copy_(part)
    memory_grad.copy_(by_memory)


class Cells:
    """The two functions above, or compiled ones (`semcomp.training.codec.parallel`)."""

    forward: Callable[..., None] = staticmethod(forward_cell)
    backward: Callable[..., None] = staticmethod(backward_cell)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, gates: Tensor, weight: Tensor, hidden: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        steps, positions, width = gates.shape
        channels = width // 4
        weight = weight.to(gates.dtype)
        activations = torch.empty_like(gates)
        hiddens = gates.new_empty((steps + 1, positions, channels))
        memories = memory.new_empty((steps + 1, positions, channels))
        hiddens[0], memories[0] = hidden, memory
        for k in range(steps):
            torch.addmm(gates[k], hiddens[k], weight.t(), out=activations[k])
            Cells.forward(activations[k], memories[k], memories[k + 1], hiddens[k + 1])
        ctx.save_for_backward(activations, hiddens, memories, weight)
        return hiddens[1:], memories[-1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        hiddens_grad, memory_grad = grads
        activations, hiddens, memories, weight = ctx.saved_tensors
        steps = len(activations)
        gates_grad = torch.empty_like(activations)
        hidden_grad, memory_grad = torch.zeros_like(hiddens[0]), memory_grad.clone()
        for k in reversed(range(steps)):
            Cells.backward(
                activations[k],
                memories[k + 1],
                memories[k],
                hiddens_grad[k] + hidden_grad,
                memory_grad,
                gates_grad[k],
            )
            hidden_grad = gates_grad[k] @ weight
        weight_grad = gates_grad.flatten(0, 1).t() @ hiddens[:-1].flatten(0, 1)
        return gates_grad, weight_grad, hidden_grad, memory_grad


def scan(
    gates: Tensor, weight: Tensor, state: LSTMState | None, steps: int
) -> tuple[Tensor, LSTMState]:
    """Walk `steps` iterations.

    gates: (steps * B, 4 C, H, W), iteration by iteration, what the convolution of the inputs gives.
    weight: (4 C, C, 1, 1) of the hidden convolution. state: (h, c), each (B, C, H, W), or None.
    Returns h of all iterations (steps * B, C, H, W) and the state after the last.
    """
    total, width, height, columns = gates.shape
    batch, channels = total // steps, width // 4
    flat = gates.permute(0, 2, 3, 1).reshape(steps, batch * height * columns, width)
    if state is None:
        hidden = flat.new_zeros((flat.shape[1], channels))
        memory = hidden.float()
    else:
        hidden, memory = (part.permute(0, 2, 3, 1).reshape(-1, channels) for part in state)
    hiddens, last = _Scan.apply(  # type: ignore[no-untyped-call]
        flat, weight[:, :, 0, 0], hidden.to(flat.dtype), memory.float()
    )
    # NHWC in memory is torch's channels_last: the permutation back copies nothing.
    shape = (batch, height, columns, channels)
    outputs = hiddens.reshape(total, height, columns, channels).permute(0, 3, 1, 2)
    final = (
        hiddens[-1].reshape(shape).permute(0, 3, 1, 2),
        last.reshape(shape).permute(0, 3, 1, 2),
    )
    return outputs, final


class ConvLSTM(nn.Module):
    """Convolutional LSTM unit (paper, equations 4-6).

    ::

        [f, i, C~, o] = [sigm, sigm, tanh, sigm](conv_in(x_k) + conv_hid(h_{k-1}))
        c_k = f * c_{k-1} + i * C~
        h_k = o * tanh(c_k)

    input (B, inputs, H, W) -> output h (B, channels, H / stride, W / stride); the state is (h, c).
    """

    def __init__(
        self, inputs: int, channels: int, stride: int = 1, kernel: int = 3, hidden_kernel: int = 1
    ) -> None:
        super().__init__()
        self.channels = channels
        self.stride = stride
        self.conv_in = nn.Conv2d(inputs, 4 * channels, kernel, stride, kernel // 2)
        self.conv_hid = nn.Conv2d(
            channels, 4 * channels, hidden_kernel, 1, hidden_kernel // 2, bias=False
        )
        assert self.conv_in.bias is not None
        with torch.no_grad():  # remember by default
            self.conv_in.bias[:channels].fill_(1.0)

    def forward(
        self, x: Tensor, state: LSTMState | None, steps: int = 1
    ) -> tuple[Tensor, LSTMState]:
        """One iteration, or several whose inputs (steps * B, inputs, H, W) are all known."""
        gates = self.conv_in(x)
        if steps > 1:
            return scan(gates, self.conv_hid.weight, state, steps)
        if state is not None:
            gates = gates + self.conv_hid(state[0])
        forget, enter, candidate, output = gates.chunk(4, 1)
        memory = torch.sigmoid(enter) * torch.tanh(candidate)
        if state is not None:
            memory = memory + torch.sigmoid(forget) * state[1]
        hidden = torch.sigmoid(output) * torch.tanh(memory)
        return hidden, (hidden, memory)


def precision(compute: torch.dtype, like: Tensor) -> torch.autocast:
    """Context in which networks compute in another type than float32."""
    return torch.autocast(like.device.type, compute, compute != torch.float32)
