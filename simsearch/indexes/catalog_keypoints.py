"""The keypoints of the catalog's images, as the lane of votes is built from them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from simsearch.catalog import Catalog
from simsearch.core.errors import DamagedDescriptor
from simsearch.core.types import Descriptor, Ids
from simsearch.features.base import Method, unpack
from simsearch.features.orb import column
from simsearch.indexes.keypoint_votes import Bits, VoteIndex

_LOG = logging.getLogger("simsearch")
_BLOCK = 1024
"""Images whose keypoints are read from the catalog at once: 20 MB."""
_SAMPLE = 2048
"""Images that the centres of a vote index are drawn from."""


def indexed_keypoints(keypoints: Descriptor, most: int) -> Bits:
    """Binary descriptors (n, 32) of at most `most` keypoints of an image, spread evenly over the stored order.

    OpenCV stores octave by octave and, within one, in no order: an even spread keeps the share of each octave. The
    coarsest ones alone find much less (docs/lookup.md).
    """
    bits = column(keypoints, "bits")
    if len(bits) > most:
        bits = bits[np.arange(most) * len(bits) // most]
    return bits.reshape(-1, 32)


def vote_index(
    catalog: Catalog,
    keypoints: Method,
    most: int,
    *,
    since: int = -1,
    ids: Ids | None = None,
    skip_damaged: bool = False,
) -> VoteIndex:
    """The stored keypoints of the images `ids`, or else of the active ones described after the revision `since`.

    At most `most` an image. Memory: the index itself, and a block of images.

    Raises:
        DamagedDescriptor: unless `skip_damaged`, which leaves the image out and warns of it.
    """
    ids = catalog.descriptors.active_ids(keypoints.fingerprint, since=since) if ids is None else ids
    index = VoteIndex(expected=most * len(ids))
    if len(ids) > _SAMPLE:
        for _, sample in _blocks(catalog, keypoints, most, ids[:: -(-len(ids) // _SAMPLE)], _SAMPLE, skip_damaged):
            if len(sample):
                index.train(sample)
    for repeated, bits in _blocks(catalog, keypoints, most, ids, _BLOCK, skip_damaged):
        index.add(repeated, bits)
    return index


def _blocks(
    catalog: Catalog, method: Method, most: int, ids: Ids, size: int, skip_damaged: bool
) -> Iterator[tuple[Ids, Bits]]:
    for start in range(0, len(ids), size):
        stored = catalog.descriptors.of(method.fingerprint, ids[start : start + size].tolist())
        parts = {}
        for image_id, data in sorted(stored.items()):
            try:
                parts[image_id] = indexed_keypoints(unpack(method, data, image_id), most)
            except DamagedDescriptor as error:
                if not skip_damaged:
                    raise
                _LOG.warning("%s; until then the image is not found by its keypoints", error)
        counts = [len(bits) for bits in parts.values()]
        repeated = np.repeat(np.array(list(parts), np.int64), counts)
        yield repeated, np.concatenate([np.zeros((0, 32), np.uint8), *parts.values()])
