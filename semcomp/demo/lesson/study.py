"""Everything the lesson's steps show of one picture, computed once and when it is first asked for.

No step computes by itself what another needs: all take their numbers from here, and these come
from the library's own functions, so the lesson cannot say anything else than the codec does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from semcomp.allocation.levels import block_importance, default_floor, level_to_centi
from semcomp.allocation.planning import Allocation, Plan
from semcomp.coding import bitstream
from semcomp.encoder import PictureEncoder, decode_picture
from semcomp.geometry import BLOCK, ITERATIONS
from semcomp.image import limit_side
from semcomp.metrics import Original, psnr, weighted_mean
from semcomp.networks.runtime import decode_history
from semcomp.semantics.activation import (
    SemanticMap,
    analyse,
    class_activation,
    scores,
    upsample_grey,
)
from semcomp.semantics.classifiers import Features, load_classifier
from semcomp.weights import load_model

from .algorithm import Walk, walk

Pixels = NDArray[np.uint8]
SIDE = 480
"""Longest side of a lesson's picture: blocks stay visible, and every step is there in seconds."""
SECOND_CLASSIFIER = "efficientnet-lite2"
"""Whose map marks the method's homework in step 7."""
PAPER_CLASSIFIER = "vgg16-gap"
"""Whose map stands beside the usual one in step 2."""
PAPER_NETWORK = "paper"
"""Weights of the network that step 5 looks at: iteration by iteration, both ways."""
LATEST = 12
"""Iterations of the same level everywhere that step 5 can show."""


@dataclass(frozen=True, eq=False)
class Version:
    """A picture compressed in one way.

    name: for people. data: the whole file. plan: levels of the blocks, as the file tells them.
    codes: int8 (iterations, 8, hb, wb). decoded: uint8 (H, W, 3).
    """

    name: str
    data: bytes
    plan: Plan
    codes: NDArray[np.int8]
    decoded: Pixels


@dataclass(frozen=True)
class Score:
    """A version's scores against the original. ms_ssim: None below 161 pixels a side."""

    psnr: float
    ssim: float
    si_ssim: float
    ms_ssim: float | None
    si_ssim_2: float
    """SI-SSIM under the second classifier's map."""
    saw: str
    """What the classifier names the decoded picture."""
    probability: float


