"""Commands that make weights: train codec, ablation, entropy, classifier.

Like those of `__main__.py` they import what they need themselves.
"""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

train_app = typer.Typer(no_args_is_help=True, help="Train the codec and the classifier.")

Device = Annotated[str | None, typer.Option(help="cpu or cuda")]
Threads = Annotated[int, typer.Option(help="CPU threads; 0: torch decides")]
say = partial(print, flush=True)


@train_app.command("codec")
def train_codec(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Option(help="folder of training pictures, or a data set such as cifar-100"),
    ] = None,
    out: Annotated[Path, typer.Option(help="folder for checkpoint, log and curve")] = Path("run"),
    recipe: Annotated[
        str | None, typer.Option(help="small, fast, base, paper...; the options below override it")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="time box; its last part anneals [default: 20]")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="network [default: small]")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="checkpoint, or folder of weights, to continue from")
    ] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option(help="checkpoint or weights whose network to take where shapes agree"),
    ] = None,
    narrow: Annotated[
        Path | None,
        typer.Option(help="weights of a wider decoder to start from, cut to the preset's"),
    ] = None,
    tables: Annotated[
        Path | None, typer.Option(help="checkpoint or weights whose quantizer to take")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="learning rate [default: 0.001]")] = None,
    decay: Annotated[
        float | None, typer.Option(help="share of the time box that anneals [default: 0.3]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="seed of weights, crops and level maps [default: 0]")
    ] = None,
    device: Device = None,
    threads: Threads = 0,
    precision: Annotated[
        str | None, typer.Option(help="of the networks: fp32 or bf16 [default: fp32]")
    ] = None,
    fuse: Annotated[
        bool | None, typer.Option("--compile", help="fuse the units' element-wise part")
    ] = None,
    ssim_weight: Annotated[
        float | None, typer.Option(help="weight of log(1 - SSIM) in the loss [default: 0]")
    ] = None,
    ms_ssim_weight: Annotated[
        float | None, typer.Option(help="weight of log(1 - MS-SSIM) in the loss [default: 0]")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="end after so many steps, and anneal by them")
    ] = None,
    validate_minutes: Annotated[
        float | None, typer.Option(help="between validations, each with a checkpoint [default: 4]")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="any other option of TrainOptions"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only print parameters, memory and speed")
    ] = False,
) -> None:
    """Train the codec for a given time; validated every few minutes, resumable."""
    import torch

    from semcomp.networks.codec import PRESETS
    from semcomp.training.codec.options import TrainOptions, options_from, parse_setting
    from semcomp.training.codec.parallel import training_device
    from semcomp.training.codec.run import train

    if preset is not None and preset not in PRESETS:
        raise typer.BadParameter(f"no preset {preset!r}: use {', '.join(PRESETS)}")
    typed = {**context.params, "compile": fuse}
    given = {field.name: typed.get(field.name) for field in fields(TrainOptions)}
    try:
        others = dict(parse_setting(words) for words in settings or ())
        options = options_from(recipe, {**given, **others})
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not options.data:
        raise typer.BadParameter("no pictures: give a folder with --data")
    options.device = str(training_device(device))
    if threads:
        torch.set_num_threads(threads)
    train(
        options,
        out,
        resume,
        say,
        warm_start=warm_start,
        narrow=narrow,
        tables=tables,
        dry_run=dry_run,
    )


@train_app.command("ablation")
def train_ablation(
    data: Annotated[str, typer.Option(help="folder of training pictures")],
    out: Annotated[Path, typer.Option(help="folder for ablation.json and ABLATION.md")] = Path(
        "assets/ablations"
    ),
    start: Annotated[
        Path | None,
        typer.Option(help="checkpoint or weights that all start from [default: random weights]"),
    ] = None,
    scratch: Annotated[
        bool, typer.Option("--scratch", help="take only the quantizer from --start")
    ] = False,
    variants: Annotated[
        str | None, typer.Option(help="names, separated by commas [default: all]")
    ] = None,
    seconds: Annotated[float, typer.Option(help="of each variant; CPU seconds on a CPU")] = 300.0,
    steps: Annotated[int, typer.Option(help="of each variant, instead of seconds")] = 0,
    device: Device = None,
    threads: Threads = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="an option of all variants"),
    ] = None,
) -> None:
    """Compare training choices: every variant from the same start, seed and budget."""
    import torch

    from semcomp.training.codec.ablation import VARIANTS, Budget, run_ablation
    from semcomp.training.codec.options import options_from, parse_setting
    from semcomp.training.codec.parallel import training_device

    names = list(VARIANTS) if variants is None else [name.strip() for name in variants.split(",")]
    try:
        given = dict(parse_setting(words) for words in settings or ())
        base = options_from(None, {"curriculum": "late", "warmup": 20, "decay": 0.5, **given})
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    base.data, base.device = data, str(training_device(device))
    if threads:
        torch.set_num_threads(threads)
    budget = Budget(seconds, steps)
    table = run_ablation(base, out, names, budget, start, say, scratch=scratch)
    print(table.read_text(encoding="utf-8"))


