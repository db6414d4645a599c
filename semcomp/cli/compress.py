"""The commands `compress` and `explain`: a picture in, a file or the story of its making out.

Like those of `__main__.py` they import what they need themselves.
"""

from __future__ import annotations

import sys
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    Device,
    Json,
    check_target,
    input_of,
    print_json,
    progress_bar,
    say,
    write_result,
)

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


Picture = Annotated[
    Path, typer.Argument(metavar="IN", help="picture, any common format; - for standard input")
]
Level = Annotated[float, typer.Option(help="average iterations per block, 0.1 to 24: the budget")]
LevelOrNone = Annotated[
    float | None,
    typer.Option(
        help="average iterations per block of a .semc, 0.1 to 24: the budget [default: 6]"
    ),
]
Size = Annotated[
    str | None,
    typer.Option(metavar="BYTES", help="the budget as a size: 30000, 30kB, 0.5MB"),
]
Quality = Annotated[
    float | None, typer.Option(help="the budget on the scale of an ordinary format")
]
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
        "looked at (the paper), or a picture painted bright where it matters, - for standard input "
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
Without = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="what does not count of --map people, as `compress` names it (person 2), all of a "
        "label (person) or of a kind (face, object, text, class); may be given several times",
    ),
]
Focus = Annotated[
    float,
    typer.Option(
        help="how strongly the bits follow the map: 0 everywhere alike, 1 as the map says, 2 only "
        "where it matters"
    ),
]
Floor = Annotated[
    int | None,
    typer.Option(
        help="iterations every block gets first (proportional) [default: grows with the level]"
    ),
]


def compress(
    source: Picture,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="file to write, in the format of its ending: .semc, or one that opens everywhere "
            "and spends its bits by the same map (.jpg, .webp, .avif ...); - for standard output",
        ),
    ],
    level: LevelOrNone = None,
    size: Size = None,
    quality: Quality = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="format, whatever the ending: semc, jpeg ...")
    ] = None,
    keep_exif: Annotated[
        bool,
        typer.Option("--keep-exif", help="carry camera, time and place along (ordinary formats)"),
    ] = False,
    allocation: Who = Allocation.proportional,
    model: ModelName = "small",
    map_name: MapName = None,
    class_name: ClassName = None,
    classifier: ClassifierName = None,
    without: Without = None,
    focus: Focus = 1.0,
    floor: Floor = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Compress a picture, into a .semc or into a file that opens everywhere."""
    from semcomp import pipeline
    from semcomp.picture_file import read_exif
    from semcomp.search import parse_size

    _check_options(source, allocation, map_name, class_name, classifier, without, focus, floor)
    check_target(target, source, _map_file(map_name))
    kind = _format(target, format_name)
    if sum(budget is not None for budget in (level, size, quality)) > 1:
        raise typer.BadParameter("give one of --level, --size and --quality")
    of_semc = {"--level": level, "--floor": floor, "--device": device}
    of_semc |= {"--model": None if model == "small" else model}
    of_others = {"--quality": quality, "--keep-exif": keep_exif or None}
    for name, value in (of_others if kind == "semc" else of_semc).items():
        if value is not None:
            raise typer.BadParameter(f"{name} means nothing to {kind}")
    max_bytes = None if size is None else parse_size(size)
    started = time.perf_counter()
    given = _given(source)
    picture, semantic_map, notes = _opened(
        given, allocation, map_name, classifier, class_name, without, quiet=as_json
    )
    with progress_bar("coding") as progress:
        packed = pipeline.compress(
            picture,
            6.0 if level is None else level,
            allocation.value,
            floor=floor,
            model=model,
            semantic_map=semantic_map,
            focus=focus,
            max_bytes=max_bytes,
            format=kind,
            quality=quality,
            exif=read_exif(given) if keep_exif else b"",
            device=device,
            progress=progress,
        )
    seconds = time.perf_counter() - started
    write_result(target, packed.data)
    record = _record(packed, allocation, focus, floor, seconds) | {"notes": notes}
    if as_json:
        print_json(record, target)
    else:
        say(
            f"{target}: {len(packed.data)} bytes, {packed.bpp:.4f} bpp, "
            f"{record['ratio']:.1f} times smaller than 24 bit per pixel, {seconds:.1f} s",
            target,
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
    without: Without = None,
    focus: Focus = 1.0,
    floor: Floor = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Show how a picture is compressed: map, levels, and the picture after every iteration."""
    from semcomp.explanation import explain as explain_picture

    _check_options(source, allocation, map_name, class_name, classifier, without, focus, floor)
    picture, semantic_map, notes = _opened(
        _given(source), allocation, map_name, classifier, class_name, without, quiet=as_json
    )
    with progress_bar("coding") as progress:
        explanation = explain_picture(
            picture,
            folder,
            level,
            allocation.value,
            floor=floor,
            model=model,
            semantic_map=semantic_map,
            focus=focus,
            notes=notes,
            device=device,
            progress=progress,
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
    source: Path,
    allocation: Allocation,
    map_name: str | None,
    class_name: str | None,
    classifier: str | None,
    without: list[str] | None,
    focus: float,
    floor: int | None,
) -> None:
    """Refuse options that would have no effect."""
    if _map_file(map_name) is not None and (class_name is not None or classifier is not None):
        raise typer.BadParameter("give either --map FILE, or --class and --classifier")
    if map_name == "people" and classifier is not None:
        raise typer.BadParameter("--classifier makes the classifier's map: leave --map people out")
    if map_name != "people" and without:
        raise typer.BadParameter("--without goes with --map people only")
    if map_name == "-" == str(source):
        raise typer.BadParameter("standard input holds the picture or the map, not both: name one")
    chosen = {"--map": map_name, "--class": class_name, "--classifier": classifier}
    chosen["--focus"] = None if focus == 1 else str(focus)
    for name, value in chosen.items():
        if allocation is Allocation.uniform and value is not None:
            raise typer.BadParameter(f"{name} means nothing to --allocation uniform")
    if allocation is not Allocation.proportional and floor is not None:
        raise typer.BadParameter("--floor goes with --allocation proportional only")


