"""Picture in, file out, picture back: the three allocations, cut files, tiles, repeatability."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import warnings
from copy import copy
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image

from semcomp import geometry
from semcomp.allocation.levels import budget
from semcomp.allocation.planning import Allocation, read_levels
from semcomp.coding import bitstream
from semcomp.geometry import padded_size
from semcomp.image import pad_image, to_tensor
from semcomp.metrics import psnr
from semcomp.networks import runtime
from semcomp.pipeline import Compressed, TruncatedWarning, compress, decompress, info
from semcomp.semantics.activation import user_map
from semcomp.weights import load_model
from tests import ROOT

ALLOCATIONS: tuple[Allocation, ...] = ("uniform", "proportional", "rd")
HEIGHT, WIDTH = 150, 202  # no multiples of 16


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    """A cat's face, uint8 (150, 202, 3)."""
    return np.ascontiguousarray(skimage.data.chelsea()[40 : 40 + HEIGHT, 100 : 100 + WIDTH])


@pytest.fixture(scope="module")
def packed(picture: NDArray[np.uint8]) -> dict[str, Compressed]:
    """The picture at level 4 under every allocation."""
    return {name: compress(picture, 4, name) for name in ALLOCATIONS}


def pixels(image: Image.Image) -> NDArray[np.int64]:
    return np.asarray(image).astype(np.int64)


def blocks_of(height: int, width: int) -> tuple[int, int]:
    padded = padded_size(height, width)
    return padded[0] // 8, padded[1] // 8


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_decoder_gives_the_reconstruction(packed: dict[str, Compressed], name: str) -> None:
    result = packed[name]
    decoded = decompress(result.data)
    assert decoded.mode == "RGB"
    assert decoded.size == (WIDTH, HEIGHT)
    np.testing.assert_array_equal(pixels(decoded), pixels(result.reconstruction))


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_file_accounts_for_its_bytes(packed: dict[str, Compressed], name: str) -> None:
    result = packed[name]
    assert sum(result.sizes.values()) == len(result.data)
    assert result.bpp == pytest.approx(8 * len(result.data) / (HEIGHT * WIDTH))
    facts = info(result.data)
    assert facts["bytes"] == len(result.data)
    assert facts["sizes"] == result.sizes
    assert (facts["width"], facts["height"]) == (WIDTH, HEIGHT)
    assert facts["level"] == 4
    assert facts["iterations"] == facts["iterations_present"] == result.levels.max()
    assert len(facts["bytes_per_iteration"]) == facts["iterations"]
    assert (result.sizes["map"] == 0) == (name == "uniform")


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_decoder_knows_the_levels(packed: dict[str, Compressed], name: str) -> None:
    result = packed[name]
    known = read_levels(bitstream.parse(result.data).header)
    np.testing.assert_array_equal(known, result.levels)
    assert result.levels.shape == blocks_of(HEIGHT, WIDTH)
    assert result.levels.dtype == np.uint8


@pytest.mark.parametrize("name", ["uniform", "proportional"])
def test_codes_stay_below_the_budget(packed: dict[str, Compressed], name: str) -> None:
    result = packed[name]
    assert result.levels.sum() == budget(4, result.levels.size)
    assert result.sizes["codes"] < result.levels.sum()  # a byte per block and iteration, raw


def test_rd_costs_what_uniform_costs(packed: dict[str, Compressed]) -> None:
    assert len(packed["rd"].data) == pytest.approx(len(packed["uniform"].data), rel=0.15)
    assert packed["rd"].levels.min() >= 0
    assert packed["rd"].levels.std() > 0.5


def test_important_blocks_get_more(packed: dict[str, Compressed]) -> None:
    result = packed["proportional"]
    assert result.semantic_map is not None
    assert "cat" in result.semantic_map.chosen[0].name
    assert result.levels.max() > 4 > result.levels.min() >= 2  # half the level is the floor
    assert packed["uniform"].semantic_map is None


