"""Files that are damaged, foreign or hostile, pictures of every size and kind, wrong arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from semcomp.allocation.planning import Allocation
from semcomp.coding import bitstream
from semcomp.coding.bitstream import AllocationKind, Header
from semcomp.errors import AllocationError, BitstreamError, ImageError, SemanticError, WeightsError
from semcomp.explanation import explain
from semcomp.pipeline import Compressed, compress, decompress, info
from semcomp.weights import load_model

DAMAGE = (BitstreamError, WeightsError)


@pytest.fixture(scope="module")
def face() -> NDArray[np.uint8]:
    """uint8 (48, 64, 3)."""
    return np.ascontiguousarray(skimage.data.chelsea()[90:138, 130:194])


@pytest.fixture(scope="module")
def packed(face: NDArray[np.uint8]) -> Compressed:
    return compress(face, 3)


# files ----------------------------------------------------------------------------------------


def test_every_cut_decodes_or_says_why(packed: Compressed) -> None:
    data, head = packed.data, packed.sizes["header"] + packed.sizes["map"] + 4
    for end in range(len(data)):
        if end < head:
            with pytest.raises(BitstreamError, match=r"truncated|empty"):
                decompress(data[:end])
        elif end % 5 == 0 or end == len(data) - 1:
            with pytest.warns(UserWarning, match="the file is cut"):
                assert decompress(data[:end]).size == (64, 48)


@pytest.mark.filterwarnings("ignore:the file is cut")
def test_noise_after_the_header_never_crashes(packed: Compressed) -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        damaged = bytearray(packed.data)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = rng.integers(256)
        try:
            decompress(bytes(damaged), iterations=1)
        except DAMAGE as error:
            assert ":" in str(error)  # the problem, then the remedy


def test_wrong_bits_behind_right_checksums_decode_to_something(packed: Compressed) -> None:
    """A hostile file can carry any codes: the result is a picture, whatever it shows."""
    parsed = bitstream.parse(packed.data)
    rng = np.random.default_rng(2)
    for size in (0, 1, 3, 40):
        chunks = [rng.bytes(size) for _ in parsed.chunks]
        assert decompress(bitstream.write(parsed.header, chunks)).size == (64, 48)


@pytest.mark.parametrize("kind", [kind for kind in AllocationKind if kind])
def test_hostile_map_sections(packed: Compressed, kind: AllocationKind) -> None:
    parsed = bitstream.parse(packed.data)
    fields: dict[str, Any] = {
        "floor": 24 if kind is AllocationKind.PROPORTIONAL else 0,
        "map_height": 255 if kind.has_map else 0,
        "map_width": 255 if kind.has_map else 0,
        "map_step": 1 if kind.has_map else 0,
    }
    rng = np.random.default_rng(3)
    for size in (0, 1, 50):
        header = replace(parsed.header, allocation=kind, map_section=rng.bytes(size), **fields)
        data = bitstream.write(header, parsed.chunks)
        try:
            assert decompress(data).size == (64, 48)
        except DAMAGE as error:
            assert ":" in str(error)


def test_file_of_another_model_names_it(packed: Compressed) -> None:
    parsed = bitstream.parse(packed.data)
    other = bytes(byte ^ 0xFF for byte in parsed.header.model_id)
    data = bitstream.write(replace(parsed.header, model_id=other), parsed.chunks)
    assert info(data)["model_id"] == other.hex()
    with pytest.raises(WeightsError, match=f"{other.hex()}.*small"):
        decompress(data)


@pytest.mark.parametrize("kind", list(AllocationKind))
def test_huge_declared_sizes_are_refused(kind: AllocationKind) -> None:
    with_map = int(kind.has_map)
    header = Header(
        model_id=load_model("small").model_id,
        width=65535,
        height=65535,
        allocation=kind,
        level_centi=2400,
        floor=0,
        iterations=24,
        map_height=255 * with_map,
        map_width=255 * with_map,
        map_step=with_map,
        map_section=b"",
    )
    data = bitstream.write(header, [b""] * 24)
    with pytest.raises(BitstreamError, match="refused"):
        decompress(data)
    assert info(data)["width"] == 65535  # a look at it is free


# pictures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["uniform", "proportional", "rd"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 5), (1, 33)])
def test_tiny_pictures(name: Allocation, width: int, height: int) -> None:
    picture = np.ascontiguousarray(skimage.data.astronaut()[:height, :width])
    result = compress(picture, 6, name)
    decoded = decompress(result.data)
    assert decoded.size == result.reconstruction.size == (width, height)
    np.testing.assert_array_equal(np.asarray(decoded), np.asarray(result.reconstruction))
    error = np.abs(np.asarray(decoded).astype(int) - picture).mean()
    assert error < 45  # `rd` spends most of so small a budget on the level map


@pytest.mark.parametrize(("width", "height"), [(4000, 3), (3, 4000)])
def test_extreme_sides(width: int, height: int) -> None:
    strip = np.tile(skimage.data.astronaut()[:3], (1, 8, 1))[:, :4000]
    picture = np.ascontiguousarray(strip if width > height else strip.transpose(1, 0, 2))
    result = compress(picture, 1)
    decoded = decompress(result.data)
    assert decoded.size == (width, height)
    np.testing.assert_array_equal(np.asarray(decoded), np.asarray(result.reconstruction))


def test_sources_of_every_kind(face: NDArray[np.uint8], tmp_path: Path) -> None:
    file = tmp_path / "face.png"
    Image.fromarray(face).save(file)
    data = file.read_bytes()
    wanted = compress(face, 1, "uniform").data
    for source in (file, str(file), data, BytesIO(data), Image.fromarray(face)):
        assert compress(source, 1, "uniform").data == wanted


DECODE_DAMAGED = """
import hashlib, random, sys, warnings
from io import BytesIO
import numpy as np
from PIL import Image
import pillow_heif, pillow_jxl
from semcomp.image import ImageError, load_image

