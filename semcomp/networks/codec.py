"""The codecs: their common interface, configurations and presets.

One iteration k, for a picture x of H x W pixels (paper, section 3.2; Toderici et al. 2017)::

    x - x_hat[k-1] --> encoder E_k --> binarizer B --> b_k: bits of each 8x8 block, 0: level < k
                                                       |
    x_hat[k] <------- decoder D_k (ConvLSTMs) <--------+

The preset `paper` (`paper.py`) is the paper's own network: ConvLSTMs on both sides. In the
others the encoder is the embedded quantizer of `quantizer.py`, a linear transform whose residual
each iteration refines. A network turns its bits into a picture: the linear path, plus what
blockwise linear coding cannot know. In the preset `recurrent` (`embedded.py`) that network
is made of ConvLSTMs and runs in every iteration; in `small`, `fast` and `base` (`one_pass.py`) it
reads what all iterations have sent, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import Tensor

from .recurrence import LSTMState as LSTMState  # runtime and trainer take it from here

if TYPE_CHECKING:
    from .quantizer import EmbeddedQuantizer


@dataclass(frozen=True)
class CodecConfig:
    """What a codec is built from; travels with its weights.

    decoder: channels of the decoder's units E to H; their resolutions are the codec's affair.
    inputs: leading coefficients of the linear path that `EmbeddedCodec`'s decoder sees.
    encoder: channels of the first convolution and of the units A to D (`paper.py`); empty
        where the embedded quantizer is the encoder.
    priming: iterations of the decoder with zero bits before the first (Johnston et al. 2018).
    gain: whether the decoder also scales its corrections block by block; of the paper's network,
        whether its encoder sees residuals enlarged as they shrink.
    residual: residual blocks at H/8 and H/4 of a decoder that works in one pass
        (`one_pass.py`), whose `decoder` has the channels there; empty for ConvLSTMs.
    inner: channels between the two convolutions of those blocks, at H/8 and H/4; empty for as many
        as the blocks have.
    integer: whether a decoder in one pass multiplies in 8-bit integers (`integer.py`).
    """

    preset: str
    decoder: tuple[int, ...]
    inputs: int = 64
    encoder: tuple[int, ...] = ()
    priming: int = 0
    gain: bool = False
    residual: tuple[int, ...] = ()
    inner: tuple[int, ...] = ()
    integer: bool = False

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


# `plain` is `paper` at a quarter of its width; `fast` takes a fifth of the decoding of `small`.
PRESETS = {
    "small": CodecConfig("small", decoder=(256, 96), inputs=96, residual=(4, 2)),
    "fast": CodecConfig("fast", decoder=(256, 48), inputs=96, residual=(4, 2), inner=(48, 16)),
    "base": CodecConfig("base", decoder=(384, 128), inputs=96, residual=(8, 3)),
    "recurrent": CodecConfig("recurrent", decoder=(128, 192, 128, 48)),
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
    levels: int64 (B, Hb, Wb), iterations that each block has received, where a decoder asks.
    """

    units: list[LSTMState | None]
    nodes: Tensor
    linear: Tensor
    levels: Tensor | None = None


class Codec(Protocol):
    """What the pipeline and the trainer ask of a codec; k counts from 0."""

    config: CodecConfig
    closed_loop: bool
    """Whether the encoder needs each iteration's reconstruction to find the next bits."""
    one_pass: bool
    """Whether pictures are made only when wanted, of all that was received (`OnePassDecoder`)."""
    planes: int
    """P, the most bits that a block sends in one iteration."""

    @property
    def linear_path(self) -> EmbeddedQuantizer | None:
        """The linear path that the networks correct; None for a codec that has none."""

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


class OnePass(Codec, Protocol):
    """A codec whose `one_pass` is True."""

    def receive(self, k: int, bits: Tensor, decoder: DecoderState) -> None:
        """Bits of iteration k, float (B, P, Hb, Wb), into `decoder`; no network runs."""

    def picture(self, decoder: DecoderState) -> Tensor:
        """The reconstruction (B, 3, H, W) of what was received."""

    def linear_picture(self, decoder: DecoderState) -> Tensor:
        """The same without the networks' part: costs next to nothing."""


@runtime_checkable
class OpenLoopCodec(Codec, Protocol):
    """A codec whose bits do not depend on its decoder (`closed_loop` is False)."""

    def quantize(self, image: Tensor, iterations: int) -> Tensor:
        """All bits of a picture at full level: (B, 3, H, W) -> (B, iterations, P, Hb, Wb)."""
