"""Pictures from anywhere as uint8 RGB, and between uint8 HWC and float BCHW.

Files come in by `semcomp.picture_file`, which says what is opened and what is refused. PyTorch is
imported where a tensor is asked for: the processes that open strangers' pictures do without it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from semcomp.errors import ImageError
from semcomp.geometry import padded_size

from .picture_file import (
    DECODER_ERRORS,
    MAX_PIXELS,
    check_size,
    decode,
    deep_grey,
    has_more_frames,
    open_picture,
    open_picture_file,
    upright,
    white_is_zero,
)

if TYPE_CHECKING:
    import torch

# Colour space of a profile -> modes of pictures that it can describe, first the one converted.
_PROFILE_MODES = {
    "RGB ": ("RGB", "RGBA", "P", "PA"),
    "GRAY": ("L", "LA", "1", "I;16"),
    "CMYK": ("CMYK",),
}
Tell = Callable[[str], None]
"""Called with a sentence."""
_LAID_ON_WHITE = "Transparent places were laid on white."
_PROFILE_IGNORED = (
    "The file's colour profile was ignored: it is damaged or does not fit the pixels."
)
_OVERSHOOT = 0.1
"""How much of the range float pixels may lie beyond its ends."""
_SURELY_255 = 16
"""From this largest value on floats count as 0..255; below, highlights above 1 reach it too."""


def load_image(
    source: str | Path | bytes | BinaryIO | Image.Image | NDArray[Any],
    *,
    max_pixels: int = MAX_PIXELS,
    told: Tell | None = None,
) -> NDArray[np.uint8]:
    """A picture as uint8 (H, W, 3) RGB, upright, in memory of its own.

    source: a path, a file's bytes, an open binary file, a Pillow image, or an array (H, W) or
    (H, W, C) with C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.
    max_pixels: limit on H·W, checked before pixels are decoded.
    told: called with a sentence for each thing done to a file that its owner may not expect: the
    first frame taken, transparency laid on white, colours converted or their profile ignored.

    Transparency is laid on white. Grey of up to 16 bits is read by the range that the file
    declares; 16-bit values are divided by 257. Floats count as 0..1 or as 0..255, the one that
    fits, and up to a tenth beyond it is clipped; a largest value between 1.1 and 16 could be
    either and is refused. 32-bit integers count as 0..255 if none exceeds 255, else as 16 bits.
    Of an animation the first frame is taken. Pixels are converted to sRGB by the file's colour
    profile; one that is damaged or does not fit the pixels, or that comes with 32-bit grey, is
    ignored.

    Raises ImageError if the source is missing, empty, truncated, of a format or TIFF compression
    that is not read, or too large.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels)
    if isinstance(source, Image.Image):
        return _from_pillow(source, max_pixels, told)
    if isinstance(source, str | Path):
        with open_picture_file(source, max_pixels) as picture:
            return _from_pillow(picture, max_pixels, told)
    if isinstance(source, bytes | bytearray | memoryview):
        source = BytesIO(source)
    # A copy in memory, because Pillow seeks and the stream may be a pipe.
    data = source.read()
    if not isinstance(data, bytes):
        raise ImageError("the picture's file is open in text mode; open it in binary mode")
    with open_picture(BytesIO(data), max_pixels) as picture:
        return _from_pillow(picture, max_pixels, told)


def to_tensor(image: NDArray[np.uint8]) -> torch.Tensor:
    """uint8 (H, W, 3) to float32 (1, 3, H, W) in -128..127: the codec's centred pixels."""
    import torch

    _check(image)
    return torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32) - 128)


def to_uint8(tensor: torch.Tensor) -> NDArray[np.uint8]:
    """float (1, 3, H, W) around -128..127 to uint8 (H, W, 3), rounded and clipped to 0..255.

    Any device and float type. Raises ImageError for other shapes and for NaN.
    """
    import torch

    if tensor.ndim != 4 or tensor.shape[0] != 1 or tensor.shape[1] != 3:
        raise ImageError(f"expected a (1, 3, H, W) tensor, got {tuple(tensor.shape)}")
    pixels = tensor.detach()[0].float()
    if bool(pixels.isnan().any()):
        raise ImageError("the picture has NaN pixels; the codec's weights or input are broken")
    pixels = (pixels + 128).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy())


def pad_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) extended right and down to multiples of 16 by reflection.

    The border pixel is the mirror and is not repeated. A side shorter than its padding reflects
    back and forth; a side of 1 is repeated.
    """
    height, width = _check(image)
    padded_height, padded_width = padded_size(height, width)
    rows = reflect(np.arange(padded_height), height)
    columns = reflect(np.arange(padded_width), width)
    return image[rows[:, None], columns]


def crop(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The top left height x width pixels of a uint8 (H, W, 3) picture: undoes `pad_image`."""
    have = _check(image)
    if not (1 <= height <= have[0] and 1 <= width <= have[1]):
        raise ImageError(f"cannot crop {have[0]} x {have[1]} pixels to {height} x {width}")
    return np.ascontiguousarray(image[:height, :width])


def limit_side(picture: NDArray[np.uint8], side: float) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) scaled down to a longest side of at most `side` pixels; 0: as it is."""
    height, width = picture.shape[:2]
    if not 0 < side < max(height, width):
        return picture
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def to_file(picture: NDArray[np.uint8] | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture, uint8 (H, W), (H, W, 3) or (H, W, 4), as a file of Pillow's format `kind`."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def data_url(picture: NDArray[np.uint8] | Image.Image, kind: str = "PNG", **options: Any) -> str:
    """`to_file` as an address that holds the file itself."""
    data = base64.b64encode(to_file(picture, kind, **options)).decode("ascii")
    return f"data:image/{kind.lower()};base64,{data}"


def reflect(position: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Positions outside 0..size-1 mirrored back inside, as often as it takes.

    The first and last position are the mirrors: -1 becomes 1. With size 1 all become 0.
    """
    if size == 1:
        return np.zeros_like(position)
    period = 2 * (size - 1)
    position = position % period
    return np.minimum(position, period - position)


