"""The paper's network: its shape, its bits, end to end through runtime and entropy coder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from semcomp.allocation.planning import Allocation, read_codes
from semcomp.coding import bitstream
from semcomp.coding.entropy import ContextTables, EntropyCoder
from semcomp.encoder import PictureEncoder
from semcomp.geometry import BITS, ITERATIONS
from semcomp.networks.codec import PRESETS, CodecConfig, OpenLoopCodec
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.paper import GROWTH, PaperCodec, build_codec
from semcomp.networks.quantizer import QuantizerTables
from semcomp.networks.recurrence import ConvLSTM
from semcomp.networks.runtime import TileRun, decode_codes, encode_codes
from semcomp.semantics.maps import user_map
from semcomp.training.codec import checkpoint
from semcomp.training.codec.export import export_model
from semcomp.training.codec.losses import loss_of
from semcomp.training.codec.trainer import Trainer
from semcomp.training.codec.unroll import unroll
from semcomp.weights import load_model
from tests.support.small_runs import add_tiny_presets, options, picture_folder
from tests.support.tables import SLOTS, TINY, TINY_PAPER

CPU = torch.device("cpu")


@pytest.fixture
def codec() -> PaperCodec:
    torch.manual_seed(0)
    return PaperCodec(TINY_PAPER)


def picture(height: int = 32, width: int = 48, seed: int = 0) -> torch.Tensor:
    """Noise, float32 (1, 3, height, width) in -128..127."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((1, 3, height, width), generator=generator) * 255 - 128


