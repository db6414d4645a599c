"""The pictures a benchmark runs over: Kodak's 24, CID22's, or any folder.

A picture is known by the SHA-256 of its decoded pixels, not of its file: the same pixels in another
container are the same picture, and a file that decodes differently is another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import DatasetError, ImageError
from semcomp.files import picture_files
from semcomp.image import load_image

KODAK, CID22 = "kodak", "cid22"
OFFICIAL = (KODAK, CID22)
"""Sets of known pictures, in the order of the tables; see `official`."""


_TITLES = {KODAK: "Kodak", CID22: "CID22"}
TOGETHER = "+"
"""Joins the names of sets whose results are looked at together."""


def title_of(dataset: str) -> str:
    """What a data set, or several together, is called in sentences."""
    names = dataset.split(TOGETHER)
    if not set(names) <= _TITLES.keys():
        return dataset
    return " and ".join(_TITLES[name] for name in names)


@dataclass(frozen=True)
class Picture:
    """One picture. sha256: of the pixels (`pixel_hash`). path: where its file is."""

    name: str
    path: Path
    sha256: str

    def load(self) -> NDArray[np.uint8]:
        """The pixels, uint8 (H, W, 3). Raises DatasetError if they have changed since."""
        image = read_picture(self.path)
        if pixel_hash(image) != self.sha256:
            raise DatasetError(
                f"{self.path} has changed since the run began: leave the pictures alone and run "
                "the command again"
            )
        return image


@dataclass(frozen=True)
class Dataset:
    """Pictures under one name, in the order of the tables."""

    name: str
    pictures: tuple[Picture, ...]


def load_dataset(
    source: str | Path,
    images: Sequence[str] | None = None,
    left_out: Callable[[str], None] | None = None,
) -> Dataset:
    """Find and check a data set.

    source: one of `OFFICIAL`, or a folder of pictures, whose name becomes the data set's.
    images: names of the only pictures to take, with or without suffix.
    left_out: told of the files of a folder that are damaged or no pictures, which are then left
        out; None makes them an error.

    Pictures of the official sets are looked for in the folder that `SEMCOMP_KODAK_DIR` or
    `SEMCOMP_CID22_DIR` names, else in `kodak` or `cid22` of `SEMCOMP_CACHE_DIR`
    (`~/.cache/semcomp`), where they are downloaded to if they are missing. Their pixels must have
    the hashes of the published files. Raises DatasetError.
    """
    if str(source) in OFFICIAL:
        from . import official

        return Dataset(str(source), tuple(official.SETS[str(source)].pictures(images)))
    return Dataset(
        Path(source).resolve().name, tuple(_folder_pictures(Path(source), images, left_out))
    )


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Pixels of a file, uint8 (H, W, 3). Raises DatasetError with the file's name."""
    try:
        return load_image(path)
    except (ImageError, OSError) as error:
        raise DatasetError(f"{path} is no picture to measure with: {error}") from error


def pixel_hash(image: NDArray[np.uint8]) -> str:
    """SHA-256 in hex of pixels uint8 (H, W, 3) with their shape."""
    shape = "x".join(map(str, image.shape))
    return hashlib.sha256(f"{shape} uint8\n".encode() + image.tobytes()).hexdigest()


def choose(available: Sequence[str], images: Sequence[str] | None, where: str) -> list[str]:
    """The names asked for, in the order of `available`; None asks for all.

    Raises DatasetError for names that are not there.
    """
    if images is None:
        return list(available)
    stems = {name: name for name in available} | {Path(n).stem: n for n in reversed(available)}
    chosen = [stems.get(name, stems.get(Path(name).stem)) for name in images]
    missing = [name for name, match in zip(images, chosen, strict=True) if match is None]
    if missing or not images:
        some = ", ".join(available[:6]) + (", ..." if len(available) > 6 else "")
        raise DatasetError(f"no picture {', '.join(missing) or 'named'} in {where}: it has {some}")
    return [name for name in available if name in chosen]


def _folder_pictures(
    folder: Path, images: Sequence[str] | None, left_out: Callable[[str], None] | None
) -> list[Picture]:
    try:
        paths = picture_files(folder)
    except FileNotFoundError as error:
        hint = "" if folder.is_dir() else f", or {' or '.join(map(repr, OFFICIAL))}"
        raise DatasetError(f"{error}{hint}") from error
    stems = [path.stem for path in paths]
    # Two files may differ in their suffix alone.
    by_name = {path.stem if stems.count(path.stem) == 1 else path.name: path for path in paths}
    pictures = []
    for name in choose(list(by_name), images, str(folder)):
        try:
            pixels = read_picture(by_name[name])
        except DatasetError as error:
            if left_out is None:
                raise
            left_out(f"left out: {error}")
        else:
            pictures.append(Picture(name, by_name[name], pixel_hash(pixels)))
    if not pictures:
        raise DatasetError(f"{folder} has no picture that can be read: name another folder")
    return pictures
