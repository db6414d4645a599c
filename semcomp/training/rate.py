"""Differentiable estimate of the codes' rate, used in training only.

The entropy coder (`semcomp/entropy.py`) is integer arithmetic and has no gradient. Without a price
on bits the encoder would learn to close the quantizer's dead zone: it lowers the distortion of an
iteration and raises the bytes of the file. This small model predicts every bit from what previous
iterations told about the block and its neighbours, and its cross-entropy is that price.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from semcomp.quantizer import BITS, ITERATIONS, MAX_DEPTH, SLOTS, EmbeddedQuantizer


class RateModel(nn.Module):
    """Bits of an iteration -> estimated cost of each.

    ::

        |linear|, linear (64 + 64, H/8) -> 3x3 -> 1x1 of iteration k -> logit (8, H/8)
        tree node of the slot           -> table ----------------------------^ +
    """

    def __init__(self, inputs: int = 64, width: int = 64) -> None:
        super().__init__()
        self.inputs = inputs
        self.enter = nn.Conv2d(2 * inputs, width, 3, 1, 1)
        self.heads = nn.Parameter(torch.zeros(ITERATIONS, BITS, width))
        self.table = nn.Parameter(torch.zeros(SLOTS, 2 ** (MAX_DEPTH - 1)))

    def forward(
        self, k: int, bits: Tensor, nodes: Tensor, linear: Tensor, quantizer: EmbeddedQuantizer
    ) -> Tensor:
        """Cost in bits, float (B, 8, Hb, Wb), 0 for bits not sent; differentiable in `bits`.

        nodes, linear: the quantizer's state before iteration k.
        """
        values = (linear - quantizer.start[None, :, None, None]) / quantizer.rms[0, :, None, None]
        values = values[:, : self.inputs].detach()
        x = functional.leaky_relu(self.enter(torch.cat([values, values.abs()], 1)), 0.1)
        logits = functional.conv2d(x, self.heads[k][:, :, None, None])
        nodes = nodes.clone()
        biases = []
        for i, slot in enumerate(range(BITS * k, BITS * (k + 1))):
            channel = quantizer.schedule[slot]
            biases.append(self.table[slot][nodes[:, channel].clone()])
            quantizer.advance(slot, bits[:, i].detach(), nodes)
        logits = logits + torch.stack(biases, 1)
        cost = functional.softplus(logits) - logits * (bits + 1) / 2
        return cost * (bits.detach() != 0) / math.log(2)
