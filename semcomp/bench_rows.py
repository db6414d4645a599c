"""The rows of the codec's own benchmark: their files, their means, and the card of the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from .files import write_file
from .weights import Model

SCORES = ("bpp", "psnr", "ms_ssim", "ssim", "si_ssim", "top_psnr", "top_ssim")
"""Columns of the table."""


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


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of one allocation and level, in order of appearance."""
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.allocation, row.level), []).append(row)
    return list(groups.values())


def means(rows: Sequence[Row]) -> list[dict[str, str | float]]:
    """Means over the pictures, one record per allocation and level, in order of appearance."""
    return [
        {
            "allocation": group[0].allocation,
            "level": group[0].level,
            **{score: float(np.mean([getattr(row, score) for row in group])) for score in SCORES},
        }
        for group in _groups(rows)
    ]


def table(rows: Sequence[Row]) -> str:
    """Means over the pictures per allocation and level, as a Markdown table."""
    lines = [
        "| allocation | level | " + " | ".join(SCORES) + " |",
        "|---" * (len(SCORES) + 2) + "|",
    ]
    for mean in means(rows):
        cells = [f"{mean[s]:.2f}" if "psnr" in s else f"{mean[s]:.4f}" for s in SCORES]
        lines.append(f"| {mean['allocation']} | {mean['level']:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_rows(rows: Sequence[Row], path: Path, model: Model) -> None:
    """Rows with the weights they were measured with, as JSON. Raises OSError."""
    text = json.dumps(
        {"model": model.name, "sha256": model.digest, "rows": [asdict(row) for row in rows]},
        indent=1,
    )
    write_file(path, f"{text}\n".encode())


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
        "table": means(rows),
    }
    write_file(path, (json.dumps(card, indent=2) + "\n").encode())
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
    write_file(folder / "CARD.md", page.encode())


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
