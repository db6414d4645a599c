"""Class activation maps, from a handmade classifier and a real one; no data folder is needed."""

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from semcomp.errors import SemanticError
from semcomp.semantics import activation as semantic
from semcomp.semantics import classifiers
from semcomp.semantics.activation import (
    SIDES,
    Features,
    analyse,
    analysis_size,
    class_activation,
    load_classifier,
    look,
    map_activation,
    scores,
    to_grey,
)


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


class TestSizes:
    @pytest.mark.parametrize(
        ("sample", "name", "least"), [("coffee", "espresso", 0.6), ("chelsea", "Egyptian cat", 0.3)]
    )
    def test_classes_are_named_in_the_size_of_training(self, sample, name, least):
        """As they are, in 400 and 300 rows, these are an espresso of 3% and a cat of 15%."""
        found = analyse(getattr(skimage.data, sample)()).top[0]
        assert found.name == name
        assert found.probability > least

    def test_the_same_name_whatever_the_resolution(self, cat):
        large = np.asarray(Image.fromarray(cat).resize((1804, 1200), Image.Resampling.LANCZOS))
        first, second = analyse(cat), analyse(large)
        assert first.top[0].name == second.top[0].name
        assert first.top[0].probability == pytest.approx(second.top[0].probability, abs=0.05)
        assert first.grey.shape == second.grey.shape

    def test_the_map_is_the_mean_of_both_sizes(self):
        def seen(*values):
            return Features(np.array([[values]], np.float32), np.ones((1, 1)), np.zeros(1))

        # two values stretched over three points are 2, 4, 6
        mean = map_activation([seen(2, 6), seen(10, 20, 30)], 0)
        np.testing.assert_allclose(mean, [[6, 12, 18]])

    def test_both_sizes_are_looked_at(self, lite0, cat):
        assert [seen.maps.shape[1:] for seen in look(cat, lite0)] == [(7, 11), (10, 15)]


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
        # 64 × 128 pixels are shown in 7 × 14 and 10 × 20 cells, and become 4 × 8 values
        activation = np.repeat([4 * both, 2 * right + 4 * both], 4)
        away = [0, 1, 2, 5, 6, 7]  # from the border between them, which the smaller size blurs
        expected = to_grey(np.tile(activation, (4, 1)))
        np.testing.assert_array_equal(found.grey[:, away], expected[:, away])
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
        [((1, 1), (1, 1)), ((7, 5), (1, 1)), ((3, 4000), (1, 64)), ((33, 64), (3, 4))],
    )
    def test_tiny_and_extreme_pictures(self, size, grid):
        image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
        assert analyse(image).grey.shape == grid


@pytest.mark.parametrize(
    ("size", "named", "placed"),
    [
        ((512, 768), (224, 320), (320, 480)),
        ((768, 512), (320, 224), (480, 320)),
        ((188, 250), (224, 288), (320, 416)),
        ((1, 1), (224, 224), (320, 320)),
        ((4000, 3), (2048, 32), (2048, 32)),
        ((400, 8000), (96, 2048), (96, 2048)),
        ((4000, 6000), (224, 320), (320, 480)),
    ],
)
def test_analysis_size(size, named, placed):
    assert (analysis_size(*size), analysis_size(*size, SIDES[1])) == (named, placed)


class TestCheck:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("n01_left", "n02_right", "n03_both"):
            Image.fromarray(GREY_PICTURE).save(tmp_path / f"imagenet-{name}.png")
        return tmp_path

    def test_counts_first_and_first_five(self, folder):
        # the handmade classifier calls every picture "right"
        found = semantic.check_accuracy(folder, classifier=Handmade())
        assert found == (1, 3, 3)

    def test_command(self, folder, monkeypatch, capsys):
        monkeypatch.setattr(semantic, "load_classifier", lambda name, device: Handmade())
        assert semantic.main(["--check", str(folder)]) == 0
        assert "handmade: top-1 33.3%, top-5 100.0% of 3 pictures" in capsys.readouterr().out

    def test_needs_one_picture_per_class(self, tmp_path, capsys):
        with pytest.raises(SystemExit):
            semantic.main(["--check", str(tmp_path)])
        assert "one picture per class" in capsys.readouterr().err
