"""One point: a picture through a codec at a quality, in bytes, seconds and scores.

Scores are taken on 8-bit decoded pictures. The semantic weights come from the *original*: the maps
of EfficientNet-Lite0, which this project's codec allocates by, and of EfficientNet-Lite2, which no
codec has seen, so that nobody wins on their own map alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leaderboard.codecs.base import Codec, CodecError, Seconds, Session, open_session
from leaderboard.metrics import lpips, ssimulacra2
from semcomp.metrics import Original, psnr, weighted_mean
from semcomp.semantics.activation import analyse, load_classifier, upsample_grey

CLASSIFIERS = ("efficientnet-lite0", "efficientnet-lite2")
"""Whose maps weigh `si_ssim` and `si_ssim_2`."""
DIGITS = 6
"""Decimals that are kept of a score: far below any difference between codecs."""
WARM_UP_SIDE = 64
TOP = 0.2
"""Share of the pixels that `top_ssim` and `top_ssim_2` are about, the most important ones."""
_PARTS = {
    "header_bytes": "header",
    "map_bytes": "map",
    "code_bytes": "codes",
    "checksum_bytes": "checks",
}
"""Columns of a row, and what `semcomp.info` calls these parts of a file."""
_TIME_DIGITS = 5

Measured = dict[str, Any]
"""The columns of a `leaderboard.data.results.Row` but for its picture's name."""

_warm: set[str] = set()
"""Names of the codecs that this process has used."""
_references: dict[str, Reference] = {}
"""The picture at hand, by its hash: its codecs follow each other."""


@dataclass(frozen=True, eq=False)
class Reference:
    """An original with the weights of its semantic scores.

    original: with its part of SSIM and MS-SSIM. weights: uint8 (H, W) under each of `CLASSIFIERS`.
    """

    original: Original
    weights: tuple[NDArray[np.uint8], ...]

    @cached_property
    def ssimulacra2(self) -> ssimulacra2.Original | None:
        """With its part of SSIMULACRA2; None for a picture too small for it."""
        least = min(self.image.shape[:2])
        return None if least < ssimulacra2.MIN_SIDE else ssimulacra2.Original(self.image)

    @cached_property
    def lpips(self) -> lpips.Original | None:
        """With its part of LPIPS; None for a picture too small for it."""
        return None if min(self.image.shape[:2]) < lpips.MIN_SIDE else lpips.Original(self.image)

    @cached_property
    def tops(self) -> tuple[NDArray[np.intp], ...]:
        """Places, in the flat picture, of the most important fifth of the pixels under each map."""
        count = max(1, round(TOP * self.image.shape[0] * self.image.shape[1]))
        # stable, so that among equals the upper ones count, on every machine
        return tuple(
            np.argsort(-w.ravel().astype(int), kind="stable")[:count] for w in self.weights
        )

    @property
    def image(self) -> NDArray[np.uint8]:
        """uint8 (H, W, 3)."""
        return self.original.picture


def reference(image: NDArray[np.uint8]) -> Reference:
    """Look at an original, uint8 (H, W, 3), with both classifiers (about a second)."""
    height, width = image.shape[:2]
    maps = [analyse(image, classifier=load_classifier(name)) for name in CLASSIFIERS]
    weights = tuple(upsample_grey(each.grey, height, width) for each in maps)
    return Reference(Original(image, keep=True), weights)


def score(original: Reference, decoded: NDArray[np.uint8]) -> dict[str, float | None]:
    """All of `leaderboard.data.results.METRICS`, by name.

    decoded: uint8 (H, W, 3). ms_ssim is None for pictures under 161 pixels a side, lpips under 31,
    ssimulacra2 under 8; psnr is infinite for identical pictures. Raises MetricError for another
    size than the original's.
    """
    similarity, multiscale = original.original.compare(decoded)
    first, second = (weighted_mean(similarity, weight) for weight in original.weights)
    tops = [float(similarity.flat[top].mean(dtype=np.float64)) for top in original.tops]
    scores = {
        "psnr": psnr(original.image, decoded),
        "ms_ssim": multiscale,
        "ssim": float(similarity.mean(dtype=np.float64)),
        "si_ssim": first,
        "si_ssim_2": second,
        "top_ssim": tops[0],
        "top_ssim_2": tops[1],
        "ssimulacra2": original.ssimulacra2.compare(decoded) if original.ssimulacra2 else None,
        "lpips": original.lpips.compare(decoded) if original.lpips else None,
    }
    return {name: None if s is None else round(s, DIGITS) for name, s in scores.items()}


class Sitting:
    """A picture and a codec, for all qualities.

    image: uint8 (H, W, 3). sha256: its `pixel_hash`, under which its maps are remembered.
    """

    def __init__(self, codec: Codec, image: NDArray[np.uint8], sha256: str) -> None:
        self.codec = codec
        self.reference = _reference(sha256, image)
        self.session: Session = open_session(codec, Image.fromarray(image))

    def measure(self, quality: float) -> Measured:
        """Encode, decode, score: the rate is the file's length, scored is what it decodes to.

        Encoding and decoding are timed here, around the codec's own calls: in processor seconds of
        all threads and by the clock. Raises CodecError, or what else goes wrong in a codec.
        """
        height, width = self.reference.image.shape[:2]
        started = Seconds.now()
        data = self.session.encode(quality)
        encoding = Seconds.now() - started + self.session.correction
        started = Seconds.now()
        decoded = self.codec.decode(data)
        decoding = Seconds.now() - started
        if decoded.mode != "RGB" or decoded.size != (width, height):
            raise CodecError(
                f"{self.codec.name} decoded {decoded.mode} {decoded.width}x{decoded.height}, "
                f"not RGB {width}x{height}"
            )
        itemise: Callable[[bytes], dict[str, int]] | None = getattr(self.codec, "sizes", None)
        sizes = {} if itemise is None else itemise(data)
        times = {
            "encode_s": encoding.cpu,
            "decode_s": decoding.cpu,
            "encode_wall_s": encoding.wall,
            "decode_wall_s": decoding.wall,
        }
        return {
            "quality": quality,
            "bytes": len(data),
            "bpp": round(8 * len(data) / (height * width), 6),
            **{column: sizes.get(part) for column, part in _PARTS.items()},
            **score(self.reference, np.asarray(decoded)),
            **{name: round(max(time, 0.0), _TIME_DIGITS) for name, time in times.items()},
        }


def warm_up(codec: Codec) -> None:
    """Use a codec on a small picture, once per process, so that no point pays for loading it."""
    if codec.name in _warm:
        return
    ramp = np.arange(WARM_UP_SIDE, dtype=np.uint8)
    small = Image.fromarray(np.stack(np.broadcast_arrays(ramp, ramp[:, None], ramp), 2))
    codec.decode(codec.encode(small, codec.qualities[0]))
    _warm.add(codec.name)


def _reference(sha256: str, image: NDArray[np.uint8]) -> Reference:
    """`reference`, once per picture and process."""
    if sha256 not in _references:
        fresh = reference(image)
        _references.clear()
        _references[sha256] = fresh
    return _references[sha256]
