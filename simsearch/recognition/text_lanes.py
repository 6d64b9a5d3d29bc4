"""The lanes of text: the print of a photo against the print of the catalog's photos, and against its table's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog.catalog import Changes
from simsearch.core.types import Ids
from simsearch.indexes.catalog_text import CatalogText
from simsearch.indexes.manifest import TEXT, WORDS
from simsearch.indexes.text import CANDIDATES, Document, TextIndex
from simsearch.indexes.text_asked import Asked
from simsearch.indexes.text_weights import TextWeights
from simsearch.recognition.rank_fusion import LaneHits
from simsearch.recognition.segments import Segment, segments_of

_A_PRODUCT = 3
"""Images of one product that a lane returns: one with many photos must not take all places."""
_LEAST, _NEAR = 0.1, 0.3
"""Similarity, and share of the best one, below which an image is not returned. Of 345 photos of boxes none lost the
right product by that, and of 20 places in the lane 5 were left on the average: every candidate costs a verification."""
_DEEPEST = 3200
"""Sketches that are looked at exactly, at most, where one product or retired images hide the others."""


def text_lanes(
    source: CatalogText,
    weights: TextWeights,
    built: Mapping[str, TextIndex],
    since: int,
    changes: Changes,
    known: Mapping[bytes, Segment],
    segments: dict[bytes, Segment],
) -> dict[str, tuple[TextIndex, ...]]:
    """The indexes of both lanes: those of a generation, then the segments of what came since.

    Args:
        source: the texts of the catalog.
        weights: of the generation.
        built: its indexes.
        since: its revision.
        changes: what happened after it, or since the beginning for a lane that it lacks.
        known: segments of an earlier snapshot.
        segments: of this one; those of the lanes are entered.
    """
    lanes = {}
    for lane, (ids, revisions), documents in (
        (TEXT, (changes.read_ids, changes.read_revisions), source.printed), (WORDS, _worded(changes), source.worded),
    ):  # fmt: skip
        new = revisions > (since if lane in built else -1)
        name = f"{lane} {source.reading.fingerprint} {weights.digest}"
        delta = segments_of(name, ids[new], revisions[new], _maker(documents, weights), known, segments)
        lanes[lane] = (*([built[lane]] if lane in built else []), *delta)
    return lanes


def _maker(documents: Callable[[Ids], Iterator[Document]], weights: TextWeights) -> Callable[[Ids], TextIndex]:
    return lambda ids: TextIndex.of(documents(ids), weights)


def _worded(changes: Changes) -> tuple[Ids, NDArray[np.int64]]:
    """Images that were described or renamed, ascending, and the later revision of the two."""
    ids = np.union1d(changes.ids, changes.renamed_ids)
    revisions = np.full(len(ids), -1, np.int64)
    for some, of in ((changes.ids, changes.described_revisions), (changes.renamed_ids, changes.renamed_revisions)):
        at = np.searchsorted(ids, some)
        revisions[at] = np.maximum(revisions[at], of)
    return ids, revisions


def alike(indexes: Sequence[TextIndex], asked: Asked, wanted: int, retired: frozenset[int]) -> LaneHits:
    """The images whose text is most like that of a photo, with their similarities, most similar first.

    Args:
        indexes: searched as if they were one.
        asked: the print of the photo.
        wanted: images, at most; of one product no more than three.
        retired: images that are left out.
    """
    best: dict[int, tuple[float, int]] = {}
    for index in indexes:
        for image, product, similarity in _live(index, asked, wanted, retired):
            best[image] = max(best.get(image, (0.0, product)), (similarity, product))
    least = max(_LEAST, _NEAR * max((similarity for similarity, _ in best.values()), default=0.0))
    taken: Counter[int] = Counter()
    hits = []
    for image, (similarity, product) in sorted(best.items(), key=lambda item: (-item[1][0], item[0])):
        if similarity < least:
            break
        taken[product] += 1
        if taken[product] <= _A_PRODUCT:
            hits.append((image, similarity))
        if len(hits) == wanted:
            break
    return hits


def _live(index: TextIndex, asked: Asked, wanted: int, retired: frozenset[int]) -> list[tuple[int, int, float]]:
    """(image, product, similarity) of the live images of one index; looked for more deeply where too few are left."""
    candidates = CANDIDATES
    while True:
        rows, similarities = index.nearest(asked, candidates)
        found, taken = [], Counter[int]()
        for row, similarity in zip(rows.tolist(), similarities.tolist(), strict=True):
            product = int(index.arrays.products[row])
            for image in index.images_of(row).tolist():
                if image not in retired and taken[product] < _A_PRODUCT:
                    taken[product] += 1
                    found.append((image, product, similarity))
            if len(found) >= wanted:
                return found
        if len(rows) < candidates or candidates >= min(len(index), _DEEPEST):
            return found
        candidates = min(len(index), 4 * candidates, _DEEPEST)
