"""Fitting the context model's integer tables to a trained codec's codes.

For every iteration the codes of training pictures give features and bits; the eight slots' small
networks are fitted on the cross-entropy and rounded to integers. The matrix of the first layer
moves by Muon, which needs half the steps of Adam for the same entropy; the rest by Adam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from torch import Tensor

from semcomp.coding.entropy import (
    EXACT,
    HIDDEN_BITS,
    HIDDEN_LIMIT,
    LOGIT_UNIT,
    ContextTables,
    EntropyCoder,
    Networks,
    probability_table,
)
from semcomp.coding.features import COUNT, LIMIT, SlotTables
from semcomp.coding.walk import Round, Walk
from semcomp.geometry import BITS, ITERATIONS
from semcomp.image import pad_image, to_tensor
from semcomp.networks.codec import Codec
from semcomp.networks.quantizer import MAX_DEPTH, QuantizerTables
from semcomp.networks.runtime import encode_codes

from .data import random_levels

HIDDEN = 64
"""Hidden units of a slot's network."""
LATER = 15
"""Rounds from here on, which few files reach, are fitted in half the steps."""
RATE = 1e-2
"""Learning rate at the start."""
FEATURE_UNIT = 32.0
"""Feature value that the networks see as 1."""


def collect_codes(
    codec: Codec,
    pictures: Sequence[np.ndarray],
    report: Callable[[str], None] = print,
    least: int = 1,
) -> list[np.ndarray]:
    """Codes of pictures, every second one under a random smooth level map.

    least: lowest level of the maps, as in the networks' training (`random_levels`).
    """
    rng = np.random.default_rng(0)
    result = []
    for index, picture in enumerate(pictures):
        padded = pad_image(picture)
        rows, columns = padded.shape[0] // 8, padded.shape[1] // 8
        levels = np.full((rows, columns), ITERATIONS, np.int64)
        if index % 2:
            side = max(rows, columns)
            smooth = random_levels(2, side, ITERATIONS, rng, least=least)[0, 0].numpy()
            levels = smooth[:rows, :columns]
        codes = encode_codes(codec, to_tensor(padded), levels)
        full = np.zeros((ITERATIONS, *codes.shape[1:]), np.int8)
        full[: len(codes)] = codes
        result.append(full)
        if (index + 1) % 10 == 0:
            report(f"codes of {index + 1} of {len(pictures)} pictures")
    return result


