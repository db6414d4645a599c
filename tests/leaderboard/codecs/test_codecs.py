"""One contract over all codecs of the benchmark."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

import leaderboard.codecs
from leaderboard.codecs import CODECS, Codec, CodecError
from leaderboard.codecs.base import open_session
from leaderboard.codecs.formats import FormatCodec
from leaderboard.codecs.semcomp import SemcompCodec
from leaderboard.data.datasets import load_dataset
from leaderboard.run.evaluate import evaluate
from semcomp.allocation.planning import read_levels
from semcomp.coding import bitstream
from semcomp.image import load_image
from semcomp.metrics import psnr
from tests import ROOT

NAMES = tuple(CODECS)
PILLOW = ("jpeg", "jpegli", "webp", "avif", "jxl")
FORMATS = (
    *("jpeg-plain", "jpeg-semantic", "webp-plain", "webp-semantic"),
    *("avif-deltaq", "avif-semantic", "heic", "heic-semantic", "bpg-semantic"),
)
OURS = (
    *("george", "semantic", "semantic0", "semantic-rd", "recurrent"),
    *("george-paper", "semantic-paper", "semantic0-paper"),
    *("george-paper-raw", "semantic0-paper-raw"),
)
PICTURE = Image.fromarray(np.ascontiguousarray(data.chelsea()[60:220, 100:292]))
ODD = PICTURE.crop((3, 5, 106, 76))


def quality(codec: Codec, share: float) -> float:
    """A quality at a share of the way from the lowest to the highest."""
    return codec.qualities[round(share * (len(codec.qualities) - 1))]


@cache
def encoded(name: str, share: float = 0.3) -> bytes:
    """The picture's file, made once for all tests."""
    codec = CODECS[name]
    return codec.encode(PICTURE, quality(codec, share))


def test_names() -> None:
    assert list(CODECS) == [*PILLOW, "bpg", "bpg444", "avif-ssim", *FORMATS, *OURS]
    assert len(CODECS) == len(NAMES)
    assert "jpeg" in CODECS and "gif" not in CODECS
    assert CODECS["jpeg"] is CODECS["jpeg"]
    with pytest.raises(KeyError, match="no codec 'gif': use one of jpeg, jpegli"):
        _ = CODECS["gif"]


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(CODECS[name], "search_range")])
def test_a_search_may_ask_for_both_ends(name: str) -> None:
    codec: Any = CODECS[name]
    small = PICTURE.crop((60, 40, 92, 72))
    low, high = (len(codec.encode(small, end)) for end in codec.search_range[:2])
    assert low < high


