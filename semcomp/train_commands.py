"""Commands that make weights: train codec, train entropy.

Like those of `__main__.py` they import what they need themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

train_app = typer.Typer(no_args_is_help=True, help="Train the codec, fit its entropy tables.")


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
