"""HEIC: decoded by libheif, on no more threads than the calling one may use.

libheif decodes the tiles of a photo side by side, and lets go of Python's lock meanwhile. There is no reduced scale:
every photo is decoded whole.
"""

from __future__ import annotations

import io
from functools import cache
from threading import Lock

import numpy as np
from PIL import Image as Pillow
from PIL.ImageFile import ImageFile

from simsearch.core.threads import threads_here
from simsearch.core.types import Pixels

_OPENING = Lock()


@cache
def available() -> bool:
    """Register HEIC with Pillow, once; whether that was possible."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def opened(data: bytes) -> ImageFile:
    """The file, whose pixels will be decoded on `threads_here()` threads.

    Raises:
        SyntaxError: its boxes are damaged.
    """
    from pillow_heif import options

    factory, _ = Pillow.OPEN["HEIF"]
    with _OPENING:  # the number is the module's, and a file takes it when it is opened
        options.DECODE_THREADS = threads_here()
        return factory(io.BytesIO(data), "")


def pixels(opened: ImageFile) -> Pixels | None:
    """The decoded picture (h, w, 3) in libheif's own memory, which Pillow would copy twice; read-only.

    None where it has transparency or no colours: Pillow then knows what to do.
    """
    from pillow_heif.as_plugin import HeifImageFile

    file = getattr(opened, "_heif_file", None)
    if not isinstance(opened, HeifImageFile) or opened.mode != "RGB" or file is None:
        return None
    frame = file[opened.tell()]
    data = frame.data  # decodes; the size is only known afterwards
    width, height = frame.size
    return np.ndarray((height, width, 3), np.uint8, data, strides=(frame.stride, 3, 1))
