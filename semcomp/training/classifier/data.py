"""Labelled pictures by name or from a folder, and batches of square crops of them.

caltech-256   the paper's set for the analyser (§4.1, ref. 23): 256 classes of objects
cifar-100     the paper's set for the codec (§4.1, ref. 26): 100 classes, 32×32 pixels
DIR           one sub-folder for each class, or files imagenet-SYNSET_NAME.*; any pictures where a
              teacher says what they show

The codec's trainer takes the pixels alone. What a batch holds depends on seed, epoch and position
alone, so that a run can go on in the middle of an epoch exactly as if it had never stopped.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from semcomp.errors import DatasetError
from semcomp.files import PICTURE_SUFFIXES
from semcomp.image import load_image
from semcomp.semantics.activation import scores
from semcomp.semantics.classifiers import Classifier, imagenet_classes
from semcomp.training.archives import ARCHIVES, read_pickle
from semcomp.training.codec.data import picture_paths

Split = Literal["train", "test"]
HOLD_OUT_EVERY = 10
"""Without an official division every tenth picture of a class, from its sixth on, is held out."""
SPLIT_FOLDERS: dict[str, tuple[str, ...]] = {"train": ("train",), "test": ("test", "val")}
"""Sub-folders that divide a data set rather than name classes."""
JITTER = 1.5
"""Largest zoom of a crop."""
AHEAD = 3
"""Batches prepared before they are asked for."""
_SYNSET = re.compile(r"imagenet-(n\d{8})_(.+)")


@dataclass(frozen=True, eq=False)
class LabelledPictures:
    """Pictures and what they show.

    name: of the data set, without its place on this machine. note: source and licence.
    items: a file for each picture, or the pixels, uint8 (n, H, W, 3).
    labels: int64 (n,), indices into `class_names`.
    """

    name: str
    items: tuple[Path, ...] | NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    note: str

    def __len__(self) -> int:
        return len(self.items)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """Picture `index`, uint8 (H, W, 3) RGB. Raises DatasetError if it cannot be read."""
        return _load(self.items[index])

    def pictures(self, limit: int | None = None) -> list[NDArray[np.uint8]]:
        """Pictures without labels, uint8 (H, W, 3) each: all, or `limit` spread over the set."""
        count = len(self) if limit is None else min(limit, len(self))
        return [self.picture(index * len(self) // count) for index in range(count)]

    def fingerprint(self) -> str:
        """SHA-256 in hex over labels and either file names and sizes, or pixels."""
        digest = hashlib.sha256("\n".join(self.class_names).encode())
        digest.update(self.labels.tobytes())
        if isinstance(self.items, np.ndarray):
            digest.update(self.items.tobytes())
        else:
            for path in self.items:
                digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        return digest.hexdigest()


def load_dataset(
    source: str | Path,
    split: Split = "train",
    *,
    teacher: Classifier | None = None,
    report: Callable[[str], None] = print,
) -> LabelledPictures:
    """A data set by name (`ARCHIVES`) or the labelled pictures of a folder.

    teacher: labels all pictures of a folder by its own class of their central square; held out are
    those that the codec's training holds out.

    split: "train" or "test" (held out). CIFAR-100 has an official division; a folder may have
    sub-folders train and test (or val); else see HOLD_OUT_EVERY. Classes with fewer than six
    pictures have none in "test", which may therefore be empty.

    Named sets are fetched once, to `SEMCOMP_CACHE_DIR`. Raises DatasetError without a network,
    for a damaged file, and for a folder that is missing or has no labels.
    """
    if source == "cifar-100":
        return _cifar_100(split, report)
    if source == "caltech-256":
        return _caltech_256(split, report)
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise DatasetError(
            f"no data set {str(source)!r}: name {', '.join(sorted(ARCHIVES))} or a folder of "
            "pictures"
        )
    if teacher is not None:
        paths = picture_paths(folder)[("train", "test").index(split)]
        squares = (square_crop(_load(path), 224) for path in paths)
        labels = [int(scores(teacher.features(square)).argmax()) for square in squares]
        return LabelledPictures(
            name=folder.resolve().name,
            items=tuple(paths),
            labels=np.array(labels, np.int64),
            class_names=tuple(teacher.class_names),
            note=f"pictures of a folder named {folder.resolve().name}, seen by {teacher.name}",
        )
    return _folder(folder, split)


def _load(item: Path | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels of one item, uint8 (H, W, 3)."""
    if not isinstance(item, Path):
        return item
    try:
        return load_image(item)
    except ValueError as error:
        name = "" if str(item) in str(error) else f"{item}: "
        raise DatasetError(f"{name}{error}; repair or remove the picture") from error


