"""Codecs whose encoder is the embedded quantizer, and the one whose decoder are ConvLSTMs.

The encoder is a linear transform whose residual each iteration refines (`quantizer.py`). Its bits
give the linear path, to which a decoder's networks add what blockwise linear coding cannot know.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from semcomp.geometry import BITS, BLOCK

from .codec import CodecConfig, DecoderState, EncoderState
from .quantizer import EmbeddedQuantizer, QuantizerTables
from .recurrence import ConvLSTM, LSTMState, precision


class LinearPathCodec(nn.Module):
    """What the codecs share whose encoder is the embedded quantizer: all but the networks.

    Open loop: the bits and the linear path depend on no network.
    """

    closed_loop = False
    one_pass = False

    def __init__(self, config: CodecConfig, tables: QuantizerTables) -> None:
        super().__init__()
        self.config = config
        self.compute = torch.float32
        """Type the networks compute in; quantizer and reconstruction stay in float32."""
        self.quantizer = EmbeddedQuantizer(tables)
        self.planes = tables.planes

    @property
    def linear_path(self) -> EmbeddedQuantizer:
        """See `Codec.linear_path`."""
        return self.quantizer

    def start(self, image: Tensor) -> tuple[EncoderState, DecoderState, Tensor]:
        """See `Codec.start`."""
        batch, _, height, width = image.shape
        shape = (batch, self.quantizer.rms.shape[1], height // BLOCK, width // BLOCK)
        nodes, linear = self.quantizer.initial(image.new_empty(1).expand(shape))
        decoder = DecoderState([None] * 4, nodes, linear)
        return EncoderState([]), decoder, self.quantizer.synthesis(linear)

    def encode(
        self,
        k: int,
        image: Tensor,
        previous: Tensor,
        mask: Tensor,
        encoder: EncoderState,
        decoder: DecoderState,
    ) -> Tensor:
        """See `Codec.encode`. The decoder walks the same nodes again."""
        coefficients = self.quantizer.analysis(image)
        return self.quantizer.quantize(k, coefficients, decoder.nodes.clone()) * mask

    def quantize(self, image: Tensor, iterations: int) -> Tensor:
        """All bits of a picture at full level, without the decoder.

        image: float (B, 3, H, W) -> float (B, iterations, P, H/8, W/8) of -1, +1. Dropping the
        iterations from a block's level on gives what `encode` gives under a mask.
        """
        coefficients = self.quantizer.analysis(image)
        nodes, _ = self.quantizer.initial(coefficients)
        return torch.stack(
            [self.quantizer.quantize(k, coefficients, nodes) for k in range(iterations)], 1
        )

    def receive(self, k: int, bits: Tensor, decoder: DecoderState) -> None:
        """Bits of iteration k -> the linear path after k + 1 iterations, in `decoder`."""
        quantizer = self.quantizer
        slots = quantizer.slots(k)
        changes = [
            quantizer.advance(slot, bits[:, i], decoder.nodes) for i, slot in enumerate(slots)
        ]
        channels = torch.tensor([quantizer.schedule[s] for s in slots], device=bits.device)
        decoder.linear = decoder.linear.index_add(1, channels, torch.stack(changes, 1))


def hardly_correct(*layers: nn.Conv2d) -> None:
    """Scale a decoder's last layers down, so that training starts from the linear path alone."""
    with torch.no_grad():
        for layer in layers:
            layer.weight.mul_(0.01)
            assert layer.bias is not None
            layer.bias.zero_()


