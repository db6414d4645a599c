"""SSIMULACRA2 against the package whose arithmetic it has, LPIPS against its definition."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from skimage import data
from ssimulacra2 import compute_ssimulacra2  # type: ignore[import-untyped]
from torch.nn import functional

from leaderboard.metrics import lpips, ssimulacra2
from semcomp.errors import MetricError

Pixels = NDArray[np.uint8]
ORIGINAL = np.ascontiguousarray(data.chelsea()[:203, 60:361])


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def png(pixels: Pixels) -> io.BytesIO:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream


@pytest.mark.parametrize("size", [(203, 301), (256, 256), (57, 90)])
@pytest.mark.parametrize("quality", [3, 30, 90])
def test_ssimulacra2_is_that_of_the_package(size: tuple[int, int], quality: int) -> None:
    original = np.ascontiguousarray(data.chelsea()[: size[0], : size[1]])
    decoded = jpeg(original, quality)
    expected = compute_ssimulacra2(png(original), png(decoded))
    assert ssimulacra2.Original(original).compare(decoded) == pytest.approx(expected, abs=1e-6)


def test_the_map_shows_where_the_score_is_lost() -> None:
    original = ssimulacra2.Original(ORIGINAL)
    assert original.compare(ORIGINAL) == 100
    spoiled = ORIGINAL.copy()
    spoiled[80:120, 200:240] = jpeg(ORIGINAL, 3)[80:120, 200:240]
    shown = original.error_map(spoiled)
    assert shown.shape == ORIGINAL.shape[:2] and shown.dtype == np.float32 and shown.min() >= 0
    assert shown[80:120, 200:240].mean() > 20 * shown[:, :150].mean()
    rough = original.error_map(jpeg(ORIGINAL, 10)).mean()
    assert original.error_map(jpeg(ORIGINAL, 60)).mean() < rough


def test_lpips_is_its_definition() -> None:
    """The published network written out with torch's layers, on another layout of the weights."""
    weights = load_file(lpips.WEIGHTS)
    convolutions = torch.nn.Sequential(
        *(torch.nn.Conv2d(3, 64, 11, 4, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2)),
        *(torch.nn.Conv2d(64, 192, 5, 1, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2)),
        *(torch.nn.Conv2d(192, 384, 3, 1, 1), torch.nn.ReLU()),
        *(torch.nn.Conv2d(384, 256, 3, 1, 1), torch.nn.ReLU()),
        *(torch.nn.Conv2d(256, 256, 3, 1, 1), torch.nn.ReLU()),
    )
    layers = [each for each in convolutions if isinstance(each, torch.nn.Conv2d)]
    for number, layer in enumerate(layers, 1):
        layer.load_state_dict({k: weights[f"conv{number}.{k}"] for k in ("weight", "bias")})
    decoded = jpeg(ORIGINAL, 20)
    values = torch.from_numpy(np.stack([ORIGINAL, decoded])).double().permute(0, 3, 1, 2)
    scaled = 2 * values / 255 - 1
    scaled = (scaled - torch.tensor([-0.030, -0.088, -0.188])[:, None, None]) / torch.tensor(
        [0.458, 0.448, 0.450]
    )[:, None, None]
    total, number = 0.0, 0
    with torch.no_grad():
        for part in convolutions.double():
            scaled = part(scaled)
            if isinstance(part, torch.nn.ReLU):
                number += 1
                one, other = functional.normalize(scaled, dim=1, eps=1e-10)
                weight = weights[f"linear{number}.weight"].double()[None, :, None, None]
                total += float(functional.conv2d((one - other)[None] ** 2, weight).mean())
    assert number == 5
    assert lpips.Original(ORIGINAL).compare(decoded) == pytest.approx(total, abs=1e-5)


def test_lpips_grows_with_the_damage() -> None:
    original = lpips.Original(ORIGINAL)
    assert original.compare(ORIGINAL) == 0
    scores = [original.compare(jpeg(ORIGINAL, quality)) for quality in (90, 50, 20, 5)]
    assert scores == sorted(scores) and 0.001 < scores[0] < 0.1 < scores[-1] < 1


@pytest.mark.parametrize("metric", [ssimulacra2, lpips])
def test_pictures_that_cannot_be_compared(metric: object) -> None:
    original = metric.Original  # type: ignore[attr-defined]
    least = metric.MIN_SIDE  # type: ignore[attr-defined]
    small = ORIGINAL[:least, : least + 5]
    assert np.isfinite(original(small).compare(jpeg(small, 20)))
    with pytest.raises(MetricError, match=f"needs {least} pixels a side, not"):
        original(ORIGINAL[: least - 1])
    with pytest.raises(MetricError, match="expected uint8"):
        original(ORIGINAL.astype(np.float32))
    with pytest.raises(MetricError, match="expected uint8"):
        original(ORIGINAL).compare(ORIGINAL[1:])
