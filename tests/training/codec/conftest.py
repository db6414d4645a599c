"""What the tests of the codec's training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from semcomp.networks.quantizer import QuantizerTables
from semcomp.training.codec.design import design_quantizer, sample_blocks
from tests.support.small_runs import PICTURES, add_tiny_presets, picture_folder
from tests.support.tables import quantizer_tables


@pytest.fixture(scope="session")
def designed() -> QuantizerTables:
    """Tables designed for `PICTURES`."""
    return design_quantizer(sample_blocks(PICTURES, 150))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fourteen small pictures."""
    return picture_folder(tmp_path)


@pytest.fixture
def tables() -> QuantizerTables:
    """Random trees."""
    return quantizer_tables("runs")


@pytest.fixture(autouse=True)
def tiny_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets that train in milliseconds."""
    add_tiny_presets(monkeypatch)
