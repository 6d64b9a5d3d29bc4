"""Which images their sources no longer list, and how many of them may go at once. What is refused is not gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePath

from simsearch.catalog.images import KnownImage
from simsearch.core.errors import SourceError
from simsearch.ingest.sources import Source


@dataclass(frozen=True)
class Gone:
    """The active images of some sources that these sources no longer list."""

    ids: tuple[int, ...]
    """Images to retire."""
    kept: int
    """Unlisted images that stay, because a refused row or folder may stand for them."""
    known: int
    """All active images of these sources."""


def find_gone(known: Iterable[KnownImage], sources: Collection[Source]) -> Gone:
    """Which of the `known` images are gone from `sources`; images of other sources are left alone.

    An unlisted image stays if a refusal names its path or a folder above it. A source with a refusal that names no
    path (a damaged line, an empty `image`) loses no image at all: the refused row may be any of them.
    """
    listed = {(row.sku, row.path) for source in sources for row in source.rows}
    refused = {refusal.path for source in sources for refusal in source.refusals}
    vague = {source.key for source in sources if any(not refusal.path for refusal in source.refusals)}
    keys = {source.key for source in sources}
    own = [image for image in known if image.source in keys and not image.left_out]
    unlisted = [image for image in own if (image.filed, image.path) not in listed]
    ids = tuple(i.id for i in unlisted if i.source not in vague and not _at_or_below(i.path, refused))
    return Gone(ids, len(unlisted) - len(ids), len(own))


def check_share(gone: Gone, share: float, sources: Collection[Source]) -> None:
    """Stop before too much is retired: that is what a disk that is not mounted looks like. One image may always go.

    Args:
        gone: what would be retired.
        share: of the sources' images, 0 to 1.
        sources: named in the message.

    Raises:
        SourceError: more than `share` of the images would be retired.
    """
    if len(gone.ids) > max(1, round(share * gone.known)):
        names = ", ".join(sorted({source.key for source in sources}))
        raise SourceError(
            f"{len(gone.ids)} of {gone.known} images are no longer listed by {names}: more than "
            f"nightly.retire_share = {share}; is everything mounted? If they are to go, run "
            "`simsearch index --prune-all` on these sources once"
        )


def _at_or_below(path: str, places: Collection[str]) -> bool:
    return any(str(part) in places for part in (path, *PurePath(path).parents))
