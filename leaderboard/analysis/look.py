"""How codecs and metrics look and what they are called in every figure.

Colours are Okabe and Ito's and Tol's, told apart by colour-blind readers; marks and dashes repeat
what the colour says. This project's codecs are thick, published curves dashed. A codec has the same
look in every figure, whatever else is shown.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """label: as shown. colour: hex. dash: as plotly names it. symbol: plotly's. width: pixels.

    qp: what the codec's quality and its quantisation parameter add up to, where it is that.
    """

    label: str
    colour: str
    dash: str = "solid"
    symbol: str = "circle"
    width: float = 1.6
    qp: int | None = None


PAPER = (
    *("george-paper", "semantic-paper", "semantic0-paper"),
    *("george-paper-raw", "semantic0-paper-raw"),
)
"""The paper's own network, by allocation; raw: its bits without entropy coding, dotted."""
OURS = ("semantic-rd", "semantic", "semantic0", "george", "recurrent", *PAPER)
"""This project's codec, by allocation and networks; drawn last, on top."""
FURTHER = (
    *("avif-ssim", "avif-deltaq", "heic", "heic-semantic"),
    *("jpeg-plain", "jpeg-semantic", "webp-plain", "webp-semantic"),
    *("semantic0-paper", "george-paper-raw", "semantic0-paper-raw"),
)
"""Ordinary formats beside those that everybody compares with, and ways to count the paper's
network: drawn on request."""

_LOOKS = {
    "semantic-rd": Look("semantic-rd (ours)", "#D55E00", width=3.4),
    "people-rd": Look("semantic-rd, map of people (ours)", "#8B0000", symbol="star", width=3.4),
    "semantic": Look("semantic (ours)", "#E69F00", symbol="square", width=3.0),
    "semantic0": Look("semantic, floor 0 (ours)", "#B07A00", symbol="square-open", width=2.0),
    "george": Look("george (ours)", "#000000", symbol="diamond", width=3.0),
    "recurrent": Look("recurrent decoder (ours)", "#555555", symbol="diamond-open", width=2.0),
    "george-paper": Look("paper's network, uniform", "#004488", symbol="diamond", width=2.0),
    "semantic-paper": Look("paper's network, semantic", "#CC3311", symbol="square", width=2.0),
    "semantic0-paper": Look(
        "paper's network, semantic, floor 0", "#AA7799", symbol="square-open", width=2.0
    ),
    "george-paper-raw": Look(
        "paper's network, uniform, raw bits", "#004488", "dot", "diamond-open", 2.0
    ),
    "semantic0-paper-raw": Look(
        "paper's network, semantic, floor 0, raw bits", "#AA7799", "dot", "square-open", 2.0
    ),
    "jpeg": Look("JPEG", "#8C8C8C", symbol="triangle-down"),
    "jpegli": Look("JPEG (jpegli)", "#5C5C5C", "dash", "triangle-down-open"),
    "webp": Look("WebP", "#CC79A7", symbol="triangle-up"),
    "avif": Look("AVIF", "#009E73", symbol="cross"),
    "avif-ssim": Look("AVIF, tune ssim", "#009E73", "dot", "cross-open"),
    "avif-deltaq": Look("AVIF, deltaq-mode 3", "#009E73", "dashdot", "x-open"),
    "avif-semantic": Look("AVIF, semantic", "#00664A", "dash", "star"),
    "jpeg-plain": Look("JPEG, our writer", "#8C8C8C", "dashdot", "triangle-down-open"),
    "jpeg-semantic": Look("JPEG, semantic", "#8C8C8C", "dash", "star"),
    "webp-plain": Look("WebP, our writer", "#CC79A7", "dashdot", "triangle-up-open"),
    "webp-semantic": Look("WebP, semantic", "#CC79A7", "dash", "star"),
    "heic": Look("HEIC", "#6A51A3", symbol="pentagon"),
    "heic-semantic": Look("HEIC, semantic", "#6A51A3", "dash", "star"),
    "bpg-semantic": Look("BPG 4:2:0, semantic", "#004B7A", "dash", "star"),
    "jxl": Look("JPEG XL", "#882255", symbol="x"),
    "bpg": Look("BPG 4:2:0", "#0072B2", symbol="square", qp=51),
    "bpg444": Look("BPG 4:4:4", "#56B4E9", symbol="square-open", qp=51),
    "toderici2017": Look("Toderici 2017", "#000000", "dash", "diamond-open"),
    "johnston2018": Look("Johnston 2018", "#999933", "dash", "circle-open"),
    "1zb-lstm": Look("LSTM reproduction (1zb)", "#6E6E6E", "dot", "diamond-open"),
    "bmshj2018-factorized": Look("Ballé 2018, factorized", "#88CCEE", "dashdot", "star"),
    "bmshj2018-hyperprior": Look("Ballé 2018, hyperprior", "#332288", "dashdot", "star"),
    "bmshj2018-hyperprior-ms-ssim": Look(
        "Ballé 2018, hyperprior (MS-SSIM)", "#332288", "dot", "star-open"
    ),
    "mbt2018": Look("Minnen 2018", "#117733", "dashdot", "pentagon"),
    "mbt2018-ms-ssim": Look("Minnen 2018 (MS-SSIM)", "#117733", "dot", "pentagon-open"),
    "vtm": Look("VVC intra (VTM)", "#CC3311", "dash", "cross"),
    "hm": Look("HEVC intra (HM)", "#0072B2", "dash", "cross"),
    "av1": Look("AV1 intra (reference)", "#009E73", "dash", "cross"),
    "elic2022": Look("ELIC 2022", "#EE7733", "dashdot", "diamond"),
    "mlic-plus": Look("MLIC+ 2022", "#661100", "dashdot", "diamond"),
    "hpcm-large": Look("HPCM 2025", "#EE3377", "dashdot", "triangle-up"),
    "hpcm-large-ms-ssim": Look("HPCM 2025 (MS-SSIM)", "#EE3377", "dot", "triangle-up-open"),
    "c3": Look("C3 2023", "#33BBEE", "dash", "star"),
    "cool-chic5": Look("Cool-Chic 5.0", "#009988", "dash", "star"),
    "cheng2020-attn": Look("Cheng 2020", "#AA4499", "dashdot", "hexagram"),
    "cheng2020-attn-ms-ssim": Look("Cheng 2020 (MS-SSIM)", "#AA4499", "dot", "hexagram-open"),
}
# Colours of codecs that are not known here, such as submitted ones.
_SPARE = ("#117733", "#CC6677", "#44AA99", "#DDCC77", "#661100", "#6699CC")
_SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "pentagon")

