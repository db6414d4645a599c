"""Commands that make weights: train codec, train classifier, train entropy.

Like those of `__main__.py` they import what they need themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

train_app = typer.Typer(no_args_is_help=True, help="Train the codec and the classifier.")


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
    warm_start: Annotated[
        Path | None,
        typer.Option(help="checkpoint or weights whose network to take where shapes agree"),
    ] = None,
    tables: Annotated[
        Path | None, typer.Option(help="checkpoint or weights whose quantizer to take")
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32 or bf16, of the networks alone")] = "fp32",
    validate_minutes: Annotated[
        float, typer.Option(help="minutes between validations, each with a checkpoint")
    ] = 4.0,
    ssim_weight: Annotated[float, typer.Option(help="weight of log(1 - SSIM) in the loss")] = 0.0,
    ms_ssim_weight: Annotated[
        float, typer.Option(help="weight of log(1 - MS-SSIM) in the loss")
    ] = 0.0,
) -> None:
    """Train the recurrent codec for a given time; a checkpoint every four minutes."""
    import torch

    from .codec import PRESETS
    from .training.codec_trainer import train
    from .training.options import TrainOptions
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
        validate_minutes=validate_minutes,
        precision=precision,
        ssim_weight=ssim_weight,
        ms_ssim_weight=ms_ssim_weight,
    )
    train(
        options,
        out,
        resume,
        lambda line: print(line, flush=True),
        warm_start=warm_start,
        tables=tables,
    )


@train_app.command("classifier")
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

    from .training import classifier_run as run
    from .weights import resolve_device

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
