"""Network, optimiser and checkpoints of the paper's analyser (§3.1), VGG16 with average pooling.

A run is a function of its options and data: a checkpoint continues it exactly, on the same kind
of machine, from where it stopped. `classifier_options` says where this departs from the paper.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from semcomp.errors import TrainingError
from semcomp.semantics.classifiers import EfficientNetLite, Vgg16Gap
from semcomp.training.outputs import write_state

from .data import Batches, LabelledPictures
from .options import ClassifierOptions, learning_rate


class Score(NamedTuple):
    """Loss and hits of a number of pictures, summed."""

    loss: float = 0.0
    top1: int = 0
    top5: int = 0
    total: int = 0

    def share(self, hits: int) -> float:
        """Hits by pictures, NaN without any."""
        return hits / self.total if self.total else math.nan


class MapCorrelation(NamedTuple):
    """How well maps of a picture's class follow a teacher's, -1..1; NaN if nothing was compared.

    network: the trained network's maps. same: one map for all pictures, the mean of the teacher's,
    which knows no picture and says only that things stand in the middle.
    """

    network: float = math.nan
    same: float = math.nan


TAUGHT_MAPS = 5
"""Classes of a picture, the teacher's likeliest, whose maps are learnt as maps."""
MAPS_WEIGHT = 5.0
"""Of the maps' part in the loss: the two divergences begin at about 6, the maps' error at 1."""


def distillation_loss(given: Tensor, wanted: Tensor) -> Tensor:
    """How far a classifier's scores of every cell are from its teacher's, a mean, ().

    given: float (B, classes, h, w), wanted: (B, classes, h', w') with coarser cells, over which the
    given are averaged. The sum of three terms, for what to see in the picture, what where, and the
    maps themselves: divergence of the class probabilities of the picture and of every cell (Hinton
    et al. 2015), and the squared error of the maps of the teacher's likeliest classes, each less
    its mean, as part of their variance. Only those, for what all the maps of likely classes have
    in common, the place of the thing, is learnt from few pictures; a shift of all classes' scores
    in a cell is free in the divergences.
    """
    given = _averaged(given, wanted)
    likely = wanted.mean((2, 3)).topk(min(TAUGHT_MAPS, wanted.shape[1])).indices
    some, other = (
        torch.take_along_dim(each, likely[:, :, None, None], 1) for each in (given, wanted)
    )
    some, other = (each - each.mean((2, 3), keepdim=True) for each in (some, other))
    loss = MAPS_WEIGHT * (some - other).square().mean() / other.square().mean().clamp_min(1e-6)
    for some, other in ((given.mean((2, 3)), wanted.mean((2, 3))), (given, wanted)):
        rows, targets = (each.transpose(1, -1).flatten(0, -2) for each in (some, other))
        loss = loss + functional.kl_div(
            rows.log_softmax(1), targets.log_softmax(1), reduction="batchmean", log_target=True
        )
    return loss


def _averaged(given: Tensor, wanted: Tensor) -> Tensor:
    """Cells (B, classes, h, w) as means of the coarser ones of another network."""
    height, width = wanted.shape[2:]
    return functional.adaptive_avg_pool2d(given, (height, width))


