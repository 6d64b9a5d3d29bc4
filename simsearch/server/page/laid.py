"""Lays one photo of the catalog over another, so that they can be blinked, slid and subtracted."""

from __future__ import annotations

import cv2
import numpy as np

from simsearch.core import images
from simsearch.core.errors import DamagedDescriptor, ImageError
from simsearch.core.types import Pixels
from simsearch.features.base import unpack
from simsearch.features.orb import Orb
from simsearch.server import translate
from simsearch.server.pictures import webp
from simsearch.server.state import ServerState
from simsearch.server.verifying import content

_SIDE = 640


def laid_over(shared: ServerState, top: int, ground: int) -> tuple[bytes, str]:
    """The photo `top` as it lies over `ground`, of the size of the reduced `ground`, as WebP; and its ETag.

    Where no homography is found it is scaled to the same size.

    Raises:
        Problem: no-image; file-gone; unreadable-image.
    """
    settings = shared.app.config.images
    known = [shared.thumbnails.known(number) for number in (top, ground)]
    etag = f'"{known[0][1][:24]}-{known[1][1][:24]}"'
    try:
        pictures = [
            images.decode(content(shared.app, n, path, sha256), settings, f"image {n}", sha256, keep=False).pixels
            for n, (path, sha256) in zip((top, ground), known, strict=True)
        ]
    except ImageError as error:
        raise translate.unreadable(error) from None
    return webp(_laid(pictures[0], images.shrunk(pictures[1], _SIDE), _homography(shared, top, ground))), etag


def _laid(top: Pixels, ground: Pixels, found: tuple[np.ndarray, int] | None) -> Pixels:
    height, width = ground.shape[:2]
    if found is None:
        return np.asarray(cv2.resize(top, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    homography, size = found
    # The homography holds between pictures whose longer side is `size`; pixels count from their centres.
    to_size, from_size = _scaling(size / max(top.shape[:2])), _scaling(max(height, width) / size)
    whole = from_size @ homography @ to_size
    # Where `top` does not reach, `ground` stays: there is nothing to compare, and the difference is nothing.
    laid = ground.copy()
    return np.asarray(
        cv2.warpPerspective(top, whole, (width, height), laid, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT), np.uint8
    )


def _scaling(scale: float) -> np.ndarray:
    shift = (scale - 1) / 2
    return np.array([[scale, 0, shift], [0, scale, shift], [0, 0, 1]], np.float64)


def _homography(shared: ServerState, top: int, ground: int) -> tuple[np.ndarray, int] | None:
    """Points of `top` to points of `ground`, and the longer side of both pictures that it holds for."""
    orb = shared.app.methods["orb"]
    assert isinstance(orb, Orb)
    stored = shared.app.catalog.descriptors.of(orb.fingerprint, [top, ground])
    try:
        geometry = orb.geometry(*(unpack(orb, stored[number], number) for number in (top, ground)))
    except (KeyError, DamagedDescriptor):
        return None
    return None if geometry.homography is None else (geometry.homography, orb.settings.size)