def _check(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Height and width of a uint8 (H, W, 3) picture, or ImageError."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ImageError(
            f"expected a uint8 (H, W, 3) picture, got {image.dtype} {image.shape}; "
            "see semcomp.image.load_image"
        )
    return image.shape[0], image.shape[1]


def _from_pillow(
    picture: Image.Image, max_pixels: int, told: Tell | None = None
) -> NDArray[np.uint8]:
    tell = told or (lambda text: None)
    check_size(picture.height, picture.width, max_pixels)
    if told and has_more_frames(picture):
        tell("The file holds several pictures: the first was taken.")
    decode(picture)
    check_size(picture.height, picture.width, max_pixels)  # a HEIC file declares its size twice
    # Pillow clips deep pixels instead of scaling them, so NumPy takes them as they are.
    deep = deep_grey(picture)
    if deep is not None:
        return _from_deep_grey(deep, picture.info.get("icc_profile"), max_pixels, tell)
    turned = upright(picture)
    if turned.mode in ("I", "F"):
        pixels = _from_array(np.asarray(turned), max_pixels)
        return 255 - pixels if white_is_zero(picture) else pixels
    if turned.mode == "La":  # grey with premultiplied alpha; converts to LA only
        turned = turned.convert("LA")
    managed = _to_srgb(turned, picture.info.get("icc_profile"), tell)
    if turned.has_transparency_data:
        rgba = np.array(turned.convert("RGBA"))
        if managed is not None:
            rgba[..., :3] = managed
        if rgba[..., 3].min() < 255:
            tell(_LAID_ON_WHITE)
        return _on_white(rgba)
    return np.array(turned.convert("RGB")) if managed is None else managed


def _from_deep_grey(
    deep: NDArray[np.uint16], profile: bytes | None, max_pixels: int, tell: Tell
) -> NDArray[np.uint8]:
    """`semcomp.picture_file.deep_grey`'s pixels, of a colour profile, as a picture."""
    grey = deep if deep.ndim == 2 else deep[..., 0]
    managed = _to_srgb(Image.fromarray(grey), profile, tell)
    if deep.ndim == 3 and deep[..., 1].min() < 65535:
        tell(_LAID_ON_WHITE)
    if managed is None:
        return _from_array(deep, max_pixels)
    if deep.ndim == 3:
        managed[deep[..., 1] == 0] = 255
    return managed


def _to_srgb(picture: Image.Image, profile: bytes | None, tell: Tell) -> NDArray[np.uint8] | None:
    """uint8 (H, W, 3) in sRGB, without alpha; None if no profile fits that is whole."""
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        modes = _PROFILE_MODES.get(source.profile.xcolor_space, ())
        if picture.mode not in modes:
            tell(_PROFILE_IGNORED)
            return None
        if modes[0] == "RGB" and picture.mode != "RGB":
            picture = picture.convert("RGBA").convert("RGB")
        elif modes[0] == "L" and picture.mode != "I;16":
            picture = picture.convert("L")
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, *DECODER_ERRORS):
        tell(_PROFILE_IGNORED)
        return None  # a damaged profile should not cost the picture
    name = source.profile.profile_description or "without a name"
    if "sRGB" not in name and not name.endswith("_SRG"):  # libjxl's name of it
        plain = "".join(c for c in name if c.isprintable())[:60]
        tell(f"Colours were converted from the file's profile ({plain}) to sRGB.")
    return np.array(converted)


def _on_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Straight-alpha uint8 (H, W, 4) over white, rounded."""
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = rgba[..., :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _from_array(array: NDArray[Any], max_pixels: int) -> NDArray[np.uint8]:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4):
        raise ImageError(f"expected an array (H, W) or (H, W, 1..4), got {array.shape}")
    check_size(array.shape[0], array.shape[1], max_pixels)
    pixels = _to_bytes(array)
    if pixels.shape[2] in (1, 2):
        pixels = np.concatenate([pixels[..., :1].repeat(3, axis=2), pixels[..., 1:]], axis=2)
    return _on_white(pixels) if pixels.shape[2] == 4 else np.array(pixels, order="C")


def _to_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Any usual pixel type as uint8; the ranges are `load_image`'s."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise ImageError(f"pixels of type {array.dtype} are not supported; use uint8")
    low, high = array.min(), array.max()
    if np.issubdtype(array.dtype, np.floating):
        return _floats_to_bytes(array, float(low), float(high))
    if not (low >= 0 and high <= 65535):
        raise ImageError(f"pixel values {low}..{high} are outside 0..65535")
    if array.dtype.itemsize == 2 or high > 255:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return array.astype(np.uint8)


def _floats_to_bytes(array: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Floats as uint8; a little beyond either end, as filters leave it, is clipped."""
    white = 1 if high <= 1 + _OVERSHOOT else 255
    if not (low >= -_OVERSHOOT * white and high <= (1 + _OVERSHOOT) * white):  # catches NaN too
        raise ImageError(
            f"float pixels must lie in 0..1 or 0..255, got {low:g}..{high:g}, outside of both"
        )
    if white == 255 and high < _SURELY_255:
        raise ImageError(
            f"float pixels up to {high:g} could be meant as 0..1 or as 0..255: scale or clip them"
        )
    scaled: NDArray[np.float64] = array.astype(np.float64) * (255 // white)
    return np.rint(scaled).clip(0, 255).astype(np.uint8)