class ClassifierTrainer:
    """Network, optimiser and position of one run.

    step: updates done. seconds: of training. pictures: how many it trains with. running: loss
    and top-1, summed over the steps of the present epoch.
    """

    def __init__(
        self,
        options: ClassifierOptions,
        pictures: LabelledPictures,
        held_out: LabelledPictures,
        teacher: EfficientNetLite | None = None,
    ) -> None:
        """Start a run. teacher: the one that the options name.

        Raises TrainingError without pictures or for other classes held out.
        """
        if held_out.class_names != pictures.class_names:
            raise TrainingError(f"{held_out.name} has other classes than {pictures.name}")
        if not len(pictures):
            raise TrainingError(f"{pictures.name} has no pictures to train with")
        self.options = options
        self.device = torch.device(options.device)
        self.pictures = len(pictures)
        self.fingerprint = pictures.fingerprint()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            network = Vgg16Gap(
                len(pictures.class_names),
                pictures.class_names,
                width=max(1, round(64 * options.width)),
                batch_norm=options.batch_norm,
            )
        # torch's annotations leave memory_format out.
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=options.lr)
        own = pictures.items.shape[1] if isinstance(pictures.items, np.ndarray) else 224
        self.crop = options.crop or own
        self.held_out = held_out
        self.teacher = teacher
        self.batches = self._batches(pictures, options.augment)
        self._held_out_batches = self._batches(held_out, augment=False)
        self.step = 0
        self.seconds = 0.0
        self.running = torch.zeros(2, dtype=torch.float64, device=self.device)

    def _batches(self, pictures: LabelledPictures, augment: bool) -> Batches:
        options = self.options
        share = len(pictures) / (self.pictures + len(self.held_out))
        return Batches(
            pictures,
            batch=options.batch,
            crop=self.crop,
            seed=options.seed,
            augment=augment,
            memory=int(options.memory_gib * share * 2**30),
        )

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.options.epochs * len(self.batches)

    def train_step(self, pixels: Tensor, labels: Tensor) -> Tensor:
        """One update; pixels uint8 (B, 3, S, S), labels int64 (B,). Returns the mean loss, ()."""
        options = self.options
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(options, self.step, len(self.batches))
        self.network.train()
        labels = labels.to(self.device)
        if self.teacher is None:
            scores = self._scores(pixels)
            loss = functional.cross_entropy(scores, labels)
        else:
            given, wanted = self._cells(pixels, self.teacher)
            scores, loss = given.mean((2, 3)), distillation_loss(given, wanted)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if options.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), options.clip)
        self.optimizer.step()
        self.step += 1
        with torch.no_grad():
            hits = (scores.argmax(1) == labels).double().mean()
            self.running += torch.stack([loss.detach().double(), hits])
        return loss.detach()

    @torch.no_grad()
    def evaluate(self, network: Vgg16Gap | None = None) -> Score:
        """Score of the held-out pictures' central squares.

        network: another one than the trained, such as the exported.
        """
        network = self.network if network is None else network
        was_training = network.training
        network.eval()
        loss, top1, top5 = 0.0, 0, 0
        for pixels, labels in self._held_out_batches.in_order():
            labels = labels.to(self.device)
            scores = self._scores(pixels, network)
            loss += float(functional.cross_entropy(scores, labels, reduction="sum"))
            hits = scores.topk(min(5, scores.shape[1])).indices == labels[:, None]
            top1 += int(hits[:, 0].sum())
            top5 += int(hits.sum())
        network.train(was_training)
        return Score(loss, top1, top5, len(self.held_out))

    @torch.no_grad()
    def map_correlation(self) -> MapCorrelation:
        """Of the maps of the teacher's class with the teacher's, means over held-out pictures."""
        if self.teacher is None or not len(self.held_out):
            return MapCorrelation()
        was_training = self.network.training
        self.network.eval()
        pairs: list[Tensor] = []
        for pixels, labels in self._held_out_batches.in_order():
            given, wanted = self._cells(pixels, self.teacher)
            maps = torch.stack([_averaged(given, wanted), wanted], 1).flatten(3)
            pairs += [pair[:, label] for pair, label in zip(maps, labels.tolist(), strict=True)]
        self.network.train(was_training)
        same = torch.stack([wanted for _, wanted in pairs]).mean(0)
        found = [
            [float(torch.stack([one, wanted]).corrcoef()[0, 1]) for one in (given, same)]
            for given, wanted in pairs
        ]
        # a map without any contrast follows nothing
        return MapCorrelation(*np.nan_to_num(found).mean(0).tolist())

    def _cells(self, pixels: Tensor, teacher: EfficientNetLite) -> tuple[Tensor, Tensor]:
        """What network and teacher score in every cell of uint8 (B, 3, S, S), float32."""
        images = self._images(pixels)
        with torch.no_grad():
            wanted = teacher.cell_scores(images)
        with self._precision():
            given: Tensor = self.network.cell_scores(images)
        return given.float(), wanted

    def _scores(self, pixels: Tensor, network: Vgg16Gap | None = None) -> Tensor:
        """Scores float32 (B, classes) of uint8 (B, 3, S, S), scaled as `image_batch` does."""
        network = self.network if network is None else network
        images = self._images(pixels)
        with self._precision():
            scores: Tensor = network(images)
        return scores.float()

    def _images(self, pixels: Tensor) -> Tensor:
        images = pixels.to(self.device, memory_format=torch.channels_last)
        return (images.to(torch.float32) - 127.0) / 128.0

    def _precision(self) -> torch.autocast:
        kind = self.device.type
        able = kind == "cuda" or torch.cpu._is_avx512_bf16_supported()
        return torch.autocast(kind, torch.bfloat16, enabled=self.options.bf16 and able)

    def save(self, path: Path) -> None:
        """Write a checkpoint; a kill while writing leaves the previous one.

        Raises TrainingError, and writes nothing, for a network whose training diverged.
        """
        if not all(bool(p.isfinite().all()) for p in self.network.parameters()):
            raise TrainingError(
                f"the training diverged before step {self.step}: lower --lr, keep batch "
                "normalisation, warm-up and --clip on"
            )
        state = {
            "kind": "classifier",
            "options": asdict(self.options),
            "fingerprint": self.fingerprint,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "running": self.running,
        }
        write_state(state, path)

    def load(self, state: dict[str, Any]) -> None:
        """Continue exactly where a checkpoint stopped. Raises TrainingError for other data."""
        if state["fingerprint"] != self.fingerprint:
            raise TrainingError(
                f"the checkpoint was trained with other pictures than {self.options.data} has now: "
                "continue with the same ones, or start a new run"
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.running.copy_(state["running"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A classifier's checkpoint, on the CPU. Raises TrainingError if it is none."""
    try:
        # weights_only: tensors and plain values, no code
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainingError(f"no checkpoint {path}: it is the run's checkpoint.pt") from error
    except Exception as error:  # torch raises what its reader trips over
        raise TrainingError(f"{path} is damaged or no checkpoint: {error}") from error
    parts = {"options", "fingerprint", "network", "optimizer", "step", "running"}
    if not isinstance(state, dict) or state.get("kind") != "classifier" or not parts <= set(state):
        raise TrainingError(f"{path} is no checkpoint of `train classifier`")
    return state
