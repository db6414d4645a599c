"""Tests of uploads opened in children: the same pictures, and no file that keeps a decoder busy."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextvars import copy_context
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from gradio.context import LocalContext
from PIL import Image

from semcomp.demo.hosting import pictures
from semcomp.demo.hosting.turns import Threads
from semcomp.errors import ImageError
from semcomp.image import load_image, to_file
from semcomp.isolated import Child, Limits
from semcomp.picture_file import MAX_PIXELS
from tests.support.pictures import RGB


@pytest.fixture(autouse=True)
def _no_child_stays() -> Iterator[None]:
    def close() -> None:
        while pictures._idle:
            pictures._idle.pop().close()

    close()  # those of other files' tests
    yield
    close()


def scans(side: int, count: int) -> bytes:
    """A progressive JPEG, grey, that refines nothing in so many scans: a few bytes for each."""
    stream = BytesIO()
    flat = Image.fromarray(np.full((side, side), 90, np.uint8))
    flat.save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + b"\xff\xd9"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000"])
def test_pictures_are_what_they_are_everywhere(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(to_file(RGB, kind))
    opened = pictures.load(path)
    np.testing.assert_array_equal(opened, load_image(path))
    assert opened.flags.writeable and len(pictures._idle) == 1


@pytest.mark.parametrize(("kind", "package"), [("HEIF", "pillow_heif"), ("JXL", "pillow_jxl")])
def test_plugins_need_no_file_in_the_child(tmp_path: Path, kind: str, package: str) -> None:
    plugin = pytest.importorskip(package, exc_type=ImportError)
    if kind == "HEIF":
        plugin.register_heif_opener()
    path = tmp_path / "picture"
    path.write_bytes(to_file(Image.fromarray(RGB).resize((48, 32)), kind))
    np.testing.assert_array_equal(pictures.load(path), load_image(path))
    (child,) = pictures._idle
    assert (child._process is None) is (kind == "HEIF")  # which opens nobody else's


def test_errors_are_the_loader_s_own_and_the_child_stays(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    for data, limit in ((b"", 9999), (b"no picture", 9999), (to_file(RGB)[:-60], 9999)):
        path.write_bytes(data)
        with pytest.raises(ImageError) as here:
            load_image(path, max_pixels=limit)
        with pytest.raises(ImageError) as there:
            pictures.load(path, limit)
        assert str(there.value) == str(here.value)
    (child,) = pictures._idle
    process = child._process
    assert process is not None and process.poll() is None
    path.write_bytes(to_file(RGB))
    with pytest.raises(ImageError, match="more than the 10 allowed"):
        pictures.load(path, 10)
    with pytest.raises(ImageError, match="cannot read the upload"):
        pictures.load(tmp_path / "missing")


def test_a_file_that_keeps_a_decoder_busy_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(scans(1024, 20_000))
    monkeypatch.setattr(pictures, "LIMITS", Limits(256 << 20, cpu_s=0.1, wall_s=60))
    with pytest.raises(ImageError, match="processor seconds allowed; save it again as PNG"):
        pictures.load(path)
    path.write_bytes(to_file(RGB))
    assert pictures.load(path).shape == RGB.shape


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(to_file(np.zeros((3000, 3000, 3), np.uint8)))
    monkeypatch.setattr(pictures, "LIMITS", Limits(16 << 20))
    monkeypatch.setattr(pictures, "PIXEL_BYTES", 1)
    with pytest.raises(ImageError, match="MiB of memory allowed"):
        pictures.load(path, 9_000_000)


def test_a_job_that_waits_for_a_decoder_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception from outside strikes between two lines of Python, not inside a decoder."""
    path = tmp_path / "picture.jpg"
    path.write_bytes(scans(4096, 20_000))
    threads, asked, said = Threads(), threading.Event(), SimpleQueue[Exception]()
    exchange = Child._exchange

    def seen(*arguments: Any) -> Any:
        asked.set()
        return exchange(*arguments)

    monkeypatch.setattr(Child, "_exchange", seen)

    def job() -> None:
        try:
            threads.stoppable(pictures.load)(path)
        except Exception as error:
            said.put(error)

    LocalContext.event_id.set("the job")
    context = copy_context()
    threading.Thread(target=context.run, args=[job], daemon=True).start()
    assert asked.wait(60)
    threads.stop("the job", "too long")
    assert "too long" in str(said.get(timeout=60)) and not threads.stuck()


def test_what_cannot_be_opened_in_time_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.tif"
    path.write_bytes(to_file(RGB, "TIFF"))
    monkeypatch.setattr(pictures, "LIMITS", Limits(wall_s=0.0))
    pictures.strip(path)
    assert path.read_bytes() == to_file(RGB, "TIFF")
    monkeypatch.setattr(pictures, "LIMITS", Limits())
    pictures.strip(path)
    np.testing.assert_array_equal(load_image(path.read_bytes()), RGB)


def test_a_forked_process_takes_no_child_of_its_parent_s(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(to_file(RGB))
    pictures.load(path, MAX_PIXELS)
    (child,) = pictures._idle
    if not (pid := os.fork()):
        os._exit(len(pictures._idle))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert pictures.load(path, MAX_PIXELS).shape == RGB.shape and pictures._idle == [child]
