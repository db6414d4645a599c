"""The filter across block borders: inverse, borders, what it is good for, and where it is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from safetensors.numpy import load_file, save_file

from semcomp.geometry import BLOCK
from semcomp.networks.embedded import EmbeddedCodec
from semcomp.networks.overlap import REACH, across_borders, lapped_filter, no_overlap
from semcomp.networks.quantizer import EmbeddedQuantizer, QuantizerTables
from semcomp.training.codec.design import design_quantizer, karhunen_loeve, sample_blocks
from semcomp.weights import load_contexts, load_model, save_model
from tests.support.tables import TINY, context_tables, quantizer_tables

PICTURES = [skimage.data.coffee(), skimage.data.chelsea(), skimage.data.astronaut()]


def noise(height: int, width: int) -> torch.Tensor:
    return torch.randn((2, 3, height, width), generator=torch.Generator().manual_seed(1)) * 50


def by_hand(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The filter written as loops, float (H, W)."""
    image = image.copy()
    for axis in (0, 1):
        image = image.swapaxes(0, axis)
        for border in range(BLOCK, image.shape[0], BLOCK):
            part = slice(border - REACH, border + REACH)
            image[part] = matrix @ image[part]
        image = image.swapaxes(0, axis)
    return image


@pytest.mark.parametrize("size", [(16, 16), (32, 16), (48, 64)])
def test_filter_is_what_loops_give_and_its_inverse_undoes_it(size: tuple[int, int]) -> None:
    matrix = lapped_filter()
    image = noise(*size)
    filtered = across_borders(image, torch.from_numpy(matrix))
    expected = by_hand(image[1, 2].double().numpy(), matrix.astype(np.float64))
    assert np.allclose(filtered[1, 2], expected, atol=1e-3)
    inverse = torch.from_numpy(np.linalg.inv(matrix.astype(np.float64)).astype(np.float32))
    assert torch.allclose(across_borders(filtered, inverse), image, atol=1e-3)


def test_the_pictures_own_borders_stay() -> None:
    image = noise(32, 32)
    filtered = across_borders(image, torch.from_numpy(lapped_filter()))
    corners = (slice(None, REACH), slice(-REACH, None))
    for rows in corners:
        for columns in corners:
            assert torch.equal(filtered[:, :, rows, columns], image[:, :, rows, columns])


def test_flat_pictures_stay_flat() -> None:
    """A constant has no differences across borders, whatever their scale."""
    for scale in (1.0, 1.3, 2.0):
        assert np.allclose(lapped_filter(scale) @ np.ones(BLOCK), 1, atol=1e-6)


def test_scale_one_is_orthogonal_and_bad_scales_are_refused() -> None:
    one = lapped_filter(1.0).astype(np.float64)
    assert np.allclose(one @ one.T, np.eye(BLOCK), atol=1e-6)
    assert not np.allclose(lapped_filter() @ lapped_filter().T, np.eye(BLOCK), atol=1e-2)
    for scale in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="positive"):
            lapped_filter(scale)


def test_filtered_blocks_pack_their_energy_tighter() -> None:
    """Coding gain: the geometric mean of the variances falls, which is what bits are spent on."""
    logs = []
    for overlap in (None, lapped_filter(1.0)):  # orthogonal: errors count the same
        blocks = sample_blocks(PICTURES, 2000, overlap=overlap)
        coefficients = blocks @ karhunen_loeve(blocks)
        logs.append(np.log2(coefficients.var(0)[:64]).mean())
    assert logs[1] < logs[0] - 0.1


def test_quantizer_inverts_itself_through_the_filter() -> None:
    tables = replace(quantizer_tables("overlap"), overlap=lapped_filter())
    quantizer = EmbeddedQuantizer(tables)
    plain = EmbeddedQuantizer(replace(tables, overlap=no_overlap()))
    image = noise(32, 48)
    coefficients = quantizer.analysis(image)
    assert torch.allclose(quantizer.synthesis(coefficients), image, atol=2e-3)
    assert not torch.allclose(plain.analysis(image), coefficients, atol=1)
    assert quantizer.lapped and not plain.lapped


def test_designed_tables_carry_the_filter_of_their_blocks() -> None:
    blocks = sample_blocks(PICTURES, 150, overlap=lapped_filter())
    assert np.array_equal(
        design_quantizer(blocks, overlap=lapped_filter()).overlap, lapped_filter()
    )
    assert np.array_equal(design_quantizer(blocks).overlap, no_overlap())


def saved(tables: QuantizerTables, folder: Path) -> Path:
    torch.manual_seed(0)
    save_model(folder, EmbeddedCodec(TINY, tables), tables, context_tables("overlap"), {})
    return folder


def test_weights_keep_the_filter(tmp_path: Path) -> None:
    lapped = replace(quantizer_tables("overlap"), overlap=lapped_filter())
    folder = saved(lapped, tmp_path / "tiny")
    assert np.array_equal(load_model("tiny", "cpu", tmp_path).tables.overlap, lapped_filter())
    assert load_contexts(folder, lapped) is not None
    assert load_contexts(folder, quantizer_tables("overlap")) is None


def test_weights_from_before_the_filter_have_none(tmp_path: Path) -> None:
    plain = quantizer_tables("overlap")
    part = saved(plain, tmp_path / "tiny") / "weights-1.safetensors"
    tensors = load_file(part)
    del tensors["quantizer.overlap"]
    save_file(tensors, part)
    assert load_contexts(part.parent, plain) is not None
    lapped = replace(plain, overlap=lapped_filter())
    assert load_contexts(part.parent, lapped) is None