def _format(target: Path, asked: str | None) -> str:
    """The name of the format to write: the one asked for, else that of the file's ending.

    Raises BadParameter for pictures that are not written here, FormatError for an unknown name.
    """
    from semcomp.errors import FormatError
    from semcomp.formats.registry import WRITERS, writer_for

    if asked is not None:
        return asked if asked == "semc" else writer_for(asked).name
    suffix = target.suffix.lower()
    if suffix in ("", ".semc"):
        return "semc"
    try:
        return writer_for(target).name
    except FormatError as error:
        endings = ", ".join(writer.suffixes[0] for writer in WRITERS.values())
        raise typer.BadParameter(
            f"cannot write {target.name!r}: choose an ending of .semc, {endings}, or give --format"
        ) from error


def _map_file(map_name: str | None) -> Path | None:
    """The painted map that `--map` names; None where it names a kind, or nothing."""
    return None if map_name in (None, "people", "classifier") else Path(map_name)


def _given(source: Path) -> Path | bytes:
    """What to read a picture from; standard input can be read but once."""
    given = input_of(source)
    return given if isinstance(given, Path) else given.read()


def _opened(
    source: Path | bytes,
    allocation: Allocation,
    map_name: str | None,
    classifier: str | None,
    class_name: str | None,
    without: list[str] | None,
    quiet: bool,
) -> tuple[np.ndarray, SemanticMap | None, list[str]]:
    """A picture, what matters in it (None for `uniform`), and how its file was read where that may
    surprise.

    Both are said on stderr too, unless quiet.
    """
    from semcomp.geometry import BLOCK
    from semcomp.image import load_image
    from semcomp.semantics.activation import analyse as analyse_class
    from semcomp.semantics.activation import load_classifier
    from semcomp.semantics.maps import user_map
    from semcomp.semantics.subjects import analyse

    notes: list[str] = []
    picture = load_image(source, told=notes.append)
    semantic_map: SemanticMap | None = None
    if (map_file := _map_file(map_name)) is not None:
        semantic_map = user_map(_given(map_file), *picture.shape[:2], cell=BLOCK)
    elif classifier is not None:
        named = load_classifier(classifier)
        semantic_map = analyse_class(picture, classifier=named, class_name=class_name)
    elif allocation is not Allocation.uniform:
        kind: MapKind = "people" if map_name == "people" else "classifier"
        semantic_map = analyse(picture, kind, class_name=class_name, without=without or ())
    if not quiet:
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        _say_what_matters(semantic_map, allocation)
    return picture, semantic_map, notes


def _say_what_matters(semantic_map: SemanticMap | None, allocation: Allocation) -> None:
    """Say on stderr, before the work, what a map is made from, and where it promises little."""
    from semcomp.allocation.planning import gain_note
    from semcomp.semantics.maps import subject_names

    if semantic_map is None:
        return
    named = zip(subject_names(semantic_map.subjects), semantic_map.subjects, strict=True)
    said = [name if subject.counts else f"{name} (left out)" for name, subject in named]
    if said:
        print(f"what matters: {', '.join(said)}", file=sys.stderr)
    if (note := gain_note(semantic_map.grey, allocation.value)) is not None:
        print(note, file=sys.stderr)


def _record(
    packed: Compressed, allocation: Allocation, focus: float, floor: float | None, seconds: float
) -> dict[str, Any]:
    """What `compress --json` prints."""
    from semcomp.pipeline import info
    from semcomp.semantics.maps import subject_records

    record: dict[str, Any] = {
        "bytes": len(packed.data),
        "bpp": packed.bpp,
        "ratio": 24 / packed.bpp,
        "width": packed.width,
        "height": packed.height,
        "format": packed.format,
        "allocation": allocation.value,
        "focus": focus,
        "seconds": round(seconds, 3),
    }
    if packed.format == "semc":
        facts = info(packed.data)
        if allocation is Allocation.proportional and floor is None:
            floor = facts["floor"]
        record |= {
            "level": facts["level"],
            "floor": floor,
            "model": packed.model,
            "model_id": facts["model_id"],
            "sizes": packed.sizes,
            "iterations": facts["iterations"],
        }
    else:
        record |= {"quality": packed.quality}
    if packed.semantic_map is not None and packed.semantic_map.chosen:
        chosen = packed.semantic_map.chosen[0]
        record |= {"class": chosen.name, "probability": chosen.probability}
        if subjects := packed.semantic_map.subjects:
            record["subjects"] = subject_records(subjects)
    return record
