"""Tests of the host's settings, the queue's rules, and what is done with visitors' files."""

from __future__ import annotations

import asyncio
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from semcomp.demo import metadata
from semcomp.demo.limits import WINDOW, Limits, TooLong, Waiting
from semcomp.demo.privacy import Files
from semcomp.demo.settings import Settings, SettingsError
from semcomp.image import ImageError, load_image

SECRET = b"52 deg 31 min north, by a camera of somebody"


class Clock:
    """Seconds that pass when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def job(name: str) -> Waiting:
    """A visitor's job, at an address of its own."""
    return Waiting(name, f"at {name}")


def jobs(names: str) -> list[Waiting]:
    """One job per letter."""
    return [job(name) for name in names]


# settings


def test_settings_have_defaults_and_are_read() -> None:
    assert Settings.read({}) == Settings.read({"SEMCOMP_QUEUE": " "}) == Settings()
    assert Settings.read({"SEMCOMP_QUEUE": "7", "SEMCOMP_MAX_FILE_MB": "3"}) == Settings(
        queue=7, file_mb=3
    )


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "ten", "²", "10001", "9" * 5000])
def test_a_setting_out_of_range_is_named(value: str) -> None:
    with pytest.raises(SettingsError, match=r"SEMCOMP_QUEUE=.*from 1 to 10,000.*100"):
        Settings.read({"SEMCOMP_QUEUE": value})


# rules of the queue


def test_a_full_queue_says_so() -> None:
    limits = Limits(Settings(queue=3))
    assert limits.refusal(job("d"), jobs("ab")) is None
    assert "3 jobs are waiting" in str(limits.refusal(job("d"), jobs("abc")))


def test_one_visitor_or_one_network_cannot_fill_the_queue() -> None:
    limits = Limits(Settings(queue=8, visitor_jobs=2))
    assert limits.refusal(job("a"), jobs("ab")) is None
    assert "2 of your jobs" in str(limits.refusal(job("a"), jobs("aba")))
    many = [Waiting(f"name {i}", "one place") for i in range(4)]
    assert "your network" in str(limits.refusal(Waiting("another", "one place"), many))
    assert limits.refusal(job("b"), many) is None


def test_time_counts_while_others_wait_and_is_forgotten() -> None:
    clock = Clock()
    limits = Limits(Settings(visitor_seconds=60), clock)
    limits.ran("a", 50)
    clock.now += 100
    limits.ran("a", 20)
    refusal = str(limits.refusal(job("a"), jobs("b")))
    assert "70 seconds of computing" in refusal and "8 minutes" in refusal  # 500 s: the 50 go
    assert limits.refusal(job("a"), []) is None, "nobody else waits"
    assert limits.refusal(job("b"), jobs("c")) is None, "it is not b's time"
    clock.now += WINDOW - 99
    assert limits.spent("a")[0] == 20 and limits.refusal(job("a"), jobs("b")) is None
    clock.now += WINDOW
    limits.ran("b", 1)
    assert set(limits._spent) == {"b"}, "visitors who left take no memory"


@pytest.mark.parametrize(
    ("queue", "running", "served"),
    [
        ("aaab", "", "abaa"),
        ("aaabbc", "", "abcaba"),
        ("aab", "a", "baa"),
        ("abc", "x", "abc"),
        ("", "", ""),
    ],
)
def test_visitors_take_turns(queue: str, running: str, served: str) -> None:
    order = Limits(Settings()).turns(jobs(queue), jobs(running))
    assert "".join(queue[i] for i in order) == served


@settings(deadline=None)
@given(st.text("abcd", max_size=20), st.text("abcd", max_size=2))
def test_turns_serve_everybody_once_and_each_visitor_in_order(queue: str, running: str) -> None:
    order = Limits(Settings()).turns(jobs(queue), jobs(running))
    assert sorted(order) == list(range(len(queue)))
    for visitor in set(queue):
        own = [i for i in order if queue[i] == visitor]
        assert own == sorted(own)


def test_a_job_is_stopped_after_its_time() -> None:
    limits = Limits(Settings(job_seconds=120))
    limits.check_time(119)
    with pytest.raises(TooLong, match=r"2 minutes.*your own machine"):
        limits.check_time(121)


# files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of uploads and results."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def put(path: Path) -> dict[str, Any]:
    """A file as events name it."""
    path.write_bytes(b"something")
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def ledger(own: Path | None = None, delay: float = 60.0) -> Files:
    """The files of a page; own: a file that belongs to the page itself."""
    block = SimpleNamespace(keep_in_cache={str(own)} if own else set())
    page: Any = SimpleNamespace(blocks={0: block})
    return Files(page, delay)


def test_files_go_with_the_last_visitor_who_used_them(folder: Path) -> None:
    own, shared, mine = (folder / name for name in ("own", "shared", "mine"))
    files = ledger(own)
    for session in ("a", "b"):
        files.note(session, {"data": [put(own), [put(shared)]]})
    files.note("a", [put(mine), {"path": "https://example.org/x.png"}])
    files.forget("a")
    assert not mine.exists() and shared.exists() and own.exists()
    files.forget("b")
    assert not shared.exists() and own.exists()


