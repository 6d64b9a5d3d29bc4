"""A file's bytes become one upright RGB array, or a named reason why not. The only place that decodes.

Reads JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000 and PPM, and HEIC where the extra `heif` is installed, and shows
what a browser shows. `core.formats` has what each kind asks for. All functions may be called from several threads at
once.

Pillow warns of odd metadata in photos that it reads all the same. These warnings are left to the process: a filter
would be the whole process's, and no way to set one for the calling thread is safe before Python 3.14. The command line,
whose process is its own, silences them (`cli.context`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import ExifTags
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.formats import Unfit, heif, jpeg, kinds, libtiff, opening
from simsearch.core.formats.flatten import at_sides, resized, rgb, shrunk
from simsearch.core.types import Box, Image, Photo, PhotoLike, Pixels, within

__all__ = [
    "SUFFIXES", "decode", "decode_sharp", "load", "load_accepted", "load_or_error", "load_sharp", "read", "resized",
    "shrunk",
]  # fmt: skip

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .webp .gif .bmp .dib .tif .tiff .avif .avifs .heic .heics .heif .heifs .hif "
    ".jp2 .j2k .jpx .jpf .ppm .pgm .pbm .pnm".split()
)
"""Endings of the files that count as photos when a folder is scanned. A table may name files with any ending."""

_ENDS_EARLY = ("truncated", "unexpected end", "not enough", "premature", "end of file")
_FRAMES = 8
"""How far into an animation a picture is looked for where the first frame has one colour only."""

_TURNS = {  # EXIF orientation -> how to make it upright; from 5 on, width and height change places
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}


def load(path: Path, settings: ImageSettings, *, keep: bool = True) -> Image:
    """The photo in `path`; `keep` as for :func:`decode`.

    Raises:
        ImageError: it cannot be read or decoded; `code` says why.
    """
    return decode(read(path, settings), settings, str(path), keep=keep)


def load_sharp(path: Path, settings: ImageSettings) -> Pixels:
    """`Image.sharp` of the photo in `path`, for who needs nothing else of it.

    Raises:
        ImageError: as :func:`load`.
    """
    return decode_sharp(read(path, settings), settings, str(path)).pixels


def load_accepted(path: Path, settings: ImageSettings, sha256: str) -> Pixels | None:
    """The `pixels` of a file that was decoded before; None if it has another sha256.

    What has that sha256 is known to be whole, so that a JPEG is decoded without looking for damage: in about half of
    the time.

    Raises:
        ImageError: as :func:`load`.
    """
    data = read(path, settings)
    if hashlib.sha256(data).hexdigest() != sha256:
        return None
    return _images(data, settings, str(path), sha256, (settings.working_size,), whole=True)[0].pixels


def load_or_error(photo: PhotoLike, settings: ImageSettings, *, keep: bool = True) -> Image | ImageError:
    """The photo, or why it cannot be read. Its name is its path; "-" where there are only bytes."""
    try:
        if isinstance(photo, Photo):
            return decode(photo.data, settings, photo.name, keep=keep)
        if isinstance(photo, bytes):
            return decode(photo, settings, "-", keep=keep)
        return load(Path(photo), settings, keep=keep)
    except ImageError as error:
        return error


def read(path: Path, settings: ImageSettings) -> bytes:
    """The bytes of `path`, at most one more than `settings.max_bytes`, so that :func:`decode` refuses a larger file.

    Raises:
        ImageError: "missing": the file cannot be read.
    """
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            raise ImageError("missing", f"{path}: is no file but a device or pipe")  # reading might never end
        with path.open("rb") as stream:
            return stream.read(settings.max_bytes + 1)
    except IsADirectoryError:
        raise ImageError("missing", f"{path}: is a folder, not a photo") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError("missing", f"{path}: cannot be read ({reason})") from None


def decode(
    data: bytes, settings: ImageSettings, name: str = "<bytes>", sha256: str = "", *, keep: bool = True
) -> Image:
    """The photo in `data`.

    `pixels` do not depend on `keep`. A JPEG that can be decoded at a reduced scale is, so that `Image.sharp` costs a
    second decode when it is asked for: the coarse scale leaves out detail rather than averaging it, and cannot be made
    from the finer one. Of all else, one decode gives both.

    Args:
        data: content of an image file.
        settings: limits, and the side in pixels that the photo is brought down to.
        name: of the photo, for messages and records.
        sha256: of `data`, where the caller knows it already.
        keep: whether the image keeps what `Image.sharp` is made from: `data` of such a JPEG, else the pixels; and, for
            `Image.cut_outs`, `data` of any photo that is larger still. Who never asks for them does without.

    Raises:
        ImageError: it cannot be decoded; `code` says why.
    """
    side = settings.working_size
    image, *more = _images(data, settings, name, sha256, (side, settings.sharp_size) if keep else (side,))
    if not keep or max(image.width, image.height) <= side:  # of a small photo `pixels` is all
        return image
    if max(image.width, image.height) > settings.sharp_size:
        whole = image
        image = replace(image, nearer=lambda boxes: _cut_outs(data, settings, whole, boxes))
    if more:
        sharp = more[0].pixels
        return replace(image, larger=lambda: sharp)
    return replace(image, larger=_Later(data, settings, image.name, image.sha256))


def decode_sharp(data: bytes, settings: ImageSettings, name: str = "<bytes>", sha256: str = "") -> Image:
    """The photo in `data` for reading alone: its `pixels` are what `Image.sharp` of :func:`decode` is.

    Raises:
        ImageError: as :func:`decode`.
    """
    return _images(data, settings, name, sha256, (settings.sharp_size,))[0]


def _cut_outs(data: bytes, settings: ImageSettings, photo: Image, boxes: Sequence[Box]) -> list[Pixels]:
    """See `Image.cut_outs`: the whole photo is decoded once, no finer than the smallest box needs."""
    longer, most = max(photo.width, photo.height), settings.sharp_size
    sides = [max((right - left) * photo.width, (bottom - top) * photo.height) for left, top, right, bottom in boxes]
    needed = longer * min(1.0, most / max(1.0, min(sides, default=1.0)))
    # A JPEG is decoded at such scales, and then need not be resized; one with more pixels cannot be decoded at 1.
    side = longer if photo.width * photo.height <= settings.max_pixels else longer // 2
    while side // 2 >= needed:
        side //= 2
    whole = _images(data, settings, photo.name, photo.sha256, (side,))[0].pixels
    return [np.array(shrunk(within(whole, box), most)) for box in boxes]


class _Later:
    """A JPEG that is decoded at the scale for reading when somebody asks."""

    def __init__(self, data: bytes, settings: ImageSettings, name: str, sha256: str) -> None:
        self._waiting: tuple[bytes, ImageSettings, str, str] | None = (data, settings, name, sha256)
        self._pixels: Pixels | None = None
        self._lock = Lock()

    def __call__(self) -> Pixels:
        with self._lock:  # one decode, however many threads ask
            if self._waiting is not None:
                self._pixels = decode_sharp(*self._waiting).pixels
                self._waiting = None
            assert self._pixels is not None
            return self._pixels


def _images(
    data: bytes, settings: ImageSettings, name: str, sha256: str, sides: Sequence[int], *, whole: bool = False
) -> list[Image]:
    """The photo with at most so many pixels on the longer side, for each of `sides`; see :func:`_decoded`."""
    if not data:
        raise ImageError("zero_size", f"{name}: the file is empty")
    if len(data) > settings.max_bytes:
        raise ImageError("too_large", f"{name}: has more than {settings.max_bytes} bytes (images.max_bytes)")
    try:
        found, width, height = _heard(data, settings, sides, whole)
    except Unfit as error:
        raise ImageError(error.code, f"{name}: {error}") from None
    except MemoryError:
        raise ImageError("too_large", f"{name}: does not fit into memory") from None
    digest = sha256 or hashlib.sha256(data).hexdigest()
    return [Image(np.ascontiguousarray(pixels), digest, width, height, name) for pixels in found]


def _heard(data: bytes, settings: ImageSettings, sides: Sequence[int], whole: bool) -> tuple[list[Pixels], int, int]:
    """As :func:`_decoded`; whatever a decoder raises, or libtiff reports, becomes the reason."""
    with libtiff.listening() as errors:
        try:
            found = _decoded(data, settings, sides, whole)
        except (Unfit, MemoryError):
            raise
        except Exception as error:  # on damaged data decoders raise whatever they stumble over
            raise _damaged(data, error, errors) from error
    if errors:  # libtiff goes on, and leaves holes
        raise Unfit("unreadable", f"the image data is damaged ({'; '.join(errors)})")
    return found


def _decoded(data: bytes, settings: ImageSettings, sides: Sequence[int], whole: bool) -> tuple[list[Pixels], int, int]:
    """RGB with at most so many pixels on the longer side, for each of `sides`, the smallest first; and width and height
    of the whole picture when it is upright.

    A JPEG that is decoded at a reduced scale gives the first side alone. `whole`: it is known to be undamaged.
    """
    found = opening.picture(data)
    opened, page = found.opened, found.page
    width, height = opened.size
    if opening.fit(found, settings, sides[0]):
        sides = sides[:1]
    for key in ("xmp", "XML:com.adobe.xmp"):  # browsers do not turn a picture by what its XMP says
        opened.info.pop(key, None)
    loaded = jpeg.load(opened, found.data) if isinstance(opened, JpegImageFile) and not whole else opened
    if opened.info.get("default_image"):  # an APNG's picture for programs that know no animations
        opened.seek(1)

    def flat() -> list[Pixels]:
        if opened.format == "HEIF" and (every := heif.pixels(opened)) is not None:
            flat = at_sides(every, found.profile, sides)
            return [pixels.copy() if np.may_share_memory(pixels, every) else pixels for pixels in flat]
        loaded.load()
        turn = _TURNS.get(_orientation(opened))
        upright = loaded if turn is None else loaded.transpose(turn)
        signed, inverted = (page.signed, page.white_is_zero) if page else (0, False)
        return rgb(upright, found.profile, sides, signed=signed, inverted=inverted)

    pixels = _not_blank(opened, flat)
    if loaded is opened and opened.format == "TIFF":  # Pillow turns it while loading
        width, height = opened.size
    return (pixels, height, width) if _orientation(opened) >= 5 else (pixels, width, height)


def _not_blank(opened: ImageFile, flat: Callable[[], list[Pixels]]) -> list[Pixels]:
    """The first frame; of an animation that begins with one colour, the first with more."""
    first = flat()
    if opened.format not in ("GIF", "PNG", "WEBP", "AVIF") or not getattr(opened, "is_animated", False):
        return first
    frames, frame = first, opened.tell()
    try:
        while _one_colour(frames[0]) and frame < _FRAMES:
            frame += 1
            opened.seek(frame)
            frames = flat()
    except Exception:  # the animation ends, or is damaged further on
        return first
    return first if _one_colour(frames[0]) else frames


def _one_colour(pixels: Pixels) -> bool:
    return bool((pixels == pixels[0, 0]).all())


def _orientation(opened: ImageFile) -> int:
    """1 to 8; 1 is upright. Call it after loading: PNG may keep it behind the pixels, TIFF is turned while loading.

    The value should be one SHORT. Some programs write a BYTE, a LONG or several.
    """
    try:
        value = opened.getexif().get(ExifTags.Base.Orientation, 1)
        if isinstance(value, bytes | tuple):
            value = value[0]
    except Exception:  # a damaged EXIF block does not spoil the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _damaged(data: bytes, error: Exception, errors: list[str]) -> Unfit:
    text = str(error).lower()
    if isinstance(error, EOFError) or any(t in text for t in _ENDS_EARLY) or kinds.is_short(data):
        return Unfit("truncated", "the file ends before the picture does")
    reason = "; ".join((*errors, " ".join(f"{type(error).__name__}: {error}".split())))
    if isinstance(error, SyntaxError):
        return Unfit("unreadable", f"begins like an image, but its header is damaged ({reason})")
    return Unfit("unreadable", f"the image data is damaged ({reason})")
