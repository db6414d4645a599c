"""Everything the lesson's steps show of one picture, computed once and when it is first asked for.

No step computes by itself what another needs: all take their numbers from here, and these come
from the library's own functions, so the lesson cannot say anything else than the codec does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from semcomp.allocation.levels import block_importance, default_floor, level_to_centi
from semcomp.allocation.planning import Allocation, Plan, cut_codes, plan_levels
from semcomp.coding import bitstream
from semcomp.demo.sessions.remembering import Remembering
from semcomp.geometry import BLOCK, ITERATIONS
from semcomp.image import crop, limit_side, pad_image, to_tensor
from semcomp.metrics import MS_SSIM_MIN_SIDE, ms_ssim, psnr, ssim_map, weighted_mean
from semcomp.networks.runtime import decode_codes, decode_history, encode_codes
from semcomp.pipeline import pack
from semcomp.semantics.activation import (
    SemanticMap,
    analyse,
    class_activation,
    scores,
    upsample_grey,
)
from semcomp.semantics.classifiers import DEFAULT_CLASSIFIER, Features, load_classifier
from semcomp.weights import Model, load_model

from .algorithm import Walk, walk
from .versions import Pixels, Score, Version

SIDE = 480
"""Longest side of a lesson's picture: blocks stay visible, and every step is there in seconds."""
SECOND_CLASSIFIER = "efficientnet-lite2"
"""Whose map marks the method's homework in step 7."""
LATEST = 12
"""Iterations of the same level everywhere that step 5 can show."""


