"""Filter across the borders of blocks: what makes the blockwise transform a lapped one.

Before the transform of each 8x8 block, the four pixels on either side of every border between
blocks are filtered together, by one invertible 8x8 matrix along the columns and along the rows;
after the inverse transform its inverse is applied. The transform's basis functions then reach four
pixels into the neighbours and fade out there: the same bits give a better picture, and no edges
appear at the borders::

    block | block | block             pixels of one row
    ....oooo|oooo.................    one border's eight pixels -> 8x8 matrix -> the same places
    ............oooo|oooo.........    the next border's

The matrix is that of the lapped biorthogonal transform in the time domain (Tran, Liang and Tu,
"Lapped transform via time-domain pre- and post-filtering", IEEE Trans. Signal Processing, 2003,
section V): butterflies around a rotation of the differences, with one scale that trades
orthogonality for coding gain. The picture's own borders are left as they are.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from semcomp.geometry import BLOCK

REACH = BLOCK // 2
"""Pixels on either side of a border that its filter mixes."""


def no_overlap() -> np.ndarray:
    """The filter that changes nothing, float32 (8, 8)."""
    return np.eye(BLOCK, dtype=np.float32)


def lapped_filter(scale: float = 1.3) -> np.ndarray:
    """The filter before the transform, float32 (8, 8); its inverse follows the inverse transform.

    scale: weight of the slowest difference across a border; 1 makes the whole transform
        orthogonal. 1.3 gave the least error for the bits on held-out training pictures.
    Raises ValueError for a scale that is not positive.
    """
    from scipy.fft import dct  # takes long to import, and only a new codec's design needs it

    if not scale > 0:
        raise ValueError(f"scale {scale}: use a positive number")
    identity = np.eye(REACH)
    mirror = identity[::-1]
    second, fourth = (dct(identity, type=kind, norm="ortho", axis=0) for kind in (2, 4))
    rotation = mirror @ second.T @ np.diag([scale, 1, 1, 1]) @ fourth @ mirror
    butterfly = np.block([[identity, mirror], [mirror, -identity]]) / np.sqrt(2)
    zero = np.zeros_like(identity)
    middle = np.block([[identity, zero], [zero, rotation]])
    return np.asarray(butterfly @ middle @ butterfly, dtype=np.float32)


def across_borders(image: Tensor, matrix: Tensor) -> Tensor:
    """Filter the eight pixels around every border between blocks, down the columns and along rows.

    image: float (B, C, H, W), sides multiples of 8. matrix: float (8, 8).
    Returns float (B, C, H, W).
    """
    batch, channels, height, width = image.shape
    inner = image[:, :, REACH : height - REACH]
    inner = matrix @ inner.reshape(batch, channels, -1, BLOCK, width)
    inner = inner.reshape(batch, channels, -1, width)
    image = torch.cat([image[:, :, :REACH], inner, image[:, :, height - REACH :]], 2)
    inner = image[..., REACH : width - REACH]
    inner = inner.reshape(batch, channels, height, -1, BLOCK) @ matrix.t()
    inner = inner.reshape(batch, channels, height, -1)
    return torch.cat([image[..., :REACH], inner, image[..., width - REACH :]], 3)