class _Source:
    """One picture's codes and the entropy coder's walk through them."""

    def __init__(self, codes: np.ndarray, slots: SlotTables, networks: Networks) -> None:
        """networks: any will do, as only the features are looked at."""
        self.codes = codes
        self.known = Walk(slots, *codes.shape[2:])
        self.networks = networks

    def round(self, k: int, part: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features int16 (8, M, 96), nodes (8, M) and bits (8, M) of the slots of a round.

        part: which of the rounds of iteration k. M: blocks that send something.
        """
        bits, found = self.walk(k, part, features=True)
        slot, block = np.divmod(found.order, bits.shape[1])
        order = np.lexsort((block, slot))
        slot, block = (places[order].reshape(BITS, -1) for places in (slot, block))
        return (
            found.features[order].reshape(*slot.shape, COUNT),
            found.nodes[slot, block].astype(np.int64),
            bits[slot, block] > 0,
        )

    def walk(self, k: int, part: int, features: bool = False) -> tuple[np.ndarray, Round]:
        """Move past a round: its bits and what the walk showed."""
        bits = self.codes[k][BITS * part : BITS * (part + 1)].reshape(BITS, -1)
        number = self.known.slots.rounds(k)[part]
        active = bits[0] != 0
        return bits, self.known.round(number, bits, self.networks, active, features=features)


def _fit_slot(
    steps: int, batch: int, seed: int, *samples: np.ndarray
) -> tuple[list[Tensor], float]:
    """Fit one slot's network -> ([w1, b1, w2, bias], cross-entropy in bits).

    samples: features (M, 96), nodes and bits (M,).
    """
    features, nodes, bits = map(torch.from_numpy, samples)
    generator = torch.Generator().manual_seed(seed)
    w1 = (torch.randn((COUNT, HIDDEN), generator=generator) / COUNT**0.5).requires_grad_()
    b1 = torch.zeros(HIDDEN, requires_grad=True)
    w2 = (torch.randn(HIDDEN, generator=generator) * 0.1).requires_grad_()
    bias = torch.zeros(2 ** (MAX_DEPTH - 1), requires_grad=True)
    if len(bits) == 0:  # no picture reaches this iteration: leave its bits fair
        return [torch.zeros_like(t) for t in (w1, b1, w2, bias)], 1.0
    optimizers = (
        torch.optim.Muon([w1], lr=RATE, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.Adam([b1, w2, bias], lr=RATE, betas=(0.9, 0.99)),
    )
    loss_sum, counted = 0.0, 0
    for step in range(steps):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = RATE * min(1.0, 2 * (1 - step / steps)) + 1e-5
            optimizer.zero_grad(set_to_none=True)
        index = torch.randint(len(bits), (min(batch, len(bits)),), generator=generator)
        x = features[index].float() / FEATURE_UNIT
        hidden = torch.relu(x @ w1 + b1).clamp(max=HIDDEN_LIMIT / 64)
        logits = hidden @ w2 + bias[nodes[index]]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, bits[index].float())
        (loss + 1e-5 * (w1.square().sum() + w2.square().sum())).backward()
        for optimizer in optimizers:
            optimizer.step()  # type: ignore[no-untyped-call]
        if step >= steps * 3 // 4:
            loss_sum, counted = loss_sum + float(loss.detach()), counted + 1
    return [t.detach() for t in (w1, b1, w2, bias)], loss_sum / max(counted, 1) / float(np.log(2))


def _to_integers(w1: Tensor, b1: Tensor, w2: Tensor, bias: Tensor) -> list[np.ndarray]:
    """Round one slot's network to the units of `semcomp.coding.entropy`.

    Hidden activations are counted in 1/64: x is features / 32, so w1 * x * 64 * 256 = W1 * features
    with W1 = 512 w1; logits are counted in 1/4096, so W2 = 64 w2.
    """
    unit = 64 << HIDDEN_BITS
    integers = [
        (w1 * (unit / FEATURE_UNIT)).round().numpy(),
        (b1 * unit).round().numpy(),
        (w2 * (LOGIT_UNIT / 64)).round().numpy(),
        (bias * LOGIT_UNIT).round().clamp(-12 * LOGIT_UNIT, 12 * LOGIT_UNIT).numpy(),
    ]
    # Weights of a tiny slot may grow beyond the exact range: scale such units back.
    bound = (EXACT - 1 - np.abs(integers[1])) / LIMIT
    size = np.abs(integers[0]).sum(0) + COUNT
    integers[0] = np.trunc(integers[0] * np.minimum(1.0, bound / size))
    # w1 and w2 travel as int16.
    integers[0], integers[2] = (np.clip(integers[i], -32767, 32767) for i in (0, 2))
    return integers


def fit_contexts(
    codes: Sequence[np.ndarray],
    tables: QuantizerTables,
    *,
    steps: int = 400,
    batch: int = 4096,
    known: ContextTables | None = None,
    threads: int = 1,
    report: Callable[[str], None] = print,
) -> ContextTables:
    """Fit all slots to codes int8 (24, P, Hb, Wb) of training pictures.

    steps: of a slot in the first rounds, at least 2 (`LATER`).
    known: tables of the first slots, in whole rounds, that are kept as they are.
    threads: slots that are fitted at the same time; the tables do not depend on it.
    """
    slots = SlotTables(tables)
    fair = Networks.of(ContextTables.fair(len(slots.channel)))
    sources = [_Source(c, slots, fair) for c in codes]
    fitted: list[Sequence[np.ndarray]] = []
    if known is not None:
        fitted = list(zip(known.w1, known.b1, known.w2, known.bias, strict=True))
    for k in range(ITERATIONS):
        entropies = []
        for part, number in enumerate(slots.rounds(k)):
            if BITS * number < len(fitted):
                for source in sources:
                    source.walk(k, part)
                continue
            rounds = [source.round(k, part) for source in sources]
            samples = [np.concatenate(arrays, 1) for arrays in zip(*rounds, strict=True)]
            del rounds  # gigabytes
            seeds = range(BITS * number, BITS * number + BITS)
            fit = partial(_fit_slot, steps if number < LATER else steps // 2, batch)
            with ThreadPoolExecutor(threads) as pool:
                for network, entropy in pool.map(fit, seeds, *samples):
                    fitted.append(_to_integers(*network))
                    entropies.append(entropy)
        if entropies:
            report(f"iteration {k + 1}: {np.mean(entropies):.3f} bits per bit")
    w1, b1, w2, bias = (np.stack([slot[j] for slot in fitted]) for j in range(4))
    contexts = ContextTables(
        w1.astype(np.int16),
        b1.astype(np.int32),
        w2.astype(np.int16),
        bias.astype(np.int32),
        probability_table(),
    )
    contexts.check()
    assert len(fitted) == len(tables.schedule)
    EntropyCoder(tables, contexts)
    return contexts
