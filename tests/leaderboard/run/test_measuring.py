"""Numbers of a point: right, the same as elsewhere, and no dearer for being made together."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from leaderboard.analysis.look import OURS
from leaderboard.codecs import CODECS, CodecError
from leaderboard.codecs.base import Seconds, open_session
from leaderboard.codecs.jpeg import JpegCodec
from leaderboard.data.datasets import load_dataset
from leaderboard.data.results import METRICS, read_results
from leaderboard.run import provenance
from leaderboard.run.measuring import Sitting, reference, score
from leaderboard.run.provenance import code_digest, joined, source_files
from semcomp.allocation.planning import ALLOCATIONS
from semcomp.encoder import PictureEncoder
from semcomp.errors import MetricError
from semcomp.metrics import ms_ssim, psnr, si_ssim, ssim, ssim_map, weighted_mean
from semcomp.pipeline import compress
from semcomp.semantics.activation import analyse, load_classifier, upsample_grey
from tests import ROOT
from tests.support.noted import CAT, CUP, evaluate, keys, pictures_in


@pytest.fixture
def pictures(tmp_path):
    return pictures_in(tmp_path)


def test_numbers_are_those_of_the_files(pictures, tmp_path):
    """Every column against an independent computation."""
    out = tmp_path / "out"
    (found,) = evaluate([JpegCodec()], pictures, out, qualities=[10, 40])
    assert keys(found) == [("cat", 10), ("cat", 40), ("cup", 10), ("cup", 40)]
    assert read_results(out / "jpeg.json") == found
    codec = CODECS["jpeg"]
    for row in found.rows:
        picture = next(p for p in pictures.pictures if p.name == row.image).load()
        file = codec.encode(Image.fromarray(picture), row.quality)
        decoded = np.asarray(codec.decode(file))
        assert row.bytes == len(file)
        assert row.bpp == pytest.approx(8 * len(file) / (168 * 192), abs=1e-6)
        assert row.psnr == pytest.approx(psnr(picture, decoded), abs=1e-6)
        assert row.ms_ssim == pytest.approx(ms_ssim(picture, decoded), abs=1e-6)
        assert row.ssim == pytest.approx(ssim(picture, decoded), abs=1e-6)
        for name, column in (
            ("efficientnet-lite0", "si_ssim"),
            ("efficientnet-lite2", "si_ssim_2"),
        ):
            top = column.replace("si", "top", 1)
            seen = analyse(picture, classifier=load_classifier(name))
            weight = upsample_grey(seen.grey, *picture.shape[:2])
            assert getattr(row, column) == pytest.approx(
                si_ssim(picture, decoded, weight), abs=2e-6
            )
            # where the map has one value in many places, the fifth may be cut otherwise
            inside = weight > np.quantile(weight, 0.8)
            expected = ssim_map(picture, decoded)[inside].mean()
            assert getattr(row, top) == pytest.approx(expected, abs=0.01)
        assert row.si_ssim != row.si_ssim_2
        assert row.header_bytes is row.map_bytes is row.code_bytes is row.checksum_bytes is None
        assert row.encode_s > 0 and row.decode_s > 0
        assert row.encode_wall_s is not None and row.decode_wall_s is not None
    made = found.provenance
    assert found.kind == "recomputed" and found.dataset == "pictures"
    assert made["version"] == codec.version and made["settings"] == codec.settings
    assert made["weights"] is None
    assert made["libraries"]["torch"] and made["python"] and made["device"]


def test_own_files_are_itemised_and_scored(tmp_path):
    """The bytes of `semcomp.compress`, and the scores of what they decode to."""
    folder = tmp_path / "cats"
    folder.mkdir()
    Image.fromarray(CAT).save(folder / "cat.png")
    own = [CODECS["george"], CODECS["semantic"], CODECS["semantic-rd"]]
    found = evaluate(own, load_dataset(folder), tmp_path / "out", qualities=[2, 4])
    weight = upsample_grey(analyse(CAT).grey, *CAT.shape[:2])
    for allocation, each in zip(ALLOCATIONS, found, strict=True):
        assert [row.quality for row in each.rows] == [2, 4]
        for mine in each.rows:
            packed = compress(CAT, mine.quality, allocation)
            assert (mine.bytes, mine.map_bytes) == (len(packed.data), packed.sizes["map"])
            assert (mine.map_bytes == 0) == (allocation == "uniform")
            parts = (mine.header_bytes, mine.map_bytes, mine.code_bytes, mine.checksum_bytes)
            assert sum(parts) == mine.bytes and min(parts[0], parts[2], parts[3]) > 0
            decoded = np.asarray(packed.reconstruction)
            similarity = ssim_map(CAT, decoded)
            scores = {
                "bpp": packed.bpp,
                "psnr": psnr(CAT, decoded),
                "ms_ssim": ms_ssim(CAT, decoded),
                "ssim": float(similarity.mean()),
                "si_ssim": weighted_mean(similarity, weight),
            }
            for name, value in scores.items():
                assert getattr(mine, name) == pytest.approx(value, abs=2e-6), name
    for each in found:
        assert each.provenance["weights"] == CODECS["george"].weights_sha256


@pytest.mark.parametrize("name", OURS)
def test_sessions_give_the_same_bytes(name):
    """Work that is shared over qualities and codecs changes no byte, whatever comes first."""
    codec = CODECS[name]
    for qualities, picture in (((12, 0.5, 3), CAT[:96, :128]), ((2.5, 24), CUP[:90, :71])):
        image = Image.fromarray(np.ascontiguousarray(picture))
        session = codec.session(image)
        for quality in qualities:
            assert session.encode(quality) == codec.encode(image, quality), quality
    with pytest.raises(CodecError):
        codec.session(image).encode(1000)


def test_shared_work_is_charged_to_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are those of an encoder that starts afresh; here of a clock that work moves."""
    clock = [0.0]
    monkeypatch.setattr(Seconds, "now", lambda: Seconds(clock[0], clock[0]))
    for name, seconds in {"semantic_map": 1.0, "codes": 10.0, "rd_table": 100.0}.items():
        make, made = getattr(PictureEncoder, name), list[PictureEncoder]()

        def work(self, *args, make=make, made=made, seconds=seconds, **kwargs):
            if self not in made:
                made.append(self)
                clock[0] += seconds
            return make(self, *args, **kwargs)

        monkeypatch.setattr(PictureEncoder, name, work)
    picture = Image.fromarray(np.ascontiguousarray(CUP[:128]))
    session = open_session(CODECS["semantic-rd"], picture)
    spent = []
    for quality in (24, 24, 2):
        started = clock[0]
        session.encode(quality)
        spent.append(clock[0] - started + session.correction.cpu)
    # A third of the iterations for the last one, and the whole map.
    assert spent == pytest.approx([111, 111, 1 + 110 / 3])