def test_more_bits_give_a_better_picture(picture: NDArray[np.uint8]) -> None:
    results = [compress(picture, level, "uniform") for level in (1, 3, 8)]
    quality = [psnr(picture, np.asarray(r.reconstruction)) for r in results]
    sizes = [len(r.data) for r in results]
    assert sizes == sorted(sizes)
    assert quality[0] + 1 < quality[1] < quality[2] - 1


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_cut_file_is_a_rougher_picture(packed: dict[str, Compressed], name: str) -> None:
    data = packed[name].data
    for k in (0, 1, 3):
        rough = decompress(data, iterations=k)
        end = len(bitstream.truncate(data, k))
        for into in (0, 2):  # exactly between two iterations, and inside the next one
            with pytest.warns(TruncatedWarning, match=f"cut: {k} of"):
                cut = decompress(data[: end + into])
            np.testing.assert_array_equal(pixels(cut), pixels(rough))


def test_asking_for_fewer_iterations_is_no_cut(packed: dict[str, Compressed]) -> None:
    data = packed["uniform"].data
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rough = decompress(data, iterations=2)
        whole = decompress(data, iterations=24)
        # A cut file that still holds what is asked for is whole enough.
        cut = decompress(bitstream.truncate(data, 3), iterations=2)
    np.testing.assert_array_equal(pixels(cut), pixels(rough))
    np.testing.assert_array_equal(pixels(whole), pixels(decompress(data)))
    assert (pixels(rough) != pixels(whole)).any()


FRESH = """
import hashlib, sys
from pathlib import Path
import numpy as np
import torch
torch.set_num_threads(int(sys.argv[2]))
from semcomp import decompress, pipeline, weights
from semcomp.coding import bitstream
data = Path(sys.argv[1]).read_bytes()
picture = decompress(data)
assert "efficientnet_lite_pytorch" not in sys.modules, "the decoder needs no classifier"
parsed = bitstream.parse(data)
model = weights.find_model(parsed.header.model_id)
_, codes = pipeline.read_codes(model, parsed)
assert model.coder.encode(codes) == list(parsed.chunks)
print(hashlib.sha256(codes.tobytes()).hexdigest())
picture.save(sys.argv[1] + ".png")
"""


def test_another_process_with_two_threads_decodes_the_same(
    packed: dict[str, Compressed], tmp_path: Path
) -> None:
    result = packed["proportional"]
    file = tmp_path / "picture.semc"
    file.write_bytes(result.data)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, "2"), "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", FRESH, str(file), "2"],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    parsed = bitstream.parse(result.data)
    coder = load_model("small").coder
    codes = coder.decode(list(parsed.chunks), result.levels)
    # The codes are exact on any machine; the networks' sums may round another way.
    assert run.stdout.strip() == hashlib.sha256(codes.tobytes()).hexdigest()
    with Image.open(f"{file}.png") as image:
        assert np.abs(pixels(image) - pixels(result.reconstruction)).max() <= 1


ELSEWHERE = """
import sys
import numpy as np
import torch
if sys.argv[2] == "other defaults":
    torch.set_default_dtype(torch.float64)
    torch.autocast("cpu", torch.bfloat16).__enter__()
from semcomp import pipeline
data = pipeline.compress(np.load(sys.argv[1]), 4).data
open("picture.semc", "wb").write(data)
pipeline.decompress(data).save("back.png")
"""


@pytest.mark.parametrize("where", ["older processor", "other defaults"])
def test_other_instruction_sets_and_defaults_of_torch_write_the_same_file(
    where: str, picture: NDArray[np.uint8], packed: dict[str, Compressed], tmp_path: Path
) -> None:
    np.save(tmp_path / "picture.npy", picture)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if where == "older processor":
        environment |= {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, "picture.npy", where],
        cwd=tmp_path,
        env=environment,
        check=True,
    )
    assert (tmp_path / "picture.semc").read_bytes() == packed["proportional"].data
    with Image.open(tmp_path / "back.png") as back:
        assert np.abs(pixels(back) - pixels(packed["proportional"].reconstruction)).max() <= 1


