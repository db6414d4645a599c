"""Classifiers, class activation maps and painted maps. No data folder and no network needed."""

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from safetensors.torch import save_file

from semcomp import classifiers, semantic
from semcomp.classifiers import imagenet_classes
from semcomp.semantic import (
    Features,
    SemanticError,
    Vgg16Gap,
    analyse,
    analysis_size,
    class_activation,
    find_class,
    load_classifier,
    scores,
    to_grey,
    uniform_map,
    upsample_grey,
    user_map,
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def lite0():
    return load_classifier("efficientnet-lite0")


@pytest.fixture(scope="module")
def cat():
    return skimage.data.chelsea()  # 300×451, sides that are no multiples of 32


class Handmade:
    """Two feature maps and three classes whose scores can be worked out on paper."""

    name = "handmade"
    class_names = ("left", "right", "both")

    def features(self, image):
        height, width = image.shape[0] // 32, image.shape[1] // 32
        maps = np.zeros((2, height, width), np.float32)
        maps[0, :, : width // 2] = 4
        maps[1, :, width // 2 :] = 2
        alpha = np.array([[1, 0], [0, 1], [1, 2]], np.float32)
        return Features(maps, alpha, np.array([0, 5, 0], np.float32))


GREY_PICTURE = np.full((64, 128, 3), 127, np.uint8)


class TestNames:
    def test_a_thousand_distinct_imagenet_names_in_index_order(self):
        names = imagenet_classes()
        assert len(names) == 1000
        assert len({name.casefold() for name in names}) == 1000
        assert (names[0], names[88], names[282], names[895], names[999]) == (
            "tench",
            "macaw",
            "tiger cat",
            "warplane",
            "toilet tissue",
        )

    @pytest.mark.parametrize(
        ("query", "index"),
        [("macaw", 88), (" MACAW ", 88), ("Tiger_Cat", 282), ("282", 282), ("warpl", 895)],
    )
    def test_found_by_name_part_or_index(self, query, index):
        assert find_class(query, imagenet_classes()) == index

    def test_a_whole_name_wins_over_names_that_contain_it(self):
        assert find_class("tiger", ["tiger cat", "tiger"]) == 1

    @pytest.mark.parametrize(
        ("query", "hint"),
        [
            ("macow", "macaw"),
            ("crane", r"crane \(bird\), crane \(machine\)"),
            ("1000", "0 to 999"),
            ("", "1000 class names|nothing is similar"),
            ("zzzzqqqq", "nothing is similar"),
        ],
    )
    def test_other_names_are_refused_with_a_hint(self, query, hint):
        with pytest.raises(SemanticError, match=hint):
            find_class(query, imagenet_classes())


class TestActivation:
    def test_mean_of_the_map_plus_bias_is_the_score(self, lite0, cat):
        seen = lite0.features(cat)
        score = scores(seen)
        for index in (0, 285, 999):
            mean = class_activation(seen, index).mean() + seen.bias[index]
            assert mean == pytest.approx(score[index], abs=1e-6)

    def test_scores_are_the_networks_own(self, lite0):
        image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = lite0._net(classifiers.image_batch(image))[0].numpy()
        np.testing.assert_allclose(scores(lite0.features(image)), expected, atol=1e-5)

    def test_grey_spans_the_range(self):
        np.testing.assert_array_equal(to_grey(np.array([[-1.0, 0.0, 1.0]])), [[0, 128, 255]])

    @pytest.mark.parametrize("value", [0.0, -3.0, 1e9])
    def test_a_constant_map_is_equally_important_everywhere(self, value):
        assert (to_grey(np.full((2, 3), value)) == 255).all()

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_broken_weights_are_named(self, value):
        with pytest.raises(SemanticError, match="not finite"):
            to_grey(np.array([[0.0, value]]))


class TestAnalyse:
    def test_a_cat_is_a_cat(self, cat):
        found = analyse(cat)
        assert found.top[0].name in {"Egyptian cat", "tabby", "tiger cat"}
        assert found.chosen == found.top[:1]
        assert found.source == "efficientnet-lite0"
        assert found.grey.shape == (10, 15)
        assert found.grey.dtype == np.uint8
        assert (found.grey.min(), found.grey.max()) == (0, 255)
        probabilities = [score.probability for score in found.top]
        assert len(probabilities) == 5
        assert probabilities == sorted(probabilities, reverse=True)

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_the_map_shows_where_the_cat_is(self, cat, side):
        canvas = np.full((320, 960, 3), 127, np.uint8)
        left = 0 if side == "left" else 480
        canvas[:300, left : left + 451] = cat
        grey = analyse(canvas, class_name="Egyptian cat").grey.astype(float)
        halves = grey[:, :15].mean(), grey[:, 15:].mean()
        assert halves[side == "right"] > 1.5 * halves[side == "left"], halves

    def test_another_class_gives_another_map(self, cat):
        default, chosen = analyse(cat), analyse(cat, class_name="bath towel")
        assert [score.name for score in chosen.chosen] == ["bath towel"]
        assert chosen.top == default.top
        assert not np.array_equal(chosen.grey, default.grey)

    def test_naming_the_first_class_changes_nothing(self, cat):
        default = analyse(cat)
        again = analyse(cat, class_name=str(default.top[0].index))
        np.testing.assert_array_equal(again.grey, default.grey)

    def test_the_same_twice(self, cat):
        first, second = analyse(cat), analyse(cat)
        np.testing.assert_array_equal(first.grey, second.grey)
        assert first.top == second.top

    def test_blend_weighs_maps_by_probability(self):
        # scores: left 2, right 1+5, both 2+2, so "right" then "both"
        found = analyse(GREY_PICTURE, classifier=Handmade(), blend=2)
        assert [score.name for score in found.chosen] == ["right", "both"]
        right, both = (score.probability for score in found.chosen)
        assert right / both == pytest.approx(np.e**2)
        activation = right * np.array([0, 0, 2, 2]) + both * np.array([4, 4, 4, 4])
        np.testing.assert_array_equal(found.grey, to_grey(np.tile(activation, (2, 1))))
        assert len(found.top) == 3  # all there are

    def test_a_constant_activation_is_uniform(self):
        found = analyse(GREY_PICTURE, classifier=Handmade(), class_name="both")
        assert (found.grey == 255).all()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"blend": 0}, "from 1 to 3"),
            ({"blend": 4}, "from 1 to 3"),
            ({"blend": 2, "class_name": "left"}, "not both"),
            ({"class_name": "lift"}, "left"),
        ],
    )
    def test_bad_choices(self, options, message):
        with pytest.raises(SemanticError, match=message):
            analyse(GREY_PICTURE, classifier=Handmade(), **options)

    @pytest.mark.parametrize(
        "image",
        [
            np.zeros((8, 8), np.uint8),
            np.zeros((8, 8, 4), np.uint8),
            np.zeros((8, 8, 3), np.float32),
            np.zeros((0, 8, 3), np.uint8),
        ],
    )
    def test_arrays_that_are_no_rgb_picture(self, image):
        with pytest.raises(SemanticError, match="uint8 RGB"):
            analyse(image)
        with pytest.raises(SemanticError, match="uint8 RGB"):
            classifiers.image_batch(image)

    @pytest.mark.parametrize(
        ("size", "grid"),
        [((1, 1), (1, 1)), ((7, 5), (1, 1)), ((3, 4000), (1, 32)), ((33, 64), (2, 2))],
    )
    def test_tiny_and_extreme_pictures(self, size, grid):
        image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
        assert analyse(image).grey.shape == grid


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((512, 768), (512, 768)),  # Kodak: as they are
        ((768, 512), (768, 512)),
        ((1024, 1024), (1024, 1024)),
        ((300, 451), (320, 480)),
        ((1, 1), (32, 32)),
        ((4000, 3), (1024, 32)),
        ((1025, 1025), (1024, 1024)),
        ((4000, 6000), (704, 1024)),
    ],
)
def test_analysis_size(size, seen):
    assert analysis_size(*size) == seen


