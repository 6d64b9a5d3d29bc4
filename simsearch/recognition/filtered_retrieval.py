"""Coarse lookup within a part of the catalog: nothing outside it can take a place, so that nothing in it is lost.

Filtering what an index returned would lose what stands behind the rest, and approximate indexes cannot be asked for
everything. So the part's embeddings and hashes are read from the catalog and compared exactly, whatever kind of index
serves. Its keypoints vote in an index of their own where the part is small; where it is large, in the one that serves,
with the votes of all other images left out.
"""

from __future__ import annotations

import numpy as np

from simsearch.core.types import Ids
from simsearch.features.base import MetricMethod
from simsearch.indexes import create
from simsearch.indexes.catalog_keypoints import vote_index
from simsearch.recognition.retrieval import Lookup

OWN_VOTES = 2000
"""Images up to which the keypoints of the part get an index of their own: half a second to make."""


class FilteredLookup(Lookup):
    """Finds candidates among the images `allowed` (n,) of the catalog as it is now; does not follow it."""

    def __init__(self, whole: Lookup, allowed: Ids) -> None:
        """`whole` must be fresh."""
        super().__init__(whole.catalog, whole.generations, whole.methods, whole.settings)
        self.keypoints = whole.keypoints
        self.allowed = allowed
        for name, method in self.methods.items():
            self._delta[name] = create(method.metric, method.dim)
            self._delta[name].add(*self._matrix(method))
        if self.keypoints is None or not self.settings.vote_candidates:
            return
        if len(allowed) <= OWN_VOTES:
            self._votes = (vote_index(self.catalog, self.keypoints, self.settings.vote_keypoints, ids=allowed),)
        else:
            outside = np.setdiff1d(self.catalog.descriptors.active_ids(self.keypoints.fingerprint), allowed)
            self._votes, self._retired = whole._votes, whole._retired | frozenset(outside.tolist())

    def _matrix(self, method: MetricMethod) -> tuple[Ids, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
        """Ids (n,) and vectors (n, width) of the allowed images that have a descriptor."""
        packed = self.catalog.descriptors.of(method.fingerprint, self.allowed.tolist())
        ids = sorted(packed)
        size = method.shape[0] * method.dtype.itemsize
        blocks = [packed[i] for i in ids if len(packed[i]) == size]  # `matrix` reports a damaged one on opening
        whole = np.array([i for i in ids if len(packed[i]) == size], np.int64)
        return whole, np.frombuffer(b"".join(blocks), method.dtype).reshape(len(whole), method.shape[0])

    def refresh(self) -> None:
        """Nothing to follow: a change of the catalog asks for another filter."""
