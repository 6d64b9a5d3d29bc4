"""The picture behind an answer: the photo that was asked beside an image of the catalog, with the points that agree."""

from __future__ import annotations

from pathlib import Path

from simsearch.core import images
from simsearch.core.errors import ImageError
from simsearch.core.text import points
from simsearch.core.threads import SingleThreaded
from simsearch.features.description import describe_here
from simsearch.features.orb import Orb
from simsearch.server import translate
from simsearch.server.pictures import webp
from simsearch.server.problems import Problem
from simsearch.server.reviewing import recorded
from simsearch.server.state import ServerState
from simsearch.server.verifying import content
from simsearch.views.html import side_by_side


def photo_of(shared: ServerState, decision: int, image: int) -> tuple[Path, str]:
    """The kept photo of an answer, and the sha256 of the image beside it.

    Raises:
        Problem: no-decision; no-photo; no-image.
    """
    recorded(shared, decision)
    _, sha256 = shared.thumbnails.known(image)
    kept = shared.photos.find(decision)
    if kept is None:
        raise Problem("no-photo", f"the photo of decision {decision} was not kept; see server.keep_photos")
    return kept, sha256


def sheet(shared: ServerState, photo: Path, image: int, decision: int) -> bytes:
    """Both pictures at one height as WebP, a line for each pair of points that agree.

    Raises:
        Problem: one of the two cannot be read.
    """
    settings = shared.app.config.images
    path, sha256 = shared.thumbnails.known(image)
    try:
        pair = [
            images.decode(images.read(photo, settings), settings, f"photo of decision {decision}", "-", keep=False),
            images.decode(content(shared.app, image, path, sha256), settings, f"image {image}", sha256, keep=False),
        ]
    except ImageError as error:
        raise translate.unreadable(error) from None
    orb = shared.app.methods["orb"]
    assert isinstance(orb, Orb)
    with SingleThreaded():
        left, right = (found["orb"] for found in describe_here({"orb": orb}, pair))
        geometry = orb.geometry(left, right)
    facts = shared.app.catalog.images.facts([image]).get(image)
    name = facts.title if facts else ""
    caption = [f"decision {decision}", f"{name}: {points(geometry.inliers)}"]
    return webp(side_by_side(pair[0].pixels, pair[1].pixels, geometry, caption, size=orb.settings.size))
