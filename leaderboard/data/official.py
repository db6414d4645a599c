"""Sets of pictures that everybody knows, by name: found, downloaded and checked.

Kodak's 24 (Kodak Lossless True Color Image Suite) and 40 of CID22's 49 validation pictures
(Cloudinary Image Dataset '22, Sneyers et al. 2023; CC BY-SA 4.0). Cloudinary has all 49 in one
archive with thousands of compressed ones; codec-corpus has 41 as single files. Of these the
published pixels of 844297 could not be ascertained, so it is left out for everybody.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

from semcomp.errors import DatasetError, ImageError
from semcomp.files import cache_folder
from semcomp.image import load_image

from .datasets import Picture, choose, pixel_hash, read_picture

MAX_BYTES = 4 << 20
"""Size of a download at which it is given up; the largest picture has 0.8 MB."""
TIMEOUT = 30.0
"""Seconds without an answer after which the next source is tried."""


@dataclass(frozen=True)
class OfficialSet:
    """A set and how to get it.

    name: of the data set. title: in sentences. variable: of the environment, names a folder that
    has the pictures. sources: where they are published, first choice first; the hashes make plain
    HTTP safe. pixels: `pixel_hash` of the published files, by the pictures' names. elsewhere:
    another way to get them.
    """

    name: str
    title: str
    variable: str
    sources: tuple[str, ...]
    pixels: Mapping[str, str]
    elsewhere: str = ""

    @property
    def folder(self) -> Path:
        """Where its pictures are looked for."""
        named = os.environ.get(self.variable)
        return Path(named) if named else cache_folder() / self.name

    def pictures(self, images: Sequence[str] | None = None) -> list[Picture]:
        """The pictures asked for (None: all), checked. Raises DatasetError; see `load_dataset`."""
        names = choose(list(self.pixels), images, f"{self.title}'s set")
        if not os.environ.get(self.variable):
            for name in names:
                # What an earlier, interrupted run has fetched stays.
                if not (self.folder / f"{name}.png").exists():
                    self._download(name)
        return [self._checked(name) for name in names]

    def _checked(self, name: str) -> Picture:
        path = self.folder / f"{name}.png"
        if not path.is_file():
            raise DatasetError(
                f"no {path}: set {self.variable} to the folder of {self.title}'s pictures "
                f"{self._ends}, or unset it to have them downloaded"
            )
        remedy = (
            f"remove it and get it from {self.sources[0]}, set {self.variable} to another folder, "
            "or measure on this one with --dataset FOLDER"
        )
        try:
            digest = pixel_hash(read_picture(path))
        except DatasetError as error:
            raise DatasetError(f"{error}; {remedy}") from error
        if digest != self.pixels[name]:
            raise DatasetError(
                f"{path} is not {self.title}'s {name}: its pixels have SHA-256 {digest[:16]}..., "
                f"the published ones {self.pixels[name][:16]}...; {remedy}"
            )
        return Picture(name, path, digest)

    @property
    def _ends(self) -> str:
        names = list(self.pixels)
        return f"{names[0]}.png to {names[-1]}.png"

    def _download(self, name: str) -> None:
        """Fetch a picture whole and right, or not at all."""

        def fetch(url: str, partial: str, caller: object) -> None:
            pooch.HTTPDownloader(progressbar=_Bound(), timeout=TIMEOUT)(url, partial, caller)
            os.chmod(partial, 0o644)  # pooch's temporary files are their owner's alone
            try:
                image = load_image(Path(partial))
            except ImageError:
                raise ValueError("not a whole picture") from None
            if pixel_hash(image) != self.pixels[name]:
                raise ValueError("not the published picture (SHA-256 of the pixels differs)")

        pooch.get_logger().setLevel("WARNING")
        problems = []
        for source in self.sources:
            url = f"{source}{name}.png"
            try:
                # Known by its pixels (`fetch`), not by its bytes: another packing is as good.
                pooch.retrieve(url, None, f"{name}.png", self.folder, downloader=fetch)
                return
            except (requests.RequestException, ValueError) as error:
                problems.append(f"{url}: {_reason(error)}")
            except OSError as error:
                raise DatasetError(
                    f"cannot keep downloads in {self.folder}: {error.strerror or error}; set "
                    "SEMCOMP_CACHE_DIR to a folder that can be written"
                ) from error
        raise DatasetError(
            f"cannot download {self.title}'s {name} ({'; '.join(problems)}): check the network, "
            f"or set {self.variable} to a folder with {self._ends}{self.elsewhere}"
        )


def _reason(error: Exception) -> str:
    """Why a download failed: the server's answer, or the innermost cause in words."""
    answer = getattr(error, "response", None)
    if answer is not None:
        return f"{answer.status_code} {answer.reason}"
    cause = error.args[0] if error.args else error
    cause = getattr(cause, "reason", cause)  # of urllib3's MaxRetryError
    return str(cause).rpartition("): ")[2]


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


