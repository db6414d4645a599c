"""`python -m semcomp train codec | entropy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from .codec_trainer import TrainOptions
from .codec_trainer import train as run_training
from .export import export_model

app = typer.Typer(no_args_is_help=True, help="Train the codec and fit its entropy tables.")
DEFAULTS = TrainOptions()


@app.command()
def codec(
    data: Annotated[Path, typer.Option(help="Folder of training pictures.")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint and the log.")],
    minutes: Annotated[float, typer.Option(help="Time box; the last part anneals.")] = 20.0,
    preset: Annotated[str, typer.Option(help="small or base.")] = DEFAULTS.preset,
    resume: Annotated[
        Path | None, typer.Option(help="Checkpoint, or folder of weights, to continue from.")
    ] = None,
    lr: Annotated[float, typer.Option(help="Learning rate.")] = DEFAULTS.lr,
    decay: Annotated[
        float, typer.Option(help="Share of the time box that anneals.")
    ] = DEFAULTS.decay,
    seed: Annotated[int, typer.Option(help="Seed of weights, crops and level maps.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 leaves the choice to torch.")] = 0,
) -> None:
    """Train the recurrent codec for a given time; checkpoints every four minutes."""
    if threads:
        torch.set_num_threads(threads)
    options = TrainOptions(
        preset=preset,
        data=str(data),
        minutes=minutes,
        lr=lr,
        decay=decay,
        seed=seed,
        device=device,
    )
    run_training(options, out, resume, lambda line: print(line, flush=True))


@app.command()
def entropy(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint of `train codec`.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights, such as assets/small.")],
    data: Annotated[
        Path | None, typer.Option(help="Training pictures; default: the checkpoint's.")
    ] = None,
    pictures: Annotated[int, typer.Option(help="Pictures to fit the tables to.")] = 100,
    steps: Annotated[int, typer.Option(help="Steps per bit slot.")] = 600,
    refit: Annotated[
        bool, typer.Option(help="Fit even if the tables in OUT belong to this quantizer.")
    ] = False,
) -> None:
    """Fit the entropy coder's tables and write the weights that are shipped."""
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