def first_bits(codec: PaperCodec, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    encoder, decoder, previous = codec.start(image)
    return codec.encode(0, image, previous, mask, encoder, decoder)


def test_preset_has_the_papers_units():
    with torch.device("meta"):  # shapes without the 200 MB
        codec = PaperCodec(PRESETS["paper"])
    units = [unit for unit in codec.modules() if isinstance(unit, ConvLSTM)]
    assert [unit.channels for unit in units] == [256, 512, 512, 512, 512, 512, 256, 128]
    assert [unit.stride for unit in units] == [2, 2, 2, 1, 1, 1, 1, 1]
    assert [unit.conv_hid.kernel_size[0] for unit in units] == [1, 1, 1, 1, 1, 1, 3, 3]
    assert (codec.first.kernel_size, codec.first.stride, codec.first.out_channels) == (
        (3, 3), (2, 2), 64,
    )  # fmt: skip
    assert codec.code.out_channels == 32


def test_build_codec_follows_the_configuration():
    tables = QuantizerTables.binary()
    paper = build_codec(TINY_PAPER, tables)
    assert isinstance(paper, PaperCodec)
    assert paper.closed_loop
    assert not isinstance(paper, OpenLoopCodec)
    assert isinstance(build_codec(TINY, tables), EmbeddedCodec)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        (replace(TINY_PAPER, encoder=(8, 16, 16)), "5 encoder"),
        (replace(TINY_PAPER, decoder=(16, 16, 16)), "4 decoder"),
        (replace(TINY_PAPER, decoder=(16, 16, 16, 6)), "divisible by 4"),
    ],
)
def test_impossible_widths_are_refused(config: CodecConfig, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        PaperCodec(config)


def test_bits_are_signs_where_sent(codec: PaperCodec) -> None:
    mask = torch.ones(1, 1, 4, 6)
    mask[0, 0, 1, 2] = 0
    bits = first_bits(codec, picture(), mask)
    assert bits.shape == (1, BITS, 4, 6)
    assert torch.equal(bits.abs(), mask.expand_as(bits))


def test_every_block_owns_eight_of_its_cells_bits(codec: PaperCodec) -> None:
    """Code channel 4 i + 2 y + x of a cell is bit i of its block (y, x)."""
    torch.nn.init.zeros_(codec.code.weight)
    for channel in range(32):
        codec.code.bias = torch.nn.Parameter(torch.eye(32)[channel] - 0.5)
        bits = first_bits(codec, picture(16, 16), torch.ones(1, 1, 2, 2))
        i, y, x = channel // 4, channel // 2 % 2, channel % 2
        assert bits[0, i, y, x] == 1
        assert (bits == 1).sum() == 1


def test_prediction_is_one_shot(codec: PaperCodec) -> None:
    """x_hat_k = D_k(b_k): the picture depends on bits and memory, not on what was added before."""
    torch.nn.init.zeros_(codec.last.weight)
    codec.last.bias = torch.nn.Parameter(torch.full((3,), 0.5))
    _, decoder, _ = codec.start(picture())
    for k in range(3):
        decoded = codec.decode(k, torch.ones(1, BITS, 4, 6), decoder)
        assert (decoded == 64).all()


def test_residual_does_not_carry_gradients(codec: PaperCodec) -> None:
    image = picture()
    encoder, decoder, previous = codec.start(image)
    previous.requires_grad_()
    codec.encode(0, image, previous, torch.ones(1, 1, 4, 6), encoder, decoder).sum().backward()
    assert previous.grad is None


def test_encoder_sees_the_residual(codec: PaperCodec) -> None:
    image, mask = picture(), torch.ones(1, 1, 4, 6)
    encoder, decoder, _ = codec.start(image)
    shifted = codec.encode(0, image + 9, torch.full_like(image, 9), mask, encoder, decoder)
    assert torch.equal(first_bits(codec, image, mask), shifted)


def test_gain_enlarges_residuals_as_they_shrink(codec: PaperCodec) -> None:
    enlarging = PaperCodec(replace(TINY_PAPER, gain=True))
    enlarging.load_state_dict(codec.state_dict())
    image, mask = picture(), torch.ones(1, 1, 4, 6)
    for k in (0, 3):
        expected = first_bits(codec, image * (k + 1) ** GROWTH, mask)
        encoder, decoder, previous = enlarging.start(image)
        assert torch.equal(enlarging.encode(k, image, previous, mask, encoder, decoder), expected)


def test_untrained_bits_already_depend_on_the_picture(codec: PaperCodec) -> None:
    mask = torch.ones(1, 1, 4, 6)
    first, second = (first_bits(codec, picture(seed=seed), mask) for seed in (1, 2))
    assert (first != second).float().mean() > 0.1


def test_every_weight_learns(codec: PaperCodec) -> None:
    image = picture()
    loss_of(unroll(codec, image, torch.full((1, 1, 4, 6), 3), 3), image).backward()
    idle = [name for name, p in codec.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


def test_a_few_steps_reduce_the_loss(codec: PaperCodec) -> None:
    y, x = np.mgrid[:32, :32] / 32
    ramps = torch.tensor(np.stack([200 * y - 100, 200 * x - 100, 100 * x * y])[None]).float()
    levels = torch.full((1, 1, 4, 4), ITERATIONS)
    optimizer = torch.optim.Adam(codec.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = loss_of(unroll(codec, ramps, levels, 3), ramps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.4  # the log of the mean error: by a third


# End to end


def shrinking_levels() -> np.ndarray:
    """Levels (16, 24): an island of long blocks, so that the window shrinks twice."""
    levels = np.ones((16, 24), np.int64)
    levels[2:12, 4:14] = 3
    levels[4:6, 8:10] = 6
    levels[0, 0] = 0
    return levels


def test_codes_respect_the_levels(codec: PaperCodec) -> None:
    levels = shrinking_levels()
    codes = encode_codes(codec, picture(128, 192), levels)
    assert codes.shape == (6, BITS, 16, 24)
    sent = levels > np.arange(6)[:, None, None]
    np.testing.assert_array_equal(np.abs(codes), np.broadcast_to(sent[:, None], codes.shape))


@torch.inference_mode()
def test_windows_crop_states_of_every_resolution(codec: PaperCodec) -> None:
    levels, image = shrinking_levels(), picture(128, 192)
    run = TileRun(codec, (128, 192), CPU)
    for k in range(6):
        run.encode(k, image, levels > k)
    rows = run.window.bottom - run.window.top
    assert run.window.area < 8 * 12 / 2
    factors = [4, 2, 1, 1, 1, 2, 4, 8]
    for state, factor in zip(run.encoder.units + run.decoder.units, factors, strict=True):
        assert state is not None
        assert state[0].shape[2] == state[1].shape[2] == rows * factor


@torch.inference_mode()
def test_encoder_and_decoder_see_the_same_picture(codec: PaperCodec) -> None:
    levels, image = shrinking_levels(), picture(128, 192)
    encoding, decoding = TileRun(codec, (128, 192), CPU), TileRun(codec, (128, 192), CPU)
    for k in range(6):
        decoding.decode(k, encoding.encode(k, image, levels > k))
        assert torch.equal(encoding.reconstruction, decoding.reconstruction)


@torch.inference_mode()
def test_runtime_is_what_training_unrolls(codec: PaperCodec) -> None:
    image = picture()
    unrolled = unroll(codec, image, torch.full((1, 1, 4, 6), 4), 4)[-1]
    codes = encode_codes(codec, image, np.full((4, 6), 4))
    decoded = decode_codes(codec, codes, CPU).astype(np.float32) - 128
    expected = unrolled[0].permute(1, 2, 0).clamp(-128, 127).numpy()
    np.testing.assert_allclose(decoded, expected, atol=0.51)


def test_codes_pass_through_the_entropy_coder(codec: PaperCodec) -> None:
    levels = np.array([[24, 3, 0, 1], [24, 24, 12, 2]])
    codes = encode_codes(codec, picture(16, 32), levels)
    coder = EntropyCoder(QuantizerTables.binary(), ContextTables.fair(SLOTS))
    chunks = coder.encode(codes)
    assert len(chunks) == ITERATIONS
    np.testing.assert_array_equal(coder.decode(chunks, levels.astype(np.uint8)), codes)


def test_a_checkpoint_becomes_weights_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_tiny_presets(monkeypatch)
    chosen = options(picture_folder(tmp_path), preset="tiny-paper", gain=True)
    out = tmp_path / "assets" / "paper"
    digests = []
    for seed in (0, 1):
        trainer = Trainer(replace(chosen, seed=seed), QuantizerTables.binary())
        checkpoint.save(trainer, tmp_path / "checkpoint.pt")
        digests.append(
            export_model(tmp_path / "checkpoint.pt", out, pictures=2, steps=3, note="Short.")
        )
    model = load_model("paper", "cpu", out.parent)
    assert model.digest == digests[1] != digests[0]
    assert "CIFAR-100" in model.card["data"] and model.card["note"] == "Short."
    noise = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    encoder = PictureEncoder(noise, model)
    meaning = user_map(np.arange(24, dtype=np.uint8).reshape(4, 6), 32, 48)
    for allocation in get_args(Allocation):
        plan = encoder.plan(4, allocation, semantic_map=meaning)
        levels, read = read_codes(model, bitstream.parse(encoder.file(plan)))
        np.testing.assert_array_equal(levels, plan.levels)
        np.testing.assert_array_equal(read, encoder.codes_of(plan))
        assert decode_codes(model.codec, read, CPU).shape == (32, 48, 3)