def _divided(groups: Mapping[str, list[Path]], split: Split) -> dict[str, list[Path]]:
    """Of each class's sorted pictures those of a split."""
    at = HOLD_OUT_EVERY // 2
    return {
        name: [p for i, p in enumerate(paths) if (i % HOLD_OUT_EVERY == at) == (split == "test")]
        for name, paths in groups.items()
    }


def _cifar_100(split: Split, report: Callable[[str], None]) -> LabelledPictures:
    """CIFAR-100 with its 100 fine labels."""
    folder = ARCHIVES["cifar-100"].folder("cifar-100", report) / "cifar-100-python"
    try:
        names, content = (read_pickle(folder / part) for part in ("meta", split))
        pixels = content[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return LabelledPictures(
            name="cifar-100",
            items=np.ascontiguousarray(pixels),
            labels=np.array(content[b"fine_labels"], np.int64),
            class_names=tuple(name.decode("ascii") for name in names[b"fine_label_names"]),
            note=ARCHIVES["cifar-100"].note,
        )
    except Exception as error:  # what a damaged pickle trips over
        raise DatasetError(
            f"{folder} is not CIFAR-100 ({error}): remove it, fetch it again"
        ) from error


def _caltech_256(split: Split, report: Callable[[str], None]) -> LabelledPictures:
    """Caltech-256: folders "001.ak47" to "256.toad"; "257.clutter" shows no object."""
    folder = ARCHIVES["caltech-256"].folder("caltech-256", report) / "256_ObjectCategories"
    groups = _class_folders(folder)
    groups = {
        name.partition(".")[2] or name: paths
        for name, paths in groups.items()
        if not name.endswith(".clutter")
    }
    pictures = _grouped("caltech-256", _divided(groups, split))
    return replace(pictures, note=ARCHIVES["caltech-256"].note)


def _folder(folder: Path, split: Split) -> LabelledPictures:
    """Labelled pictures of a folder, by sub-folders or by names."""
    name = folder.resolve().name
    divided = {
        part: next((folder / n for n in names if (folder / n).is_dir()), None)
        for part, names in SPLIT_FOLDERS.items()
    }
    if all(part is not None and _class_folders(part) for part in divided.values()):
        parts: dict[str, dict[str, list[Path]]] = {
            part: _class_folders(place) for part, place in divided.items() if place is not None
        }
        names = sorted({*parts["train"], *parts["test"]})
        return _grouped(name, {each: parts[split].get(each, []) for each in names})
    groups = _class_folders(folder) or _named_groups(folder)
    return _grouped(name, _divided(groups, split))


def _class_folders(folder: Path) -> dict[str, list[Path]]:
    """Pictures of each sub-folder that has some, sorted."""
    if not folder.is_dir():
        raise DatasetError(f"{folder} is missing: remove {folder.parent}, fetch it again")
    return {
        sub.name: pictures
        for sub in sorted(folder.iterdir())
        if sub.is_dir() and not sub.name.startswith(".")
        if (pictures := sorted(p for p in sub.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES))
    }


def _named_groups(folder: Path) -> dict[str, list[Path]]:
    """Pictures imagenet-SYNSET_NAME.* by class, in the order of the synsets; others are left out.

    With all 1,000 classes of ImageNet, these have the names that the packaged classifiers use.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    titles: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        match = _SYNSET.fullmatch(path.stem)
        if match and path.suffix.lower() in PICTURE_SUFFIXES:
            groups[match[1]].append(path)
            titles.setdefault(match[1], match[2].replace("_", " "))
    synsets = sorted(groups)
    names = [titles[synset] for synset in synsets]
    if len(synsets) == len(imagenet_classes()):
        names = list(imagenet_classes())
    elif len({n.casefold() for n in names}) < len(names):
        names = [f"{titles[synset]} ({synset})" for synset in synsets]
    return {name: groups[synset] for name, synset in zip(names, synsets, strict=True)}


def _grouped(name: str, groups: Mapping[str, list[Path]]) -> LabelledPictures:
    """Pictures class after class. Raises DatasetError for fewer than two classes."""
    if len(groups) < 2:
        raise DatasetError(
            f"{name} has {len(groups)} classes of pictures, two are the least: give each class a "
            "sub-folder, or name the files imagenet-SYNSET_NAME.*"
        )
    return LabelledPictures(
        name=name,
        items=tuple(chain(*groups.values())),
        labels=np.repeat(np.arange(len(groups)), [len(paths) for paths in groups.values()]),
        class_names=tuple(groups),
        note=f"labelled pictures of a folder named {name}",
    )


def square_crop(
    picture: NDArray[np.uint8], size: int, zoom: float = 1.0, y: float = 0.5, x: float = 0.5
) -> NDArray[np.uint8]:
    """A square of a picture, uint8 (H, W, 3) -> (size, size, 3).

    The picture is scaled so that its shorter side has zoom · size pixels (zoom >= 1); y and x in
    0..1 place the square from top to bottom and from left to right.
    """
    height, width = picture.shape[:2]
    side = min(height, width) / zoom
    top, left = (height - side) * y, (width - side) * x
    if side == size and top == int(top) and left == int(left):
        return picture[int(top) : int(top) + size, int(left) : int(left) + size]
    scaled = Image.fromarray(picture).resize(
        (size, size), Image.Resampling.BILINEAR, (left, top, left + side, top + side)
    )
    return np.asarray(scaled)


class Batches:
    """Random crops of every picture once an epoch, in an order of the epoch's own.

    With `augment` a crop's place is random, its zoom even in 1..`JITTER`, and half are mirrored:
    the scale jittering of VGG's training (Simonyan & Zisserman 2014, §3.1); else it is the
    centre. Decoded pictures are kept, reduced to what the crops need, up to `memory` bytes.
    """

    def __init__(
        self,
        pictures: LabelledPictures,
        *,
        batch: int,
        crop: int,
        seed: int = 0,
        augment: bool = True,
        memory: int = 2 << 30,
        threads: int = 0,
    ) -> None:
        self._pictures = pictures
        self._batch = max(1, min(batch, len(pictures)))
        self._crop = crop
        self._seed = seed
        self._augment = augment
        self._decoded: dict[int, NDArray[np.uint8]] = {}
        self._room = memory
        self._lock = threading.Lock()
        self._threads = threads or min(16, os.cpu_count() or 1)

    def __len__(self) -> int:
        """Steps of an epoch; what does not fill a batch is left for another epoch."""
        return len(self._pictures) // self._batch

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches `start`, `start` + 1, ... of an epoch.

        Yields uint8 (B, 3, crop, crop) and int64 (B,). Raises DatasetError for a picture that
        cannot be read.
        """
        order = np.random.default_rng([self._seed, number]).permutation(len(self._pictures))
        groups = [order[i * self._batch : (i + 1) * self._batch] for i in range(start, len(self))]
        yield from self._prepared(groups, number)

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Every picture once, as `epoch` gives them; the last batch may be a smaller one."""
        order = np.arange(len(self._pictures))
        starts = range(0, len(order), self._batch)
        yield from self._prepared([order[i : i + self._batch] for i in starts], 0)

    def _prepared(
        self, groups: list[NDArray[np.int64]], epoch: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        waiting: deque[tuple[list[Future[NDArray[np.uint8]]], NDArray[np.int64]]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for indices in groups:
                    crops = [pool.submit(self._sample, epoch, int(i)) for i in indices]
                    waiting.append((crops, self._pictures.labels[indices]))
                    if len(waiting) > AHEAD:
                        yield _stacked(*waiting.popleft())
                while waiting:
                    yield _stacked(*waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _sample(self, epoch: int, index: int) -> NDArray[np.uint8]:
        picture = self._picture(index)
        if not self._augment:
            return square_crop(picture, self._crop)
        rng = np.random.default_rng([self._seed, epoch, index])
        zoom, y, x, mirror = rng.uniform(1, JITTER), *rng.random(3)
        crop = square_crop(picture, self._crop, zoom, y, x)
        return crop[:, ::-1] if mirror < 0.5 else crop

    def _picture(self, index: int) -> NDArray[np.uint8]:
        """A picture, reduced to the size that the largest zoom needs."""
        picture = self._decoded.get(index)
        if picture is not None:
            return picture
        picture = self._pictures.picture(index)
        if isinstance(self._pictures.items, np.ndarray):  # in memory already
            return picture
        factor = self._crop * JITTER / min(picture.shape[:2])
        if factor < 1:
            height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
            reduced = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
            picture = np.asarray(reduced)
        with self._lock:
            if self._room >= picture.nbytes and index not in self._decoded:
                self._room -= picture.nbytes
                self._decoded[index] = picture
        return picture


def _stacked(
    crops: list[Future[NDArray[np.uint8]]], labels: NDArray[np.int64]
) -> tuple[Tensor, Tensor]:
    pixels = np.stack([crop.result() for crop in crops])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(labels)
