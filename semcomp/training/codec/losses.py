"""Terms of the training loss, differentiable, on stacks of reconstructions.

    mean over iterations k of   log |x - x_hat_k|_1  +  w log(1 - SSIM_k)  +  w' log(1 - MS-SSIM_k)

The paper's loss is the plain L1 (equation 7); the logarithm gives every iteration the same say,
whatever its error. SSIM and MS-SSIM are those of the metrics (Wang et al. 2003, 2004), with
Gaussian windows that lie inside the picture. Windows are applied as products with band matrices:
on crops of 128 pixels that is faster than depthwise convolution, on either kind of device.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Published weights of the five scales."""
STRIDE = 2
"""Of the SSIM term's windows; a quarter of them says as much at a quarter of the cost."""
FLOOR = 1e-3
"""Added inside the logarithms, so that a perfect iteration has a finite loss."""


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # a validation may be the first to ask, training the next
def _band(size: int, stride: int, device: torch.device) -> Tensor:
    """Gaussian windows as rows of a matrix (windows, size)."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    taps = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    starts = torch.arange(0, size - WINDOW + 1, stride)
    band = torch.zeros(len(starts), size, dtype=torch.float64)
    band[torch.arange(len(starts))[:, None], starts[:, None] + torch.arange(WINDOW)] = (
        taps / taps.sum()
    )
    return band.float().to(device)


def ssim_terms(x: Tensor, y: Tensor, stride: int = 1) -> tuple[Tensor, Tensor]:
    """SSIM and its contrast-structure part, means over the windows.

    x: reference float32 (B, C, H, W) or (K, B, C, H, W), in 0..1, sides at least 11; y:
    (K, B, C, H, W). stride: only every so many windows in both directions. Returns two (K, B, C).
    """
    rows = _band(x.shape[-2], stride, x.device)
    columns = _band(x.shape[-1], stride, x.device).t()

    def blur(z: Tensor) -> Tensor:
        return rows @ z @ columns

    mean_x, mean_y = blur(x), blur(y)
    var_x = blur(x * x) - mean_x * mean_x
    var_y = blur(y * y) - mean_y * mean_y
    covariance = blur(x * y) - mean_x * mean_y
    contrast = (2 * covariance + C2) / (var_x + var_y + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x * mean_x + mean_y * mean_y + C1)
    return (contrast * luminance).mean((3, 4)), contrast.mean((3, 4))


def ms_ssim_terms(x: Tensor, y: Tensor) -> Tensor:
    """MS-SSIM over as many of the five scales as fit (four at 128 pixels).

    Arguments as `ssim_terms`. The scales' weights are the published ones,
    made larger where there are fewer.
    Returns (K, B, C).
    """
    scales = 1
    while scales < len(MS_WEIGHTS) and min(x.shape[-2:]) >> scales >= WINDOW:
        scales += 1
    # Fewer keep the sum of all five (1.0001 as published).
    total = sum(MS_WEIGHTS) / sum(MS_WEIGHTS[:scales])
    weights = [w * total for w in MS_WEIGHTS[:scales]]
    product = torch.ones((), device=x.device)
    for scale, weight in enumerate(weights):
        full, contrast = ssim_terms(x, y)
        last = scale == scales - 1
        # Negative similarities have no real power; the bound also bounds the gradient.
        product = product * (full if last else contrast).clamp(min=1e-2) ** weight
        if not last:
            x, y = _halved(x), _halved(y)
    return product


def _halved(x: Tensor) -> Tensor:
    """Means of 2x2 pixels: (..., C, H, W) -> (..., C, H/2, W/2)."""
    half = functional.avg_pool2d(x.flatten(0, -4), 2)
    return half.view(*x.shape[:-3], *half.shape[1:])


def _log_of_mean(value: Tensor, mean: Callable[[Tensor], Tensor]) -> Tensor:
    """log of a mean over all processes, with this process's share of its gradient.

    value: (K,), this process's mean. The average of the processes' gradients is then the gradient
    of the whole batch, which it would not be for logarithms of the processes' own means.
    """
    whole = mean(value.detach()) + FLOOR
    return torch.log(whole) + (value - value.detach()) / whole


def loss_of(
    reconstructions: Tensor,
    image: Tensor,
    *,
    weight: Tensor | None = None,
    plain_l1: bool = False,
    ssim_weight: float = 0.0,
    ms_ssim_weight: float = 0.0,
    mean: Callable[[Tensor], Tensor] = lambda value: value,
) -> Tensor:
    """The loss above, a scalar.

    reconstructions: (K, B, 3, H, W) and image: (B, 3, H, W), or (K, B, 3, H, W) where each has an
    image of its own; in -128..127.
    weight: (B, 1, H, W) or (K, B, 1, H, W), of mean 1, each pixel's importance in the L1 term.
    plain_l1: without its logarithm.
    mean: over all processes.
    """
    y = reconstructions.float()
    difference = (y - image).abs()
    if weight is not None:
        difference = difference * weight
    errors = difference.mean((1, 2, 3, 4))
    loss = (errors if plain_l1 else _log_of_mean(errors, mean)).mean()
    if not (ssim_weight or ms_ssim_weight):
        return loss
    reference, decoded = ((t + 128) / 255 for t in (image, y))
    # The windows' products want rows, not channels, innermost.
    reference, decoded = reference.contiguous(), decoded.contiguous()
    terms = []
    if ssim_weight:
        terms.append((ssim_weight, ssim_terms(reference, decoded, STRIDE)[0]))
    if ms_ssim_weight:
        terms.append((ms_ssim_weight, ms_ssim_terms(reference, decoded)))
    for factor, similarity in terms:
        loss = loss + factor * _log_of_mean((1 - similarity).mean((1, 2)), mean).mean()
    return loss
