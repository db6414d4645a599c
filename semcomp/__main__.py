"""The command `python -m semcomp`: compress, decompress, info, explain, bench and train.

What is wrong with a file or an option is one line on stderr and exit code 1; a wrong command line
has exit code 2. The commands import what they need themselves, so that ``--help`` is quick.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .classifier_command import train_classifier
from .commands import bench
from .files import write_file
from .load_command import load
from .tour_command import tour
from .train_commands import train_app

if TYPE_CHECKING:
    import numpy as np

    from .pipeline import Compressed
    from .semantic import SemanticMap

app = typer.Typer(
    help="Semantic image compression: a codec that spends its bits where a picture means something",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command()(bench)
app.command()(load)
app.command()(tour)
train_app.command("classifier")(train_classifier)
app.add_typer(train_app, name="train")

PICTURES = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".ppm": "PPM"}
"""Suffixes a decoded picture can be written with: formats that lose nothing."""


class Allocation(str, Enum):
    """Who gets the bits, as `semcomp.pipeline.compress` takes it."""

    uniform = "uniform"
    proportional = "proportional"
    rd = "rd"


Picture = Annotated[Path, typer.Argument(metavar="IN", help="picture, any common format")]
SemcFile = Annotated[Path, typer.Argument(metavar="IN.semc", help="compressed picture")]
Level = Annotated[float, typer.Option(help="average iterations per block, 0.1 to 24: the budget")]
Who = Annotated[
    Allocation,
    typer.Option(
        help="everyone the same, by importance, or by importance and by what a bit buys there"
    ),
]
ModelName = Annotated[str, typer.Option(help="name of the weights in assets/")]
MapFile = Annotated[
    Path | None,
    typer.Option("--map", help="painted map, bright where the picture matters; none is made then"),
]
ClassName = Annotated[
    str | None,
    typer.Option("--class", help="class to look for, instead of the most probable one"),
]
ClassifierName = Annotated[
    str | None,
    typer.Option(
        "--classifier",
        help="who makes the map: efficientnet-lite0, vgg16-gap, or a folder that `train "
        "classifier` wrote [default: efficientnet-lite0]",
    ),
]
Floor = Annotated[
    int | None,
    typer.Option(help="iterations every block gets first (proportional) [default: half the level]"),
]
Device = Annotated[
    str | None,
    typer.Option(help="cpu or cuda [default: SEMCOMP_DEVICE, else a GPU if there is one]"),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object instead of text")]


@app.command()
def compress(
    source: Picture,
    target: Annotated[Path, typer.Argument(metavar="OUT.semc", help="file to write")],
    level: Level = 6.0,
    allocation: Who = Allocation.proportional,
    model: ModelName = "small",
    map_file: MapFile = None,
    class_name: ClassName = None,
    classifier: ClassifierName = None,
    floor: Floor = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Compress a picture."""
    from . import pipeline
    from .image import load_image

    _check_options(allocation, map_file, class_name, classifier, floor)
    _check_target(target, source, map_file)
    started = time.perf_counter()
    picture = load_image(source)
    packed = pipeline.compress(
        picture,
        level,
        allocation.value,
        floor=floor,
        model=model,
        semantic_map=_map(map_file, classifier, class_name, picture),
        class_name=class_name,
        device=device,
    )
    seconds = time.perf_counter() - started
    write_file(target, packed.data)
    record = _record(packed, level, allocation, floor, seconds)
    if as_json:
        _print_json(record)
    else:
        print(
            f"{target}: {len(packed.data)} bytes, {packed.bpp:.4f} bpp, "
            f"{record['ratio']:.1f} times smaller than 24 bit per pixel, {seconds:.1f} s"
        )


