"""A narrow decoder out of a wide one: exact where nothing is cut, near it where something is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from semcomp.errors import TrainingError
from semcomp.networks.codec import PRESETS, Codec, CodecConfig
from semcomp.networks.integer import steps
from semcomp.networks.one_pass import OnePassCodec
from semcomp.training.codec import checkpoint
from semcomp.training.codec.run import start
from semcomp.training.codec.trainer import Trainer
from semcomp.training.codec.unroll import at_own_iterations
from tests.support.small_runs import PICTURES, options
from tests.support.tables import TINY_ONE_PASS, quantizer_tables

SLIM = replace(TINY_ONE_PASS, decoder=(16, 6), inner=(8, 4))


def wide_checkpoint(folder: Path, preset: str = "tiny-one-pass") -> tuple[Path, Trainer]:
    """A checkpoint of random weights whose corrections can be seen."""
    trainer = Trainer(options(preset=preset, rough=0.5), quantizer_tables("narrow"))
    if isinstance(trainer.codec, OnePassCodec):
        decoder = trainer.codec.decoder
        with torch.no_grad():
            decoder.level_bias.normal_()
            for layer in (decoder.correct, decoder.pixels):
                layer.weight *= 100
    trainer.average.load_state_dict(trainer.codec.state_dict())
    trainer.step, trainer.seconds = 7, 3600.0
    checkpoint.save(trainer, folder / "wide.pt")
    return folder / "wide.pt", trainer


def narrowed(
    source: Path, config: CodecConfig, monkeypatch: pytest.MonkeyPatch, integer: bool = False
) -> Trainer:
    monkeypatch.setitem(PRESETS, "slim", config)
    chosen = options(preset="slim", rough=0.5, integer=integer)
    return start(chosen, PICTURES, narrow=source, report=lambda _: None)


def pictures_of(codec: Codec) -> torch.Tensor:
    """A new picture after 1 to 12 iterations."""
    image = torch.from_numpy(PICTURES[0][:64, :64]).permute(2, 0, 1).float().sub(128)
    image = image.repeat(12, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    levels = torch.full((12, 1, 8, 8), 24)
    return at_own_iterations(codec, image, levels, torch.arange(1, 13)).detach()


def test_uncut_it_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, wide = wide_checkpoint(tmp_path)
    same = narrowed(source, replace(TINY_ONE_PASS, preset="slim"), monkeypatch)
    before, after = pictures_of(wide.codec), pictures_of(same.codec)
    assert (after - before).square().mean().sqrt() < 0.05 * before.std()
    assert same.origin == {"steps": 7, "hours": 1.0} and same.step == 0
    assert same.tables.schedule.tolist() == wide.tables.schedule.tolist()


@pytest.mark.parametrize("integer", [False, True])
def test_cut_it_is_near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, integer: bool) -> None:
    source, wide = wide_checkpoint(tmp_path)
    slim = narrowed(source, SLIM, monkeypatch, integer)
    shapes = {name: tuple(t.shape[:2]) for name, t in slim.codec.state_dict().items()}
    assert shapes["decoder.eighth.0.first.weight"] == (8, 16)
    assert shapes["decoder.quarter.0.second.weight"] == (6, 4)
    fresh = OnePassCodec(SLIM, wide.tables)
    wanted = pictures_of(wide.codec)
    errors = [(pictures_of(c) - wanted).square().mean() for c in (slim.average, fresh)]
    assert errors[0] < 0.5 * errors[1]
    assert torch.equal(pictures_of(slim.codec), pictures_of(slim.average))
    assert all(len(step.unique()) > 1 for step in steps(slim.codec))
    assert len(steps(slim.codec)) == (8 if integer else 0)


@pytest.mark.parametrize(
    "config",
    [
        replace(TINY_ONE_PASS, residual=(2, 1)),
        replace(TINY_ONE_PASS, decoder=(8, 8)),
        replace(TINY_ONE_PASS, inner=(32, 8)),
    ],
)
def test_what_cannot_be_cut_is_told(
    config: CodecConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = wide_checkpoint(tmp_path)
    with pytest.raises(TrainingError, match="cannot be narrowed"):
        narrowed(source, config, monkeypatch)


def test_only_one_pass_is_narrowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = wide_checkpoint(tmp_path, "tiny")
    with pytest.raises(TrainingError, match="only decoders in one pass"):
        narrowed(source, SLIM, monkeypatch)