def test_files_outside_the_folder_are_never_touched(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name} outside"
    files = ledger()
    files.note("a", [put(outside), {"path": f"{folder}/../{outside.name}"}])
    files.forget("a")
    assert outside.exists()


def test_a_visitor_who_comes_back_keeps_the_files(folder: Path) -> None:
    path = folder / "picture"
    files = ledger(delay=3600)
    files.note("a", put(path))
    files.left("a")
    timer = files._leaving["a"]
    with ThreadPoolExecutor(1) as thread:  # where no other test's event loop runs
        thread.submit(asyncio.run, files.arrived("a", [])).result()
    assert timer.finished.is_set() and path.exists(), "the deletion is called off"
    files.left(None)
    files.left("never seen")


def test_files_go_after_the_delay(folder: Path) -> None:
    path = folder / "picture"
    files = ledger(delay=0.01)
    files.note("a", put(path))
    files.left("a")
    files._leaving.get("a", SimpleNamespace(join=lambda: None)).join()
    assert not path.exists()


# metadata


def photograph(kind: str, orientation: int, **options: Any) -> bytes:
    """A picture 48 × 32 with a place and a comment in its metadata."""
    pixels = np.arange(32 * 48 * 3, dtype=np.uint32).reshape(32, 48, 3) % 251
    picture = Image.fromarray(pixels.astype(np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.ImageDescription] = SECRET.decode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    stream = BytesIO()
    picture.save(stream, kind, exif=exif.tobytes(), **options)
    return stream.getvalue()


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"comment": SECRET}),
        ("JPEG", {"progressive": True, "icc_profile": b"profile " * 9}),
        ("PNG", {}),
        ("WEBP", {"lossless": True, "xmp": SECRET}),
        ("WEBP", {"quality": 60}),
        ("TIFF", {}),
    ],
)
def test_metadata_goes_and_the_pixels_stay(
    kind: str, options: dict[str, Any], orientation: int
) -> None:
    data = photograph(kind, orientation, **options)
    assert SECRET in data
    clean = metadata.stripped(data)
    assert clean is not None and SECRET not in clean
    np.testing.assert_array_equal(load_image(clean), load_image(data))
    with Image.open(BytesIO(clean)) as picture:
        assert not picture.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        assert picture.info.get("icc_profile") == options.get("icc_profile")
    assert metadata.stripped(clean) == clean


def test_what_follows_a_jpeg_goes_too() -> None:
    first = photograph("JPEG", 1)
    clean = metadata.stripped(first + b"a film of the moment " + SECRET)
    assert clean is not None and b"film" not in clean
    np.testing.assert_array_equal(load_image(clean), load_image(first))


def test_texts_in_a_png_go() -> None:
    plain = photograph("PNG", 1)
    body = b"tEXtAuthor\0" + SECRET
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    clean = metadata.stripped(plain[:33] + chunk + plain[33:])
    assert clean is not None and SECRET not in clean


@pytest.mark.parametrize("data", [b"", b"SEMC file", b"\xff\xd8", b"\xff\xd8\xff\xe1\xff", b"RIFF"])
def test_what_is_no_picture_stays(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    metadata.strip_all([path, tmp_path / "missing"])
    assert path.read_bytes() == data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_cut_short_is_not_mended(kind: str) -> None:
    whole = photograph(kind, 1)
    cut = whole[: len(whole) // 2]  # within the pixels
    clean = metadata.stripped(cut)
    with pytest.raises(ImageError):
        load_image(cut)
    with pytest.raises(ImageError):
        load_image(cut if clean is None else clean)


def test_a_picture_with_garbage_between_its_parts_is_written_anew() -> None:
    data = photograph("JPEG", 6)
    seam = data.index(b"\xff\xdb")
    odd = data[:seam] + b"garbage" + data[seam:]
    clean = metadata.stripped(odd)
    assert clean is not None and SECRET not in clean
    np.testing.assert_array_equal(load_image(clean), load_image(data))


@settings(deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF    WEBP"])
)
def test_damaged_files_are_no_trouble(data: bytes, start: bytes) -> None:
    metadata.stripped(start + data)


def test_a_file_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photograph("JPEG", 6))
    path.chmod(0o640)
    metadata.strip(path)
    assert SECRET not in path.read_bytes() and path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["photo.jpg"]


def test_gradio_still_has_what_the_queue_builds_on() -> None:
    from semcomp.demo.turns import TurnQueue

    with gr.Blocks() as page:
        gr.Button().click(lambda: None, concurrency_id="model")
    page.queue(default_concurrency_limit=3)
    made = TurnQueue(page, Limits(Settings()), Files(page))
    assert page._queue is made and made.default_concurrency_limit == 3
    assert made.waiting() == made.running() == []