@dataclass(frozen=True, eq=False)
class Study:
    """A picture under the lesson's lens.

    picture: uint8 (H, W, 3). level: average level, 0.1..24. seen: the classifier's features.
    semantic_map: of the chosen class. model: the codec.
    """

    picture: Pixels
    level: float
    seen: Features
    semantic_map: SemanticMap
    model: Model

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.picture.shape[0], self.picture.shape[1]

    @cached_property
    def padded(self) -> Pixels:
        """The picture with sides that are multiples of 16."""
        return pad_image(self.picture)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        return self.padded.shape[0] // BLOCK, self.padded.shape[1] // BLOCK

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
    def floor(self) -> int:
        """The levels that every block gets first, by default."""
        return default_floor(self.level)

    @cached_property
    def walk(self) -> Walk:
        """Algorithm 1 as the paper has it, without a floor."""
        return walk(self.importance, self.level, 0)

    @cached_property
    def walk_with_floor(self) -> Walk:
        """Algorithm 1 with this project's floor: the levels of the file."""
        return walk(self.importance, self.level, None)

    @cached_property
    def codes(self) -> NDArray[np.int8]:
        """All bits at full level, int8 (24, 8, hb, wb)."""
        full = np.full(self.shape, ITERATIONS)
        return encode_codes(self.model.codec, to_tensor(self.padded).to(self.model.device), full)

    @cached_property
    def history(self) -> NDArray[np.uint8]:
        """The picture after 1 to `LATEST` iterations in every block, uint8 (k, H, W, 3)."""
        history = decode_history(self.model.codec, self.codes[:LATEST], self.model.device)
        return history[:, : self.size[0], : self.size[1]]

    @cached_property
    def chunks(self) -> list[bytes]:
        """Bytes of every iteration in `history`, without their checks."""
        return self.model.coder.encode(self.codes[:LATEST])

    @cached_property
    def uniform(self) -> Version:
        """The same level everywhere."""
        plan = self._plan(self.level, "uniform")
        data, codes = self._file(plan, self.level)
        return Version("Same for all", data, plan, codes, self._decode(codes))

    @cached_property
    def semantic(self) -> Version:
        """By importance, in a file of the level asked for."""
        data, codes = self._file(self.plan, self.level)
        return Version("By importance", data, self.plan, codes, self._decode(codes))

    @cached_property
    def matched(self) -> Version:
        """By importance, in at most the bytes of `uniform`: the level nearest to it that fits."""
        limit = len(self.uniform.data)
        # In tenths of a level, which is as near as a few hundred bytes.
        low, high = 0, math.ceil(13 * min(self.level, ITERATIONS / 1.3))
        best: tuple[bytes, NDArray[np.int8], Plan] | None = None
        while high - low > 1:
            middle = (low + high) // 2
            plan = self._plan(middle / 10, "proportional")
            data, codes = self._file(plan, middle / 10)
            if len(data) <= limit:
                low, best = middle, (data, codes, plan)
            else:
                high = middle
        if best is None:  # a picture of a few blocks, where the map alone costs more
            return replace(self.uniform, name="By importance")
        data, codes, plan = best
        return Version("By importance", data, plan, codes, self._decode(codes))

    @cached_property
    def cost(self) -> NDArray[np.float64]:
        """What the bits of `semantic` cost, float64 (iterations, hb, wb), in bits."""
        return self.model.coder.cost(self.semantic.codes)

    @cached_property
    def cut_sizes(self) -> list[bitstream.Sizes]:
        """Where the bytes are in the file of `semantic` cut after 0, 1, 2, ... iterations."""
        data = self.semantic.data
        count = bitstream.parse(data).header.iterations
        return [bitstream.parse(bitstream.cut(data, k)).sizes for k in range(count + 1)]

    @cached_property
    def weight(self) -> NDArray[np.uint8]:
        """The map's grey values at every pixel, uint8 (H, W): SI-SSIM's weights."""
        return upsample_grey(self.semantic_map.grey, *self.size)

    @cached_property
    def second_map(self) -> SemanticMap:
        """What an independent classifier finds important."""
        return analyse(self.picture, classifier=load_classifier(SECOND_CLASSIFIER))

    def similarity(self, decoded: Pixels) -> NDArray[np.float32]:
        """SSIM at every pixel, float32 (H, W)."""
        return ssim_map(self.picture, decoded)

    def score(self, decoded: Pixels) -> Score:
        """All scores of a decoded picture, uint8 (H, W, 3)."""
        similarity = self.similarity(decoded)
        again = analyse(decoded).top[0]
        small = min(self.size) < MS_SSIM_MIN_SIDE
        second = upsample_grey(self.second_map.grey, *self.size)
        return Score(
            psnr=psnr(self.picture, decoded),
            ssim=float(similarity.mean(dtype=np.float64)),
            si_ssim=weighted_mean(similarity, self.weight),
            ms_ssim=None if small else ms_ssim(self.picture, decoded),
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
    def activation(self) -> NDArray[np.float64]:
        """H_c, float64 (h, w), of either sign."""
        return class_activation(self.seen, self.class_index)

    def _plan(self, level: float, allocation: Allocation) -> Plan:
        return plan_levels(
            self.model, self.padded, level, allocation, semantic_map=self.semantic_map
        )

    def _file(self, plan: Plan, level: float) -> tuple[bytes, NDArray[np.int8]]:
        codes = cut_codes(self.codes, plan.levels)
        return pack(self.model, self.size, level, plan, codes), codes

    def _decode(self, codes: NDArray[np.int8]) -> Pixels:
        return crop(decode_codes(self.model.codec, codes, self.model.device), *self.size)


def study(
    picture: Pixels,
    level: float = 8,
    *,
    class_name: str | None = None,
    side: int = SIDE,
    model: str = "small",
    device: str | None = None,
) -> Study:
    """Look at a picture, uint8 (H, W, 3): reduced to `side` pixels first, then classified.

    level: average level, 0.1..24. class_name: whose map it is, None for the most probable class.
    Raises AllocationError for the level, SemanticError for the class, WeightsError for the model.
    """
    level_to_centi(level)
    picture = limit_side(picture, side)
    remembering = Remembering(DEFAULT_CLASSIFIER)
    semantic_map = analyse(picture, classifier=remembering, class_name=class_name)
    assert remembering.kept is not None
    # One class only: a blend has no single score to build up.
    semantic_map = replace(semantic_map, chosen=semantic_map.chosen[:1])
    return Study(picture, level, remembering.kept, semantic_map, load_model(model, device))
