"""Tests of the bounded decoder: right pictures come out, everything else is a clear problem."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leaderboard.codecs import CODECS
from leaderboard.scoring import isolated
from leaderboard.scoring.formats import FORMATS, SEMC
from leaderboard.scoring.isolated import PICTURE, IsolatedDecoder, IsolatedError
from semcomp import isolated as children
from semcomp.image import load_image
from semcomp.isolated import Limits
from semcomp.pipeline import compress
from tests import ROOT
from tests.support.sent_files import encoded, originals, png

CAT = originals()["cat"]
WIDTH, HEIGHT = CAT.shape[1], CAT.shape[0]


@pytest.fixture(scope="module")
def pictures() -> Iterator[IsolatedDecoder]:
    with IsolatedDecoder(PICTURE) as decoder:
        yield decoder


@pytest.fixture(scope="module")
def semc() -> Iterator[IsolatedDecoder]:
    with IsolatedDecoder(SEMC, Limits(memory=1 << 30)) as decoder:
        yield decoder


@pytest.fixture(scope="module")
def file() -> bytes:
    return compress(CAT, 12, "uniform").data


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def declared(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and holds next to nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_picture_comes_out_as_it_is(pictures: IsolatedDecoder) -> None:
    decoded = pictures.open(png(CAT), WIDTH, HEIGHT)
    assert (decoded.pixels == CAT).all() and decoded.sizes == {}


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16"])
def test_every_png_is_read_as_everywhere_else(pictures: IsolatedDecoder, mode: str) -> None:
    stream = BytesIO()
    if mode == "I;16":
        deep = (CAT[..., 0].astype(np.uint16) << 8) + 7
        Image.fromarray(deep).save(stream, "PNG")
    else:
        Image.fromarray(CAT).convert(mode).save(stream, "PNG")
    decoded = pictures.open(stream.getvalue(), WIDTH, HEIGHT)
    assert (decoded.pixels == load_image(stream.getvalue())).all()


def jpeg() -> bytes:
    stream = BytesIO()
    Image.fromarray(CAT).save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a PNG"),
        (b"<script>", "not a PNG"),
        (jpeg(), "not a PNG"),
        (png(CAT)[:-700], "damaged or cut short"),
        (png(CAT)[:200] + b"\xff" * 400 + png(CAT)[600:], "damaged or cut short"),
        (png(CAT[:-1]), f"{WIDTH} x {HEIGHT - 1} pixels: expected {WIDTH} x {HEIGHT}"),
        (declared(60_000, 60_000), "far too large: expected|60000 x 60000 pixels: expected"),
        (declared(WIDTH, HEIGHT), "damaged or cut short"),
    ],
)
def test_what_is_no_picture_of_this_size_is_said(
    pictures: IsolatedDecoder, data: bytes, message: str
) -> None:
    with pytest.raises(IsolatedError, match=message) as problem:
        pictures.open(data, WIDTH, HEIGHT)
    assert not problem.value.breach
    assert (pictures.open(png(CAT), WIDTH, HEIGHT).pixels == CAT).all()  # the next one is unharmed


def test_too_much_memory_is_refused() -> None:
    size = 6000
    large = png(np.zeros((size, size, 3), np.uint8))
    with (
        IsolatedDecoder(PICTURE, Limits(memory=48 << 20)) as decoder,
        pytest.raises(IsolatedError, match="more than the 48 MiB of memory allowed") as problem,
    ):
        decoder.open(large, size, size)
    assert problem.value.breach


def test_semc_files_are_decoded_as_everywhere_else(semc: IsolatedDecoder, file: bytes) -> None:
    for allocation in ("uniform", "proportional", "rd"):
        made = compress(CAT, 2, allocation)
        decoded = semc.open(made.data, WIDTH, HEIGHT)
        assert (decoded.pixels == np.asarray(made.reconstruction)).all()
        assert decoded.sizes == made.sizes and decoded.cpu_s > 0


def test_semc_files_that_are_none(semc: IsolatedDecoder, file: bytes) -> None:
    for data, message in (
        (b"", "empty|no .semc|not a"),
        (png(CAT), "not a|no .semc"),
        (file[:-30], "the file is cut"),
        (file[:40] + bytes([file[40] ^ 1]) + file[41:], "damaged|checksum|check"),
    ):
        with pytest.raises(IsolatedError, match=message):
            semc.open(data, WIDTH, HEIGHT)
    with pytest.raises(IsolatedError, match=f"{WIDTH} x {HEIGHT} pixels: expected 20 x 20"):
        semc.open(file, 20, 20)


@pytest.mark.parametrize("format", [each for each in FORMATS if each in CODECS])
def test_files_of_other_formats(format: str) -> None:
    file = encoded(format, CAT)
    with IsolatedDecoder(format) as decoder:
        decoded = decoder.open(file, WIDTH, HEIGHT)
        assert (decoded.pixels == np.asarray(CODECS[format].decode(file))).all()
        for data, message in (
            (b"", "not a|damaged|empty"),
            (png(CAT), "not a|no BPG"),
            (file[:-90], "damaged|cut short"),
            (encoded(format, CAT[:-8]), f"{WIDTH} x {HEIGHT - 8} pixels: expected {WIDTH} x"),
        ):
            with pytest.raises(IsolatedError, match=message):
                decoder.open(data, WIDTH, HEIGHT)
        assert (decoder.open(file, WIDTH, HEIGHT).pixels == decoded.pixels).all()


def test_several_pictures_in_a_file_are_refused() -> None:
    stream = BytesIO()
    frames = [Image.fromarray(CAT), Image.fromarray(255 - CAT)]
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:])
    with (
        IsolatedDecoder("webp") as decoder,
        pytest.raises(IsolatedError, match="holds several pictures"),
    ):
        decoder.open(stream.getvalue(), WIDTH, HEIGHT)


def test_time_is_limited_and_the_next_file_gets_a_new_process(file: bytes) -> None:
    with IsolatedDecoder(SEMC, Limits(memory=1 << 30, wall_s=0.01)) as decoder:
        with pytest.raises(IsolatedError, match=r"longer than the 0.01 s allowed") as problem:
            decoder.open(file, WIDTH, HEIGHT)
        assert problem.value.breach
        decoder.limits = Limits(memory=1 << 30)
        assert decoder.open(file, WIDTH, HEIGHT).pixels.shape == CAT.shape


def test_a_process_that_ends_is_a_problem_of_the_file(
    pictures: IsolatedDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures.open(png(CAT), WIDTH, HEIGHT)
    child = pictures._process
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)  # so that it ends in the middle of a file
    with monkeypatch.context() as patch:
        exchange = pictures._exchange

        def killed(*arguments: object) -> object:
            os.kill(child.pid, signal.SIGXCPU)
            os.kill(child.pid, signal.SIGCONT)
            child.wait()
            return exchange(*arguments)  # type: ignore[arg-type]

        patch.setattr(pictures, "_exchange", killed)
        with pytest.raises(IsolatedError, match="processor seconds allowed") as problem:
            pictures.open(png(CAT), WIDTH, HEIGHT)
    assert problem.value.breach
    assert (pictures.open(png(CAT), WIDTH, HEIGHT).pixels == CAT).all()


def limited(code: str) -> str:
    """What a process says that runs some code under the limits of pictures."""
    program = f"""
