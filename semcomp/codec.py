"""The recurrent codec: its interface, the decoder; presets small, base and paper.

One iteration k, for a picture x of H x W pixels (paper, section 3.2; Toderici et al. 2017)::

    x - x_hat[k-1] --> encoder E_k --> binarizer B --> b_k: bits of each 8x8 block, 0: level < k
                                                       |
    x_hat[k] <------- decoder D_k (ConvLSTMs) <--------+

The preset `paper` (`paper_codec.py`) is the paper's own network: ConvLSTMs on both sides. In the
presets `small` and `base` (`EmbeddedCodec`) the encoder is the embedded quantizer of `quantizer.py`
- a linear transform whose residual each iteration refines - and the ConvLSTMs of the decoder turn
its bits into a picture: the linear path, plus what blockwise linear coding cannot know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from .quantizer import BITS, BLOCK, EmbeddedQuantizer, QuantizerTables
from .recurrence import ConvLSTM, precision
from .recurrence import LSTMState as LSTMState  # runtime and trainer take it from here

CELL = 16
"""Side in pixels of a latent position: 2x2 blocks, 32 bits per iteration."""


@dataclass(frozen=True)
class CodecConfig:
    """What a codec is built from; travels with its weights.

    decoder: channels of the decoder's units E to H; their resolutions are the codec's affair.
    inputs: leading coefficients of the linear path that `EmbeddedCodec`'s decoder sees.
    encoder: channels of the first convolution and of the units A to D (`paper_codec.py`); empty
        where the embedded quantizer is the encoder.
    priming: iterations of the decoder with zero bits before the first (Johnston et al. 2018).
    gain: whether the decoder also scales its corrections block by block.
    """

    preset: str
    decoder: tuple[int, ...]
    inputs: int = 64
    encoder: tuple[int, ...] = ()
    priming: int = 0
    gain: bool = False

    def to_dict(self) -> dict[str, object]:
        """Plain types for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> CodecConfig:
        """Inverse of `to_dict`. Raises TypeError for fields that this version does not know."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in dict(plain).items()
        }
        return cls(**fields)


# `plain` is `paper` at a quarter of its width, for trials.
PRESETS = {
    "small": CodecConfig("small", decoder=(128, 192, 128, 48)),
    "base": CodecConfig("base", decoder=(256, 384, 256, 96), inputs=96),
    "paper": CodecConfig("paper", decoder=(512, 512, 256, 128), encoder=(64, 256, 512, 512, 512)),
    "plain": CodecConfig("plain", decoder=(128, 128, 64, 32), encoder=(16, 64, 128, 128, 128)),
}


@dataclass
class EncoderState:
    """Hidden states of the encoder's units (None before the first iteration)."""

    units: list[LSTMState | None]


@dataclass
class DecoderState:
    """What the decoder knows after k iterations.

    units: hidden states of its ConvLSTMs. nodes, linear: the quantizer's state (`quantizer.py`).
    """

    units: list[LSTMState | None]
    nodes: Tensor
    linear: Tensor


class Codec(Protocol):
    """What the pipeline and the trainer ask of a recurrent codec; k counts from 0."""

    config: CodecConfig
    closed_loop: bool
    """Whether the encoder needs each iteration's reconstruction to find the next bits."""
    planes: int
    """P, the most bits that a block sends in one iteration."""

    def start(self, image: Tensor) -> tuple[EncoderState, DecoderState, Tensor]:
        """Image (B, 3, H, W), sides multiples of 16 -> states and the zeroth reconstruction."""

    def encode(
        self,
        k: int,
        image: Tensor,
        previous: Tensor,
        mask: Tensor,
        encoder: EncoderState,
        decoder: DecoderState,
    ) -> Tensor:
        """Bits float (B, P, Hb, Wb) of -1, +1; 0 where `mask` (B, 1, Hb, Wb) is 0.

        An iteration with fewer bits leaves the last planes 0.
        """

    def decode(self, k: int, bits: Tensor, decoder: DecoderState) -> Tensor:
        """Bits of iteration k -> reconstruction (B, 3, H, W) after k + 1 iterations."""


@runtime_checkable
class OpenLoopCodec(Codec, Protocol):
    """A codec whose bits do not depend on its decoder (`closed_loop` is False)."""

    def quantize(self, image: Tensor, iterations: int) -> Tensor:
        """All bits of a picture at full level: (B, 3, H, W) -> (B, iterations, P, Hb, Wb)."""


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
        with torch.no_grad():  # start from the linear path alone
            for layer in (self.correct, self.pixels):
                layer.weight.mul_(0.01)
                assert layer.bias is not None
                layer.bias.zero_()
            if config.gain:
                self.gains = nn.Conv2d(g, 2, 1)
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


class EmbeddedCodec(nn.Module):
    """Presets `small` and `base`: embedded quantizer as encoder, ConvLSTMs as decoder."""

    closed_loop = False

    def __init__(self, config: CodecConfig, tables: QuantizerTables) -> None:
        super().__init__()
        self.config = config
        self.compute = torch.float32
        """Type the networks compute in; quantizer and reconstruction stay in float32."""
        self.quantizer = EmbeddedQuantizer(tables)
        self.planes = tables.planes
        iterations, coefficients = len(tables.rms) - 1, tables.rms.shape[1]
        self.decoder = Decoder(config, coefficients, iterations)

    def start(self, image: Tensor) -> tuple[EncoderState, DecoderState, Tensor]:
        """See `Codec.start`."""
        batch, _, height, width = image.shape
        shape = (batch, self.quantizer.rms.shape[1], height // BLOCK, width // BLOCK)
        nodes, linear = self.quantizer.initial(image.new_empty(1).expand(shape))
        decoder = DecoderState([None] * 4, nodes, linear)
        steps = self.config.priming
        if steps:
            count = steps * batch
            inputs = (BITS, self.config.inputs)
            bits, zeros = (linear.new_zeros((count, n, *shape[2:])) for n in inputs)
            with precision(self.compute, linear):
                self.decoder(-steps, bits, zeros, decoder.units, steps)
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

    def decode(self, k: int, bits: Tensor, decoder: DecoderState) -> Tensor:
        """See `Codec.decode`."""
        quantizer = self.quantizer
        slots = quantizer.slots(k)
        changes = [
            quantizer.advance(slot, bits[:, i], decoder.nodes) for i, slot in enumerate(slots)
        ]
        channels = torch.tensor([quantizer.schedule[s] for s in slots], device=bits.device)
        decoder.linear = decoder.linear.index_add(1, channels, torch.stack(changes, 1))
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
