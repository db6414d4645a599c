"""The process that opens files of strangers: it can use little memory and time, and no file.

Run by `leaderboard.scoring.isolated` as ``python -m leaderboard.scoring.bounded KIND MEMORY``. One
request at a time comes in and one answer goes out, both as a 4-byte length (big endian), a JSON
object and the bytes it announces. Everything is loaded before the limits are set. After that it can
write no file; one for pictures can open no file or socket at all, one for `.semc` looks into the
weights' folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import struct
import sys
import time
from collections.abc import Mapping
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

PICTURE, SEMC = "picture", "semc"
"""Kinds of files that a process can be asked to open."""
LENGTH = struct.Struct(">I")
FEW_FILES = 16
"""Files that may be open at a time where `.semc` are decoded."""
DEEP = ("I", "F")
"""Pillow's modes of pixels deeper than 8 bits, next to those that begin with `I;16`."""


def main(argv: list[str]) -> None:
    """Load what a kind needs, set the limits, answer until the input ends."""
    kind, memory = argv[0], int(argv[1])
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    if kind == SEMC:
        _load_semcomp()
    Image.init()
    _warm_png()
    _limit(memory, 0 if kind == PICTURE else FEW_FILES)
    send(outgoing, {"ready": True})
    while (request := receive(incoming)) is not None:
        head, data = request
        _limit_cpu(float(head["cpu_s"]))
        try:
            answer, pixels = _answer(kind, head, data)
        except MemoryError:
            answer, pixels = {"memory": True}, b""
        send(outgoing, answer, pixels)


def send(stream: BinaryIO, head: Mapping[str, Any], data: bytes = b"") -> None:
    """Write a message. head: in JSON's types."""
    text = json.dumps({**head, "bytes": len(data)}).encode()
    stream.write(LENGTH.pack(len(text)) + text + data)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read a message; None at the end of the input."""
    first = stream.read(LENGTH.size)
    if len(first) < LENGTH.size:
        return None
    head = json.loads(stream.read(LENGTH.unpack(first)[0]))
    return head, stream.read(head["bytes"])


def _answer(kind: str, head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    started = time.process_time()
    opened = (_semc if kind == SEMC else _png)(data, head["width"], head["height"])
    if isinstance(opened, str):
        return {"problem": " ".join(opened.split())[:300]}, b""
    picture, told = opened
    told = {**told, "mode": picture.mode, "cpu_s": time.process_time() - started}
    return told, picture.tobytes()


def _png(data: bytes, width: int, height: int) -> tuple[Image.Image, dict[str, Any]] | str:
    """The pixels of a PNG, or what is wrong with it. No other format is opened."""
    try:
        with Image.open(BytesIO(data), formats=("PNG",)) as picture:
            if wrong := _wrong_size(picture.size, width, height):
                return wrong
            picture.load()
            deep = picture.mode in DEEP or picture.mode.startswith("I;16")
            plain = picture.mode in ("RGB", "L") and not picture.has_transparency_data
            return (picture.copy() if deep or plain else picture.convert("RGBA")), {}
    except UnidentifiedImageError:
        return "not a PNG picture: send reconstructions as PNG files"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"the picture is far too large: expected {width} x {height} pixels"
    except MemoryError:
        raise
    # A damaged file makes Pillow raise nearly anything, and its text is all there is to tell.
    except Exception as error:
        return f"the PNG file is damaged or cut short: {error}"


def _semc(data: bytes, width: int, height: int) -> tuple[Image.Image, dict[str, Any]] | str:
    """The picture of a `.semc` file and the sizes of its parts, or what is wrong with it."""
    import warnings

    from semcomp.errors import BitstreamError, WeightsError
    from semcomp.pipeline import TruncatedWarning, decompress, info

    try:
        told = info(data)
        if wrong := _wrong_size((told["width"], told["height"]), width, height):
            return wrong
        with warnings.catch_warnings():
            warnings.simplefilter("error", TruncatedWarning)
            return decompress(data, device="cpu"), {"sizes": told["sizes"]}
    except (BitstreamError, WeightsError, TruncatedWarning) as error:
        return str(error)
    except RuntimeError as error:
        if "allocate memory" in str(error):  # torch's way of saying it
            raise MemoryError from error
        return f"the file cannot be decoded: {error}"


def _wrong_size(size: tuple[int, int], width: int, height: int) -> str | None:
    if size == (width, height):
        return None
    return f"the picture has {size[0]} x {size[1]} pixels: expected {width} x {height}"


def _load_semcomp() -> None:
    """Weights and everything that decoding imports, by decoding a file made here."""
    import numpy as np
    import torch

    from semcomp.pipeline import compress, decompress
    from semcomp.weights import available

    torch.set_num_threads(1)
    ramp = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
    for name in available():
        decompress(compress(ramp, 1, "uniform", model=name, device="cpu").data, device="cpu")


def _warm_png() -> None:
    """Pillow looks for its decoders when the first picture is opened."""
    stream = BytesIO()
    Image.new("RGB", (2, 2)).save(stream, "PNG")
    _png(stream.getvalue(), 2, 2)


def _limit(memory: int, files: int) -> None:
    """Set what this process may never exceed. memory: bytes beyond those it has now."""
    with contextlib.suppress(OSError):  # /proc is Linux's; elsewhere time alone is limited
        with open("/proc/self/statm", encoding="ascii") as statm:
            pages = int(statm.read().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    for name, most in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, files),
    ):
        resource.setrlimit(name, (most, most))


def _limit_cpu(seconds: float) -> None:
    """End this process when it has used so many more processor seconds."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))


if __name__ == "__main__":
    main(sys.argv[1:])
