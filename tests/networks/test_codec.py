"""Recurrent codec: the ConvLSTM's equations, the binarizer, bits and masks of `EmbeddedCodec`."""

from __future__ import annotations

import json

import pytest
import torch

from semcomp.geometry import BITS, ITERATIONS
from semcomp.networks.codec import PRESETS, CodecConfig, OpenLoopCodec
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.paper import binarize
from semcomp.networks.recurrence import ConvLSTM
from tests.support.tables import TINY, quantizer_tables

TABLES = quantizer_tables("codec")


def picture(batch: int = 1, height: int = 32, width: int = 48, seed: int = 0) -> torch.Tensor:
    """Noise, float32 (batch, 3, height, width) in -128..127."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((batch, 3, height, width), generator=generator) * 255 - 128


@pytest.fixture
def codec() -> EmbeddedCodec:
    torch.manual_seed(0)
    return EmbeddedCodec(TINY, TABLES)


# Configuration


@pytest.mark.parametrize("config", [*PRESETS.values(), TINY], ids=lambda c: c.preset)
def test_config_survives_json(config: CodecConfig) -> None:
    assert CodecConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_config_of_a_later_version_is_refused():
    with pytest.raises(TypeError, match="colour"):
        CodecConfig.from_dict({**TINY.to_dict(), "colour": 1})


# ConvLSTM


def test_convlstm_is_the_papers_equations():
    torch.manual_seed(0)
    unit = ConvLSTM(2, 3, hidden_kernel=3)
    x, h, c = torch.randn(1, 2, 4, 4), torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    output, (hidden, memory) = unit(x, (h, c))
    f, i, candidate, o = (unit.conv_in(x) + unit.conv_hid(h)).split(3, 1)
    expected = f.sigmoid() * c + i.sigmoid() * candidate.tanh()
    torch.testing.assert_close(memory, expected)
    torch.testing.assert_close(hidden, o.sigmoid() * expected.tanh())
    assert output is hidden


def test_no_state_is_a_state_of_zeros():
    torch.manual_seed(0)
    unit = ConvLSTM(2, 3, stride=2)
    x, zeros = torch.randn(1, 2, 4, 4), torch.zeros(1, 3, 2, 2)
    torch.testing.assert_close(unit(x, None)[0], unit(x, (zeros, zeros))[0])


def test_units_remember_by_default():
    unit = ConvLSTM(2, 3)
    assert unit.conv_in.bias is not None
    assert (unit.conv_in.bias[:3] == 1).all()


# Binarizer


def test_binarize_is_a_sign_without_zero():
    y = torch.tensor([-3.0, -0.1, 0.0, 0.1, 3.0])
    assert binarize(y).tolist() == [-1, -1, -1, 1, 1]


def test_binarize_passes_gradients_near_the_threshold():
    y = torch.tensor([-2.5, -1.0, 0.0, 1.9, 2.5], requires_grad=True)
    (binarize(y) * torch.arange(1.0, 6.0)).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [0, 2, 3, 4, 0]


# EmbeddedCodec


def test_embedded_codec_is_open_loop(codec: EmbeddedCodec) -> None:
    assert not codec.closed_loop
    assert isinstance(codec, OpenLoopCodec)


@pytest.mark.parametrize("masked", [False, True])
def test_quantize_is_encode_step_by_step(codec: EmbeddedCodec, masked: bool) -> None:
    image = picture()
    levels = torch.full((1, 1, 4, 6), ITERATIONS)
    if masked:
        generator = torch.Generator().manual_seed(1)
        levels = torch.randint(0, ITERATIONS + 1, levels.shape, generator=generator)
    at_once = codec.quantize(image, ITERATIONS)
    assert at_once.shape == (1, ITERATIONS, BITS, 4, 6)
    assert set(at_once.unique().tolist()) == {-1, 1}
    encoder, decoder, previous = codec.start(image)
    with torch.inference_mode():
        for k in range(ITERATIONS):
            mask = (levels > k).float()
            bits = codec.encode(k, image, previous, mask, encoder, decoder)
            assert torch.equal(bits, at_once[:, k] * mask)
            previous = codec.decode(k, bits, decoder)


def test_decoder_starts_near_the_linear_path(codec: EmbeddedCodec) -> None:
    image = picture()
    _, decoder, _ = codec.start(image)
    with torch.inference_mode():
        for k, bits in enumerate(codec.quantize(image, 3)[0]):
            decoded = codec.decode(k, bits[None], decoder)
    linear = codec.quantizer.synthesis(decoder.linear)
    assert (decoded - linear).abs().mean() < 0.05 * (image - linear).abs().mean()


def test_picture_without_bits_is_the_start_value(codec: EmbeddedCodec) -> None:
    _, decoder, start = codec.start(picture())
    torch.testing.assert_close(codec.quantizer.analysis(start), decoder.linear, atol=1e-3, rtol=0)
    before = decoder.linear.clone()
    codec.decode(0, torch.zeros(1, BITS, 4, 6), decoder)
    assert torch.equal(decoder.linear, before)


def test_every_weight_of_the_decoder_learns(codec: EmbeddedCodec) -> None:
    image = picture()
    _, decoder, _ = codec.start(image)
    loss = torch.zeros(())
    for k, bits in enumerate(codec.quantize(image, 2)[0]):
        loss = loss + (codec.decode(k, bits[None], decoder) - image).abs().mean()
    loss.backward()
    idle = [name for name, p in codec.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


def test_pictures_of_a_batch_do_not_mix(codec: EmbeddedCodec) -> None:
    images = picture(batch=2)
    with torch.inference_mode():
        _, both, _ = codec.start(images)
        _, alone, _ = codec.start(images[1:])
        for k, bits in enumerate(codec.quantize(images, 2).transpose(0, 1)):
            together = codec.decode(k, bits, both)
            separate = codec.decode(k, bits[1:], alone)
    torch.testing.assert_close(together[1:], separate, atol=1e-3, rtol=0)
