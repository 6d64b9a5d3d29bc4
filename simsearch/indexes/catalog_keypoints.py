"""The keypoints of the catalog's images, and the index of votes that is built from them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import numpy as np

from simsearch.core.errors import DamagedDescriptor, GenerationError
from simsearch.core.threads import cores
from simsearch.core.types import Descriptor, Ids
from simsearch.features.base import Method, unpack
from simsearch.features.keypoints import column
from simsearch.indexes.catalog_view import CatalogView
from simsearch.indexes.keypoint_votes import Bits, VoteIndex

_LOG = logging.getLogger("simsearch")
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


def keypoints_of(
    catalog: CatalogView, keypoints: Method, most: int, ids: Ids, *, skip_damaged: bool = False
) -> dict[int, Bits]:
    """Image id -> `indexed_keypoints` of those images `ids` that have stored keypoints, ascending.

    Raises:
        DamagedDescriptor: unless `skip_damaged`, which leaves the image out and warns of it.
    """
    found = {}
    for image_id, data in sorted(catalog.descriptors.of(keypoints.fingerprint, ids.tolist()).items()):
        try:
            found[image_id] = indexed_keypoints(unpack(keypoints, data, image_id), most)
        except DamagedDescriptor as error:
            if not skip_damaged:
                raise
            _LOG.warning("%s; until then the image is not found by its keypoints", error)
    return found


def vote_index(
    catalog: CatalogView,
    keypoints: Method,
    most: int,
    *,
    since: int = -1,
    ids: Ids | None = None,
    skip_damaged: bool = False,
) -> VoteIndex:
    """An index of stored keypoints. Memory: the index itself and a block of images.

    Args:
        catalog: where the keypoints are stored.
        keypoints: the method.
        most: keypoints per image, at most.
        since: index the active images that were described after this revision of the catalog.
        ids: index these images instead.
        skip_damaged: leave out images whose keypoints are damaged, with a warning.

    Raises:
        DamagedDescriptor: unless `skip_damaged`.
    """
    ids = catalog.descriptors.active_ids(keypoints.fingerprint, since=since) if ids is None else ids
    [index] = vote_indexes(catalog, keypoints, most, [ids], skip_damaged=skip_damaged)
    return index


def vote_indexes(
    catalog: CatalogView,
    keypoints: Method,
    most: int,
    parts: Sequence[Ids],
    *,
    skip_damaged: bool = False,
    stop: Event | None = None,
) -> Iterator[VoteIndex]:
    """As `vote_index`, one index for each of `parts`, which are images; all have the centres of one.

    Raises:
        DamagedDescriptor: unless `skip_damaged`.
        GenerationError: `stop` was set.
    """
    ids = np.concatenate(parts)
    first = VoteIndex(expected=most * len(ids))
    if len(ids) > min(_SAMPLE, len(parts[0])):
        every = -(-len(ids) // _SAMPLE)
        _, sample = _joined(keypoints_of(catalog, keypoints, most, ids[::every], skip_damaged=skip_damaged))
        if len(sample):
            first.train(sample)
    for held in parts:
        index = first.twin()
        blocks = (held[start : start + _BLOCK] for start in range(0, len(held), _BLOCK))
        read = (_joined(keypoints_of(catalog, keypoints, most, part, skip_damaged=skip_damaged)) for part in blocks)
        _fill(index, read, stop)
        yield index
        del index  # it may be large: nobody holds it while the next one is filled


def _fill(index: VoteIndex, blocks: Iterable[tuple[Ids, Bits]], stop: Event | None) -> None:
    """Add blocks of descriptors in their order. While one is read, the lists of those before it are sought."""
    waiting: deque[tuple[Ids, Bits, Future[Ids]]] = deque()

    def add() -> None:
        ids, bits, places = waiting.popleft()
        index.add(ids, bits, places.result())

    with ThreadPoolExecutor(cores(), "places") as pool:
        for ids, bits in blocks:
            if stop is not None and stop.is_set():
                raise GenerationError("the build was stopped; run `simsearch rebuild`")
            if not index.trained:
                index.add(ids, bits)
                continue
            waiting.append((ids, bits, pool.submit(index.places, bits)))
            if len(waiting) > cores():
                add()
        while waiting:
            add()


def _joined(of: dict[int, Bits]) -> tuple[Ids, Bits]:
    """All keypoints (n, 32), with the id (n,) of the image of each."""
    repeated = np.repeat(np.array(list(of), np.int64), [len(bits) for bits in of.values()])
    return repeated, np.concatenate([np.zeros((0, 32), np.uint8), *of.values()])
