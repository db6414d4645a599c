"""The codec measured on a folder of pictures, from real files, at equal levels or equal bytes.

For every picture the encoder runs once; every level and allocation is cut from the same codes,
packed into a file, read back and decoded. Nothing is estimated: rates are the files' bytes.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from semcomp.allocation.levels import block_importance, uniform_levels
from semcomp.allocation.planning import Allocation, Plan, cut_codes, plan_levels, read_codes
from semcomp.allocation.rd_table import measure
from semcomp.coding.bitstream import AllocationKind
from semcomp.errors import MetricError
from semcomp.geometry import BLOCK, ITERATIONS
from semcomp.networks.runtime import decode_codes
from semcomp.semantics.activation import analyse, upsample_grey

from .bench_rows import Row
from .coding import bitstream
from .files import picture_files
from .image import crop, load_image, pad_image
from .metrics import ms_ssim, psnr, ssim_map, weighted_mean
from .pipeline import pack
from .weights import Model, load_model

ALLOCATIONS: tuple[Allocation, ...] = get_args(Allocation)
"""All allocations, in the order of the tables."""
LEVELS = (1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
"""Average levels of the default table."""


class _Picture:
    """A picture with everything its files are cut from and scored with."""

    def __init__(self, path: Path, model: Model) -> None:
        self.name = path.name
        self.model = model
        self.image = load_image(path)
        self.size = self.image.shape[0], self.image.shape[1]
        self.padded = pad_image(self.image)
        self.map = analyse(self.image)
        # Scored under the full map; the file's own is quantised.
        self.weight = upsample_grey(self.map.grey, *self.size)
        shape = self.padded.shape[0] // BLOCK, self.padded.shape[1] // BLOCK
        importance = block_importance(self.map.grey, *shape)
        self.shape = shape
        top = importance >= np.quantile(importance, 0.8)
        self.top = top.repeat(BLOCK, 0).repeat(BLOCK, 1)[: self.size[0], : self.size[1]]
        self.measured = measure(model, self.padded, ITERATIONS)

    def file(self, allocation: Allocation, level: float, floor: int | None = None) -> bytes:
        """The file at an average level."""
        plan = plan_levels(
            self.model, self.padded, level, allocation, floor, self.map, measured=self.measured
        )
        return self._pack(plan, level)

    def uniform_file(self, size: int) -> tuple[bytes, float]:
        """The uniform file nearest to `size` bytes, and its level: matched per picture."""
        totals = self.measured.rate.sum(0)
        steps = np.arange(len(totals))
        target = 8.0 * size
        tries: list[tuple[int, bytes, float]] = []
        for _ in range(3):  # the context model's estimate is close; real files correct it
            level = float(np.clip(np.interp(target, totals, steps), 0.1, ITERATIONS))
            plan = Plan(uniform_levels(level, *self.shape), AllocationKind.UNIFORM)
            data = self._pack(plan, level)
            tries.append((abs(len(data) - size), data, level))
            target += 8.0 * (size - len(data))
        _, data, level = min(tries, key=lambda attempt: attempt[0])
        return data, level

    def _pack(self, plan: Plan, level: float) -> bytes:
        codes = cut_codes(self.measured.codes, plan.levels)
        return pack(self.model, self.size, level, plan, codes)

    def score(self, allocation: str, level: float, data: bytes, seconds: float) -> Row:
        """Decode a file and score what comes out."""
        started = time.perf_counter()
        parsed = bitstream.parse(data)
        _, codes = read_codes(self.model, parsed)
        decoded = crop(decode_codes(self.model.codec, codes, self.model.device), *self.size)
        decode_seconds = time.perf_counter() - started
        similarity = ssim_map(self.image, decoded)
        error = ((self.image.astype(np.float64) - decoded) ** 2).mean(2)
        try:
            multiscale = ms_ssim(self.image, decoded)
        except MetricError:  # a side under 161 pixels
            multiscale = float("nan")
        return Row(
            image=self.name,
            allocation=allocation,
            level=level,
            bytes=len(data),
            map_bytes=parsed.sizes.map,
            bpp=8 * len(data) / (self.size[0] * self.size[1]),
            psnr=psnr(self.image, decoded),
            ms_ssim=multiscale,
            ssim=float(similarity.mean()),
            si_ssim=weighted_mean(similarity, self.weight),
            top_psnr=float(10 * np.log10(255**2 / max(error[self.top].mean(), 1e-9))),
            top_ssim=float(similarity[self.top].mean()),
            encode_seconds=seconds,
            decode_seconds=decode_seconds,
        )


def bench(
    folder: Path,
    *,
    levels: Sequence[float] = LEVELS,
    allocations: Sequence[Allocation] = ALLOCATIONS,
    equal_bytes: bool = False,
    model: str = "small",
    device: str | None = None,
    floor: int | None = None,
    images: Sequence[str] | None = None,
    jobs: int = 1,
    report: Callable[[str], None] = print,
) -> list[Row]:
    """Measure every picture of a folder at every level and allocation.

    equal_bytes: for each file of another allocation, also the uniform file of the same size,
        as allocation `uniform=NAME`.
    images: names of the only files to measure. jobs: processes, each with one torch thread if
        there are several.
    """
    paths = picture_files(folder)
    if images is not None:
        missing = set(images) - {path.name for path in paths}
        if missing:
            raise FileNotFoundError(f"no {', '.join(sorted(missing))} in {folder}")
        paths = [path for path in paths if path.name in set(images)]
    task = partial(
        _bench_picture,
        levels=levels,
        allocations=allocations,
        equal_bytes=equal_bytes,
        model=model,
        device=device,
        floor=floor,
    )
    rows: list[Row] = []
    if jobs == 1:
        for path in paths:
            rows += task(path)
            report(f"measured {path.name}")
        return rows
    # Spawned, not forked: a forked copy of torch's thread pool hangs.
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, torch.set_num_threads, (1,)) as pool:
        for path, part in zip(paths, pool.imap(task, paths), strict=True):
            rows += part
            report(f"measured {path.name}")
    return rows


def _bench_picture(
    path: Path,
    *,
    levels: Sequence[float],
    allocations: Sequence[Allocation],
    equal_bytes: bool,
    model: str,
    device: str | None,
    floor: int | None,
) -> list[Row]:
    picture = _Picture(path, load_model(model, device))
    rows = []
    for allocation in allocations:
        for level in levels:
            started = time.perf_counter()
            data = picture.file(allocation, level, floor)
            seconds = time.perf_counter() - started
            rows.append(picture.score(allocation, level, data, seconds))
            if equal_bytes and allocation != "uniform":
                matched, _ = picture.uniform_file(len(data))
                rows.append(picture.score(f"uniform={allocation}", level, matched, 0.0))
    return rows