IN_THE_DEMO = {"george": "Uniform", "semantic": "Proportional", "semantic-rd": "Rate-distortion"}
"""What the demo calls this project's codecs: by their allocation."""
METRIC_NAMES = {
    "psnr": "PSNR",
    "ms_ssim": "MS-SSIM",
    "ssim": "SSIM",
    "si_ssim": "SI-SSIM",
    "si_ssim_2": "SI-SSIM (second map)",
    "top_ssim": "SSIM, important fifth",
    "top_ssim_2": "SSIM, important fifth (second map)",
    "ssimulacra2": "SSIMULACRA2",
    "lpips": "LPIPS",
}


def look_of(codec: str, kind: str = "recomputed") -> Look:
    """The look of a codec; of one not known here it follows from the name alone."""
    if codec in _LOOKS:
        return _LOOKS[codec]
    seed = int.from_bytes(hashlib.sha256(codec.encode()).digest()[:4], "big")
    return Look(
        codec,
        _SPARE[seed % len(_SPARE)],
        "dash" if kind == "published" else "solid",
        _SYMBOLS[seed // 7 % len(_SYMBOLS)],
    )


def setting_text(codec: str, *qualities: float | str) -> str:
    """One quality of a codec, or a range, in words: `quality 17 (QP 34)`."""
    texts = [each if isinstance(each, str) else f"{each:.3g}" for each in qualities]
    text = "quality " + " to ".join(dict.fromkeys(texts))
    qp = look_of(codec).qp
    if qp is None:
        return text
    parameters = [f"{qp - each:.3g}" for each in qualities if not isinstance(each, str)]
    return f"{text} (QP {' to '.join(dict.fromkeys(parameters))})"


def axis_name(metric: str, log_scale: bool) -> str:
    """Title of the axis of a metric."""
    name = METRIC_NAMES.get(metric, metric)
    return f"{name} [dB]" if log_scale or metric == "psnr" else name


def score_text(metric: str, score: float) -> str:
    """A score, with as many digits as mean something."""
    return f"{score:.{2 if metric in ('psnr', 'ssimulacra2') else 4}f}"
