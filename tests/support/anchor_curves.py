"""Frames of results for the leaderboard's tests: the anchors' Kodak table, and made-up codecs."""

from __future__ import annotations

import numpy as np

from leaderboard.data.results import MEAN, Results, Row, to_frame

# Means over Kodak's 24 pictures per quality setting: bpp, MS-SSIM, SI-SSIM, PSNR. Measured with
# Pillow (JPEG 4:2:0 optimised, WebP method 6, AVIF speed 4), libjxl effort 7 and bpgenc 0.9.8.
KODAK = {
    "jpeg": [
        (0.1408, 0.8071, 0.6341, 23.85),
        (0.2555, 0.8942, 0.7376, 26.67),
        (0.4491, 0.9457, 0.8200, 29.14),
        (0.6101, 0.9632, 0.8569, 30.49),
        (0.7433, 0.9717, 0.8781, 31.42),
        (0.8692, 0.9769, 0.8932, 32.17),
        (1.0049, 0.9806, 0.9062, 32.91),
        (1.2130, 0.9847, 0.9214, 33.92),
        (1.5490, 0.9889, 0.9389, 35.37),
        (2.3154, 0.9933, 0.9621, 38.03),
    ],
    "webp": [
        (0.1545, 0.8991, 0.7123, 26.98),
        (0.2744, 0.9385, 0.7928, 28.93),
        (0.4270, 0.9598, 0.8508, 30.72),
        (0.6727, 0.9747, 0.8995, 33.01),
        (0.8773, 0.9815, 0.9233, 34.48),
        (1.1543, 0.9868, 0.9436, 36.18),
        (1.9297, 0.9932, 0.9703, 39.45),
        (2.7982, 0.9959, 0.9817, 41.66),
    ],
    "avif": [
        (0.1604, 0.9343, 0.7709, 28.29),
        (0.2440, 0.9542, 0.8228, 29.76),
        (0.3787, 0.9705, 0.8710, 31.48),
        (0.5996, 0.9819, 0.9149, 33.66),
        (0.8912, 0.9881, 0.9422, 35.71),
        (1.2384, 0.9917, 0.9603, 37.70),
        (1.6832, 0.9943, 0.9721, 39.40),
        (2.5073, 0.9962, 0.9835, 41.42),
    ],
    "jxl": [
        (0.3043, 0.9448, 0.7901, 28.92),
        (0.4126, 0.9604, 0.8338, 30.21),
        (0.4955, 0.9679, 0.8590, 31.09),
        (0.6578, 0.9758, 0.8894, 32.42),
        (0.8408, 0.9820, 0.9146, 33.78),
        (1.1651, 0.9873, 0.9410, 35.66),
        (1.9017, 0.9931, 0.9680, 38.81),
        (2.8526, 0.9961, 0.9817, 41.54),
    ],
    "bpg": [
        (0.0952, 0.8908, 0.7093, 27.03),
        (0.1820, 0.9290, 0.7832, 28.93),
        (0.3320, 0.9554, 0.8501, 31.06),
        (0.5020, 0.9701, 0.8919, 32.94),
        (0.7175, 0.9792, 0.9225, 34.73),
        (0.9948, 0.9857, 0.9451, 36.62),
        (1.3240, 0.9902, 0.9609, 38.43),
        (1.7322, 0.9930, 0.9719, 40.10),
    ],
    "bpg444": [
        (0.0969, 0.8931, 0.7103, 27.14),
        (0.1896, 0.9331, 0.7859, 29.22),
        (0.3516, 0.9611, 0.8546, 31.59),
        (0.5331, 0.9746, 0.8960, 33.54),
        (0.7724, 0.9834, 0.9268, 35.55),
        (1.0802, 0.9890, 0.9489, 37.57),
        (1.4546, 0.9926, 0.9643, 39.57),
        (1.9297, 0.9949, 0.9750, 41.48),
    ],
}


def row(image: str, quality: float | str, bpp: float, **scores: float | None) -> Row:
    """A row; bytes follow from bpp for a picture of 768 x 512."""
    values: dict[str, float | None] = dict.fromkeys(
        ("psnr", "ms_ssim", "ssim", "si_ssim", "si_ssim_2", "encode_s", "decode_s")
    )
    size = None if image == MEAN else max(1, round(bpp * 768 * 512 / 8))
    return Row(image, quality, size, bpp, None, None, None, None, **{**values, **scores})


def kodak_means() -> dict[str, Results]:
    """The anchors' table as results that state means only."""
    return {
        name: Results(
            name,
            "",
            "kodak",
            tuple(
                row(MEAN, index + 1, bpp, ms_ssim=ms_ssim, si_ssim=si_ssim, psnr=psnr)
                for index, (bpp, ms_ssim, si_ssim, psnr) in enumerate(points)
            ),
            {"kind": "published"},
        )
        for name, points in KODAK.items()
    }


def model_codec(
    name: str, cost: float = 1.0, *, pictures: int = 4, spread: float = 0.0, points: int = 9
) -> Results:
    """A made-up codec whose file takes `cost` times the bytes for any score.

    Picture i needs 2^i times the bits of picture 0; MS-SSIM in dB grows with log rate. spread: the
    cost of picture i is multiplied by 1 + spread·(i − middle), so that pictures disagree.
    """
    rows = []
    for i in range(pictures):
        own = cost * (1 + spread * (i - (pictures - 1) / 2))
        for quality in range(1, points + 1):
            level = 5 + 2.0 * quality  # dB
            score = 1 - 10 ** (-level / 10)
            bpp = own * 2.0**i * 0.02 * 1.5**quality
            rows.append(
                row(
                    f"picture{i}",
                    quality,
                    bpp,
                    ms_ssim=score,
                    psnr=20 + level,
                    encode_s=0.5 * cost,
                    decode_s=0.25,
                )
            )
    return Results(name, "", "made-up", tuple(rows), {"kind": "recomputed"})


def frame(*results: Results):
    """`to_frame` of them."""
    return to_frame(list(results))


def without(results: Results, image: str) -> Results:
    """The results without a picture."""
    rows = tuple(r for r in results.rows if r.image != image)
    return Results(results.name, "", results.dataset, rows, results.provenance)


def points(name: str, metric: int) -> tuple[np.ndarray, np.ndarray]:
    """Rates and one column of the anchors' table."""
    table = np.array(KODAK[name])
    return table[:, 0], table[:, metric]
