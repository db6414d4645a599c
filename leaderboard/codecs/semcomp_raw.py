"""This project's codec without entropy coding: bits as the paper counts them.

The file is a `.semc` container (`semcomp.coding.bitstream`) behind a mark of its own. The chunk of
an iteration holds its bits as they are, plane after plane, of the blocks that send some. Header,
map and checks are those of a `.semc` file, so what differs in size is the entropy coding alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.allocation.planning import Plan, read_levels
from semcomp.coding import bitstream
from semcomp.coding.bitstream import Parsed
from semcomp.encoder import PictureEncoder, decode_picture
from semcomp.weights import Model, find_model

from .base import CodecError, check_data, check_size
from .semcomp import SemcompCodec

MARK = b"RAW-"
"""What such a file begins with, before the container."""


class RawSemcompCodec(SemcompCodec):
    """Raw bits under one allocation. quality: the average level, 0.1..24."""

    @property
    def settings(self) -> str:
        """See `Codec.settings`."""
        return f"{super().settings}; bits as they are, without entropy coding"

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; average levels 0.1..24."""
        return self.session(image).encode(quality)

    def write(self, encoder: PictureEncoder, plan: Plan) -> bytes:
        """See `SemcompCodec.write`."""
        chunks = pack(encoder.model, encoder.codes_of(plan), plan.levels)
        return MARK + bitstream.write(encoder.header(plan), chunks)

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`."""
        with self._errors():
            parsed = self._parse(data)
            header = parsed.header
            check_size(header.width, header.height)
            model = find_model(header.model_id)
            codes = unpack(model, parsed.chunks, read_levels(header))
            return Image.fromarray(decode_picture(model, codes, (header.height, header.width)))

    def sizes(self, data: bytes) -> dict[str, int]:
        """See `SemcompCodec.sizes`; the mark belongs to the header."""
        with self._errors():
            sizes = self._parse(data).sizes
        return sizes._replace(header=sizes.header + len(MARK))._asdict()

    def _parse(self, data: bytes) -> Parsed:
        check_data("raw", data)
        if not data.startswith(MARK):
            raise CodecError("this is no file of raw bits: choose one made by this codec")
        parsed = bitstream.parse(data[len(MARK) :])
        if not parsed.complete:
            raise CodecError("the file is cut: get it again")
        return parsed


def pack(model: Model, codes: NDArray[np.int8], levels: NDArray[np.uint8]) -> list[bytes]:
    """Codes int8 (iterations, P, Hb, Wb) under levels (Hb, Wb) as one bit each, by iteration."""
    return [
        np.packbits(sent[:planes, levels > k] > 0).tobytes()
        for k, (sent, planes) in enumerate(zip(codes, _planes(model), strict=False))
    ]


def unpack(model: Model, chunks: tuple[bytes, ...], levels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Inverse of `pack`. Raises CodecError for chunks of another length."""
    codes = np.zeros((len(chunks), model.codec.planes, *levels.shape), np.int8)
    for k, (chunk, planes) in enumerate(zip(chunks, _planes(model), strict=False)):
        sending = levels > k
        count = planes * int(sending.sum())
        if len(chunk) != -(-count // 8):
            raise CodecError(f"iteration {k + 1} has {len(chunk)} bytes: get the file again")
        bits = np.unpackbits(np.frombuffer(chunk, np.uint8), count=count)
        codes[k, :planes, sending] = 2 * bits.astype(np.int8).reshape(planes, -1).T - 1
    return codes


def _planes(model: Model) -> NDArray[np.int64]:
    """Bits that a block sends in every iteration."""
    return np.diff(model.tables.ends)
