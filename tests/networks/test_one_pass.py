"""The decoder in one pass: what its pictures depend on, and when they are made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from semcomp.geometry import ITERATIONS
from semcomp.image import to_uint8
from semcomp.networks.codec import PRESETS, CodecConfig, DecoderState, OpenLoopCodec
from semcomp.networks.one_pass import OnePassCodec
from semcomp.networks.paper import build_codec
from semcomp.networks.quantizer import EVEN
from semcomp.networks.runtime import decode_codes, decode_history, decode_steps, encode_codes
from semcomp.training.codec.unroll import after, at_own_iterations, step_by_step, unroll
from tests.support.tables import MIXED, TINY_ONE_PASS, quantizer_tables

CPU = torch.device("cpu")


@pytest.fixture(params=["even", "mixed"])
def codec(request: pytest.FixtureRequest) -> OnePassCodec:
    torch.manual_seed(0)
    rounds = MIXED if request.param == "mixed" else EVEN
    codec = OnePassCodec(TINY_ONE_PASS, quantizer_tables("one pass", rounds))
    with torch.no_grad():
        codec.decoder.level_bias.normal_()
        for layer in (codec.decoder.correct, codec.decoder.pixels):
            layer.weight *= 100  # they start near zero: let the network show
    return codec


def picture(batch: int = 1, height: int = 32, width: int = 48) -> torch.Tensor:
    """Noise, float32 (batch, 3, height, width) in -128..127."""
    generator = torch.Generator().manual_seed(3)
    return torch.rand((batch, 3, height, width), generator=generator) * 255 - 128


def random_levels(rows: int = 4, columns: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 7, (rows, columns))


def test_presets_are_built_as_configured() -> None:
    tables = quantizer_tables("presets")
    for name, preset in PRESETS.items():
        if preset.residual:
            with torch.device("meta"):
                assert isinstance(build_codec(preset, tables), OnePassCodec), name
    one_pass = {name for name, preset in PRESETS.items() if preset.residual}
    assert one_pass == {"small", "fast", "base"}


@pytest.mark.parametrize(
    "config", [replace(TINY_ONE_PASS, priming=1), replace(TINY_ONE_PASS, gain=True)]
)
def test_what_only_the_recurrent_decoder_knows_is_refused(config: CodecConfig) -> None:
    with pytest.raises(ValueError, match="neither priming nor gains"):
        OnePassCodec(config, quantizer_tables("refused"))


def test_it_is_an_open_loop_codec(codec: OnePassCodec) -> None:
    assert isinstance(codec, OpenLoopCodec) and not codec.closed_loop


@torch.inference_mode()
def test_pictures_on_the_way_change_nothing(codec: OnePassCodec) -> None:
    codes = encode_codes(codec, picture(), random_levels())
    last = decode_codes(codec, codes, CPU)
    seen = {step.k: step.decoded for step in decode_steps(codec, codes, CPU)}
    assert sorted(seen) == list(range(1, len(codes) + 1))
    assert np.array_equal(seen[len(codes)], last)
    for k, shown in enumerate(decode_history(codec, codes, CPU), 1):
        assert np.array_equal(shown, decode_codes(codec, codes[:k], CPU))
        assert np.array_equal(shown, seen[k])


@torch.inference_mode()
def test_only_the_pictures_asked_for_are_made(
    codec: OnePassCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = encode_codes(codec, picture(), random_levels())
    made: list[int] = []
    plain = codec.picture

    def counted(decoder: DecoderState) -> torch.Tensor:
        assert decoder.levels is not None
        made.append(int(decoder.levels.max()))
        return plain(decoder)

    monkeypatch.setattr(codec, "picture", counted)
    decode_codes(codec, codes, CPU)
    assert made == [6]
    made.clear()
    for at, expected in (({6}, [6]), ((2, 5, 9), [2, 5]), (None, [1, 2, 3, 4, 5, 6])):
        given = [step.k for step in decode_steps(codec, codes, CPU, at)]
        assert made == given == expected
        made.clear()


@torch.inference_mode()
def test_a_tile_whose_blocks_end_early_is_shown(
    codec: OnePassCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semcomp.geometry.TILE", 32)
    monkeypatch.setattr("semcomp.geometry.HALO", 0)
    levels = np.full((4, 8), 2)
    levels[:, 4:] = 5
    image = picture(1, 32, 64)
    codes = encode_codes(codec, image, levels)
    left = decode_codes(codec, codes, CPU)[:, :32]
    alone = decode_codes(codec, codes[:2, :, :, :4], CPU)
    assert np.array_equal(left, alone)


@torch.inference_mode()
def test_without_bits_the_picture_is_the_start_value(codec: OnePassCodec) -> None:
    _, _, start = codec.start(picture())
    empty = np.zeros((3, codec.planes, 4, 6), np.int8)
    assert np.array_equal(decode_codes(codec, empty, CPU), to_uint8(start))


@torch.inference_mode()
def test_levels_reach_the_network(codec: OnePassCodec) -> None:
    linear = codec.quantizer.analysis(picture(width=96))
    shallow = torch.full((1, 4, 12), 3)
    deep = shallow.clone()
    deep[0, 2, 8] = 9
    change = (codec.reconstruct(linear, deep) - codec.reconstruct(linear, shallow)).abs()[0].sum(0)
    blocks = change.reshape(4, 8, 12, 8).sum((1, 3))
    assert blocks[2, 8] == blocks.max() > 0
    assert not blocks[:, :3].any()  # farther than the convolutions see


def test_every_weight_learns(codec: OnePassCodec) -> None:
    levels = torch.full((1, 1, 4, 6), ITERATIONS)
    (unroll(codec, picture(), levels, 3) - picture()).abs().mean().backward()
    idle = [name for name, p in codec.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle
    bias = codec.decoder.level_bias.grad
    assert bias is not None and bias.any(1).tolist() == [False] + [True] * 3 + [False] * 21


@torch.inference_mode()
@pytest.mark.parametrize("masked", [False, True])
def test_training_shows_what_files_give(codec: OnePassCodec, masked: bool) -> None:
    image = picture(3)
    levels = torch.full((3, 1, 4, 6), ITERATIONS)
    if masked:
        levels = torch.from_numpy(np.stack([random_levels()] * 3)[:, None])
    expected = step_by_step(codec, image, levels, 6)
    own_iterations = torch.tensor([5, 1, 6])
    own = at_own_iterations(codec, image, levels, own_iterations)
    shown = after(codec, image, levels, (4, 2))
    assert list(shown) == [2, 4]
    found = [*unroll(codec, image, levels, 6), shown[4], *own]
    wanted = [*expected, expected[3], *(expected[k - 1][i] for i, k in enumerate((5, 1, 6)))]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=0)
    codes = encode_codes(codec, image[:1], levels[0, 0].numpy())
    decoded = decode_codes(codec, codes[:6], CPU).astype(int)
    assert np.abs(decoded - to_uint8(expected[5][:1])).max() <= 1