@app.command()
def decompress(
    source: SemcFile,
    target: Annotated[
        Path, typer.Argument(metavar="OUT.png", help=f"picture to write: {' '.join(PICTURES)}")
    ],
    iterations: Annotated[
        int | None, typer.Option(min=0, help="stop early, for a rougher picture")
    ] = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Decode a compressed picture; of a file cut short, what is there."""
    from io import BytesIO

    from . import bitstream, pipeline

    if target.suffix.lower() not in PICTURES:
        raise typer.BadParameter(
            f"cannot write {target.name!r}: choose a name that ends in {', '.join(PICTURES)}"
        )
    _check_target(target, source)
    started = time.perf_counter()
    data = source.read_bytes()
    with _warnings_as_lines():
        picture = pipeline.decompress(data, iterations=iterations, device=device)
    seconds = time.perf_counter() - started
    stream = BytesIO()
    picture.save(stream, PICTURES[target.suffix.lower()])
    write_file(target, stream.getvalue())
    parsed = bitstream.parse(data, iterations=iterations)
    decoded, promised = len(parsed.chunks), parsed.header.iterations
    if as_json:
        _print_json(
            {
                "width": picture.width,
                "height": picture.height,
                "iterations": decoded,
                "iterations_in_file": promised,
                "complete": parsed.complete,
                "seconds": round(seconds, 3),
            }
        )
    else:
        print(
            f"{target}: {picture.width}x{picture.height} pixels, "
            f"{decoded} of {promised} iterations, {seconds:.1f} s"
        )


@app.command()
def info(source: SemcFile, as_json: Json = False) -> None:
    """Show what a compressed file says of itself."""
    from . import pipeline

    facts = pipeline.info(source.read_bytes())
    if as_json:
        _print_json(facts)
        return
    parts = ", ".join(f"{name} {size}" for name, size in facts["sizes"].items())
    missing = facts["iterations"] - facts["iterations_present"]
    rows = {
        "picture": f"{facts['width']}x{facts['height']} pixels",
        "file": f"{facts['bytes']} bytes ({parts}), {facts['bpp']:.4f} bpp",
        "allocation": f"{facts['allocation']}, level {facts['level']:g}, floor {facts['floor']}",
        "iterations": f"{facts['iterations']}" + (f", the last {missing} cut off" * (missing > 0)),
        "per iteration": f"{' '.join(map(str, facts['bytes_per_iteration']))} bytes",
        "model": facts["model_id"],
    }
    for name, text in rows.items():
        print(f"{name:<14}{text}")


@app.command()
def explain(
    source: Picture,
    folder: Annotated[Path, typer.Argument(metavar="OUTDIR", help="folder for what it writes")],
    level: Level = 6.0,
    allocation: Who = Allocation.proportional,
    model: ModelName = "small",
    map_file: MapFile = None,
    class_name: ClassName = None,
    classifier: ClassifierName = None,
    floor: Floor = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Show how a picture is compressed: map, levels, and the picture after every iteration."""
    from .explanation import explain as explain_picture
    from .image import load_image

    _check_options(allocation, map_file, class_name, classifier, floor)
    picture = load_image(source)
    explanation = explain_picture(
        picture,
        folder,
        level,
        allocation.value,
        floor=floor,
        model=model,
        semantic_map=_map(map_file, classifier, class_name, picture),
        class_name=class_name,
        device=device,
    )
    if as_json:
        _print_json(explanation.record)
        return
    for step in explanation.record["steps"]:
        psnr = "exact" if step["psnr"] is None else f"{step['psnr']:.2f} dB"
        print(
            f"iteration {step['iteration']:>2}: {step['blocks']:>6} blocks, "
            f"{step['bytes']:>7} bytes so far, {psnr}"
        )
    print(f"{folder}: {', '.join(explanation.record['files'])}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (None: this process's own); returns its exit code."""
    command = typer.main.get_command(app)
    try:
        command.main(None if argv is None else list(argv), prog_name="python -m semcomp")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:
        if not isinstance(error, _expected()):
            raise
        print(f"error: {' '.join(_message(error).split())}", file=sys.stderr)
        return 1
    return 0


def _expected() -> tuple[type[Exception], ...]:
    """Errors that are about the user's files and options, not about the program."""
    from .allocation import AllocationError
    from .bitstream import BitstreamError
    from .image import ImageError
    from .semantic_map import SemanticError
    from .training.classifier_options import TrainingError
    from .weights import WeightsError

    ours = (ImageError, AllocationError, SemanticError, BitstreamError, WeightsError, TrainingError)
    return (*ours, OSError)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


@contextlib.contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print the warnings raised inside as one line each on stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for warning in caught:
        print(f"warning: {warning.message}", file=sys.stderr)


def _check_options(
    allocation: Allocation,
    map_file: Path | None,
    class_name: str | None,
    classifier: str | None,
    floor: int | None,
) -> None:
    """Refuse options that would have no effect."""
    if map_file is not None and (class_name is not None or classifier is not None):
        raise typer.BadParameter("give either --map, or --class and --classifier")
    chosen = {"--map": map_file, "--class": class_name, "--classifier": classifier}
    for name, value in chosen.items():
        if allocation is Allocation.uniform and value is not None:
            raise typer.BadParameter(f"{name} means nothing to --allocation uniform")
    if allocation is not Allocation.proportional and floor is not None:
        raise typer.BadParameter("--floor goes with --allocation proportional only")


def _check_target(target: Path, *sources: Path | None) -> None:
    """Find out before the work whether its result can be written; never over an input."""
    for source in sources:
        if source is not None and target.exists() and source.exists() and target.samefile(source):
            raise OSError(f"{target} is the input itself: choose another name for the output")
    if target.is_dir():
        raise OSError(f"{target} is a folder: name a file in it")
    if not target.parent.is_dir():
        raise OSError(f"there is no folder {target.parent}: make it first")


def _map(
    map_file: Path | None, classifier: str | None, class_name: str | None, picture: np.ndarray
) -> SemanticMap | None:
    """The painted map, one value per block, or the map of a classifier that was named."""
    if map_file is not None:
        from .quantizer import BLOCK
        from .semantic_map import user_map

        return user_map(map_file, *picture.shape[:2], cell=BLOCK)
    if classifier is not None:
        from .semantic import analyse, load_classifier

        return analyse(picture, classifier=load_classifier(classifier), class_name=class_name)
    return None


def _record(
    packed: Compressed, level: float, allocation: Allocation, floor: int | None, seconds: float
) -> dict[str, Any]:
    """What `compress --json` prints."""
    from .allocation import default_floor
    from .pipeline import info

    facts = info(packed.data)
    if allocation is Allocation.proportional and floor is None:
        floor = default_floor(level)
    record: dict[str, Any] = {
        "bytes": len(packed.data),
        "bpp": packed.bpp,
        "ratio": 24 / packed.bpp,
        "width": packed.width,
        "height": packed.height,
        "level": facts["level"],
        "allocation": allocation.value,
        "floor": floor,
        "model": packed.model,
        "model_id": facts["model_id"],
        "sizes": packed.sizes,
        "iterations": facts["iterations"],
        "seconds": round(seconds, 3),
    }
    if packed.semantic_map is not None and packed.semantic_map.chosen:
        chosen = packed.semantic_map.chosen[0]
        record |= {"class": chosen.name, "probability": chosen.probability}
    return record


def _print_json(record: dict[str, Any]) -> None:
    print(json.dumps(record, allow_nan=False))


if __name__ == "__main__":
    sys.exit(main())
