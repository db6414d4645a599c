"""Variants of a run, compared."""

from __future__ import annotations

import json

import pytest
import torch

from semcomp.__main__ import main
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.codec import ablation, checkpoint
from semcomp.training.codec.options import options_from
from semcomp.training.codec.trainer import Trainer
from semcomp.training.codec.unroll import linear_path
from tests.support.small_runs import (
    options,
)


def test_ablation_compares_variants(folder, tmp_path, capsys, tables) -> None:
    first = Trainer(options(), tables)
    checkpoint.save(first, tmp_path / "checkpoint.pt")
    out = tmp_path / "ablations"
    words = ["train", "ablation", "--data", str(folder), "--out", str(out), "--device", "cpu"]
    words += ["--start", str(tmp_path / "checkpoint.pt"), "--steps", "1", "--set", "preset=tiny"]
    words += ["--set", "crop=32", "--set", "work=16"]
    assert main([*words, "--variants", "baseline,gain"]) == 0
    assert main([*words, "--variants", "gain,patches-64"]) == 1  # the pictures have 48 pixels
    assert main([*words, "--variants", "gain,no-masks"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("gain: 1 steps") == 1  # what is there is not done again
    stored = json.loads((out / "ablation.json").read_text())
    assert list(stored["variants"]) == ["baseline", "gain", "no-masks"]
    assert stored["variants"]["gain"]["options"]["gain"] is True
    assert "raw" in stored["variants"]["baseline"]
    table = (out / "ABLATION.md").read_text()
    assert "| no-ema |" in table and "| gain |" in table and "from weights after 0 steps" in table
    assert main([*words, "--variants", "baseline", "--scratch"]) == 0
    stored = json.loads((out / "ablation.json").read_text())
    assert list(stored["variants"]) == ["baseline"]  # another start: nothing is comparable
    assert "from random weights" in (out / "ABLATION.md").read_text()
    assert main([*words, "--variants", "all"]) == 1


def test_every_variant_can_be_built():
    base = options_from(None, {"curriculum": "late"})
    for name, variant in ablation.VARIANTS.items():
        chosen = ablation.options_of(variant, base)
        chosen.check()
        assert (chosen == base and not variant.forgets) == (name == "baseline")
        pixels = chosen.work * chosen.crop**2 / (base.work * base.crop**2)
        assert pixels == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("forgetful", [False, True])
def test_forgetful_units_start_every_iteration_afresh(
    tables: QuantizerTables, forgetful: bool
) -> None:
    codec = Trainer(options(), tables).codec
    assert isinstance(codec, EmbeddedCodec)
    with torch.no_grad():  # let what the units know reach the picture
        codec.decoder.pixels.weight.mul_(100)
    if forgetful:
        ablation.forget_states(codec)
    image = torch.rand(2, 3, 32, 32) * 255 - 128
    levels = torch.full((2, 1, 4, 4), 24)
    bits, linear = linear_path(codec.quantizer, image, levels, 3)
    with torch.no_grad():
        together = codec.reconstruct(0, bits.flatten(0, 1), linear.flatten(0, 1), [None] * 4, 3)
        alone = codec.reconstruct(2, bits[2], linear[2], [None] * 4)
    assert torch.allclose(together[4:], alone, atol=1e-3) == forgetful
