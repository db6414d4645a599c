"""HEIC: one HEVC intra picture in boxes (ISO/IEC 23008-12 on 14496-12, hvcC of 14496-15)."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import FormatError

from .hevc.colour import to_planes
from .hevc.frame import LEAST_SIDE, MAX_QP, encode_stream, pad, quantizers
from .hevc.headers import CHROMA_420, LAST_SLICE, PPS, SPS, VPS, units

_COLOURS = {"range": "full", "colorprim": 1, "transfer": 13, "colormatrix": 6, "chromaloc": 1}
"""sRGB's primaries and curve, BT.601's matrix in full range, chroma between the luma samples: as
JPEG has it, in the numbers of ITU-T H.273."""
_PICTURE, _EXIF = 1, 2
"""Identifiers of the file's items."""


class HeicWriter:
    """4:2:0, x265's preset veryslow; quality is libheif's: 100 less twice the quantizer."""

    name = "heic"
    label = "HEIC"
    suffixes = (".heic", ".heif")
    media_type = "image/heic"
    search_range = (0.0, 100.0, 0.5)
    default_quality = 50.0
    max_side = 16384

    def write(
        self,
        picture: NDArray[np.uint8],
        quality: float,
        grey: NDArray[np.uint8] | None = None,
        focus: float = 1.0,
        exif: bytes = b"",
    ) -> bytes:
        """See `Writer.write`."""
        height, width = picture.shape[:2]
        rows, columns = (max(LEAST_SIDE, side + side % 2) for side in (height, width))
        luma, *chroma = to_planes(picture, True)
        half = [pad(plane, rows // 2, columns // 2) for plane in chroma]
        qps = quantizers((rows, columns), min((100 - quality) / 2, MAX_QP), grey, focus)
        options = {"min-cu-size": 8, **_COLOURS}
        stream = encode_stream([pad(luma, rows, columns), *half], CHROMA_420, qps, **options)
        return container(stream, (height, width), (rows, columns), exif)


def container(
    stream: bytes, size: tuple[int, int], coded: tuple[int, int], exif: bytes = b""
) -> bytes:
    """A file of x265's byte stream of one picture of 4:2:0 and 8 bits.

    size, coded: heights and widths; the picture is the upper left of what is coded. exif: a TIFF
    structure. Raises FormatError for a stream that is not one picture.
    """
    found = units(stream)
    sets = [next((unit for kind, unit in found if kind == one), b"") for one in (VPS, SPS, PPS)]
    slices = [unit for kind, unit in found if kind <= LAST_SLICE]
    if not (all(sets) and slices):
        raise FormatError(f"x265 gave no picture of {size[1]}x{size[0]} pixels")
    payloads = [b"".join(struct.pack(">I", len(unit)) + unit for unit in slices)]
    kinds = [(_PICTURE, b"hvc1")]
    if exif:
        start = b"Exif\0\0"
        payloads.append(struct.pack(">I", len(start)) + start + exif)
        kinds.append((_EXIF, b"Exif"))
    properties = [
        _hvcc(sets),
        _full(b"ispe", struct.pack(">II", coded[1], coded[0])),
        _box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80)),
        _full(b"pixi", bytes([3, 8, 8, 8])),
    ]
    essential = [True, False, False, False]
    if size != coded:
        # A window by its width, its height and how far its centre lies from the middle, as
        # fractions.
        off = [own - all_ for own, all_ in zip(size, coded, strict=True)]
        window = struct.pack(">IIIIiIiI", size[1], 1, size[0], 1, off[1], 2, off[0], 2)
        properties.append(_box(b"clap", window))
        essential.append(True)
    links = bytes(i | flag << 7 for i, flag in enumerate(essential, 1))
    header = _box(b"ftyp", b"heic", struct.pack(">I", 0), b"mif1heic")

    def meta(first: int) -> bytes:
        places = b""
        for (item, _), payload in zip(kinds, payloads, strict=True):
            places += struct.pack(">HHHII", item, 0, 1, first, len(payload))
            first += len(payload)
        infos = [
            _full(b"infe", struct.pack(">HH", i, 0), kind, b"\0", version=2) for i, kind in kinds
        ]
        boxes = [
            _full(b"hdlr", bytes(4), b"pict", bytes(13)),
            _full(b"pitm", struct.pack(">H", _PICTURE)),
            _full(b"iloc", struct.pack(">HH", 0x4400, len(kinds)), places),
            _full(b"iinf", struct.pack(">H", len(kinds)), *infos),
            _box(
                b"iprp",
                _box(b"ipco", *properties),
                _full(b"ipma", struct.pack(">IHB", 1, _PICTURE, len(links)), links),
            ),
        ]
        if exif:
            describes = _box(b"cdsc", struct.pack(">HHH", _EXIF, 1, _PICTURE))
            boxes.append(_full(b"iref", describes))
        return _full(b"meta", *boxes)

    # The places have the same length whatever they say.
    first = len(header) + len(meta(0)) + 8
    return header + meta(first) + _box(b"mdat", *payloads)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    """A box with a version, and no flags."""
    return _box(kind, struct.pack(">I", version << 24), *parts)


def _hvcc(sets: list[bytes]) -> bytes:
    """The decoder's configuration: what the SPS says of profile and level, and the sets."""
    profile = sets[1].replace(b"\0\0\3", b"\0\0")[3:15]
    arrays = b"".join(
        struct.pack(">BHH", 0x80 | unit[0] >> 1, 1, len(unit)) + unit for unit in sets
    )
    # Version; segmentation and parallelism unknown; 4:2:0, 8 bits; frame rate unknown, one
    # temporal layer that is nested, lengths of four bytes; arrays.
    return _box(
        b"hvcC",
        *(b"\1", profile, b"\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f", bytes([len(sets)]), arrays),
    )
