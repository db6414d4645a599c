"""Commands for those who make and measure weights: bench, train codec, train entropy.

Like those of `__main__.py` they import what they need themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

train_app = typer.Typer(no_args_is_help=True, help="Train the codec, fit its entropy tables.")


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
        int | None, typer.Option(help="floor of proportional [default: half the level]")
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
    from . import bench as measuring
    from .weights import ASSETS, load_model

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
    print(measuring.table(rows))
    loaded = load_model(model, device)
    if out is not None:
        measuring.write_rows(rows, out, loaded)
    if card:
        measuring.write_card(rows, loaded, ASSETS / model)


@train_app.command("codec")
def train_codec(
    data: Annotated[Path, typer.Option(help="folder of training pictures")],
    out: Annotated[Path, typer.Option(help="folder for the checkpoint and the log")],
    minutes: Annotated[float, typer.Option(help="time box; its last part anneals")] = 20.0,
    preset: Annotated[str, typer.Option(help="small, base or paper")] = "small",
    resume: Annotated[
        Path | None, typer.Option(help="checkpoint, or folder of weights, to continue from")
    ] = None,
    lr: Annotated[float, typer.Option(help="learning rate")] = 1e-3,
    decay: Annotated[float, typer.Option(help="share of the time box that anneals")] = 0.3,
    seed: Annotated[int, typer.Option(help="seed of weights, crops and level maps")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0: torch decides")] = 0,
) -> None:
    """Train the recurrent codec for a given time; a checkpoint every four minutes."""
    import torch

    from .codec import PRESETS
    from .training.codec_trainer import TrainOptions, train
    from .weights import resolve_device

    if preset not in PRESETS:
        raise typer.BadParameter(f"no preset {preset!r}: use {', '.join(PRESETS)}")
    if threads:
        torch.set_num_threads(threads)
    options = TrainOptions(
        preset=preset,
        data=str(data),
        minutes=minutes,
        lr=lr,
        decay=decay,
        seed=seed,
        device=str(resolve_device(device)),
    )
    train(options, out, resume, lambda line: print(line, flush=True))


@train_app.command("entropy")
def train_entropy(
    checkpoint: Annotated[Path, typer.Option(help="checkpoint of `train codec`")],
    out: Annotated[Path, typer.Option(help="folder for the weights, such as assets/small")],
    data: Annotated[
        Path | None, typer.Option(help="training pictures [default: the checkpoint's]")
    ] = None,
    pictures: Annotated[int, typer.Option(help="pictures to fit the tables to")] = 100,
    steps: Annotated[int, typer.Option(help="steps per bit slot")] = 600,
    refit: Annotated[
        bool, typer.Option(help="fit even if OUT has tables for this quantizer")
    ] = False,
) -> None:
    """Fit the entropy coder's tables and write the weights that are shipped."""
    from .training.export import export_model

    digest = export_model(
        checkpoint,
        out,
        data=data,
        pictures=pictures,
        steps=steps,
        reuse=not refit,
        report=lambda line: print(line, flush=True),
    )
    print(f"wrote {out}, sha256 {digest}")
