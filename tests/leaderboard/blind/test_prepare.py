"""Pairs made ahead: equal bytes, what is decoded, whole pictures, a bounded folder."""

from __future__ import annotations

from io import BytesIO
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leaderboard.__main__ import main
from leaderboard.blind import prepare as preparing
from leaderboard.blind.pairs import ABOUT, load_pairs
from leaderboard.blind.prepare import CLOSE, prepare, sources
from leaderboard.blind.ranks import CLEAR, POOR
from leaderboard.codecs import CODECS
from semcomp.errors import DatasetError

NAMES = ["jpeg", "webp", "avif"]
RATES = (0.8, 1.6)
CREDIT = "Nobody: CC0"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two small pictures."""
    folder = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(1)
    for name in ("one", "two"):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8))
        pixels = np.asarray(coarse.resize((256, 192), Image.Resampling.BICUBIC), np.int16)
        noisy = np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def prepared(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    made = sources([str(pictures)], CREDIT)
    assert prepare(made, NAMES, folder, rates=RATES, most_bytes=10**9, report=print) == 2
    return folder


def pixels_of(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def test_pairs_have_equal_bytes(prepared: Path, pictures: Path) -> None:
    pairs = load_pairs(prepared)
    assert {Path(name).name for name in pairs.pictures} == {"one", "two"}
    assert set(pairs.by_codecs) == {("avif", "jpeg"), ("avif", "webp"), ("jpeg", "webp")}
    for pair in chain.from_iterable(pairs.by_codecs.values()):
        picture = pairs.pictures[pair.picture]
        sizes = [side.bytes for side in pair.sides]
        assert max(sizes) <= (1 + CLOSE) * min(sizes) and picture.credit == CREDIT
        wanted = pair.rate * picture.width * picture.height / 8
        assert all(abs(size / wanted - 1) <= preparing.BAND for size in sizes)
        image = Image.open(pictures / f"{Path(pair.picture).name}.png")
        for side in pair.sides:
            codec = CODECS[side.codec]
            data = codec.encode(image, side.quality)
            assert len(data) == side.bytes
            shown = pixels_of(pairs.pixels(pair.picture, side.stem))
            assert np.array_equal(shown, np.asarray(codec.decode(data)))
        assert np.array_equal(pixels_of(pairs.pixels(pair.picture)), np.asarray(image))


def test_a_check_has_an_obvious_answer(prepared: Path) -> None:
    pairs = load_pairs(prepared)
    for name, picture in pairs.pictures.items():
        assert picture.check.codecs == (CLEAR, POOR) and picture.check.rate == 0
        original = pixels_of(pairs.pixels(name)).astype(float)
        clear, poor = (
            np.mean((pixels_of(pairs.pixels(name, side.stem)) - original) ** 2)
            for side in picture.check.sides
        )
        assert poor > 10 * clear


def test_it_goes_on_where_it_was_stopped(
    prepared: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def again() -> int:
        said.clear()
        made = sources([str(pictures)], CREDIT)
        return prepare(made, NAMES, prepared, rates=RATES, most_bytes=10**9, report=said.append)

    before = load_pairs(prepared)
    assert again() == 2 and said == [] and load_pairs(prepared) is before
    first = before.folders[min(before.pictures)]
    next(iter(first.glob("[0-9a-f]*.webp"))).unlink()  # what a kill or a full disk may leave
    (first / ABOUT).touch()
    assert len(load_pairs(prepared).pictures) == 1
    (prepared / "killed.partial").mkdir()
    assert again() == 2 and len(said) == 1
    assert load_pairs(prepared).pictures == before.pictures
    assert not (prepared / "killed.partial").exists()
    monkeypatch.setattr(preparing, "CLOSE", 0.01)  # another rule: all are made anew
    assert again() == 2 and len(said) == 2


def test_the_folder_is_bounded(pictures: Path, tmp_path: Path) -> None:
    said: list[str] = []
    made = sources([str(pictures)], CREDIT)
    count = prepare(made, NAMES, tmp_path, rates=RATES, most_bytes=800_000, report=said.append)
    size = sum(file.stat().st_size for file in tmp_path.glob("*/*"))
    assert count == len(load_pairs(tmp_path).pictures) == 1 and size <= 800_000
    assert "do not fit into" in said[-1]


def test_no_picture_without_its_licence(pictures: Path) -> None:
    with pytest.raises(DatasetError, match="--credit"):
        list(sources([str(pictures)]))
    assert all(source.credit for source in sources(["samples"]))


def test_what_is_not_at_hand_is_left_out(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMCOMP_CID22_DIR", str(tmp_path / "none"))
    said: list[str] = []
    found = list(sources(["cid22", str(pictures)], CREDIT, said.append))
    assert len(found) == 2 and len(said) == 1 and said[0].startswith("cid22 is left out: ")
    with pytest.raises(DatasetError):
        list(sources(["cid22"]))


def test_the_command(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["blind", "prepare", "--pictures", str(pictures), "--out", str(tmp_path / "out")]
    assert main([*words, "--codecs", "jpeg,webp", "--rates", "1"]) == 1
    assert "--credit" in capsys.readouterr().err
    words += ["--credit", CREDIT, "--rates", "1"]
    assert main([*words, "--codecs", "jpeg"]) == 1
    assert "two codecs" in capsys.readouterr().err
    assert main([*words, "--codecs", "jpeg,webp"]) == 0
    assert "2 pictures are ready" in capsys.readouterr().out
