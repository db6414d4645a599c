"""What decides a run of the classifier's trainer.

The paper (§4.1) says: Caltech-256, He initialisation, Adam, a learning rate that decays from 0.01
to 0.0002 over 100 epochs, cross-entropy (§3.1). It leaves the rest open, and Adam at 0.01 throws
thirteen plain convolutions off before they have learnt anything. What is ours, each with the
value that turns it off:

    batch normalisation after every convolution      batch_norm False
    a first epoch with a rate that rises from 0      warmup 0
    gradients cut to a norm of 1                     clip 0
    class scores and maps of a teacher, not labels   teacher ""
    crops with random zoom, place and mirroring      augment False
    bf16 on a GPU                                    bf16 False

The decay is geometric, the same factor in every step.

Animals against things, 900 pictures of ImageNet (1 of 1,000 classes each), 100 held out, 60 of
them things; a quarter of the width, crops of 64 pixels, 12 epochs, one seed:

    as the paper says         mean loss 4,621 in the first epoch    60 right: "thing" to all
    warm-up and clipping      0.71                                  68
    a rate of 0.001 instead   0.72                                  71
    batch normalisation       0.77                                  77
    all three                 0.69                                  76
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from semcomp.errors import TrainingError

MAY_CHANGE = frozenset({"data", "minutes", "device", "memory_gib"})
"""Options that may be others when a run is continued: they do not steer what is learnt."""


@dataclass(frozen=True)
class ClassifierOptions:
    """Everything that decides a run, stored in its checkpoints.

    data: name or folder of the pictures (`load_dataset`). minutes: time box; the run stops there
    and can be continued. width: share of VGG16's channels. crop: side in pixels; 0 takes the
    pictures' own if they are arrays, else 224. teacher: a packaged classifier whose scores of every
    cell are learnt (`distillation_loss`); the pictures then need no labels. lr, final_lr: first and
    last learning rate. warmup: epochs. clip: largest norm of the gradients. memory_gib: decoded
    pictures kept in memory.
    """

    data: str = "caltech-256"
    epochs: int = 100
    minutes: float = math.inf
    width: float = 1.0
    batch: int = 64
    crop: int = 0
    augment: bool = True
    teacher: str = ""
    lr: float = 0.01
    final_lr: float = 0.0002
    warmup: float = 1.0
    batch_norm: bool = True
    clip: float = 1.0
    bf16: bool = True
    seed: int = 0
    device: str = "cpu"
    memory_gib: float = 2.0

    def __post_init__(self) -> None:
        """Raises TrainingError for values without sense."""
        least = {"epochs": 1, "batch": 1, "crop": 0, "warmup": 0, "clip": 0, "seed": 0}
        for name, value in asdict(self).items():
            if isinstance(value, float) and math.isnan(value):
                raise TrainingError(f"{name} is not a number")
            if name in least and value < least[name]:
                raise TrainingError(f"{name} is {value:g}, the least is {least[name]}")
        if not 0 < self.width <= 4:
            raise TrainingError(f"width is {self.width:g}: a share of the channels, such as 0.25")
        if not 0 < self.final_lr <= self.lr < math.inf:
            raise TrainingError(
                f"the learning rate cannot fall from {self.lr:g} to {self.final_lr:g}"
            )
        if 0 < self.crop < 16:
            raise TrainingError(f"crops of {self.crop} pixels vanish in four poolings: 16 or more")
        if self.teacher and 0 < self.crop < 64:
            raise TrainingError(
                f"a teacher sees one cell in crops of {self.crop} pixels: 64 or more"
            )


def learning_rate(options: ClassifierOptions, step: int, epoch_steps: int) -> float:
    """The rate of step 0, 1, ...: geometric from `lr` to `final_lr`, below it while warming up."""
    last = max(1, options.epochs * epoch_steps - 1)
    rate: float = options.lr * (options.final_lr / options.lr) ** min(1.0, step / last)
    warmup = options.warmup * epoch_steps
    return rate * min(1.0, (step + 1) / warmup) if warmup > 0 else rate


def resumed_options(state: dict[str, Any], given: dict[str, Any]) -> ClassifierOptions:
    """The checkpoint's options with the `given` ones that may change.

    Raises TrainingError for one that contradicts the checkpoint.
    """
    known = {field.name for field in fields(ClassifierOptions)}
    stored = {name: value for name, value in state["options"].items() if name in known}
    for name, value in given.items():
        if name not in MAY_CHANGE and stored.get(name) != value:
            raise TrainingError(
                f"the checkpoint was trained with {name} {stored.get(name)}, not {value}: leave "
                "the option out, or start a new run"
            )
    return ClassifierOptions(**{**stored, "minutes": math.inf, **given})
