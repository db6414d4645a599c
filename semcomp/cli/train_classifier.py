"""The command that makes a classifier: train classifier.

Like those of `__main__.py` it imports what it needs itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_classifier(
    data: Annotated[
        str | None,
        typer.Option(
            help="caltech-256, cifar-100, or a folder with a sub-folder of pictures for each "
            "class [default: caltech-256]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="folder for checkpoint, log, weights and card [default: vgg16-gap, or the "
            "checkpoint's]"
        ),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="checkpoint.pt to continue; its options are kept")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="[default: 100]")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="stop after this time; --resume goes on")
    ] = None,
    width: Annotated[
        float | None, typer.Option(help="share of VGG16's channels [default: 1]")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="pictures per step [default: 64]")] = None,
    crop: Annotated[
        int | None, typer.Option(help="side of the crops [default: 224, or the pictures' own]")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="first rate [default: 0.01]")] = None,
    final_lr: Annotated[float | None, typer.Option(help="last rate [default: 0.0002]")] = None,
    warmup: Annotated[
        float | None, typer.Option(help="epochs in which the rate rises [default: 1]")
    ] = None,
    clip: Annotated[
        float | None, typer.Option(help="largest norm of the gradients, 0: any [default: 1]")
    ] = None,
    batch_norm: Annotated[
        bool | None, typer.Option("--batch-norm/--no-batch-norm", help="[default: on]")
    ] = None,
    augment: Annotated[
        bool | None, typer.Option("--augment/--no-augment", help="random crops [default: on]")
    ] = None,
    bf16: Annotated[
        bool | None, typer.Option("--bf16/--no-bf16", help="half precision on a GPU [default: on]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="of weights, order, crops [default: 0]")] = None,
    memory_gib: Annotated[
        float | None, typer.Option(help="memory for decoded pictures [default: 2]")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0: torch decides")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what memory and time it would take")
    ] = False,
) -> None:
    """Train the paper's VGG16-like classifier, whose activation maps say what is important."""
    import torch

    from semcomp.training.classifier import run
    from semcomp.weights import resolve_device

    if threads:
        torch.set_num_threads(threads)
    given = {
        "data": data,
        "epochs": epochs,
        "minutes": minutes,
        "width": width,
        "batch": batch,
        "crop": crop,
        "lr": lr,
        "final_lr": final_lr,
        "warmup": warmup,
        "clip": clip,
        "batch_norm": batch_norm,
        "augment": augment,
        "bf16": bf16,
        "seed": seed,
        "memory_gib": memory_gib,
        "device": str(resolve_device(device)),
    }
    run.run(
        {name: value for name, value in given.items() if value is not None},
        out or (resume.parent if resume else Path("vgg16-gap")),
        resume=resume,
        dry=dry_run,
        report=lambda line: print(line, flush=True),
    )
