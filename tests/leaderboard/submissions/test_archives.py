"""Archives that are honest, and the bounds they are read within."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from leaderboard.data.problems import Rejected
from leaderboard.submissions.archives import open_archive, read_member
from leaderboard.submissions.inspection import (
    RE_DECODED,
    RECOMPUTED,
    carried_description,
    inspect,
)
from leaderboard.submissions.method import Method
from leaderboard.submissions.shape import UploadLimits
from tests.support.submitted import (
    IMAGES,
    KODAK,
    METHOD,
    QUALITIES,
    SIZE,
    pairs,
    png,
    semcs,
    zip_of,
)


def written(tmp_path, members, **options):
    """An archive on disk."""
    path = tmp_path / "upload.zip"
    path.write_bytes(zip_of(members, **options))
    return path


def seen(path):
    return inspect(path, Method.from_json(METHOD), KODAK)


@pytest.mark.parametrize("root", ["", "my method/"])
def test_pictures_with_bitstreams(tmp_path, root):
    members = {f"{root}{name}": data for name, data in pairs().items()}
    members[f"{root}README.md"] = b"How it was made"
    members["__MACOSX/._x"] = members[f"{root}.DS_Store"] = b"left by the system"
    path = written(tmp_path, members)
    found = seen(path)
    assert (found.kind, found.results) == (RECOMPUTED, None)
    assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(p.image, p.quality) for p in found.points] == [
        (image, quality) for image in IMAGES for quality in QUALITIES
    ]
    first = found.points[0]
    with open_archive(path) as archive:
        picture = read_member(archive, first.reconstruction, 1 << 20)
        assert picture == pairs()["reconstructions/1/kodim01.png"]
        assert read_member(archive, first.bitstream, 100) == b"kodim01 at 1"
    assert found.incomplete[0].startswith("22 of 24 pictures are missing")


@pytest.mark.parametrize("root", ["", "my method/"])
def test_semc_files(tmp_path, root):
    path = written(tmp_path, {f"{root}{name}": data for name, data in semcs().items()})
    found = seen(path)
    assert found.kind == RE_DECODED
    assert [(p.image, p.quality) for p in found.points][:5] == [
        *(("kodim01", quality) for quality in QUALITIES),
        ("kodim02", 1),
    ]
    assert all(p.reconstruction is None and p.bitstream.endswith(".semc") for p in found.points)


def jpegs(suffix="jpg"):
    """Files of the first pictures, by JPEG."""
    noise = np.random.default_rng(0).integers(0, 255, (2, SIZE[1] // 8, SIZE[0] // 8, 3), np.uint8)
    files = {}
    for image, pixels in zip(IMAGES, noise, strict=True):
        for quality in QUALITIES:
            stream = io.BytesIO()
            Image.fromarray(pixels).resize(SIZE).save(stream, "JPEG", quality=20 * quality)
            files[f"{quality}/{image}.{suffix}"] = stream.getvalue()
    return files


@pytest.mark.parametrize("suffix", ["jpg", "JPEG"])
def test_files_of_a_format_that_is_decoded_here(tmp_path, suffix):
    found = seen(written(tmp_path, jpegs(suffix)))
    assert (found.kind, found.format) == (RE_DECODED, "jpeg")
    assert len(found.points) == len(IMAGES) * len(QUALITIES)
    assert all(point.reconstruction is None for point in found.points)


def test_files_of_a_format_that_are_none_of_it(tmp_path):
    files = jpegs()
    files["1/kodim01.jpg"] = files["1/kodim01.jpg"][:500]
    files["2/kodim01.jpg"] = png("a")
    files["3/kodim01.jpg"] = files["3/kodim02.jpg"]
    with pytest.raises(Rejected) as error:
        seen(written(tmp_path, files))
    told = "\n".join(map(str, error.value.problems))
    assert "damaged or cut short" in told and "not a JPEG file" in told
    assert "the same bytes as kodim01's" in told
    with pytest.raises(Rejected, match="one format in an archive"):
        seen(written(tmp_path, {**jpegs(), **semcs()}))


@pytest.mark.parametrize("root", ["", "my method/"])
@pytest.mark.parametrize("make", [pairs, semcs])
def test_what_a_mac_adds_is_passed_over(tmp_path, make, root):
    """`._x` beside each file on shared and foreign volumes, or all of them in one folder."""
    honest = {f"{root}{name}": data for name, data in make().items()}
    double = bytes.fromhex("0005160700020000") + b"Mac OS X        " + bytes(4072)
    beside = {"._my method": double, ".DS_Store": double}
    for name in honest:
        folder, _, file = name.rpartition("/")
        beside[f"{folder}/._{file}"] = beside[f"__MACOSX/{folder}/._{file}"] = double
    plain, mac = (seen(written(tmp_path, members)) for members in (honest, beside | honest))
    assert (mac.kind, mac.points, mac.content) == (plain.kind, plain.points, plain.content)


def test_short_comments_and_extra_fields_are_taken(tmp_path):
    """As packers write them: times and owners of files, the commit of an archive."""
    path = tmp_path / "upload.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in semcs().items():
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<2HBL", 0x5455, 5, 1, 0) + struct.pack("<2H", 0xCAFE, 0)
            info.comment = b"as measured"
            archive.writestr(info, data)
            archive.start_dir += 100  # what is left where a packer removed a file
        archive.comment = b"0123456789abcdef" * 4
    assert seen(path).kind == RE_DECODED


def test_one_quality_in_one_folder_is_no_root(tmp_path):
    members = {name: data for name, data in semcs().items() if name.startswith("1/")}
    (told, few) = seen(written(tmp_path, members)).incomplete
    assert told.startswith("22 of 24")
    assert few == "1 of the 4 qualities that a BD-rate needs"


def test_names_and_numbers_are_qualities(tmp_path):
    members = {}
    for folder in ("10", "2.50", "q=high", "07"):
        members[f"reconstructions/{folder}/kodim04.png"] = png(folder, (512, 768))
        members[f"bitstreams/{folder}/kodim04.tar.lzma"] = folder.encode()
    found = seen(written(tmp_path, members))
    assert [p.quality for p in found.points] == [2.5, 7, 10, "q=high"]


def test_carried_description(tmp_path):
    for name in ("method.json", "mine/method.json"):
        path = written(tmp_path, {name: json.dumps(METHOD).encode(), "mine/1/kodim01.semc": b"x"})
        assert carried_description(path) == METHOD
    assert carried_description(written(tmp_path, semcs())) is None
    with pytest.raises(Rejected, match="no JSON"):
        carried_description(written(tmp_path, {"method.json": b"{"}))


def test_limits_are_those_given(tmp_path):
    path = written(tmp_path, pairs())
    for limits, message in (
        (UploadLimits(upload_bytes=1000), "file: found .* bytes; expected at most 1,000 bytes"),
        (UploadLimits(members=3), "file: found 16 files and folders; expected at most 3"),
        (UploadLimits(unpacked_bytes=2000), "when unpacked; expected at most 2,000 bytes"),
        (
            UploadLimits(small_bytes=10, expansion=1),
            "unpacked; expected at most 1 times its packed",
        ),
    ):
        with pytest.raises(Rejected, match=message), open_archive(path, limits):
            pass
    with pytest.raises(Rejected, match="quality: found 4 of them; expected at most 3"):
        inspect(path, Method.from_json(METHOD), KODAK, UploadLimits(qualities=3))


def test_reading_is_bounded(tmp_path):
    with open_archive(written(tmp_path, {"1/kodim01.semc": bytes(1000)})) as archive:
        assert read_member(archive, "1/kodim01.semc", 1000) == bytes(1000)
        with pytest.raises(Rejected, match="expected a smaller file"):
            read_member(archive, "1/kodim01.semc", 999)
        with pytest.raises(Rejected, match="'2/x': found nothing; expected a file in the archive"):
            read_member(archive, "2/x", 999)


def test_a_zip_of_64_bit_sizes_is_read(tmp_path):
    """As streaming packers write them."""
    path = tmp_path / "wide.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in semcs().items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    assert seen(path).kind == RE_DECODED


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(Rejected, match="file: found no readable file"):
        seen(tmp_path / "none.zip")
    with pytest.raises(Rejected, match="file: found no readable file"):
        seen(tmp_path)