_KODAK = {
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
_CID22 = {
    "1025469": "34527bcbe8e0fcab1832d0894cf392e31dbc1800971b18796a688c1a8e38b606",
    "1044329": "ef9391f0c747a7d9e203ba04c905ee941929058967cd59affd70f0a2a74d2994",
    "1189261": "82d744daffce728eb75c4f79ade05a1e7369a8dc578e6e449b281cc2f472b4d3",
    "1279330": "ea4509e5044fca372c6fb0792233a62303f5d8451f74eb6a17b9448f15b84f08",
    "1418519": "84e136a2b7a784a185134be622165e0f8eb5ae28b2129225a18b23dbb8b47b88",
    "1420710": "21c437b33db30036034863d4377827bee4ba64e2724201226330af17a63c80fb",
    "1475938": "1b4bdc78dc39b76e52d63338705aafea7d476377e0e4fea6cc71b90272f36df1",
    "1531677": "8fe0c99c108e08ecbe7c341ae37f6d50b7c5d5049a9527e46655019536076027",
    "1544947": "82c259eed8d06d094eddc7a7758549802b4a70d1212a7082f4e4b2cdbbf3cdbd",
    "159550": "64ee15bf7cca286c17137bf2b9e3420947be7694c90f1a10b9ed8456533210d8",
    "1624487": "d6e7e9b2f6e8b50523b20c9b650211ecf1a097429551d623ae45da9701142ad9",
    "162520": "d1e5662f0f688e5a65a1d6379711c096267a78b65a63e984c35ceb4f2a71d6a1",
    "164595": "226b61fe4824a8a7eecbddf1213ba429b47cc6d861d1188290b300ad0ab92d75",
    "2079234": "f619f4a89f548dbd47b6828fd474c3130af137651c49234137c83bd9418978ab",
    "2190188": "0f237e1298871b3659235ae1add10b82d0edcd18a4de40b0fbaf1ef77cd0c4ed",
    "225228": "bc7691797a289620a5da9a307241076d94a1b56cd849ea06f9106d1e4e77db63",
    "2253934": "2fed1cc1c19c623359822e28b4109a8fc9a156b32d260fefca6199641738af6f",
    "2389166": "fe2fed1c09ac3b3b4de5983099ea2461ee12383ce39202863d998845e7b9fedb",
    "2670327": "0591e80b73fb71895b792fb3235e297228c8735bbe8ea64de192f35740eca9c8",
    "2736139": "d2837e50cd186ca7cb86d3410f8023c153347d3ff8fdec3102b1612231a2a683",
    "2775196": "4340af6e0635058a906096b17e09721b1a994fe9d19f57af8aee6d727fe4582d",
    "2887497": "506d7689d8994ff9bca658d693a6451e79b2590fa955be6beffe3020d483061e",
    "2936831": "98c80d64458feb42f2064ecd635a47a3aa59134e4aef10737690146126cec5d2",
    "297394": "5c25d776e14c8e35b0c6d9eaf7236ae1c2c5f89faff2b55f5a6a62f53751fc1b",
    "3156482": "c895f1421cbd87687f304a8f3e788f059a2d216632f0883cf54b117a19962c49",
    "3316926": "2648b0013e0697ca17a922a26b0fa1b24e8e68c3f9b5d5dbbac9e27c44261370",
    "3637739": "420856e98daecf8b1fe0cc1d66cf3761bbc8e7d091b563bc96326742accbc529",
    "3653963": "d85a217e484d612b4161ba0ca7cf654890953da1df0624595dc2aa87a4d9af67",
    "373965": "9e2420405d3a19eba4f57651f8575edecbafcfb1bbda595a7166cbc4322463b7",
    "3762075": "97ac9db43cbe764abd349fa9a38147bfde166837c2a4cb4041e4ea6f4cc4483c",
    "382297": "73a87b25ccb25cd220d50e013269101edcec6707e0a70da09333b7907224bdbc",
    "4215100": "b66f55eeab4db30faf8a69e8758dcaff14494beaf2852f7db3cb934ea7cdb801",
    "5055743": "a87fffbfbaf6a51987d07910bbe2bee67913161463933fba71030587b1422bde",
    "5458393": "d2a4d9e47be02fd53734347f60070148f28a9b9606b4569a3da2e8000c38f7da",
    "6078297": "6ed24596b95af2b9a54d0fae226008bd35801261bca57afdfe43752c5d08f846",
    "6292444": "33f540c877bccce3eed0331e19cb03c378d0f94daaab06335f132749f35c6d5c",
    "70497": "d06ed7ea7ce1f2e75741bf9c0ec2a9abaa6dcaa125543fa98656485645f94af8",
    "7062219": "18da14de5b114419656ea8d2d72b5d2d471704fc70e1dba5312edd08a100dc85",
    "7552578": "104b5719feaafcb04ac39049950b94fe8c878191059fcd15c7191e30134c9e71",
    "792079": "82a2c5bdecebb2bb142357cec605d0759f9060f24766e7a7b9e22f0c39c19f0f",
}
SETS = {
    each.name: each
    for each in (
        OfficialSet(
            "kodak",
            "Kodak",
            "SEMCOMP_KODAK_DIR",
            ("https://r0k.us/graphics/kodak/kodak/", "http://r0k.us/graphics/kodak/kodak/"),
            _KODAK,
        ),
        OfficialSet(
            "cid22",
            "CID22",
            "SEMCOMP_CID22_DIR",
            (
                "https://raw.githubusercontent.com/imazen/codec-corpus/main/CID22/CID22-512/validation/",
            ),
            _CID22,
            ", such as `original` of CID22_validation_set.zip from https://cloudinary.com/labs/cid22",
        ),
    )
}
"""The sets by name, in the order of the tables."""
