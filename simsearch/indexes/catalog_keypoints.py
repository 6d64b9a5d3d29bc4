"""The keypoints of the catalog's images, and the index of votes that is built from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simsearch.core.errors import CatalogError
from simsearch.core.types import Descriptor, Ids
from simsearch.features.base import Method, unpack
from simsearch.features.orb import column
from simsearch.indexes.catalog_view import CatalogView
from simsearch.indexes.keypoint_votes import Bits, VoteIndex

_BLOCK = 1024
"""Images whose keypoints are read from the catalog at once: about 20 MB."""
_SAMPLE = 2048
"""Images whose keypoints the centres of a vote index are drawn from."""


def indexed_keypoints(keypoints: Descriptor, most: int) -> Bits:
    """Binary descriptors (n, 32) of at most `most` keypoints of an image, spread evenly over the stored order.

    OpenCV stores octave after octave, and each octave in no order, so an even spread keeps the share of each octave.
    The coarsest keypoints alone find much less (docs/lookup.md).
    """
    bits = column(keypoints, "bits")
    if len(bits) > most:
        bits = bits[np.arange(most) * len(bits) // most]
    return bits.reshape(-1, 32)


def keypoints_of(catalog: CatalogView, keypoints: Method, most: int, ids: Ids) -> dict[int, Bits]:
    """Image id -> `indexed_keypoints` of those images `ids` that have stored keypoints, ascending.

    Raises:
        CatalogError: the keypoints of an image are damaged.
    """
    found = {}
    for image_id, data in sorted(catalog.descriptors.of(keypoints.fingerprint, ids.tolist()).items()):
        try:
            found[image_id] = indexed_keypoints(unpack(keypoints, data), most)
        except ValueError:
            text = f"image {image_id}: its {keypoints.fingerprint} descriptor is damaged; restore a backup"
            raise CatalogError(text) from None
    return found


def vote_index(
    catalog: CatalogView, keypoints: Method, most: int, *, since: int = -1, ids: Ids | None = None
) -> VoteIndex:
    """An index of stored keypoints. Memory: the index itself and a block of images.

    Args:
        catalog: where the keypoints are stored.
        keypoints: the method.
        most: keypoints per image, at most.
        since: index the active images that were described after this revision of the catalog.
        ids: index these images instead.

    Raises:
        CatalogError: the keypoints of an image are damaged.
    """
    ids = catalog.descriptors.active_ids(keypoints.fingerprint, since=since) if ids is None else ids
    index = VoteIndex(expected=most * len(ids))
    if len(ids) > _SAMPLE:
        _, sample = _joined(keypoints_of(catalog, keypoints, most, ids[:: -(-len(ids) // _SAMPLE)]))
        if len(sample):
            index.train(sample)
    for repeated, bits in _blocks(catalog, keypoints, most, ids):
        index.add(repeated, bits)
    return index


def _blocks(catalog: CatalogView, keypoints: Method, most: int, ids: Ids) -> Iterator[tuple[Ids, Bits]]:
    for start in range(0, len(ids), _BLOCK):
        yield _joined(keypoints_of(catalog, keypoints, most, ids[start : start + _BLOCK]))


def _joined(of: dict[int, Bits]) -> tuple[Ids, Bits]:
    """All keypoints (n, 32), with the id (n,) of the image of each."""
    repeated = np.repeat(np.array(list(of), np.int64), [len(bits) for bits in of.values()])
    return repeated, np.concatenate([np.zeros((0, 32), np.uint8), *of.values()])
