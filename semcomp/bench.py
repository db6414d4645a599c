"""The codec measured on a folder of pictures, from real files: tables, and equal-byte comparisons.

For every picture the encoder runs once; every level and allocation is cut from the same codes,
packed into a file, read back and decoded. Nothing is estimated: rates are the files' bytes.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from . import bitstream
from .allocation import MAX_LEVEL, block_importance, uniform_levels
from .bitstream import AllocationKind
from .files import picture_files
from .image import crop, load_image, pad_image
from .measure import measure
from .metrics import MetricError, ms_ssim, psnr, ssim_map, weighted_mean
from .pipeline import pack
from .planning import Allocation, Plan, cut_codes, plan_levels, read_levels
from .quantizer import BLOCK
from .runtime import decode_codes
from .semantic import analyse, upsample_grey
from .weights import Model, load_model

ALLOCATIONS: tuple[Allocation, ...] = get_args(Allocation)
"""All allocations, in the order of the tables."""
LEVELS = (1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
"""Average levels of the default table."""


@dataclass(frozen=True)
class Row:
    """One file: its rate in bits per pixel and its scores.

    top_psnr, top_ssim: over the fifth of the picture's blocks with the highest importance.
    """

    image: str
    allocation: str
    level: float
    bytes: int
    map_bytes: int
    bpp: float
    psnr: float
    ms_ssim: float
    ssim: float
    si_ssim: float
    top_psnr: float
    top_ssim: float
    encode_seconds: float
    decode_seconds: float


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
        self.measured = measure(model, self.padded, MAX_LEVEL)

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
            level = float(np.clip(np.interp(target, totals, steps), 0.1, MAX_LEVEL))
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
        codes = self.model.coder.decode(list(parsed.chunks), read_levels(parsed.header))
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


SCORES = ("bpp", "psnr", "ms_ssim", "ssim", "si_ssim", "top_psnr", "top_ssim")
"""Columns of the table."""


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of one allocation and level, in order of appearance."""
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.allocation, row.level), []).append(row)
    return list(groups.values())


def _mean_row(group: Sequence[Row]) -> dict[str, str | float]:
    means = {score: float(np.mean([getattr(row, score) for row in group])) for score in SCORES}
    return {"allocation": group[0].allocation, "level": group[0].level, **means}


def table(rows: Sequence[Row]) -> str:
    """Means over the pictures per allocation and level, as a Markdown table."""
    lines = [
        "| allocation | level | " + " | ".join(SCORES) + " |",
        "|---" * (len(SCORES) + 2) + "|",
    ]
    for group in _groups(rows):
        means = _mean_row(group)
        cells = [f"{means[s]:.2f}" if "psnr" in s else f"{means[s]:.4f}" for s in SCORES]
        lines.append(f"| {means['allocation']} | {means['level']:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_rows(rows: Sequence[Row], path: Path, model: Model) -> None:
    """Rows with the weights they were measured with, as JSON."""
    text = json.dumps(
        {"model": model.name, "sha256": model.digest, "rows": [asdict(row) for row in rows]},
        indent=1,
    )
    path.write_text(text + "\n", encoding="utf-8")


def write_card(rows: Sequence[Row], model: Model, folder: Path) -> None:
    """Put the means into the weights' card, as JSON and as a page to read.

    folder: the weights' own folder, such as assets/small.
    """
    path = folder / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["measured"] = {
        "pictures": len({row.image for row in rows}),
        "sha256": model.digest,
        "torch": torch.__version__,
        "device": str(model.device),
        "table": [_mean_row(group) for group in _groups(rows)],
    }
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    validation = _validation_lines(card.get("validation", {}))
    origin = card.get("origin")
    before = f", after {origin['steps']} steps, {origin['hours']} hours" if origin else ""
    page = f"""# Weights `{card["name"]}`

- SHA-256 over the parts: `{model.digest}`; model id in files: `{model.digest[:8]}`
- License: {card["license"]}
- Training data: {card["data"]}
- Training: {card["steps"]} steps, {card["hours"]} hours on {card["options"]["device"]}{before};
  options
  `{json.dumps(card["options"])}`
- Commit: `{card["commit"]}`
- Validation on held-out training crops after k iterations, and under level maps:
{validation}

Measured on {card["measured"]["pictures"]} pictures from real files
(`python -m semcomp bench FOLDER --card`), means over the pictures; bpp counts the whole file;
top_psnr and top_ssim are taken over the fifth of the blocks with the highest importance.

{table(rows)}
"""
    (folder / "CARD.md").write_text(page, encoding="utf-8")


def _validation_lines(scores: Mapping[str, float]) -> str:
    """A list item per score, its levels in one line."""
    titles = {"psnr": "PSNR in dB", "ms_ssim": "MS-SSIM", "ssim": "SSIM", "map": "level maps"}
    lines = []
    for prefix, title in titles.items():
        values = ", ".join(
            f"{name.removeprefix(f'{prefix}_')}: {value:.{2 if 'psnr' in name else 4}f}"
            for name, value in scores.items()
            if name.startswith(f"{prefix}_")
        )
        lines += [f"  - {title}: {values}"] if values else []
    return "\n".join(lines)


def read_rows(path: Path) -> tuple[str, list[Row]]:
    """(SHA-256 of the weights, rows) of a file by `write_rows`."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return stored["sha256"], [Row(**row) for row in stored["rows"]]