class Decoder(nn.Module):
    """D_k: bits and linear path -> correction of the linear path.

    ::

        bits (8), linear coefficients (64), H/8 -> 3x3 + bias_k -> E (H/8) ------> concat -> G (H/8)
                                                       +-> F (H/16, stride 2) -> x2 -^        |
            coefficients' correction (192, H/8) <- 1x1 ---------------------------------------+
            pixels' correction (3, H) <- x4 <- 3x3 <- H (H/4) <- x2 <- 1x1 -------------------+
    """

    def __init__(self, config: CodecConfig, coefficients: int, iterations: int) -> None:
        super().__init__()
        e, f, g, h = config.decoder
        self.config = config
        self.enter = nn.Conv2d(BITS + config.inputs, e, 3, 1, 1, bias=False)
        self.iteration_bias = nn.Parameter(torch.zeros(iterations, e))
        if config.priming:
            self.priming_bias = nn.Parameter(torch.zeros(config.priming, e))
        self.unit_e = ConvLSTM(e, e)
        self.unit_f = ConvLSTM(e, f, stride=2)
        self.unit_g = ConvLSTM(e + f // 4, g)
        self.correct = nn.Conv2d(g, coefficients, 1)
        self.refine = nn.Conv2d(g, 4 * h, 1)
        self.unit_h = ConvLSTM(h, h)
        self.pixels = nn.Conv2d(h, 3 * 16, 3, 1, 1)
        hardly_correct(self.correct, self.pixels)
        if config.gain:
            self.gains = nn.Conv2d(g, 2, 1)
            with torch.no_grad():
                for parameter in self.gains.parameters():
                    parameter.zero_()

    def forward(
        self,
        k: int,
        bits: Tensor,
        linear: Tensor,
        units: list[LSTMState | None],
        steps: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """Iterations k to k + steps - 1 of B pictures, iteration by iteration in (steps * B, ...).

        bits, linear: (steps * B, 8 or `inputs`, H/8, W/8), linear in units of the first rms error.
        Iterations -priming to -1 prime the units: their inputs are zeros.
        Returns corrections (steps * B, 192, H/8, W/8) and (steps * B, 3, H, W), in units of the
        rms error.
        """
        x = self.enter(torch.cat([bits, linear], 1))
        bias = self.iteration_bias[k : k + steps] if k >= 0 else self.priming_bias
        bias = bias.repeat_interleave(len(x) // steps, 0)
        x = functional.leaky_relu(x + bias[:, :, None, None], 0.1)
        fine, units[0] = self.unit_e(x, units[0], steps)
        coarse, units[1] = self.unit_f(fine, units[1], steps)
        joined = torch.cat([fine, functional.pixel_shuffle(coarse, 2)], 1)
        joined, units[2] = self.unit_g(joined, units[2], steps)
        quarter = functional.leaky_relu(functional.pixel_shuffle(self.refine(joined), 2), 0.1)
        quarter, units[3] = self.unit_h(quarter, units[3], steps)
        coefficients, pixels = self.correct(joined), self.pixels(quarter)
        if self.config.gain:  # two factors for each block
            gains = self.gains(joined).clamp(-3, 3).exp()
            coefficients = coefficients * gains[:, :1]
            pixels = pixels * functional.interpolate(gains[:, 1:], scale_factor=2.0)
        return coefficients, functional.pixel_shuffle(pixels, 4)


class EmbeddedCodec(LinearPathCodec):
    """Embedded quantizer as encoder, ConvLSTMs as decoder."""

    def __init__(self, config: CodecConfig, tables: QuantizerTables) -> None:
        super().__init__(config, tables)
        iterations, coefficients = len(tables.rms) - 1, tables.rms.shape[1]
        self.decoder = Decoder(config, coefficients, iterations)

    def start(self, image: Tensor) -> tuple[EncoderState, DecoderState, Tensor]:
        """See `Codec.start`."""
        encoder, decoder, reconstruction = super().start(image)
        steps = self.config.priming
        if steps:
            count = steps * len(image)
            inputs = (BITS, self.config.inputs)
            shape = decoder.linear.shape[2:]
            bits, zeros = (decoder.linear.new_zeros((count, n, *shape)) for n in inputs)
            with precision(self.compute, bits):
                self.decoder(-steps, bits, zeros, decoder.units, steps)
        return encoder, decoder, reconstruction

    def decode(self, k: int, bits: Tensor, decoder: DecoderState) -> Tensor:
        """See `Codec.decode`."""
        self.receive(k, bits, decoder)
        return self.reconstruct(k, bits, decoder.linear, decoder.units)

    def reconstruct(
        self,
        k: int,
        bits: Tensor,
        linear: Tensor,
        units: list[LSTMState | None],
        steps: int = 1,
    ) -> Tensor:
        """The decoder's networks alone, for `steps` iterations from k on.

        bits, linear: what iterations k to k + steps - 1 of B pictures sent and the coefficients
        after each, (steps * B, P or 192, Hb, Wb), iteration by iteration. Moves `units`.
        The networks see the first eight bits; the coefficients tell them the others.
        Returns the reconstructions (steps * B, 3, H, W).
        """
        quantizer, seen = self.quantizer, self.config.inputs
        start, first = (t[None, :seen, None, None] for t in (quantizer.start, quantizer.rms[0]))
        with precision(self.compute, linear):
            inputs = (linear[:, :seen] - start) / first
            correction, pixels = self.decoder(k, bits[:, :BITS], inputs, units, steps)
        scale = quantizer.rms[k + 1 : k + 1 + steps].repeat_interleave(len(linear) // steps, 0)
        scale = scale[:, :, None, None]
        coefficients = linear + correction * scale
        # Over all coefficients the rms error is also the pixels' rms error (Parseval).
        refinement: Tensor = pixels * scale.square().mean(1, keepdim=True).sqrt()
        return quantizer.synthesis(coefficients) + refinement
