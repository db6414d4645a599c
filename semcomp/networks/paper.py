"""The paper's own network (preset `paper`), and which codec a configuration names.

One iteration of `PaperCodec` (paper, section 3.2 and Figure 4; Toderici et al. 2017)::

    x - x_hat_{k-1}  (3, H)                     x_hat_k  (3, H)
          |                                         ^
    Conv (3,2,64)    (64, H/2)                  Conv 1x1
          |                                         ^
    LSTM A           (256, H/4)                 LSTM H, Sp  (128, H/2) -> (32, H)
          |                                         ^
    LSTM B           (512, H/8)                 LSTM G, Sp  (256, H/4) -> (64, H/2)
          |                                         ^
    LSTM C           (512, H/16)                LSTM F, Sp  (512, H/8) -> (128, H/4)
          |                                         ^
    LSTM D           (512, H/16)                LSTM E, Sp  (512, H/16) -> (128, H/8)
          |                                         ^
    Conv 1x1, tanh, sign                        Conv 1x1    (512, H/16)
          |                                         ^
          +--> b_k   (32, H/16), through Sp  -------+
                     (8, H/8): 8 bits per block, 0 where the block's level is below k

Given by the paper: r_k = x - x_hat_k with x_hat_k = D_k(b_k) (one-shot reconstruction: every
iteration predicts the whole picture, from what the LSTMs remember), the gates, eight LSTM units A
to H, Conv (3,2,64), 32 bits per cell by convolution, tanh and sign, sub-pixel upsampling (Sp).
Given by Toderici et al. 2017, whose network the paper adopts: the widths, 3x3 kernels, hidden
kernels of 1x1 but for the last two units (3x3), the 1x1 convolutions around the decoder.
Chosen here: Toderici et al. have seven units, three and four; the eighth is D, at the encoder's
lowest resolution, so that both sides have four. Signs are not stochastic in training (that learned
more slowly), and the last layer is linear, so that black and white need no saturation. With `gain`
the encoder sees residuals enlarged as they shrink; Toderici et al. scale theirs as well.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from semcomp.geometry import BITS, BLOCK, CELL

from .codec import CodecConfig, DecoderState, EncoderState
from .embedded import EmbeddedCodec
from .one_pass import OnePassCodec
from .quantizer import QuantizerTables
from .recurrence import ConvLSTM, LSTMState, precision

CODE = BITS * (CELL // BLOCK) ** 2
"""Bits of a cell per iteration: 32."""
SCALE = 128.0
"""Grey levels that the networks see as 1."""
UNITS = 4
"""LSTM units on each side."""
GROWTH = 0.75
"""With `gain` the encoder sees the residual of iteration k times (k + 1) to this power."""


class _Sign(torch.autograd.Function):
    """sign(y) in {-1, +1} with a straight-through gradient inside |y| < 2."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, y: Tensor) -> Tensor:
        ctx.save_for_backward(y)
        return torch.where(y > 0, 1.0, -1.0).to(y.dtype)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *grads: Tensor) -> Tensor:
        y: Tensor = ctx.saved_tensors[0]  # type: ignore[attr-defined]
        return grads[0] * (y.abs() < 2)


def binarize(y: Tensor) -> Tensor:
    """Binarizer B: real values -> {-1, +1}, differentiable straight through."""
    result: Tensor = _Sign.apply(y)  # type: ignore[no-untyped-call]
    return result


