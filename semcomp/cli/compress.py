"""The commands `compress` and `explain`: a picture in, a file or the story of its making out.

Like those of `__main__.py` they import what they need themselves.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semcomp.files import write_file

from .options import Device, Json, check_target, print_json

if TYPE_CHECKING:
    import numpy as np

    from semcomp.pipeline import Compressed
    from semcomp.semantics.maps import SemanticMap
    from semcomp.semantics.subjects import MapKind


class Allocation(str, Enum):
    """Who gets the bits, as `semcomp.pipeline.compress` takes it."""

    uniform = "uniform"
    proportional = "proportional"
    rd = "rd"


Picture = Annotated[Path, typer.Argument(metavar="IN", help="picture, any common format")]
Level = Annotated[float, typer.Option(help="average iterations per block, 0.1 to 24: the budget")]
Who = Annotated[
    Allocation,
    typer.Option(
        help="everyone the same, by importance, or by importance and by what a bit buys there"
    ),
]
ModelName = Annotated[str, typer.Option(help="name of the weights in assets/")]
MapName = Annotated[
    str | None,
    typer.Option(
        "--map",
        metavar="people|classifier|FILE",
        help="what matters: faces, people, animals, things and text (people), what the classifier "
        "looked at (the paper), or a picture painted bright where it matters "
        "[default: classifier]",
    ),
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
    typer.Option(
        help="iterations every block gets first (proportional) [default: 2/3 of the level]"
    ),
]


def compress(
    source: Picture,
    target: Annotated[Path, typer.Argument(metavar="OUT.semc", help="file to write")],
    level: Level = 6.0,
    allocation: Who = Allocation.proportional,
    model: ModelName = "small",
    map_name: MapName = None,
    class_name: ClassName = None,
    classifier: ClassifierName = None,
    floor: Floor = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Compress a picture."""
    from semcomp import pipeline
    from semcomp.image import load_image

    _check_options(allocation, map_name, class_name, classifier, floor)
    check_target(target, source, _map_file(map_name))
    started = time.perf_counter()
    picture = load_image(source)
    packed = pipeline.compress(
        picture,
        level,
        allocation.value,
        floor=floor,
        model=model,
        semantic_map=_map(map_name, classifier, class_name, picture),
        class_name=class_name,
        device=device,
    )
    seconds = time.perf_counter() - started
    write_file(target, packed.data)
    record = _record(packed, level, allocation, floor, seconds)
    if as_json:
        print_json(record)
    else:
        print(
            f"{target}: {len(packed.data)} bytes, {packed.bpp:.4f} bpp, "
            f"{record['ratio']:.1f} times smaller than 24 bit per pixel, {seconds:.1f} s"
        )


def explain(
    source: Picture,
    folder: Annotated[Path, typer.Argument(metavar="OUTDIR", help="folder for what it writes")],
    level: Level = 6.0,
    allocation: Who = Allocation.proportional,
    model: ModelName = "small",
    map_name: MapName = None,
    class_name: ClassName = None,
    classifier: ClassifierName = None,
    floor: Floor = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Show how a picture is compressed: map, levels, and the picture after every iteration."""
    from semcomp.explanation import explain as explain_picture
    from semcomp.image import load_image

    _check_options(allocation, map_name, class_name, classifier, floor)
    picture = load_image(source)
    explanation = explain_picture(
        picture,
        folder,
        level,
        allocation.value,
        floor=floor,
        model=model,
        semantic_map=_map(map_name, classifier, class_name, picture),
        class_name=class_name,
        device=device,
    )
    if as_json:
        print_json(explanation.record)
        return
    for step in explanation.record["steps"]:
        psnr = "exact" if step["psnr"] is None else f"{step['psnr']:.2f} dB"
        print(
            f"iteration {step['iteration']:>2}: {step['blocks']:>6} blocks, "
            f"{step['bytes']:>7} bytes so far, {psnr}"
        )
    print(f"{folder}: {', '.join(explanation.record['files'])}")


def _check_options(
    allocation: Allocation,
    map_name: str | None,
    class_name: str | None,
    classifier: str | None,
    floor: int | None,
) -> None:
    """Refuse options that would have no effect."""
    if _map_file(map_name) is not None and (class_name is not None or classifier is not None):
        raise typer.BadParameter("give either --map FILE, or --class and --classifier")
    if map_name == "people" and classifier is not None:
        raise typer.BadParameter("--classifier makes the classifier's map: leave --map people out")
    chosen = {"--map": map_name, "--class": class_name, "--classifier": classifier}
    for name, value in chosen.items():
        if allocation is Allocation.uniform and value is not None:
            raise typer.BadParameter(f"{name} means nothing to --allocation uniform")
    if allocation is not Allocation.proportional and floor is not None:
        raise typer.BadParameter("--floor goes with --allocation proportional only")


def _map_file(map_name: str | None) -> Path | None:
    """The painted map that `--map` names; None where it names a kind, or nothing."""
    return None if map_name in (None, "people", "classifier") else Path(map_name)


def _map(
    map_name: str | None, classifier: str | None, class_name: str | None, picture: np.ndarray
) -> SemanticMap | MapKind | None:
    """The painted map, one value per block, the map of a classifier that was named, or a kind."""
    if (map_file := _map_file(map_name)) is not None:
        from semcomp.geometry import BLOCK
        from semcomp.semantics.maps import user_map

        return user_map(map_file, *picture.shape[:2], cell=BLOCK)
    if classifier is not None:
        from semcomp.semantics.activation import analyse, load_classifier

        return analyse(picture, classifier=load_classifier(classifier), class_name=class_name)
    return "people" if map_name == "people" else "classifier"


def _record(
    packed: Compressed, level: float, allocation: Allocation, floor: int | None, seconds: float
) -> dict[str, Any]:
    """What `compress --json` prints."""
    from semcomp.allocation.levels import default_floor
    from semcomp.pipeline import info

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
        if packed.semantic_map.subjects:
            record["subjects"] = [asdict(subject) for subject in packed.semantic_map.subjects]
    return record
