"""Uploads opened where they can do no harm: by child processes of little memory and time.

Decoders of pictures are libraries in C. A file made for it keeps one busy for hours (a progressive
JPEG of a hundred thousand scans), and nothing in this process could end that. So both what an
upload shows and what is left of it without its metadata come from a child (`semcomp.isolated`),
which is killed when its time is up. A child stays for the next file: to start one takes a quarter
of a second.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, features

from semcomp.bounded import Answer, problem
from semcomp.errors import ImageError, SemcompError
from semcomp.files import write_file
from semcomp.image import Tell, load_image, to_file
from semcomp.isolated import LOOK, Child, IsolatedError, Limits
from semcomp.picture_file import MAX_PIXELS, is_heif, prepare_heif, prepare_jxl

from . import metadata

LIMITS = Limits(memory=256 << 20, cpu_s=30.0, wall_s=120.0)
"""Of one picture, beside `PIXEL_BYTES`: ten times what 24 megapixels of any format take."""
PIXEL_BYTES = 40
"""Bytes of memory that a pixel may take: JPEG 2000's wavelets take most, 12 for each channel."""
AT_ONCE = 3
"""Pictures that are opened at a time, each in a child of its own."""

_places = BoundedSemaphore(AT_ONCE)
_idle: list[Child] = []
os.register_at_fork(after_in_child=_idle.clear)  # a child answers to one process only


def load(
    path: str | Path, max_pixels: int = MAX_PIXELS, told: Tell | None = None
) -> NDArray[np.uint8]:
    """A picture's file as `semcomp.image.load_image` gives it, uint8 (H, W, 3), and tells of it.

    Raises ImageError for a file that is none, is too large or takes more than the limits.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read the upload: {error.strerror or error}") from error
    with _child(max_pixels) as child:
        head = {"max_pixels": max_pixels}
        try:
            answer, pixels = _ask(child, head, data, 3 * max_pixels)
        except IsolatedError as error:
            if error.breach:
                raise ImageError(
                    f"the picture cannot be opened here: {error}; save it again as PNG or JPEG"
                ) from error
            raise ImageError(str(error)) from error
        except SemcompError as error:
            raise ImageError(
                f"no picture can be opened at the moment ({error}): try again in a minute"
            ) from error
    height, width = answer.get("height"), answer.get("width")
    if not (isinstance(height, int) and isinstance(width, int)) or (
        min(height, width) < 1 or len(pixels) != 3 * height * width
    ):
        raise ImageError("the picture's file is damaged: it broke the decoder")
    if told is not None:
        for note in answer.get("notes", ()):
            told(str(note))
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def strip(path: Path) -> None:
    """Rewrite a picture's file without its metadata; a file that is no picture stays as it is.

    So does one that takes more than the limits, which nothing here will show. One that cannot be
    rewritten is deleted.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return  # gone, or not a file: nothing is left to hide
    with _child(MAX_PIXELS) as child:
        try:
            _, clean = _ask(child, {"strip": True}, data, len(data) + 4 * MAX_PIXELS)
        except SemcompError:
            return
    if clean == data:
        return
    try:
        write_file(path, bytes(clean))
    except OSError:  # a full disk
        path.unlink(missing_ok=True)


def strip_all(paths: Iterable[Path]) -> None:
    """`strip` each of them."""
    for path in paths:
        strip(path)


@contextmanager
def _child(max_pixels: int) -> Iterator[Child]:
    """A child that nobody else uses meanwhile."""
    memory = LIMITS.memory + PIXEL_BYTES * max_pixels
    limits = Limits(memory, LIMITS.cpu_s, LIMITS.wall_s)
    while not _places.acquire(timeout=LOOK):
        pass  # in short waits, so that a job which waits here can be stopped
    try:
        child = next((each for each in list(_idle) if each.limits == limits), None)
        if child is None or not _taken(child):
            child = Child(f"{__name__}:prepare", limits)
        try:
            yield child
        except ImageError:
            raise  # of the file; the child is ready for the next
        except BaseException:
            child.close()
            raise
        finally:
            _idle.append(child)
            while len(_idle) > AT_ONCE:
                _idle.pop(0).close()
    finally:
        _places.release()


def _ask(
    child: Child, head: Mapping[str, Any], data: bytes, most: int
) -> tuple[dict[str, Any], bytearray]:
    """`Child.ask`; a child that has opened a HEIC file, whose decoder had many flaws, ends."""
    try:
        return child.ask(head, data, most)
    finally:
        if is_heif(data):
            child.close()


def _taken(child: Child) -> bool:
    """Whether this thread was the first to take an idle child."""
    try:
        _idle.remove(child)
    except ValueError:
        return False
    return True


# what runs in the child


def prepare() -> Answer:
    """Every decoder, which Pillow looks for when the first picture of a format is opened."""
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # threads would take address space
    Image.init()
    tiny = Image.new("RGB", (16, 16))
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF"):
        if kind in Image.SAVE and (kind != "AVIF" or features.check("avif")):
            load_image(to_file(tiny, kind))
    for prepare_plugin in (prepare_heif, prepare_jxl):
        with suppress(ImageError):  # the package is not installed: such files are refused
            prepare_plugin()
    metadata.stripped(to_file(tiny, "TIFF"))
    return _answer


def _answer(head: Mapping[str, Any], data: bytes) -> tuple[Mapping[str, Any], bytes]:
    if head.get("strip"):
        clean = metadata.stripped(data)
        return ({}, clean) if clean is not None else problem("no picture")
    notes: list[str] = []
    try:
        pixels = load_image(BytesIO(data), max_pixels=head["max_pixels"], told=notes.append)
    except ImageError as error:
        if isinstance(error.__cause__, MemoryError):
            raise MemoryError from error
        return problem(error)
    height, width = pixels.shape[:2]
    return {"height": height, "width": width, "notes": notes}, pixels.tobytes()