class PaperCodec(nn.Module):
    """Preset `paper`: ConvLSTMs on both sides, as the diagram above."""

    closed_loop = True
    one_pass = False
    linear_path = None
    planes = BITS

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        if len(config.encoder) != 1 + UNITS or len(config.decoder) != UNITS:
            raise ValueError(f"{config}: need {1 + UNITS} encoder and {UNITS} decoder widths")
        if any(channels % 4 for channels in config.decoder):
            raise ValueError(f"{config}: sub-pixel upsampling needs decoder widths divisible by 4")
        if config.priming:
            raise ValueError(f"{config}: the paper's network has no priming")
        self.config = config
        self.compute = torch.float32
        self.first = nn.Conv2d(3, config.encoder[0], 3, 2, 1)
        self.encoder = nn.ModuleList(
            ConvLSTM(inputs, channels, stride)
            for (inputs, channels), stride in zip(
                pairwise(config.encoder), (2, 2, 2, 1), strict=True
            )
        )
        self.code = nn.Conv2d(config.encoder[-1], CODE, 1)
        self.enter = nn.Conv2d(CODE, config.decoder[0], 1)
        inputs = [config.decoder[0], *(channels // 4 for channels in config.decoder)]
        self.decoder = nn.ModuleList(
            ConvLSTM(before, channels, hidden_kernel=kernel)
            for before, channels, kernel in zip(
                inputs[:-1], config.decoder, (1, 1, 3, 3), strict=True
            )
        )
        self.last = nn.Conv2d(inputs[-1], 3, 1)
        self._initialise()

    def _initialise(self) -> None:
        """He weights, open gates, no other biases.

        With torch's own start the residual fades on its way through the units, and random biases
        decide every sign: bits learned to depend on the picture much later, if at all.
        """
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        for unit in (*self.encoder, *self.decoder):
            forget, enter, _, output = unit.conv_in.bias.chunk(4)
            for gate in (forget, enter, output):
                nn.init.ones_(gate)

    def start(self, image: Tensor) -> tuple[EncoderState, DecoderState, Tensor]:
        """See `Codec.start`: mid grey, and no linear path (no channels in its state)."""
        batch, _, height, width = image.shape
        linear = image.new_zeros((batch, 0, height // BLOCK, width // BLOCK))
        nodes = linear.to(torch.int64)
        encoder_units: list[LSTMState | None] = [None] * UNITS
        decoder_units: list[LSTMState | None] = [None] * UNITS
        return (
            EncoderState(encoder_units),
            DecoderState(decoder_units, nodes, linear),
            torch.zeros_like(image),
        )

    def gain(self, k: int) -> float:
        """Factor of the residual in iteration k: about as fast as residuals shrink."""
        return float((k + 1) ** GROWTH) if self.config.gain else 1.0

    def encode(
        self,
        k: int,
        image: Tensor,
        previous: Tensor,
        mask: Tensor,
        encoder: EncoderState,
        decoder: DecoderState,
    ) -> Tensor:
        """See `Codec.encode`. The weights are the same in every iteration k."""
        with precision(self.compute, image):
            # Detached: gradients through the feedback grow with every iteration.
            x = self.first((image - previous.detach()) * (self.gain(k) / SCALE))
            for i, unit in enumerate(self.encoder):
                x, encoder.units[i] = unit(x, encoder.units[i])
            x = self.code(x)
        code = binarize(torch.tanh(x.float()))
        return functional.pixel_shuffle(code, CELL // BLOCK) * mask

    def decode(self, k: int, bits: Tensor, decoder: DecoderState) -> Tensor:
        """See `Codec.decode`. The weights are the same in every iteration k."""
        with precision(self.compute, bits):
            x: Tensor = self.enter(functional.pixel_unshuffle(bits, CELL // BLOCK))
            for i, unit in enumerate(self.decoder):
                x, decoder.units[i] = unit(x, decoder.units[i])
                x = functional.pixel_shuffle(x, 2)
            x = self.last(x)
        return x.float() * SCALE


AnyCodec = EmbeddedCodec | OnePassCodec | PaperCodec


def build_codec(config: CodecConfig, tables: QuantizerTables) -> AnyCodec:
    """The codec that a configuration describes, with random weights.

    tables: the embedded quantizer's; `QuantizerTables.binary()` for a codec with its own encoder,
    which reads them nowhere (they are the entropy coder's).
    """
    if config.encoder:
        return PaperCodec(config)
    return OnePassCodec(config, tables) if config.residual else EmbeddedCodec(config, tables)
