"""Pictures of strangers made small, and many put on one sheet; by Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from typing import IO, TYPE_CHECKING, cast

from app import Refused

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow is imported inside of functions: who draws nothing does not pay for it.

TYPES = {
    "AVIF": "image/avif",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
}
"""What is read. Pillow knows more, some of it by programs of others; no camera makes those."""

SAME = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-ms-bmp": "image/bmp"}
ANY_TYPE = "application/octet-stream"
MOST_PIXELS = 50_000_000  # of a picture: 200 MB while it is decoded
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise for bytes that are not what they say."""

PAPER, INK = (250, 248, 243), (163, 39, 29)
GAP = 12  # pixels around each picture on a sheet


def thumbnail(stream: BufferedIOBase, edge: int, type: str | None = None) -> Image:
    """The picture the right way up, in RGB or RGBA, at most `edge` wide and high; nothing else of
    the file is in it. `Refused` for what is none, is enormous, or is another `type` than it says.
    """
    from PIL import ImageOps

    with _opened(stream, type) as image:
        image.draft("RGB", (2 * edge, 2 * edge))  # a JPEG is decoded as small as that
        made = _plain(image)
        made.thumbnail((edge, edge), reducing_gap=3.0)
        upright = ImageOps.exif_transpose(made)
    clean = upright.copy()
    clean.info = {}
    return clean


def encoded(image: Image) -> tuple[bytes, str]:
    """Its bytes and their type: PNG where something shines through, and else JPEG."""
    out = io.BytesIO()
    if image.mode == "RGBA":
        image.save(out, "PNG", optimize=True)
        return out.getvalue(), "image/png"
    image.save(out, "JPEG", quality=85, optimize=True, progressive=True)
    return out.getvalue(), "image/jpeg"


class Sheet:
    """Places for so many pictures, `edge` wide and high each."""

    def __init__(self, many: int, columns: int, edge: int) -> None:
        from PIL import Image

        self._columns, self._edge = min(columns, many), edge
        rows = -(-many // self._columns)
        step = edge + GAP
        self._image = Image.new("RGB", (self._columns * step + GAP, rows * step + GAP), PAPER)

    def put(self, place: int, stream: BufferedIOBase | None) -> None:
        """A picture in the middle of its place; without one, a cross stands there."""
        from PIL import Image, ImageDraw

        row, column = divmod(place, self._columns)
        step = self._edge + GAP
        left, top = GAP + column * step, GAP + row * step
        if stream is None:
            right, bottom = left + self._edge - 1, top + self._edge - 1
            draw = ImageDraw.Draw(self._image)
            draw.rectangle((left, top, right, bottom), outline=INK)
            draw.line((left, top, right, bottom), fill=INK)
            draw.line((left, bottom, right, top), fill=INK)
            return
        with Image.open(cast("IO[bytes]", stream), formats=("PNG", "JPEG")) as picture:
            left += (self._edge - picture.width) // 2
            top += (self._edge - picture.height) // 2
            mask = picture if picture.mode == "RGBA" else None
            self._image.paste(picture, (left, top), mask)

    def png(self) -> bytes:
        out = io.BytesIO()
        self._image.save(out, "PNG")
        return out.getvalue()


@contextmanager
def _opened(stream: BufferedIOBase, type: str | None) -> Iterator[Image]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(cast("IO[bytes]", stream), formats=tuple(TYPES)) as image:
            _check(image, type)
            yield image
    except UnidentifiedImageError:
        known = ", ".join(TYPES)
        raise Refused(f"This is no picture, or of a form that is not read here: {known}.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many() from None
    except BROKEN as error:
        raise Refused(f"The picture is broken, or cut off: {error}") from None


def _check(image: Image, type: str | None) -> None:
    """By what stands in its head, before a pixel is decoded."""
    if image.width * image.height > MOST_PIXELS:
        raise _too_many()
    said = (type or "").partition(";")[0].strip().lower()
    real = TYPES[image.format or ""]
    if said not in ("", ANY_TYPE) and SAME.get(said, said) != real:
        raise Refused(f"It says that it is {said}, and it is {real}: send it as what it is.")


def _too_many() -> Refused:
    return Refused(f"A picture has at most {MOST_PIXELS:,} pixels here.")


def _plain(image: Image) -> Image:
    """The first picture of it, in RGB, or RGBA where something shines through."""
    from PIL import Image

    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        low, high = image.convert("F").getextrema()
        span = max(float(high) - float(low), 1.0)  # type: ignore[arg-type]  # of one band: numbers
        grey = image.convert("F").point(lambda v: v * (255 / span) - float(low) * 255 / span)  # type: ignore[arg-type]
        return _with_head(grey.convert("L").convert("RGB"), image)
    if image.has_transparency_data:
        made = image.convert("RGBA")
        if made.getchannel("A").getextrema()[0] == 255:
            made = made.convert("RGB")
    else:
        made = image.convert("RGB")
    assert isinstance(made, Image.Image)  # noqa: S101 - for the types
    return _with_head(made, image)


def _with_head(made: Image, image: Image) -> Image:
    """Which way is up stands in the head."""
    made.info = {name: image.info[name] for name in ("exif", "xmp") if name in image.info}
    orientation = image.getexif().get(0x0112)
    if orientation:
        made.getexif()[0x0112] = orientation
    return made