class TestFeatures:
    @pytest.mark.parametrize("size", [(1, 1), (45, 97), (64, 33)])
    def test_lite0_sees_whole_cells_of_any_size(self, lite0, size):
        seen = lite0.features(np.zeros((*size, 3), np.uint8))
        assert seen.maps.shape == (1280, -(-size[0] // 32), -(-size[1] // 32))
        assert (seen.alpha.shape, seen.bias.shape) == ((1000, 1280), (1000,))
        assert {array.dtype for array in seen} == {np.dtype(np.float32)}

    def test_built_once(self, lite0):
        assert load_classifier("efficientnet-lite0") is lite0

    def test_unknown_classifier(self):
        with pytest.raises(SemanticError, match="use efficientnet-lite0"):
            load_classifier("resnet")

    def test_missing_package_names_the_remedy(self):
        with pytest.raises(SemanticError, match=r"pip install .*efficientnet-lite9-pytorch-model"):
            classifiers.EfficientNetLite(9)


class TestVgg16Gap:
    def test_the_papers_shape(self):
        with torch.device("meta"):
            network = Vgg16Gap(batch_norm=False)
        convs = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
        assert [conv.out_channels for conv in convs] == (
            [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
        )
        # VGG16's published count for its convolutions
        assert sum(p.numel() for p in network.conv.parameters()) == 14_714_688
        assert network.linear.weight.shape == (256, 512)
        assert network.linear.bias is None

    def test_he_initialisation(self):
        torch.manual_seed(0)
        conv = next(
            m for m in Vgg16Gap(4, width=32).modules() if getattr(m, "in_channels", 0) == 256
        )
        assert conv.weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.02)

    @pytest.mark.parametrize("batch_norm", [True, False])
    def test_forward_agrees_with_features_and_scores(self, batch_norm):
        torch.manual_seed(0)
        network = Vgg16Gap(6, width=4, batch_norm=batch_norm).eval()
        image = np.random.default_rng(2).integers(0, 256, (50, 70, 3), dtype=np.uint8)
        seen = network.features(image)
        assert seen.maps.shape == (32, 4, 5)
        with torch.inference_mode():
            expected = network(classifiers.image_batch(image))
        assert expected.shape == (1, 6)
        np.testing.assert_allclose(scores(seen), expected[0].numpy(), atol=1e-4)

    def test_looking_leaves_training_undisturbed(self):
        network = Vgg16Gap(3, width=2).train()
        before = {key: value.clone() for key, value in network.state_dict().items()}
        network.features(GREY_PICTURE)
        assert network.training
        assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())

    def test_learns(self):
        torch.manual_seed(0)
        network = Vgg16Gap(2, width=4)
        images = torch.cat([torch.full((2, 3, 32, 32), -0.8), torch.full((2, 3, 32, 32), 0.8)])
        images += 0.05 * torch.randn_like(images)
        labels = torch.tensor([0, 0, 1, 1])
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(10):
            loss = torch.nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert loss.item() < 0.1

    def test_saved_and_loaded_it_sees_the_same(self, tmp_path):
        names = ["ak47", "american flag", "backpack"]
        network = Vgg16Gap(3, names, width=2).eval()
        network.save(tmp_path / "vgg.safetensors")
        again = load_classifier(str(tmp_path / "vgg.safetensors"))
        assert (again.name, list(again.class_names)) == ("vgg16-gap", names)
        image = np.random.default_rng(3).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        for one, other in zip(network.features(image), again.features(image), strict=True):
            np.testing.assert_array_equal(one, other)
        found = analyse(image, classifier=again, class_name="flag")
        assert (found.source, found.grey.shape) == ("vgg16-gap", (2, 4))

    @pytest.mark.parametrize("content", [None, b"", b"not safetensors at all"])
    def test_files_that_hold_no_weights(self, tmp_path, content):
        path = tmp_path / "x.safetensors"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SemanticError, match="cannot read classifier weights"):
            Vgg16Gap.load(path)

    def test_weights_of_another_network(self, tmp_path):
        path = tmp_path / "x.safetensors"
        save_file({"a": torch.zeros(1)}, str(path))
        with pytest.raises(SemanticError, match="no vgg16-gap network"):
            Vgg16Gap.load(path)
        save_file(
            {"a": torch.zeros(1)},
            str(path),
            metadata={
                "network": "vgg16-gap",
                "config": '{"class_names": ["a"], "width": 1, "batch_norm": true}',
            },
        )
        with pytest.raises(SemanticError, match="cannot read classifier weights"):
            Vgg16Gap.load(path)

    def test_names_must_match_classes(self):
        with pytest.raises(SemanticError, match="2 class names for 3 classes"):
            Vgg16Gap(3, ["a", "b"])


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
        Image.fromarray(np.zeros((64, 64), np.int32)).save(tmp_path / "deep.tiff")
        with pytest.raises(SemanticError, match="32-bit"):
            user_map(tmp_path / "deep.tiff", 64, 64)
        monkeypatch.setattr("semcomp.semantic_map.MAX_MAP_PIXELS", 100)
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
        with pytest.raises(SemanticError, match="paint a smaller one"):
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


class TestCheck:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("n01_left", "n02_right", "n03_both"):
            Image.fromarray(GREY_PICTURE).save(tmp_path / f"imagenet-{name}.png")
        return tmp_path

    def test_counts_first_and_first_five(self, folder):
        # the handmade classifier calls every picture "right"
        found = semantic.check_accuracy(folder, classifier=Handmade(), short_side=128)
        assert found == (1, 3, 3)

    def test_command(self, folder, monkeypatch, capsys):
        monkeypatch.setattr(semantic, "load_classifier", lambda name, device: Handmade())
        assert semantic.main(["--check", str(folder)]) == 0
        assert "handmade: top-1 33.3%, top-5 100.0% of 3 pictures" in capsys.readouterr().out

    def test_needs_one_picture_per_class(self, tmp_path, capsys):
        with pytest.raises(SystemExit):
            semantic.main(["--check", str(tmp_path)])
        assert "one picture per class" in capsys.readouterr().err
