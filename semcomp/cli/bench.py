"""The command for those who measure weights: bench.

Like those of `__main__.py` it imports what it needs itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder of pictures")],
    levels: Annotated[
        str, typer.Option(help="average levels, separated by commas")
    ] = "1,2,4,6,8,12,16",
    allocations: Annotated[
        str, typer.Option(help="allocations, separated by commas")
    ] = "uniform,proportional,rd",
    equal_bytes: Annotated[
        bool, typer.Option(help="also uniform files of the same size, picture by picture")
    ] = False,
    model: Annotated[str, typer.Option(help="name of the weights in assets/")] = "small",
    floor: Annotated[
        int | None, typer.Option(help="floor of proportional [default: two thirds of the level]")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda")] = None,
    images: Annotated[
        str | None, typer.Option(help="only these files, separated by commas")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes, one picture each")] = 1,
    out: Annotated[Path | None, typer.Option(help="write every file's row as JSON")] = None,
    card: Annotated[
        bool, typer.Option("--card", help="put the table into the weights' card")
    ] = False,
) -> None:
    """Measure the codec on real files: bpp, PSNR, MS-SSIM, SSIM and SI-SSIM, means per level."""
    from semcomp import bench as measuring
    from semcomp.bench_rows import table, write_card, write_rows
    from semcomp.files import ASSETS
    from semcomp.weights import load_model

    chosen = [name.strip() for name in allocations.split(",")]
    unknown = set(chosen) - set(measuring.ALLOCATIONS)
    if unknown:
        raise typer.BadParameter(f"no allocation {', '.join(sorted(unknown))}")
    try:
        numbers = [float(level) for level in levels.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"levels {levels!r} are not numbers") from error
    rows = measuring.bench(
        folder,
        levels=numbers,
        allocations=[name for name in measuring.ALLOCATIONS if name in chosen],
        equal_bytes=equal_bytes,
        model=model,
        device=device,
        floor=floor,
        images=None if images is None else images.split(","),
        jobs=jobs,
        report=lambda line: print(line, flush=True),
    )
    print(table(rows))
    loaded = load_model(model, device)
    if out is not None:
        write_rows(rows, out, loaded)
    if card:
        write_card(rows, loaded, ASSETS / model)
