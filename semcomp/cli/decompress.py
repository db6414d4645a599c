"""The commands `decompress` and `info`: a compressed picture in, its pixels or its facts out.

Like those of `__main__.py` they import what they need themselves.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    Device,
    Json,
    check_target,
    input_of,
    is_standard_output,
    print_json,
    progress_bar,
    say,
    write_result,
)

PICTURES = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP", ".ppm": "PPM"}
"""Suffixes a decoded picture can be written with: formats that lose nothing."""

LARGEST = 1 << 28
"""Bytes that are read at most; a picture of the most pixels that are decoded takes fewer."""

SemcFile = Annotated[
    Path, typer.Argument(metavar="IN.semc", help="compressed picture; - for standard input")
]


def decompress(
    source: SemcFile,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT.png",
            help=f"picture to write: {' '.join(PICTURES)}; - for PNG on standard output",
        ),
    ],
    iterations: Annotated[
        int | None, typer.Option(min=0, help="stop early, for a rougher picture")
    ] = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Decode a compressed picture; of a file cut short, what is there."""
    from io import BytesIO

    from semcomp import pipeline
    from semcomp.coding import bitstream

    kind = "PNG" if is_standard_output(target) else PICTURES.get(target.suffix.lower())
    if kind is None:
        raise typer.BadParameter(
            f"cannot write {target.name!r}: choose a name that ends in {', '.join(PICTURES)}"
        )
    check_target(target, source)
    started = time.perf_counter()
    data = _read(source)
    with progress_bar("decoding") as progress:
        picture = pipeline.decompress(data, iterations=iterations, device=device, progress=progress)
    seconds = time.perf_counter() - started
    stream = BytesIO()
    picture.save(stream, kind)
    write_result(target, stream.getvalue())
    parsed = bitstream.parse(data, iterations=iterations)
    decoded, promised = len(parsed.chunks), parsed.header.iterations
    if as_json:
        print_json(
            {
                "width": picture.width,
                "height": picture.height,
                "iterations": decoded,
                "iterations_in_file": promised,
                "complete": parsed.complete,
                "seconds": round(seconds, 3),
            },
            target,
        )
    else:
        say(
            f"{target}: {picture.width}x{picture.height} pixels, "
            f"{decoded} of {promised} iterations, {seconds:.1f} s",
            target,
        )


def info(source: SemcFile, as_json: Json = False) -> None:
    """Show what a compressed file says of itself."""
    from semcomp import pipeline

    facts = pipeline.info(_read(source))
    if as_json:
        print_json(facts)
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


def _read(source: Path) -> bytes:
    """A file's bytes; of a device that never ends no more than a `.semc` file can have."""
    given = input_of(source)
    with given.open("rb") if isinstance(given, Path) else contextlib.nullcontext(given) as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(f"{source} has more than {LARGEST:,} bytes: choose a file made by semcomp")
    return data
