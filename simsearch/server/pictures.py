"""Pictures for clients: reduced and encoded anew, never the stored file itself, which may say where it was taken."""

from __future__ import annotations

import io
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Query
from PIL import Image as Pillow
from pydantic import BeforeValidator

from simsearch.app import App
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.types import Pixels
from simsearch.server import translate
from simsearch.server.problems import Problem
from simsearch.server.verifying import content

SIZES = (160, 640, 1600)
Size = Annotated[Literal[160, 640, 1600], BeforeValidator(int), Query(description="Longer side in pixels, at most")]
PICTURE: dict[str, Any] = {
    "description": "the picture", "content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}},
}  # fmt: skip
NOT_MODIFIED: dict[str, Any] = {"description": "the client has it already"}
FOREVER = "private, max-age=31536000, immutable"
"""The content of an image never changes under its number."""
_QUALITY = 82
_CACHED, _LARGEST_CACHED = 512, 640
"""Pictures kept, and their longer side at most."""


def reduced(data: bytes, settings: ImageSettings, size: int) -> bytes:
    """The picture in `data` as WebP, its longer side at most `size` pixels.

    Raises:
        Problem: it cannot be read.
    """
    try:
        if size > settings.working_size:
            pixels = images.decode_sharp(data, settings, "photo", "-").pixels
        else:
            pixels = images.decode(data, settings, "photo", "-", keep=False).pixels
    except ImageError as error:
        raise translate.unreadable(error) from None
    return webp(images.shrunk(pixels, size))


def webp(pixels: Pixels) -> bytes:
    """`pixels` as WebP."""
    out = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(pixels)).save(out, "WEBP", quality=_QUALITY, method=2)
    return out.getvalue()


class Thumbnails:
    """Reduced pictures of the catalog; the latest ones are kept in memory. Safe to share between threads."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = Lock()

    def known(self, image_id: int) -> tuple[Path, str]:
        """(path, sha256) of an active image. Problem no-image where there is none."""
        self.app.require_catalog()
        facts = self.app.catalog.images.facts([image_id]).get(image_id)
        if facts is None:
            raise Problem("no-image", f"the catalog has no active image {image_id}")
        return Path(facts.path), facts.sha256

    def get(self, image_id: int, size: int) -> bytes:
        """An image of the catalog as WebP.

        Raises:
            Problem: no-image; file-gone.
        """
        path, sha256 = self.known(image_id)
        key = sha256, size
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = reduced(content(self.app, image_id, path, sha256), self.app.config.images, size)
        if size > _LARGEST_CACHED:
            return made
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _CACHED:
                self._kept.popitem(last=False)
        return made