@dataclass(frozen=True, eq=False)
class PictureStudy:
    """A picture under the lesson's lens.

    encoder: the picture's maps, codes and files. level: average level, 0.1..24. semantic_map: of
    the chosen class.
    """

    encoder: PictureEncoder
    level: float
    semantic_map: SemanticMap

    @property
    def picture(self) -> Pixels:
        """uint8 (H, W, 3)."""
        return self.encoder.picture

    @property
    def seen(self) -> Features:
        """The classifier's features."""
        return self.encoder.features

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.picture.shape[0], self.picture.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        return self.encoder.shape

    @property
    def inside(self) -> tuple[int, int]:
        """Rows and columns of blocks that touch the picture; the padding's are not shown."""
        return -(-self.size[0] // BLOCK), -(-self.size[1] // BLOCK)

    @property
    def blocks(self) -> int:
        """N, the number of blocks."""
        return self.shape[0] * self.shape[1]

    @cached_property
    def plan(self) -> Plan:
        """The file's allocation: proportional, with the usual floor."""
        return self._plan(self.level, "proportional")

    @cached_property
    def known_grey(self) -> Pixels:
        """The map in the 16 steps that the file carries, uint8 (h, w): what both sides know."""
        assert self.plan.semantic_map is not None
        return self.plan.semantic_map.grey

    @cached_property
    def importance(self) -> NDArray[np.int64]:
        """V_i of every block, int64 (hb, wb), from the map that the file carries."""
        return block_importance(self.known_grey, *self.shape)

    @cached_property
    def relative(self) -> NDArray[np.float64]:
        """L_i·N: every block's importance as a multiple of the average, float64 (hb, wb)."""
        return np.asarray(self.importance / self.importance.mean())

    @property
    def floor(self) -> float:
        """The levels that every block gets first, by default."""
        return default_floor(self.level)

    @cached_property
    def walk(self) -> Walk:
        """Algorithm 1 as the paper has it, without a floor."""
        return walk(self.importance, self.level)

    @cached_property
    def recurrent(self) -> PictureEncoder:
        """The same picture for the paper's own network, which step 5 looks at."""
        if self.encoder.model.codec.closed_loop:
            return self.encoder
        device = str(self.encoder.model.device)
        return PictureEncoder(self.picture, load_model(PAPER_NETWORK, device))

    @cached_property
    def history(self) -> NDArray[np.uint8]:
        """What `recurrent` makes of 1 to `LATEST` iterations everywhere, uint8 (k, H, W, 3)."""
        return self._history(self.recurrent)

    @cached_property
    def quick_history(self) -> NDArray[np.uint8]:
        """As `history`, of the lesson's own codec."""
        return self._history(self.encoder)

    @cached_property
    def chunks(self) -> list[bytes]:
        """Bytes of every iteration in `history`, without their checks."""
        return self.recurrent.model.coder.encode(self.recurrent.codes(LATEST))

    @cached_property
    def uniform(self) -> Version:
        """The same level everywhere."""
        return self._version("Same for all", self._plan(self.level, "uniform"))

    @cached_property
    def semantic(self) -> Version:
        """By importance, in a file of the level asked for."""
        return self._version("By importance", self.plan)

    @cached_property
    def matched(self) -> Version:
        """By importance, in at most the bytes of `uniform`: the level nearest to it that fits."""
        limit = len(self.uniform.data)
        # In tenths of a level, which is as near as a few hundred bytes.
        plan, data = self.encoder.largest_file(
            limit,
            semantic_map=self.semantic_map,
            levels=(0.1, min(1.3 * self.level, ITERATIONS)),
            step=0.1,
        )
        if len(data) > limit:  # a picture of a few blocks, where the map alone costs more
            return replace(self.uniform, name="By importance")
        return self._version("By importance", plan)

    @cached_property
    def cost(self) -> NDArray[np.float64]:
        """What the bits of `semantic` cost, float64 (iterations, hb, wb), in bits."""
        return self.encoder.model.coder.cost(self.semantic.codes)

    @cached_property
    def cut_sizes(self) -> list[bitstream.Sizes]:
        """Where the bytes are in the file of `semantic` cut after 0, 1, 2, ... iterations."""
        data = self.semantic.data
        count = bitstream.parse(data).header.iterations
        return [bitstream.parse(bitstream.truncate(data, k)).sizes for k in range(count + 1)]

    @cached_property
    def weight(self) -> NDArray[np.uint8]:
        """The map's grey values at every pixel, uint8 (H, W): SI-SSIM's weights."""
        return upsample_grey(self.semantic_map.grey, *self.size)

    @cached_property
    def second_map(self) -> SemanticMap:
        """What an independent classifier finds important."""
        return analyse(self.picture, classifier=load_classifier(SECOND_CLASSIFIER))

    def score(self, decoded: Pixels) -> Score:
        """All scores of a decoded picture, uint8 (H, W, 3)."""
        similarity, multi_scale = Original(self.picture).compare(decoded)
        again = analyse(decoded).top[0]
        second = upsample_grey(self.second_map.grey, *self.size)
        return Score(
            psnr=psnr(self.picture, decoded),
            ssim=float(similarity.mean(dtype=np.float64)),
            si_ssim=weighted_mean(similarity, self.weight),
            ms_ssim=multi_scale,
            si_ssim_2=weighted_mean(similarity, second),
            saw=again.name,
            probability=again.probability,
        )

    @property
    def class_index(self) -> int:
        """Index of the class whose map it is."""
        return self.semantic_map.chosen[0].index

    @cached_property
    def class_score(self) -> float:
        """P_c of the class, before the softmax."""
        return float(scores(self.seen)[self.class_index])

    @cached_property
    def paper_map(self) -> SemanticMap:
        """The map of the same class by the paper's own classifier."""
        name = self.semantic_map.chosen[0].name
        return analyse(self.picture, classifier=load_classifier(PAPER_CLASSIFIER), class_name=name)

    @cached_property
    def activation(self) -> NDArray[np.float64]:
        """H_c, float64 (h, w), of either sign."""
        return class_activation(self.seen, self.class_index)

    def _history(self, encoder: PictureEncoder) -> NDArray[np.uint8]:
        model = encoder.model
        history = decode_history(model.codec, encoder.codes(LATEST), model.device)
        return history[:, : self.size[0], : self.size[1]]

    def _plan(self, level: float, allocation: Allocation) -> Plan:
        return self.encoder.plan(level, allocation, semantic_map=self.semantic_map)

    def _version(self, name: str, plan: Plan) -> Version:
        codes = self.encoder.codes_of(plan)
        data = self.encoder.file(plan, codes)
        decoded = decode_picture(self.encoder.model, codes, self.size)
        return Version(name, data, plan, codes, decoded)


def study(
    picture: Pixels,
    level: float = 8,
    *,
    class_name: str | None = None,
    side: int = SIDE,
    model: str = "small",
    device: str | None = None,
) -> PictureStudy:
    """Look at a picture, uint8 (H, W, 3): reduced to `side` pixels first, then classified.

    level: average level, 0.1..24. class_name: whose map it is, None for the most probable class.
    Raises AllocationError for the level, SemanticError for the class, WeightsError for the model.
    """
    level_to_centi(level)
    encoder = PictureEncoder(limit_side(picture, side), load_model(model, device))
    return PictureStudy(encoder, level, encoder.semantic_map(class_name))