FORKED = """
import os, signal, sys
import numpy as np
import torch
torch.set_num_threads(2)
from semcomp import pipeline
data = pipeline.compress(np.load("picture.npy"), 4).data
child = os.fork()
if not child:
    signal.alarm(240)  # a hanging child ends by it
    os._exit(pipeline.compress(np.load("picture.npy"), 4).data != data)
sys.exit(abs(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_works(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    np.save(tmp_path / "picture.npy", picture)
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    environment["PYTHONPATH"] = str(ROOT)
    subprocess.run([sys.executable, "-c", FORKED], cwd=tmp_path, env=environment, check=True)


def test_same_picture_gives_the_same_file(
    picture: NDArray[np.uint8], packed: dict[str, Compressed]
) -> None:
    for name in ("proportional", "rd"):
        assert compress(Image.fromarray(picture), 4, name).data == packed[name].data


@pytest.mark.parametrize("level", [0.1, 0.57, 2.37, 24.0])
@pytest.mark.parametrize("name", ALLOCATIONS)
def test_levels_from_end_to_end(name: Allocation, level: float) -> None:
    small = np.ascontiguousarray(skimage.data.chelsea()[80:144, 130:210])
    result = compress(small, level, name)
    np.testing.assert_array_equal(pixels(decompress(result.data)), pixels(result.reconstruction))
    assert result.levels.max() <= 24
    if name != "rd":
        assert result.levels.sum() == budget(level, result.levels.size)
        assert info(result.data)["level"] == level


def test_floor_holds_under_every_block(picture: NDArray[np.uint8]) -> None:
    none = compress(picture, 3, floor=0)
    all_of_it = compress(picture, 3, floor=3)
    assert none.levels.min() < 2
    np.testing.assert_array_equal(all_of_it.levels, 3)
    assert info(none.data)["floor"] == 0
    too_much = compress(picture, 3, floor=20)  # more than there is: what there is
    np.testing.assert_array_equal(too_much.levels, 3)
    np.testing.assert_array_equal(
        pixels(decompress(too_much.data)), pixels(too_much.reconstruction)
    )


def test_class_can_be_chosen(picture: NDArray[np.uint8], packed: dict[str, Compressed]) -> None:
    result = compress(picture, 4, class_name="screwdriver")
    assert result.semantic_map is not None
    assert result.semantic_map.chosen[0].name == "screwdriver"
    assert (result.levels != packed["proportional"].levels).any()


@pytest.mark.parametrize("name", ["proportional", "rd"])
def test_painted_map_steers_the_bits(picture: NDArray[np.uint8], name: Allocation) -> None:
    painted = np.zeros((HEIGHT, WIDTH), np.uint8)
    painted[:, WIDTH // 2 :] = 255
    mine = user_map(painted, HEIGHT, WIDTH, cell=8)
    result = compress(picture, 4, name, semantic_map=mine)
    middle = result.levels.shape[1] // 2
    left, right = result.levels[:, : middle - 1], result.levels[:, middle + 1 :]
    assert right.mean() > left.mean() + 1
    assert result.semantic_map is not None
    assert result.semantic_map.source == "user"
    np.testing.assert_array_equal(pixels(decompress(result.data)), pixels(result.reconstruction))


def test_grey_picture_stays_grey() -> None:
    camera = skimage.data.camera()[100:228, 100:260]
    result = compress(np.repeat(camera[..., None], 3, axis=2), 24, "uniform")
    decoded = pixels(result.reconstruction)
    assert (decoded.max(axis=2) - decoded.min(axis=2)).mean() < 6


@pytest.mark.parametrize("model", ["small", "fast"])
def test_pure_colours_are_reached(model: str) -> None:
    """Photographs hold few of them: the quantizer's table must not end before they do."""
    colours = np.array(list(product((0, 255), repeat=3)), np.uint8)
    picture = np.repeat(np.repeat(colours[None], 48, 0), 48, 1)
    decoded = np.asarray(compress(picture, 24, "uniform", model=model).reconstruction)
    middles = decoded[20:28, 20::48].astype(int)
    assert np.abs(middles - colours).max() <= 8