def test_guide_to_add_a_codec_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class that the guide shows works, and is all there is to write beside its line."""
    guide = str(leaderboard.codecs.__doc__)
    block = guide.split("::\n\n", 1)[1].split("\nand one line in", 1)[0]
    (tmp_path / "png_of_the_guide.py").write_text(textwrap.dedent(block))
    monkeypatch.syspath_prepend(tmp_path)
    codec = importlib.import_module("png_of_the_guide").PaletteCodec()
    assert isinstance(codec, Codec)
    sizes, scores = [], []
    for bits in codec.qualities:
        file = codec.encode(PICTURE, bits)
        sizes.append(len(file))
        scores.append(psnr(np.asarray(PICTURE), np.asarray(codec.decode(file))))
    assert sizes == sorted(sizes) and scores == sorted(scores)
    with pytest.raises(CodecError):
        codec.encode(PICTURE, 9)
    (tmp_path / "pictures").mkdir()
    PICTURE.save(tmp_path / "pictures" / "cat.png")
    dataset = load_dataset(tmp_path / "pictures")
    (found,) = evaluate([codec], dataset, tmp_path / "out", jobs=0, qualities=[4])
    assert [row.bytes for row in found.rows] == [sizes[3]]


def test_codecs_are_loaded_when_asked_for() -> None:
    code = "import sys, leaderboard.codecs; assert not {'av', 'pillow_jxl'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("name", NAMES)
def test_describes_itself(name: str) -> None:
    codec = CODECS[name]
    assert isinstance(codec, Codec)
    assert codec.name == name
    assert any(character.isdigit() for character in codec.version)
    assert "quality" in codec.settings
    assert len(codec.qualities) >= 5
    assert list(codec.qualities) == sorted(set(codec.qualities))


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("jpeg", "libjpeg"),
        ("jpegli", "pyjpegli"),
        ("webp", "libwebp"),
        ("avif", "aom"),
        ("jpeg-semantic", "libjpeg"),
        ("webp-semantic", "libwebp"),
        ("avif-semantic", "aom"),
        ("heic-semantic", "libheif"),
        ("bpg-semantic", "x265 (build"),
        ("jxl", "pillow-jxl-plugin"),
        ("bpg", "x265 (build"),
        ("george", "weights small"),
    ],
)
def test_version_names_the_library(name: str, library: str) -> None:
    assert library in CODECS[name].version


@pytest.mark.parametrize("name", NAMES)
def test_more_quality_more_bytes_better_picture(name: str) -> None:
    codec = CODECS[name]
    sizes, scores = [], []
    for share in (0.0, 0.3, 0.7):
        file = encoded(name, share)
        picture = codec.decode(file)
        assert (picture.mode, picture.size) == ("RGB", PICTURE.size)
        sizes.append(len(file))
        scores.append(psnr(np.asarray(PICTURE), np.asarray(picture)))
    assert sizes == sorted(set(sizes))
    assert scores == sorted(set(scores))
    assert 15 < scores[0] < scores[-1]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OURS])
def test_qualities_span_the_benchmark(name: str) -> None:
    codec = CODECS[name]
    ends = [8 * len(encoded(name, share)) / (192 * 160) for share in (0.0, 1.0)]
    assert ends[0] < (0.45 if name == "jpegli" else 0.25)  # its lowest is no lower
    assert ends[1] > 2
    assert codec.decode(encoded(name, 1.0)).size == PICTURE.size


@pytest.mark.parametrize("name", NAMES)
def test_odd_sizes(name: str) -> None:
    codec = CODECS[name]
    for picture in (ODD, ODD.crop((0, 0, 17, 33)).rotate(90, expand=True)):
        decoded = codec.decode(codec.encode(picture, quality(codec, 0.5)))
        assert decoded.size == picture.size
        assert psnr(np.asarray(picture), np.asarray(decoded)) > 18


@pytest.mark.parametrize("name", NAMES)
def test_same_bytes_again(name: str) -> None:
    codec = CODECS[name]
    assert codec.encode(PICTURE.copy(), quality(codec, 0.3)) == encoded(name)
    first, second = (np.asarray(codec.decode(encoded(name))) for _ in range(2))
    assert np.array_equal(first, second)


def damaged(file: bytes) -> dict[str, bytes]:
    """Files that are not whole."""
    noise = np.random.default_rng(1).bytes(3000)
    return {
        "empty": b"",
        "garbage": b"no picture at all",
        "zeros": bytes(1000),
        "noise": noise,
        "first byte": file[:1],
        "header": file[:12],
        "half": file[: len(file) // 2],
        "nearly all": file[:-3],
        "noise after the header": file[:30] + noise[:500],
    }


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_refused(name: str) -> None:
    for kind, file in damaged(encoded(name)).items():
        with pytest.raises(CodecError) as caught:
            CODECS[name].decode(file)
        text = str(caught.value)
        assert 15 < len(text) < 200 and "\n" not in text, (kind, text)


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bits_give_a_picture_or_an_error(name: str) -> None:
    file = encoded(name)
    random = np.random.default_rng(2)
    for _ in range(4 if name in OURS else 20):
        broken = bytearray(file)
        # Half of them in the header, where they do most.
        place = random.integers(len(file) if random.random() < 0.5 else 40)
        broken[place] ^= 1 << random.integers(8)
        try:
            assert CODECS[name].decode(bytes(broken)).mode == "RGB"
        except CodecError as error:
            assert str(error)


@pytest.mark.parametrize("name", PILLOW)
def test_foreign_files_are_refused(name: str) -> None:
    for other in PILLOW:
        if not {other, name} <= {"jpeg", "jpegli"} and other != name:
            with pytest.raises(CodecError, match="this is no"):
                CODECS[name].decode(encoded(other))


@pytest.mark.parametrize("name", ["jpeg", "bpg", "jxl", "semantic"])
@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "CMYK", "I;16"])
def test_every_mode_is_laid_on_rgb(name: str, mode: str) -> None:
    small = PICTURE.resize((40, 24))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(small.convert("L")).astype(np.uint16) * 257)
    else:
        picture = small.convert(mode)
    if mode in ("LA", "RGBA"):
        picture.putalpha(100)
    codec = CODECS[name]
    step = quality(codec, 0.1)
    assert codec.encode(picture, step) == codec.encode(Image.fromarray(load_image(picture)), step)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1, 1000])
def test_impossible_quality_is_refused(name: str, bad: float) -> None:
    with pytest.raises(CodecError):
        CODECS[name].encode(ODD, bad)


def test_half_a_step_of_quality() -> None:
    for name in (*PILLOW, "bpg"):
        with pytest.raises(CodecError, match=f"{name} takes whole qualities from"):
            CODECS[name].encode(ODD, 20.5)
    for name in OURS:
        assert CODECS[name].encode(ODD, 2.5)


def test_allocations_differ() -> None:
    assert len({encoded(name) for name in OURS}) == len(OURS)


@pytest.mark.parametrize("name", [name for name in FORMATS if name.endswith("-semantic")])
def test_the_map_alone_makes_the_difference(name: str) -> None:
    """Without it the bytes are the plain row's; a second quality uses the same map."""
    led = CODECS[name]
    plain = next(
        CODECS[other]
        for kind in (name.removesuffix("-semantic"),)
        for other in (f"{kind}-plain", f"{kind}-deltaq", kind)
        if other in CODECS
    )
    step = led.qualities[4]
    unled = FormatCodec(name, name.removesuffix("-semantic"), led.qualities, semantic=False)
    assert unled.encode(PICTURE, step) == plain.encode(PICTURE, step) != led.encode(PICTURE, step)
    session = open_session(led, PICTURE)
    files = [session.encode(quality) for quality in led.qualities[3:5]]
    assert files == [led.encode(PICTURE, quality) for quality in led.qualities[3:5]]
    assert session.correction.cpu > 0


