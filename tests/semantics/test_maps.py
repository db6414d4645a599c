"""Painted maps from arrays and files, the uniform map, and maps at the size of the picture."""

import numpy as np
import pytest
import torch
from PIL import Image

from semcomp.errors import SemanticError
from semcomp.semantics.activation import uniform_map, upsample_grey, user_map
from semcomp.semantics.maps import effective_share
from tests.support.pictures import grey_tiff, small_png


@pytest.mark.parametrize(
    ("grey", "share"),
    [([[9, 9], [9, 9]], 1), ([[255, 0], [0, 0]], 0.25), ([[1, 3]], 0.8), ([[0, 0]], 1)],
)
def test_the_effective_share_of_a_map(grey, share):
    assert effective_share(np.array(grey, np.uint8)) == pytest.approx(share)


class TestUserMap:
    def test_areas_are_averaged(self):
        painted = np.zeros((64, 64), np.uint8)
        painted[:32, :48] = 200
        found = user_map(painted, 64, 64)
        np.testing.assert_array_equal(found.grey, [[200, 100], [0, 0]])
        assert (found.source, found.top, found.chosen) == ("user", (), ())

    @pytest.mark.parametrize(
        ("painted", "value"),
        [
            (np.ones((3, 3), bool), 255),
            (np.full((3, 3), 7, np.uint8), 7),
            (np.full((3, 3), 7, np.int64), 7),
            (np.full((3, 3), 0.2, np.float32), 51),
            (np.full((3, 3, 3), 90, np.uint8), 90),
            (np.dstack([np.full((3, 3, 3), 255, np.uint8), np.zeros((3, 3), np.uint8)]), 0),
        ],
    )
    def test_every_kind_of_array_on_any_size(self, painted, value):
        found = user_map(painted, 100, 33)
        assert found.grey.shape == (4, 2)
        assert (found.grey == value).all()

    def test_finer_cells(self):
        painted = np.random.default_rng(0).integers(0, 256, (40, 24), dtype=np.uint8)
        assert user_map(painted, 160, 96, cell=16).grey.shape == (10, 6)
        np.testing.assert_array_equal(user_map(painted, 160, 96, cell=4).grey, painted)

    def test_mean_survives_uneven_cells(self):
        painted = np.random.default_rng(0).integers(0, 256, (97, 61), dtype=np.uint8)
        assert user_map(painted, 500, 300).grey.mean() == pytest.approx(painted.mean(), abs=0.3)

    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16"])
    def test_files(self, tmp_path, mode):
        painted = np.zeros((64, 64), np.uint8)
        painted[:, 32:] = 255
        picture = Image.fromarray(painted)
        if mode == "I;16":
            picture = Image.fromarray(painted.astype(np.uint16) * 257)
        picture.convert(mode).save(tmp_path / "map.png")
        np.testing.assert_array_equal(
            user_map(tmp_path / "map.png", 64, 64).grey, [[0, 255], [0, 255]]
        )

    @pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
    def test_a_file_is_turned_upright(self, tmp_path, mode):
        painted = np.zeros((64, 96), np.uint8)
        painted[:, :32] = 255
        deep = Image.fromarray(painted.astype(np.uint16) * 257)
        picture = deep if mode == "I;16" else Image.fromarray(painted).convert(mode)
        exif = Image.Exif()
        exif[0x0112] = 6  # stored with its upper edge at the left
        picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "map.png", exif=exif)
        np.testing.assert_array_equal(
            user_map(tmp_path / "map.png", 64, 96).grey, [[255, 0, 0], [255, 0, 0]]
        )

    @pytest.mark.parametrize(
        ("data", "grey"),
        [
            (grey_tiff(bytes([0xFF, 0xF8, 0x00]), 2, 12), [[255, 128]]),
            (grey_tiff(b"\xff\xff\0\0", 2, 16, photometric=0), [[0, 255]]),
            (b"P5 2 1 1023\n\3\xff\0\0", [[255, 0]]),
            (small_png(b"\xff\xff\x80\x80", 2, 16, key=b"\xff\xff"), [[0, 128]]),
        ],
    )
    def test_deep_files_by_what_they_declare(self, tmp_path, data, grey):
        path = tmp_path / "map"
        path.write_bytes(data)
        np.testing.assert_array_equal(user_map(path, 32, 64).grey, grey)

    @pytest.mark.parametrize(
        ("painted", "message"),
        [
            (np.full((2, 2), 256), "0..255"),
            (np.full((2, 2), -1), "0..255"),
            (np.full((2, 2), 1.5), "0..1"),
            (np.full((2, 2), np.nan), "0..1"),
            (np.zeros((2, 2), complex), "must lie"),
            (np.zeros((0, 2), np.uint8), "a map is"),
            (np.zeros(4, np.uint8), "a map is"),
            (np.zeros((2, 2, 2), np.uint8), "a map is"),
        ],
    )
    def test_arrays_that_are_no_map(self, painted, message):
        with pytest.raises(SemanticError, match=message):
            user_map(painted, 64, 64)

    def test_files_that_are_no_map(self, tmp_path, monkeypatch):
        path = tmp_path / "map.png"
        with pytest.raises(SemanticError, match="cannot read the map"):
            user_map(path, 64, 64)
        path.write_bytes(b"nothing")
        with pytest.raises(SemanticError, match="cannot read the map"):
            user_map(path, 64, 64)
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[:50])
        with pytest.raises(SemanticError, match="cannot read the map"):
            user_map(path, 64, 64)
        for name, options in (("fax.tiff", {"compression": "group4"}), ("map.eps", {})):
            Image.new("1" if options else "L", (64, 64)).save(tmp_path / name, **options)
            with pytest.raises(SemanticError, match=r"cannot read the map.*PNG"):
                user_map(tmp_path / name, 64, 64)
        path.write_bytes(small_png(bytes(2), 2, 8, kind=3))
        with pytest.raises(SemanticError, match=r"cannot read the map.*no palette"):
            user_map(path, 64, 64)
        Image.fromarray(np.zeros((64, 64), np.int32)).save(tmp_path / "deep.tiff")
        with pytest.raises(SemanticError, match="32-bit"):
            user_map(tmp_path / "deep.tiff", 64, 64)
        monkeypatch.setattr("semcomp.semantics.maps.MAX_MAP_PIXELS", 100)
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
        with pytest.raises(SemanticError, match="more than the 100 allowed; scale it down"):
            user_map(path, 64, 64)

    def test_bad_sizes(self):
        for height, width, cell in ((0, 1, 32), (1, 0, 32), (1, 1, 0)):
            with pytest.raises(SemanticError, match="use 1 or more"):
                user_map(np.zeros((2, 2), np.uint8), height, width, cell=cell)

    def test_uniform(self):
        found = uniform_map(33, 64)
        assert found.source == "uniform"
        np.testing.assert_array_equal(found.grey, np.full((2, 2), 255))


class TestUpsample:
    @pytest.mark.parametrize("size", [(6, 8), (37, 53), (320, 480), (1, 1), (2, 3)])
    def test_agrees_with_torch(self, size):
        grey = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(grey).double()[None, None],
            size=size,
            mode="bilinear",
            align_corners=False,
        )[0, 0].numpy()
        found = upsample_grey(grey, *size)
        assert (found.shape, found.dtype) == (size, np.uint8)
        np.testing.assert_allclose(found, expected, atol=0.501)

    def test_same_size_is_unchanged(self):
        grey = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
        np.testing.assert_array_equal(upsample_grey(grey, 5, 7), grey)