@pytest.mark.parametrize(("model", "told"), [("small", [3]), ("recurrent", [1, 2, 3])])
def test_progress_ends_with_the_picture(
    picture: NDArray[np.uint8], model: str, told: list[int]
) -> None:
    calls: list[tuple[int, int]] = []
    seen: list[NDArray[np.uint8]] = []

    def progress(done: int, total: int, shown: NDArray[np.uint8] | None) -> None:
        calls.append((done, total))
        if shown is not None:
            seen.append(shown.copy())

    result = compress(picture, 3, "uniform", model=model, progress=progress)
    assert calls == [(1, 1)] and not seen  # one tile is encoded, no picture is asked for
    whole = np.asarray(result.reconstruction)
    assert calls[1:] == [(k, 3) for k in told]
    np.testing.assert_array_equal(seen[-1], whole)
    first = decompress(result.data, iterations=told[0])
    np.testing.assert_array_equal(seen[0], np.asarray(first))


@pytest.mark.parametrize("model", ["fast", "recurrent"])
def test_other_decoders_have_learnt_too(picture: NDArray[np.uint8], model: str) -> None:
    """From the same bits: only the file's model id differs, and the checks over it."""
    ours, theirs = (compress(picture, 6, "uniform", model=name) for name in ("small", model))
    assert bitstream.parse(ours.data).chunks == bitstream.parse(theirs.data).chunks
    scores = [psnr(picture, np.asarray(each.reconstruction)) for each in (ours, theirs)]
    assert scores[0] - 0.6 < scores[1] < scores[0] + 0.3


@pytest.mark.parametrize("tile", [64, 128])
@pytest.mark.parametrize("name", ["uniform", "proportional"])
def test_tiles_leave_no_seams(name: Allocation, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = np.ascontiguousarray(np.tile(skimage.data.astronaut(), (1, 2, 1))[100:164, 300:660])
    whole = compress(wide, 3, name)
    monkeypatch.setattr(geometry, "TILE", tile)
    tiled = compress(wide, 3, name)
    # The codes do not depend on the decoder's networks, so not on the tiles either.
    assert tiled.data == whole.data
    difference = np.abs(pixels(tiled.reconstruction) - pixels(whole.reconstruction))
    # Uniform: the halo holds all the context there is. Otherwise the tiles' windows around the
    # active blocks differ, and with them how long the spent blocks take part.
    assert difference.mean() < (0.1 if name == "uniform" else 1)
    assert difference.max() <= (4 if name == "uniform" else 60)
    np.testing.assert_array_equal(pixels(decompress(tiled.data)), pixels(tiled.reconstruction))


def test_rd_in_tiles_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "TILE", 64)
    small = np.ascontiguousarray(skimage.data.astronaut()[60:140, 160:260])
    result = compress(small, 2, "rd")
    told: list[tuple[int, int]] = []
    decoded = decompress(result.data, progress=lambda done, total, _: told.append((done, total)))
    np.testing.assert_array_equal(pixels(decoded), pixels(result.reconstruction))
    iterations = info(result.data)["iterations"]
    assert told == [(tile * iterations, 4 * iterations) for tile in (1, 2, 3, 4)]


def test_shrinking_windows_change_nothing_else(picture: NDArray[np.uint8]) -> None:
    """A corner with all the bits decodes as if the empty rest were run as well."""
    model = load_model("small")
    padded = pad_image(picture)
    rows, columns = blocks_of(HEIGHT, WIDTH)
    levels = np.ones((rows, columns), np.uint8)
    levels[:4, :4] = 6
    image = to_tensor(padded)
    codes = runtime.encode_codes(model.codec, image, levels)
    assert codes.shape == (6, model.codec.planes, rows, columns)
    assert not codes[1:, :, 4:].any()
    sent = np.abs(codes[1:, :, :4, :4]).sum(1)
    assert (sent == np.diff(model.tables.ends)[1:6, None, None]).all()
    codec = copy(model.codec)
    codec.compute = torch.float32  # bf16 would show what all but fades on the way
    history = runtime.decode_history(codec, codes, model.device)
    far = history[:, 96:, 96:]
    np.testing.assert_array_equal(far[1:], np.broadcast_to(far[:1], far[1:].shape))


def test_public_names_are_the_functions() -> None:
    import semcomp.explanation

    assert semcomp.compress is compress
    assert semcomp.decompress is decompress
    assert semcomp.info is info
    assert semcomp.explain is semcomp.explanation.explain
    assert semcomp.Compressed is Compressed