pillow_heif.register_heif_opener()

warnings.simplefilter("ignore")
face = Image.fromarray(np.load(sys.argv[1]))
files = []
for format in ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "PPM", "JPEG2000", "AVIF", "JXL"):
    files.append((face, format, {}))
for compression in ("raw", "packbits", "tiff_lzw", "tiff_deflate", "jpeg", "group3", "group4"):
    picture = face if compression in ("raw", "jpeg", "tiff_lzw") else face.convert("1")
    files.append((picture, "TIFF", {"compression": compression}))
for size in (0, 64):
    files.append((face.resize((96, 64)), "HEIF", {"tile_size": size}))
for picture, format, options in files:
    stream = BytesIO()
    picture.save(stream, format, **options)
    data, chance = stream.getvalue(), random.Random(0)
    digest = hashlib.sha256()
    for turn in range(60):
        place, damaged = chance.randrange(len(data)), bytearray(data)
        damaged[place] ^= 1 << chance.randrange(8)
        for file in (bytes(damaged), data[:place]):
            try:
                digest.update(load_image(file, max_pixels=10_000).tobytes())
            except ImageError:
                digest.update(b"refused")
    print(format, *options.values(), digest.hexdigest())
"""


def test_damaged_pictures_never_show_memory(face: NDArray[np.uint8], tmp_path: Path) -> None:
    """Pixels do not depend on what glibc fills fresh and freed memory with."""
    np.save(tmp_path / "face.npy", face)
    command = [sys.executable, "-c", DECODE_DAMAGED, str(tmp_path / "face.npy")]
    # Without small caches that keep memory from being filled.
    settings = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0", "PYTHONMALLOC": "malloc"}
    first, second = (
        subprocess.run(
            command,
            env={**os.environ, **settings, "MALLOC_PERTURB_": str(fill)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for fill in (165, 60)
    )
    assert len(first) == 20
    assert first == second


# arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [float("nan"), float("inf"), 0, -3, 0.01, 24.5, 25])
@pytest.mark.parametrize("name", ["uniform", "rd"])
def test_levels_out_of_range(face: NDArray[np.uint8], level: float, name: Allocation) -> None:
    with pytest.raises(AllocationError, match=r"0\.1\.\.24"):
        compress(face, level, name)


def test_wrong_arguments_name_the_remedy(face: NDArray[np.uint8]) -> None:
    with pytest.raises(AllocationError, match="uniform, proportional, rd"):
        compress(face, 6, "fair")  # type: ignore[arg-type]
    with pytest.raises(AllocationError, match=r"0\.\.24"):
        compress(face, 6, floor=25)
    with pytest.raises(AllocationError, match=r"0\.\.24"):
        compress(face, 6, floor=-1)
    with pytest.raises(SemanticError, match="unknown class"):
        compress(face, 6, class_name="unicorn of the moon")
    with pytest.raises(WeightsError, match="small"):
        compress(face, 6, model="enormous")
    with pytest.raises(ImageError, match="no-such-file"):
        compress("no-such-file.png")


@pytest.mark.parametrize("name", ["../secrets", "/etc", "", "."])
def test_folders_without_weights(face: NDArray[np.uint8], name: str) -> None:
    with pytest.raises(WeightsError):
        compress(face, 6, model=name)


@pytest.mark.parametrize("name", ["uniform", "proportional", "rd"])
def test_a_budget_for_nothing(name: Allocation) -> None:
    """Four blocks at a tenth of a level: not a single iteration, still a file and a picture."""
    result = compress(np.full((1, 1, 3), 200, np.uint8), 0.1, name)
    assert decompress(result.data).size == (1, 1)
    if name != "rd":
        assert info(result.data)["iterations"] == result.levels.max() == 0
    explanation = explain(np.full((1, 1, 3), 200, np.uint8), None, 0.1, name)
    assert len(explanation.record["steps"]) == result.levels.max()


def test_explaining_a_strip() -> None:
    """The drawings of a strip stay small enough to look at."""
    for shape in ((3, 2000, 3), (2000, 3, 3)):
        for drawing in explain(np.zeros(shape, np.uint8), None, 1).pictures.values():
            assert drawing.width * drawing.height < 1 << 22
