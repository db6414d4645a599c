"""Hostile archives that are sound as archives, of files that are not what they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.hostile import Hostile
from tests.support.submitted import pairs, png, repacked, semc, semcs, zip_of

_RECONSTRUCTION = "reconstructions/1/kodim01.png"
_BITSTREAM = "bitstreams/1/kodim01.bin"
_SEMC = "1/kodim01.semc"


def _paired(name: str, message: str, changes: Callable[[], dict[str, bytes | None]]) -> Hostile:
    """An archive of reconstructions with members changed, added or, by None, left out."""
    return Hostile(name, lambda: zip_of(_changed(pairs(), changes())), message)


def _own(name: str, message: str, changes: Callable[[], dict[str, bytes | None]]) -> Hostile:
    """The same of `.semc` files."""
    return Hostile(name, lambda: zip_of(_changed(semcs(), changes())), message)


def _changed(members: dict[str, bytes], changes: dict[str, bytes | None]) -> dict[str, bytes]:
    return {name: data for name, data in (members | changes).items() if data is not None}


_AT = "at quality 1: found"
_FILE = "the codec's own compressed file"
_LAYOUT = (
    "reconstructions/QUALITY/PICTURE.png with bitstreams/QUALITY/PICTURE.*, or "
    "QUALITY/PICTURE.semc (.jpg, .webp, .avif, .jxl, .heic, .bpg)"
)
_FOLDER = "a folder named by a number or a short name (letters, digits, . _ + = -)"
_PICTURE = "a picture of kodak: kodim01 to kodim24"
_BYTES = "1 to 1179647 bytes (1179648 are the pixels as they are)"

PAYLOADS = [
    _paired(
        "a picture of another size",
        f"kodim01, reconstruction {_AT} 384x256 pixels; expected 768x512, the picture's size",
        lambda: {_RECONSTRUCTION: png("half", (384, 256))},
    ),
    _paired(
        "a picture that claims to be endless",
        f"kodim01, reconstruction {_AT} 2147483647x2147483647 pixels; expected 768x512, the "
        "picture's size",
        lambda: {
            _RECONSTRUCTION: png("bomb").replace(b"\0\0\3\0\0\0\2\0", b"\x7f\xff\xff\xff" * 2)
        },
    ),
    _paired(
        "a picture turned on its side",
        f"kodim01, reconstruction {_AT} 512x768 pixels; expected 768x512, the picture's size",
        lambda: {_RECONSTRUCTION: png("turned", (512, 768))},
    ),
    _paired(
        "a deep picture",
        f"kodim01, reconstruction {_AT} 16 bits, RGB; expected 8 bits per channel, RGB, no "
        "transparency",
        lambda: {_RECONSTRUCTION: png("deep", depth=16)},
    ),
    _paired(
        "a picture to see through",
        f"kodim01, reconstruction {_AT} 8 bits, transparency; expected 8 bits per channel, RGB, no "
        "transparency",
        lambda: {_RECONSTRUCTION: png("clear", colour=6)},
    ),
    _paired(
        "a picture under another suffix",
        f"kodim01, reconstruction {_AT} a start of b'\\xff\\xd8\\xff\\xe0 a photo'; expected a PNG "
        "file",
        lambda: {_RECONSTRUCTION: b"\xff\xd8\xff\xe0 a photograph"},
    ),
    _paired(
        "a lossy reconstruction",
        "file: found 'reconstructions/1/kodim01.jpg'; expected a PNG, which keeps the decoder's "
        "pixels as they are",
        lambda: {_RECONSTRUCTION: None, "reconstructions/1/kodim01.jpg": b"\xff\xd8\xff"},
    ),
    _paired(
        "a picture with luggage",
        "kodim01, 'reconstructions/1/kodim01.png': found 2.9 MiB; expected at most 1.3 MiB, "
        "plenty for a PNG of 768x512 pixels",
        lambda: {
            _RECONSTRUCTION: png(
                "heavy", extra={b"prVt": np.random.default_rng(0).bytes(3_000_000)}
            )
        },
    ),
    _paired(
        "a picture with transparent colours",
        f"kodim01, reconstruction {_AT} 8 bits, transparent colours; expected 8 bits per channel, "
        "RGB, no transparency",
        lambda: {_RECONSTRUCTION: png("holes", extra={b"tRNS": bytes(6)})},
    ),
    _paired(
        "an animation",
        f"kodim01, reconstruction {_AT} an animation; expected one picture",
        lambda: {_RECONSTRUCTION: png("moving", extra={b"acTL": bytes(8)})},
    ),
    _paired(
        "a picture cut short",
        f"kodim01, reconstruction {_AT} a PNG that is cut short, or followed by something else; "
        "expected a whole PNG file",
        lambda: {_RECONSTRUCTION: png("cut")[:-8]},
    ),
    _paired(
        "a picture with something behind it",
        f"kodim01, reconstruction {_AT} a PNG that is cut short, or followed by something else; "
        "expected a whole PNG file",
        lambda: {_RECONSTRUCTION: png("more") + b"<script>alert(1)</script>"},
    ),
    _paired(
        "a picture with a changed byte",
        f"kodim01, reconstruction {_AT} a damaged PNG (part 'IDAT'); expected a whole PNG file",
        lambda: {_RECONSTRUCTION: png("bad")[:-40] + b"\0\0" + png("bad")[-38:]},
    ),
    _paired(
        "a picture without a file",
        "kodim01, bitstream at quality 1: found nothing; expected bitstreams/1/kodim01.*: its size "
        "is the rate",
        lambda: {_BITSTREAM: None},
    ),
    _paired(
        "a file without a picture",
        "kodim01, reconstruction at quality 1: found nothing; expected "
        "reconstructions/1/kodim01.png: it is scored",
        lambda: {_RECONSTRUCTION: None},
    ),
    _paired(
        "two files for one picture",
        "kodim01, file: found 'bitstreams/1/kodim01.dat'; expected one file for the picture "
        "at this quality; there is 'bitstreams/1/kodim01.bin' too",
        lambda: {"bitstreams/1/kodim01.dat": b"other"},
    ),
    _paired(
        "one quality under two names",
        "kodim01, file: found 'bitstreams/1.0/kodim01.bin'; expected one file for the picture at "
        "this quality; there is 'bitstreams/1/kodim01.bin' too",
        lambda: {"bitstreams/1.0/kodim01.bin": b"other"},
    ),
    _paired(
        "a file of nothing",
        f"kodim01, bitstream {_AT} 0 bytes; expected {_BYTES}",
        lambda: {_BITSTREAM: b""},
    ),
    _paired(
        "the pixels as they are",
        f"kodim01, bitstream {_AT} 1179648 bytes; expected {_BYTES}",
        lambda: {_BITSTREAM: np.random.default_rng(0).bytes(1179648)},
    ),
    _paired(
        "the original, without loss",
        f"kodim01, bitstream {_AT} the picture itself, without loss, as PNG; expected {_FILE}",
        lambda: {_BITSTREAM: png("original")},
    ),
    _paired(
        "the reconstruction as its own file",
        f"kodim01, bitstream {_AT} the reconstruction's own file; expected the compressed file",
        lambda: {_BITSTREAM: pairs()[_RECONSTRUCTION]},
    ),
    _paired(
        "a bitmap",
        f"kodim01, bitstream {_AT} a BMP file, pixels as they are; expected {_FILE}",
        lambda: {_BITSTREAM: b"BM" + bytes(1000)},
    ),
    _paired(
        "an archive as the file",
        f"kodim01, bitstream {_AT} an archive; expected {_FILE}",
        lambda: {_BITSTREAM: zip_of({"kodim01": b"x"})},
    ),
    _paired(
        "one file for two pictures",
        f"kodim02, bitstream {_AT} the same bytes as kodim01's at quality 1; expected a file "
        "of its own",
        lambda: {"bitstreams/1/kodim02.bin": pairs()[_BITSTREAM]},
    ),
    _paired(
        "one reconstruction for two pictures",
        f"kodim02, reconstruction {_AT} the same pixels as kodim01's at quality 1; expected a file "
        "of its own",
        lambda: {"reconstructions/1/kodim02.png": png("kodim01 at 1", extra={b"tEXt": b"a\0b"})},
    ),
    _paired(
        "one reconstruction for two pictures, packed otherwise",
        f"kodim02, reconstruction {_AT} the same pixels as kodim01's at quality 1; expected a file "
        "of its own",
        lambda: {"reconstructions/1/kodim02.png": repacked(pairs()[_RECONSTRUCTION])},
    ),
    _paired(
        "half of a picture's rows",
        f"kodim01, reconstruction {_AT} the PNG file is damaged or cut short: it has 590080 of "
        "1180160 bytes of pixels; expected a whole PNG file",
        lambda: {_RECONSTRUCTION: png("half", rows=256)},
    ),
    _paired(
        "colours outside of the palette",
        f"kodim01, reconstruction {_AT} the PNG file is damaged: colour 255 of a palette of 4; "
        "expected a whole PNG file",
        lambda: {_RECONSTRUCTION: png("colours", colour=3, colours=4)},
    ),
    _paired(
        "two pictures of one file",
        "kodim01, bitstream at quality 2: found the same bytes as at quality 1, but another "
        "reconstruction; expected one reconstruction for one file",
        lambda: {"bitstreams/2/kodim01.bin": pairs()[_BITSTREAM]},
    ),
    _paired(
        "a picture too many in the archive",
        f"image: found 'bitstreams/1/kodim25.bin'; expected {_PICTURE}",
        lambda: {"bitstreams/1/kodim25.bin": b"x", "reconstructions/1/kodim25.png": png("25")},
    ),
    _paired(
        "a folder that runs",
        f"kodim01, quality: found '<svg onload=alert(1)>'; expected {_FOLDER}",
        lambda: {"bitstreams/<svg onload=alert(1)>/kodim01.bin": b"x"},
    ),
    _paired(
        "a folder that is a formula",
        f"kodim01, quality: found '=1+1'; expected {_FOLDER}",
        lambda: {"bitstreams/=1+1/kodim01.bin": b"x"},
    ),
    _paired(
        "a program beside the pictures",
        f"file: found 'decode.sh'; expected {_LAYOUT}",
        lambda: {"decode.sh": b"#!/bin/sh"},
    ),
    _paired(
        "a picture in a deeper folder",
        f"file: found 'bitstreams/1/a/kodim01.bin'; expected {_LAYOUT}",
        lambda: {"bitstreams/1/a/kodim01.bin": b"x"},
    ),
    _paired(
        "a payload in the name",
        "file: found 'bitstreams/1/kodim03.aGlkZGVuIGJpdHM'; expected a suffix of at most 12 "
        "letters and digits",
        lambda: {"bitstreams/1/kodim03.aGlkZGVuIGJpdHM": b"x"},
    ),
    _own(
        "too many qualities",
        "quality: found 104 of them; expected at most 64",
        lambda: {f"{quality}/kodim01.semc": b"x" for quality in range(100, 200)},
    ),
    _own(
        "a .semc of another size",
        "kodim01, file at quality 1: found 384x256 pixels; expected 768x512, the picture's size",
        lambda: {_SEMC: semc("half", (384, 256))},
    ),
    _own(
        "a .semc of another model",
        "kodim01, file at quality 1: found written with model deadbeef; expected a file of a model "
        "that this board has",
        lambda: {_SEMC: semc("foreign", model_id=bytes.fromhex("deadbeef"))},
    ),
    _own(
        "a .semc cut short",
        "kodim01, file at quality 1: found 1 of 2 iterations; expected a file that was not "
        "cut short",
        lambda: {_SEMC: semc("cut")[:-4]},
    ),
    _own(
        "a .semc with a changed byte",
        "kodim01, file at quality 1: found damaged header (checksum differs): get the file again; "
        "expected a whole .semc file",
        lambda: {_SEMC: semc("changed").replace(b"SEMC\1", b"SEMC\1")[:9] + b"\7" + semc("x")[10:]},
    ),
    _own(
        "a .semc with luggage",
        "kodim01, file at quality 1: found 9 bytes follow the last iteration: get the file "
        "again, or decode its first 2 iterations; expected a whole .semc file",
        lambda: {_SEMC: semc("heavy") + b"the rest!"},
    ),
    _own(
        "a picture as .semc",
        "kodim01, file at quality 1: found not a .semc file but a PNG picture: choose a "
        "file made by semcomp; expected a whole .semc file",
        lambda: {_SEMC: png("disguise")},
    ),
    _own(
        "one .semc for two pictures",
        f"kodim02, bitstream {_AT} the same bytes as kodim01's at quality 1; expected a file "
        "of its own",
        lambda: {"1/kodim02.semc": semcs()[_SEMC]},
    ),
    _own(
        "another file among .semc",
        "file: found '1/kodim03.exe'; expected a .semc file",
        lambda: {"1/kodim03.exe": b"MZ"},
    ),
]


@pytest.mark.parametrize("hostile", PAYLOADS, ids=lambda each: each.name)
def test_refused(hostile, check_refused):
    check_refused(hostile)