def test_a_closed_loop_is_charged_to_both_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of raw bits takes the codes that were made for the one before."""
    clock, made = [0.0], []
    monkeypatch.setattr(Seconds, "now", lambda: Seconds(clock[0], clock[0]))
    make = PictureEncoder._encode

    def encode(self, *args):
        made.append(1)
        clock[0] += 10
        return make(self, *args)

    monkeypatch.setattr(PictureEncoder, "_encode", encode)
    picture = Image.fromarray(np.ascontiguousarray(CUP[:96, :96]))
    spent = []
    for name in ("semantic0-paper", "semantic0-paper-raw"):
        session = open_session(CODECS[name], picture)
        for quality in (1, 2):
            started = clock[0]
            session.encode(quality)
            spent.append(clock[0] - started + session.correction.cpu)
    assert spent == [10] * 4
    assert len(made) == 2


def test_maps_are_made_once_per_picture(monkeypatch, pictures):
    from leaderboard.run import measuring

    made = []
    monkeypatch.setattr(measuring, "reference", lambda image: made.append(1) or reference(image))
    monkeypatch.setattr(measuring, "_references", {})
    for picture in pictures.pictures:
        for name in ("jpeg", "webp"):
            Sitting(CODECS[name], picture.load(), picture.sha256).measure(50)
    assert len(made) == 2


def test_scores_of_small_and_identical_pictures():
    small = reference(CAT[:40, :50])
    scores = score(small, CAT[:40, :50])
    assert tuple(scores) == METRICS
    assert scores["ms_ssim"] is None
    assert scores["psnr"] == float("inf") and scores["ssim"] == scores["si_ssim"] == 1
    with pytest.raises(MetricError, match="differ in size"):
        score(small, CAT[:50, :40])


def test_code_digest_follows_imports_and_ignores_comments(tmp_path):
    names = {path.name for path in source_files(ROOT / "leaderboard" / "codecs" / "jpeg.py")}
    assert {"jpeg.py", "base.py", "image.py"} <= names
    assert not {"bpg.py", "metrics.py", "__init__.py"} & names
    ours = {path.name for path in source_files(ROOT / "leaderboard" / "codecs" / "semcomp.py")}
    assert {"pipeline.py", "planning.py", "entropy.py", "levels.py"} <= ours
    scoring = {path.name for path in source_files(ROOT / "leaderboard" / "run" / "measuring.py")}
    assert {"measuring.py", "metrics.py", "classifiers.py"} <= scoring

    def digest(text: str) -> str:
        path = tmp_path / f"{abs(hash(text))}" / "module.py"
        path.parent.mkdir()
        path.write_text(text)
        return code_digest(path)

    plain = digest("def f():\n    return 1\n")
    assert digest("from math import pi\n__all__ = ['f']\ndef f():\n    return 1\n") == plain
    assert digest('"""Text."""\ndef f():\n    """More."""\n    return 1  # why\n') == plain
    assert digest("def f():\n    return 2\n") != plain


def test_code_digest_stays_where_code_moves(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)

    def digest(files: dict[str, str]) -> str:
        shutil.rmtree(tmp_path / "semcomp", ignore_errors=True)
        for name, text in files.items():
            path = tmp_path / "semcomp" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        provenance.code_digest.cache_clear()
        provenance.source_files.cache_clear()
        provenance._tree.cache_clear()
        return code_digest(tmp_path / "semcomp" / next(iter(files)))

    used, helper = "def f():\n    return g()\n", "def g():\n    return 1\n"
    before = digest({"a.py": f"from .b import g\n{used}", "b.py": helper})
    assert digest({"c.py": f"from .room.d import g\n{used}", "room/d.py": helper}) == before
    assert digest({"whole.py": helper + used}) == before
    assert digest({"a.py": f"from .b import g\n{used}", "b.py": helper.replace("1", "2")}) != before


def test_records_of_many_points_are_one():
    points = [
        {"date": "b", "dirty": False, "x": {"y": 1}},
        {"date": "a", "dirty": True, "x": {"y": 1}},
    ]
    assert joined(points) == {"date": ["a", "b"], "dirty": True, "x": {"y": 1}}
    assert joined([joined(points), {"date": "c", "dirty": False, "x": {"y": 1}}])["date"] == list(
        "abc"
    )
    assert joined(points[:1]) == points[0]