@train_app.command("entropy")
def train_entropy(
    out: Annotated[list[Path], typer.Option(help="folder for the weights, such as assets/small")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="checkpoint of `train codec` [default: OUT's own networks; several folders of "
            "one quantizer may be given]"
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="training pictures [default: the checkpoint's]")
    ] = None,
    pictures: Annotated[int, typer.Option(min=1, help="pictures to fit the tables to")] = 100,
    steps: Annotated[int, typer.Option(min=2, help="steps per bit slot")] = 600,
    threads: Annotated[int, typer.Option(min=1, help="slots fitted at the same time")] = 1,
    refit: Annotated[
        bool,
        typer.Option(help="fit even if OUT, or weights beside it, have tables for this quantizer"),
    ] = False,
    note: Annotated[str, typer.Option(help="words for the card")] = "",
) -> None:
    """Fit the entropy coder's tables and write the weights that are shipped."""
    import torch

    from semcomp.training.codec.export import export_model, refit_models

    torch.set_num_threads(1)
    fitting: dict[str, Any] = {
        "pictures": pictures,
        "steps": steps,
        "threads": threads,
        "reuse": not refit,
        "report": say,
    }
    if checkpoint is None:
        if data is None or note:
            raise typer.BadParameter("without --checkpoint, give --data and no --note")
        digests = refit_models(out, data, **fitting)
    elif len(out) > 1:
        raise typer.BadParameter("one --checkpoint is for one --out")
    else:
        whole = export_model(checkpoint, out[0], data=data, note=note, **fitting)
        digests = [whole]
    for folder, digest in zip(out, digests, strict=True):
        print(f"wrote {folder}, sha256 {digest}")


@train_app.command("widen")
def train_widen(
    folders: Annotated[list[Path], typer.Argument(help="weights to rewrite, such as assets/small")],
    data: Annotated[Path, typer.Option(help="training pictures, which say what is ordinary")],
) -> None:
    """Let the quantizer of weights reach all colours, as that of newly designed ones does."""
    from semcomp.training.codec.export import widen_model

    for folder in folders:
        print(f"wrote {folder}, sha256 {widen_model(folder, data)}")


@train_app.command("classifier")
def train_classifier(
    context: typer.Context,
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
    teacher: Annotated[
        str | None,
        typer.Option(
            help="learn what this classifier sees in every cell, not labels: efficientnet-lite0"
        ),
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
        bool | None,
        typer.Option(
            "--bf16/--no-bf16", help="half precision where there are units for it [default: on]"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="of weights, order, crops [default: 0]")] = None,
    memory_gib: Annotated[
        float | None, typer.Option(help="memory for decoded pictures [default: 2]")
    ] = None,
    device: Device = None,
    threads: Threads = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what memory and time it would take")
    ] = False,
) -> None:
    """Train the paper's VGG16-like classifier, whose activation maps say what is important."""
    import torch

    from semcomp.training.classifier.options import ClassifierOptions
    from semcomp.training.classifier.run import run
    from semcomp.weights import resolve_device

    if threads:
        torch.set_num_threads(threads)
    typed = {**context.params, "device": str(resolve_device(device))}
    given = {field.name: typed.get(field.name) for field in fields(ClassifierOptions)}
    run(
        {name: value for name, value in given.items() if value is not None},
        out or (resume.parent if resume else Path("vgg16-gap")),
        resume=resume,
        dry=dry_run,
        report=say,
    )