import socket
from semcomp import bounded
bounded.limit(64 << 20, 0)
bounded.limit_cpu(1)
try:
    {code}
except Exception as error:
    print(type(error).__name__, end="")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    return ended.stdout or str(ended.returncode)


def test_the_limits_hold_whatever_the_decoder_does() -> None:
    assert limited("bytearray(256 << 20)") == "MemoryError"
    assert limited("open('/etc/hostname')") == "OSError"
    assert limited("socket.socket()") == "OSError"
    assert limited("while True: pass") == str(-signal.SIGXCPU)


def test_it_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEMCOMP_REVIEW_TOKEN", "SEMCOMP_DATABASE_URL", "HF_TOKEN", "OAUTH_CLIENT_SECRET"):
        monkeypatch.setenv(name, "secret")
    assert "secret" not in children._environment().values()
    assert Path(children._environment()["PYTHONPATH"].split(os.pathsep)[0]) == ROOT


@pytest.mark.parametrize(
    ("answer", "payload"),
    [
        ({"mode": "RGB", "cpu_s": 0.1}, b"short"),
        ({"mode": "CMYK", "cpu_s": 0.1}, b"1234" * 4),
        ({"mode": "RGB", "cpu_s": float("nan")}, b"123" * 4),
        ({"mode": "RGB", "cpu_s": 0.1, "sizes": {"header": -1}}, b"123" * 4),
        ({"mode": "F", "cpu_s": 0.1}, struct.pack("4f", *[float("nan")] * 4)),
    ],
)
def test_its_answers_are_not_trusted(answer: dict[str, object], payload: bytes) -> None:
    with pytest.raises(IsolatedError, match=r"broke the decoder|cannot be used"):
        isolated._decoded(answer, payload, 2, 2)
