"""What a decoder takes: multiplications per pixel and weights, where somebody has counted them.

Of this project's networks they are counted here (a test counts them again), of published ones their
source states them under `decoder` in the provenance. Codecs without networks have neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .results import Results


@dataclass(frozen=True)
class Complexity:
    """macs: multiply-accumulate operations of the decoder's networks per pixel, at the highest
    quality. parameters: their weights. None where it is not known."""

    macs: int | None = None
    parameters: int | None = None


NETWORKS = {
    "small": Complexity(104_052, 5_470_192),
    "fast": Complexity(23_076, 1_263_040),
    "recurrent": Complexity(902_362, 2_814_576),
    "paper": Complexity(786_112, 1_150_491),
}
"""Decoders by the name of their weights, at 24 iterations; the context model takes no networks."""
_WEIGHTS = re.compile(r"\bweights (\w+) ")


def complexity_of(results: Results) -> Complexity:
    """What the decoder of some results takes."""
    told = results.provenance
    stated = told.get("decoder")
    if isinstance(stated, dict):
        macs, parameters = (stated.get(key) for key in ("macs_per_pixel", "parameters"))
        return Complexity(_count(macs), _count(parameters))
    named = _WEIGHTS.search(str(told.get("version")))
    return NETWORKS.get(named[1], Complexity()) if named else Complexity()


def short_count(count: float | None) -> str:
    """A count in at most four characters: 2000, 104k, 5.5M; nothing for None and NaN."""
    if count is None or count != count:
        return ""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if count >= 10 * size or (unit == "M" and count >= size):
            return f"{count / size:.{0 if count >= 10 * size else 1}f}{unit}"
    return f"{count:.0f}"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
