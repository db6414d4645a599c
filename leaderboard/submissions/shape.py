"""What a submission must fit: names and sizes of the data set's pictures, and how much it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from leaderboard.data.datasets import CID22, KODAK, Dataset

PICTURE_SUFFIXES = (".png", ".webp", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
_PORTRAIT = frozenset({4, 9, 10, 17, 18, 19})
"""Numbers of Kodak's pictures that stand upright, 512x768; the others are 768x512."""


@dataclass(frozen=True)
class DatasetShape:
    """name: of the data set. sizes: (width, height) in pixels by the picture's name."""

    name: str
    sizes: Mapping[str, tuple[int, int]]

    @classmethod
    def kodak(cls) -> DatasetShape:
        """Kodak's 24; the pictures themselves need not be there."""
        numbers = range(1, 25)
        sizes = {f"kodim{n:02}": (512, 768) if n in _PORTRAIT else (768, 512) for n in numbers}
        return cls(KODAK, sizes)

    @classmethod
    def cid22(cls) -> DatasetShape:
        """CID22's; the pictures themselves need not be there."""
        from leaderboard.data.official import SETS

        return cls(CID22, dict.fromkeys(SETS[CID22].pixels, (512, 512)))

    @classmethod
    def official(cls) -> dict[str, DatasetShape]:
        """The sets that everybody knows, by name."""
        return {each.name: each for each in (cls.kodak(), cls.cid22())}

    @classmethod
    def of(cls, dataset: Dataset) -> DatasetShape:
        """A data set whose pictures are at hand. Raises DatasetError if one has changed."""
        shapes = {picture.name: picture.load().shape for picture in dataset.pictures}
        return cls(dataset.name, {name: (w, h) for name, (h, w, _) in shapes.items()})

    @property
    def images(self) -> tuple[str, ...]:
        """The pictures' names, in the data set's order."""
        return tuple(self.sizes)

    def pixels(self, image: str) -> int:
        """Width times height of a picture. Raises KeyError for one that it does not have."""
        width, height = self.sizes[image]
        return width * height

    def find(self, text: str) -> str | None:
        """The picture that a name means, whatever its case and with or without a suffix."""
        name = text.strip().casefold()
        for suffix in ("", *PICTURE_SUFFIXES):
            image = self._names.get(name.removesuffix(suffix))
            if image is not None:
                return image
        return None

    @cached_property
    def _names(self) -> dict[str, str]:
        return {image.casefold(): image for image in self.sizes}


@dataclass(frozen=True)
class UploadLimits:
    """What a submission may hold at most; checked before anything is unpacked or parsed.

    upload_bytes: of an archive. results_bytes: of a results file. members: files and folders in
    an archive. unpacked_bytes: of all members together. expansion: times that a member larger than
    `small_bytes` may be larger unpacked than packed. qualities: settings of one picture.
    """

    upload_bytes: int = 512 << 20
    results_bytes: int = 4 << 20
    members: int = 10_000
    unpacked_bytes: int = 1 << 30
    small_bytes: int = 1 << 16
    expansion: int = 100
    qualities: int = 64


def megabytes(count: int) -> str:
    """A number of bytes as people read it."""
    return f"{count / 2**20:,.1f} MiB" if count >= 2**20 else f"{count:,} bytes"
