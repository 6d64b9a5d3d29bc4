"""Loose pills beside packages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simsearch.core.types import Pixels
from simsearch.features.network.pill_search import search
from simsearch.recognition.packages.shapes import Polygon, Size, area, around, covered, cut, hull, paint

_ROOM = 0.08
"""Room around a package, whose rim may be taken for a pill, in shares of its longer side."""


def pills_beside(pixels: Pixels, packages: Sequence[Polygon], size: Size) -> Polygon | None:
    """The outline of what may be loose pills beside packages; None where nothing looks like them.

    Args:
        pixels: the photo at working size, where pills are sought.
        packages: outlines, in pixels of a picture of `size`.
        size: width and height that outlines refer to.
    """
    scale = pixels.shape[1] / size[0]
    own = pixels.shape[1], pixels.shape[0]
    held = [around(package * scale, _ROOM, own) for package in packages]
    over, painted = covered(pixels, held), pixels.copy()
    if over.all():
        return None
    paint(painted, over, ~over)
    spots = [hull(pill) for pill in search(painted)]
    free = [spot for spot in spots if all(cut(spot, package) is None for package in held)]
    if not free:
        return None
    together = hull(np.concatenate(free))
    apart = all(cut(together, package) is None for package in held)
    largest = max(free, key=area)
    return np.asarray((together if apart else largest) / scale, np.float32)
