"""What files of other kinds begin with, to tell who opens one what it is."""

from __future__ import annotations

_FOREIGN = (
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"GIF8", "a GIF picture"),
    (4, b"ftyp", "an AVIF or HEIF picture or an MP4 video"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"<", "a web page or other markup"),
)


def guess(data: bytes) -> str:
    """What a foreign file looks like, as the end of a sentence."""
    for offset, signature, name in _FOREIGN:
        if data[offset : offset + len(signature)] == signature:
            return f" but {name}"
    return ""