@pytest.mark.parametrize("name", ["george-paper", "semantic0-paper"])
def test_raw_bits_are_the_papers_rate(name: str) -> None:
    """8 bits for every block and iteration, and the same picture as with entropy coding."""
    coded, raw = CODECS[name], CODECS[f"{name}-raw"]
    assert isinstance(coded, SemcompCodec) and isinstance(raw, SemcompCodec)
    for level in (2, 3.5):
        packed, plain = coded.encode(ODD, level), raw.encode(ODD, level)
        assert raw.decode(plain).tobytes() == coded.decode(packed).tobytes()
        levels = read_levels(bitstream.parse(packed).header)
        sizes, plain_sizes = (codec.sizes(f) for codec, f in ((coded, packed), (raw, plain)))
        lengths = sum(1 + (int((levels > k).sum()) >= 128) for k in range(levels.max()))
        assert plain_sizes["codes"] == int(levels.sum()) + lengths
        assert plain_sizes["map"] == sizes["map"]
        assert sum(plain_sizes.values()) == len(plain)
    with pytest.raises(CodecError, match="no file of raw bits"):
        raw.decode(packed)
    parsed = bitstream.parse(plain[4:])
    longer = bitstream.write(parsed.header, [chunk + b"0" for chunk in parsed.chunks])
    with pytest.raises(CodecError, match=r"iteration 1 has \d+ bytes"):
        raw.decode(plain[:4] + longer)


def test_huge_sizes_are_refused_before_decoding() -> None:
    jpeg = bytearray(encoded("jpeg"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(CodecError, match=r"too large|million"):
        CODECS["jpeg"].decode(bytes(jpeg))
    with pytest.raises(CodecError, match="million"):
        CODECS["jxl"].decode(b"\xff\x0a" + b"\xfe" + bytes([255] * 20))
