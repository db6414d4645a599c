"""Kodak's 24 pictures (Kodak Lossless True Color Image Suite): found, downloaded and checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pooch
import requests

from semcomp.errors import DatasetError, ImageError
from semcomp.files import cache_folder
from semcomp.image import load_image

from .datasets import Picture, choose, pixel_hash, read_picture

SOURCES = ("https://r0k.us/graphics/kodak/kodak/", "http://r0k.us/graphics/kodak/kodak/")
"""Where the pictures are published, first choice first; the hashes make plain HTTP safe."""
MAX_BYTES = 4 << 20
"""Size of a download at which it is given up; the largest picture has 0.8 MB."""
TIMEOUT = 30.0
"""Seconds without an answer after which the next source is tried."""

PIXELS = {
    "kodim01": "458eacc05ada9b8b509ed1711d7d3abc97f316a310acea1b1ae50f508c3e6514",
    "kodim02": "5e09efd9adbe52ba35f2d98f18dcf9be419f532c14c5a50ed14ffe0931cf33f2",
    "kodim03": "344f799eb5ef0e32bf16bb3d0350e99b88f4252b8bfbf922ec0477c54efcdb8e",
    "kodim04": "86e933cdb8a4b5604a7fd1ed6be170191fcd3a99e01b669cd372f4ad6b1f451f",
    "kodim05": "2c6f415f1f9ae6d447eff4997bcbc560b9e8c90ae1aeb1cd62d7c620f18e3a7c",
    "kodim06": "17583b185b4d8b918120eb3456eb529ba0c0c92ddc825346a633b1e39ed9344a",
    "kodim07": "ec230e9c24e39b24f0927b68e3215da74381b68ea03af9db069d2c3b9b2d0f56",
    "kodim08": "aa68a08da8dd782705db5386235a09f0f925aeca9a3489e9085fb86906ceb620",
    "kodim09": "d30a0e4b96786183dc8ab87255c3b4362e7de4601f40083b5aa2e38420daeb95",
    "kodim10": "0f48a90eae550c0e311a328b47d7e363318c44847bc99b427ee472eabfee7099",
    "kodim11": "1294076ce4f1d8e79e13473b799725ab410709d4eabeb545b9d7105a12c8df30",
    "kodim12": "8a93c89a21e5ce029068b121bb815d40d528eeaf38731fa5817b28da7b7042b6",
    "kodim13": "504adf8df0bd6f616e1d6b535246f97782e66df8ced7a2b4733caba63305cb97",
    "kodim14": "09fc2afcb8f3a835922b46c0e337f92b5350596de701a985c32fdaf47462c4e4",
    "kodim15": "46e866a7cde94abb15f2c078337814c456092ed48a78c30226b2e45bcc0b4604",
    "kodim16": "bb4198104be242df412735b41ffd68ba10b0652242212b0e3a501ff289c1d601",
    "kodim17": "014ce2b0d5c9b8dadf0ca98247a411161af42c83641bccd1ed0c556c3bdbe2f9",
    "kodim18": "9459d89b5edf1c629192e5f971990722fc28a3d74e13f319fe0ab0fe3976c3b3",
    "kodim19": "609b41b7b85248804b57d3a389824561951b070ac935b2e8f4cd28151629680a",
    "kodim20": "45e6a86b8114e827960f7e02be3ae6de07ea2eed861133f8898a428be5cf9c2b",
    "kodim21": "06a29c40d5d30645a65489884882bb0b87c0321daee3b20625543389b4bc8c09",
    "kodim22": "bf1c46603b788ea55d3ff3532b503f27caf2bfdefc53eb2d732d04a2969fdf19",
    "kodim23": "0ae6e73833b5c5c769ffd2da7ac2b8d3200841184c0e42a79fce498a3024b99c",
    "kodim24": "32a367def32c28bb93b61267b62a0dd2ed3a2022ed8f3e05fe53b198020ae28f",
}
"""`pixel_hash` of the published files."""


def kodak_pictures(images: Sequence[str] | None = None) -> list[Picture]:
    """The pictures asked for (None: all), checked. Raises DatasetError; see `load_dataset`."""
    names = choose(list(PIXELS), images, "Kodak's set")
    if own := os.environ.get("SEMCOMP_KODAK_DIR"):
        return [_checked(name, Path(own) / f"{name}.png") for name in names]
    folder = cache_folder() / "kodak"
    for name in names:
        # What an earlier, interrupted run has fetched stays.
        if not (folder / f"{name}.png").exists():
            _download(name, folder)
    return [_checked(name, folder / f"{name}.png") for name in names]


def _checked(name: str, path: Path) -> Picture:
    if not path.is_file():
        raise DatasetError(
            f"no {path}: set SEMCOMP_KODAK_DIR to the folder of Kodak's pictures kodim01.png to "
            "kodim24.png, or unset it to have them downloaded"
        )
    digest = pixel_hash(read_picture(path))
    if digest != PIXELS[name]:
        raise DatasetError(
            f"{path} is not Kodak's {name}: its pixels have SHA-256 {digest[:16]}..., the "
            f"published ones {PIXELS[name][:16]}...; remove it and get it from {SOURCES[0]}, or "
            "measure on its folder with --dataset FOLDER"
        )
    return Picture(name, path, digest)


def _download(name: str, folder: Path) -> None:
    """Fetch a picture whole and right, or not at all."""

    def fetch(url: str, partial: str, caller: object) -> None:
        pooch.HTTPDownloader(progressbar=_Bound(), timeout=TIMEOUT)(url, partial, caller)
        os.chmod(partial, 0o644)  # pooch's temporary files are their owner's alone
        try:
            image = load_image(Path(partial))
        except ImageError:
            raise ValueError("not a whole picture") from None
        if pixel_hash(image) != PIXELS[name]:
            raise ValueError("not the published picture (SHA-256 of the pixels differs)")

    pooch.get_logger().setLevel("WARNING")
    problems = []
    for source in SOURCES:
        url = f"{source}{name}.png"
        try:
            # Known by its pixels (`fetch`), not by its bytes: another packing is as good.
            pooch.retrieve(url, None, f"{name}.png", folder, downloader=fetch)
            return
        except (requests.RequestException, ValueError) as error:
            answer = getattr(error, "response", None)
            problems.append(f"{url}: {error if answer is None else answer.reason}")
        except OSError as error:
            raise DatasetError(
                f"cannot keep downloads in {folder}: {error.strerror or error}; set "
                "SEMCOMP_CACHE_DIR to a folder that can be written"
            ) from error
    raise DatasetError(
        f"cannot download Kodak's {name} ({'; '.join(problems)}): check the network, or set "
        "SEMCOMP_KODAK_DIR to a folder with kodim01.png to kodim24.png"
    )


class _Bound:
    """What pooch takes for a progress bar: it gives up a download without end."""

    total, count = 0, 0

    def update(self, size: int) -> None:
        """Bytes have come."""
        self.count += size
        if self.count > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")

    def reset(self) -> None:
        """All have come, and pooch counts them once more."""
        self.count = 0

    def close(self) -> None:
        """There is nothing to close."""
