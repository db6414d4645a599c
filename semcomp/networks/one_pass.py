"""A decoder in one pass: presets `small`, `fast` and `base`.

The ConvLSTMs of the preset `recurrent` walk through all iterations, although all that they are
told is in the linear path's coefficients and in how far each block has come. This decoder reads
those two once, after the last iteration, and is then free to be deeper. Bits, files and entropy
tables are those of the embedded quantizer: what stays iterative is the code, not the decoder.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from .codec import CodecConfig, DecoderState, EncoderState
from .embedded import LinearPathCodec, hardly_correct
from .integer import IntegerConv
from .quantizer import QuantizerTables
from .recurrence import precision

LEAST_RMS = 0.3
"""Grey levels: coefficients known better than this are not scaled up further."""


Layers = Callable[..., nn.Conv2d]
"""Makes a layer of so many inputs and outputs and a kernel of that size."""


def _float_conv(inputs: int, outputs: int, size: int, signed: bool = False) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, 1, size // 2)


class Residual(nn.Module):
    """x + 3x3(leaky(3x3(leaky(x)))), with `inner` channels in between."""

    def __init__(self, channels: int, inner: int, conv: Layers) -> None:
        super().__init__()
        self.first = conv(channels, inner, 3)
        self.second = conv(inner, channels, 3)
        with torch.no_grad():  # so that a stack of them starts near the identity
            self.second.weight.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:
        """float (B, C, H, W) -> the same shape."""
        inner = functional.leaky_relu(self.first(functional.leaky_relu(x, 0.1)), 0.1)
        refined: Tensor = x + self.second(inner)
        return refined


class OnePassDecoder(nn.Module):
    """Coefficients so far and levels -> correction of the linear path.

    ::

        linear coefficients (96), H/8 -> 3x3 -> + bias of the block's level -> 4 residual (256) --+
            coefficients' correction (192, H/8) <- 1x1 -------------------------------------------+
            pixels' correction (3, H) <- x4 <- 3x3 <- 2 residual (96, H/4) <- x2 <- 1x1 <---------+
    """

    def __init__(self, config: CodecConfig, coefficients: int, iterations: int) -> None:
        super().__init__()
        (eighth, quarter), (at_eighth, at_quarter) = config.decoder, config.residual
        inner, inner_quarter = config.inner or config.decoder
        conv: Layers = IntegerConv if config.integer else _float_conv
        self.enter = conv(config.inputs, eighth, 3, signed=True)
        self.level_bias = nn.Parameter(torch.zeros(iterations + 1, eighth))
        self.eighth = nn.Sequential(*(Residual(eighth, inner, conv) for _ in range(at_eighth)))
        self.correct = conv(eighth, coefficients, 1)
        self.refine = conv(eighth, 4 * quarter, 1)
        self.quarter = nn.Sequential(
            *(Residual(quarter, inner_quarter, conv) for _ in range(at_quarter))
        )
        self.pixels = conv(quarter, 3 * 16, 3)
        hardly_correct(self.correct, self.pixels)

    def forward(self, linear: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """Returns corrections (B, 192, H/8, W/8) and (B, 3, H, W), in units of the rms error.

        linear: (B, `inputs`, H/8, W/8), of about unit size. levels: int64 (B, H/8, W/8), 0..24.
        """
        x = self.enter(linear)
        x = x + self.level_bias[levels].permute(0, 3, 1, 2).to(x.dtype)
        x = functional.leaky_relu(self.eighth(x), 0.1)
        fine = self.quarter(functional.pixel_shuffle(self.refine(x), 2))
        pixels = self.pixels(functional.leaky_relu(fine, 0.1))
        return self.correct(x), functional.pixel_shuffle(pixels, 4)


class OnePassCodec(LinearPathCodec):
    """Embedded quantizer as encoder; pictures are made of its state, whenever they are wanted."""

    one_pass = True

    def __init__(self, config: CodecConfig, tables: QuantizerTables) -> None:
        super().__init__(config, tables)
        if config.priming or config.gain:
            raise ValueError(f"{config}: a decoder in one pass has neither priming nor gains")
        iterations, coefficients = len(tables.rms) - 1, tables.rms.shape[1]
        self.decoder = OnePassDecoder(config, coefficients, iterations)

    def start(self, image: Tensor) -> tuple[EncoderState, DecoderState, Tensor]:
        """See `Codec.start`."""
        encoder, decoder, reconstruction = super().start(image)
        decoder.levels = decoder.nodes[:, 0] * 0
        return encoder, decoder, reconstruction

    def receive(self, k: int, bits: Tensor, decoder: DecoderState) -> None:
        """See `LinearPathCodec.receive`; also counts the blocks' iterations."""
        super().receive(k, bits, decoder)
        assert decoder.levels is not None
        decoder.levels = torch.where((bits != 0).any(1), k + 1, decoder.levels)

    def decode(self, k: int, bits: Tensor, decoder: DecoderState) -> Tensor:
        """See `Codec.decode`. The network runs for this picture alone."""
        self.receive(k, bits, decoder)
        return self.picture(decoder)

    def picture(self, decoder: DecoderState) -> Tensor:
        """The reconstruction (B, 3, H, W) of what was received."""
        assert decoder.levels is not None
        return self.reconstruct(decoder.linear, decoder.levels)

    def linear_picture(self, decoder: DecoderState) -> Tensor:
        """See `OnePass.linear_picture`."""
        picture: Tensor = self.quantizer.synthesis(decoder.linear)
        return picture

    def reconstruct(self, linear: Tensor, levels: Tensor) -> Tensor:
        """The networks alone: coefficients (B, 192, Hb, Wb), levels int64 (B, Hb, Wb) -> pixels.

        Returns float32 (B, 3, 8 Hb, 8 Wb) in about -128..127.
        """
        quantizer, seen = self.quantizer, self.config.inputs
        start, first = (t[None, :seen, None, None] for t in (quantizer.start, quantizer.rms[0]))
        scale = quantizer.rms[levels].permute(0, 3, 1, 2)
        # Between the size of the coefficients and that of their errors.
        unit = 4 * (first * scale[:, :seen].clamp(min=LEAST_RMS)).sqrt()
        with precision(self.compute, linear):
            correction, pixels = self.decoder((linear[:, :seen] - start) / unit, levels)
        coefficients = linear + correction.float() * scale
        # Over all coefficients the rms error is also the pixels' rms error (Parseval).
        error = scale.square().mean(1, keepdim=True).sqrt()
        refinement = pixels.float() * functional.interpolate(error, scale_factor=8.0)
        picture: Tensor = quantizer.synthesis(coefficients) + refinement
        return picture
