"""Codecs of the benchmark behind one protocol, by name.

`CODECS["jpeg"].encode(image, 75)`; a codec and its libraries are loaded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .base import Codec, CodecError

__all__ = ["CODECS", "Codec", "CodecError"]


def _jpeg() -> Codec:
    from .jpeg import JpegCodec

    return JpegCodec()


def _webp() -> Codec:
    from .webp import WebpCodec

    return WebpCodec()


def _avif() -> Codec:
    from .avif import AvifCodec

    return AvifCodec()


def _jxl() -> Codec:
    from .jxl import JxlCodec

    return JxlCodec()


def _bpg() -> Codec:
    from .bpg import BpgCodec

    return BpgCodec("bpg")


def _bpg444() -> Codec:
    from .bpg import BpgCodec
    from .bpg_hevc import CHROMA_444

    return BpgCodec("bpg444", CHROMA_444)


def _george() -> Codec:
    from .semcomp import SemcompCodec

    return SemcompCodec("george", "uniform")


def _semantic() -> Codec:
    from .semcomp import SemcompCodec

    return SemcompCodec("semantic", "proportional")


def _semantic0() -> Codec:
    from .semcomp import SemcompCodec

    return SemcompCodec("semantic0", "proportional", floor=0)


def _semantic_rd() -> Codec:
    from .semcomp import SemcompCodec

    return SemcompCodec("semantic-rd", "rd")


class _Registry(Mapping[str, Codec]):
    """Names in the order of the tables; values are made on first use and kept."""

    def __init__(self, makers: Mapping[str, Callable[[], Codec]]) -> None:
        self._makers = makers
        self._made: dict[str, Codec] = {}

    def __getitem__(self, name: str) -> Codec:
        if name not in self._makers:
            raise KeyError(f"no codec {name!r}: use one of {', '.join(self._makers)}")
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


CODECS: Mapping[str, Codec] = _Registry(
    {
        "jpeg": _jpeg,
        "webp": _webp,
        "avif": _avif,
        "jxl": _jxl,
        "bpg": _bpg,
        "bpg444": _bpg444,
        "george": _george,
        "semantic": _semantic,
        "semantic0": _semantic0,
        "semantic-rd": _semantic_rd,
    }
)
"""Every codec by its name."""
