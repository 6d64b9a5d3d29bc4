"""Verification of two photos that a client sends, or of two images of the catalog."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from simsearch.app import App
from simsearch.core import images
from simsearch.core.errors import ImageError
from simsearch.core.types import Photo
from simsearch.server import translate
from simsearch.server.problems import Problem
from simsearch.views import json as shapes


def verdict_on(app: App, a: Photo, b: Photo) -> dict[str, Any]:
    """The verdict on two photos, in the shape of `simsearch verify --json`. Takes long: call it in `Jobs.run`.

    Raises:
        Problem: one of the two cannot be read.
    """
    with ExitStack() as stack:
        paths = [stack.enter_context(_as_file(photo.data)) for photo in (a, b)]
        [found] = app.verify([(paths[0], paths[1])])
    if found.error is not None:
        text = str(found.error)
        for path, photo in zip(paths, (a, b), strict=True):
            text = text.replace(path, photo.name)
        raise translate.unreadable(ImageError(found.error.code, text))
    return shapes.verdict(replace(found, a=a.name, b=b.name))


def filed(app: App, image_id: int) -> Photo:
    """An image of the catalog, under the name that its source gave it, with the content that was indexed.

    Raises:
        Problem: no-image; file-gone.
    """
    app.require_catalog()
    known = app.catalog.images.facts([image_id]).get(image_id)
    if known is None:
        raise Problem("no-image", f"the catalog has no active image {image_id}")
    return Photo(known.image, content(app, image_id, Path(known.path), known.sha256))


def content(app: App, image_id: int, path: Path, sha256: str) -> bytes:
    """The bytes of an image's file. Problem file-gone where they are no longer those that were indexed."""
    import hashlib

    try:
        data = images.read(path, app.config.images)
    except ImageError:
        raise Problem("file-gone", f"the file of image {image_id} cannot be read") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Problem("file-gone", f"the file of image {image_id} holds something else than was indexed")
    return data


@contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """The path of a file with this content, in memory where the system can do so: verification reads files."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("photo", os.MFD_CLOEXEC)
        try:
            with open(handle, "wb", closefd=False) as stream:
                stream.write(data)
            yield f"/proc/self/fd/{handle}"
        finally:
            os.close(handle)
    else:
        with tempfile.NamedTemporaryFile() as stream:
            stream.write(data)
            stream.flush()
            yield stream.name
