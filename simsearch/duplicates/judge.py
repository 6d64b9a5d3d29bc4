"""The look at suspected pairs: features from memory for all, keypoints only where they can change the verdict."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.config import DuplicateSettings
from simsearch.datatypes import Descriptor, Verification
from simsearch.duplicates.lanes import Suspects
from simsearch.duplicates.photo import PhotoTest, photo_test
from simsearch.duplicates.pool import Pool
from simsearch.errors import CatalogError
from simsearch.methods.base import unpack
from simsearch.verification import FEATURES, Verifier

_BLOCK = 4096
"""Pairs that are judged at once."""
_HELD = 4096
"""Images whose keypoints are kept in memory: about 80 MB."""
_MOST_INLIERS = 500


@dataclass(frozen=True)
class Look:
    """What is known of a pair of files."""

    verification: Verification
    photo: PhotoTest | None
    """Set only where both show one photo."""
    thorough: bool
    """Whether keypoints were compared, or could not have changed anything."""


class Judge:
    """Looks at pairs of places of a pool. `floor`: probabilities below it need not be known exactly."""

    def __init__(
        self, catalog: Catalog, verifier: Verifier, settings: DuplicateSettings, pool: Pool, floor: float
    ) -> None:
        self.catalog, self.verifier, self.settings, self.pool, self.floor = catalog, verifier, settings, pool, floor
        self._keypoints: OrderedDict[int, Descriptor] = OrderedDict()
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def looks(self, suspects: Suspects, start: int) -> tuple[dict[tuple[int, int], Look], int]:
        """Looks at the suspected pairs from `start` on, those worth keeping; and where the next block starts."""
        end = min(start + _BLOCK, len(suspects))
        pairs = list(zip(suspects.a[start:end].tolist(), suspects.b[start:end].tolist(), strict=True))
        features = self._quick(pairs)
        near = suspects.rank[start:end] < self.settings.geometry
        closer = np.flatnonzero(near & self._open(pairs, features))
        tested = self._thorough([pairs[row] for row in closer], features, closer)
        photos = dict(zip(closer.tolist(), tested, strict=True))
        probability = self.verifier.probability(features)
        one = np.array([photos.get(row) is not None for row in range(len(pairs))], np.bool_)
        kept = np.flatnonzero(one | (probability >= self.floor)).tolist()
        verdicts = self.verifier.verdicts(features[kept])
        looks = {
            pairs[row]: Look(verdict, photos.get(row), bool(near[row]))
            for row, verdict in zip(kept, verdicts, strict=True)
        }
        return looks, end

    def look(self, a: int, b: int) -> Look:
        """At one pair, with everything."""
        features = self._quick([(a, b)])
        [photo] = self._thorough([(a, b)], features, np.zeros(1, np.int64))
        [verdict] = self.verifier.verdicts(features)
        return Look(verdict, photo, True)

    # -- features ----------------------------------------------------------------------------------------------------

    def _quick(self, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """Features (n, f) without keypoints."""
        left, right = ([self.pool.described(pair[side]) for pair in pairs] for side in (0, 1))
        return self.verifier.quick_pairs(left, right)

    def _open(self, pairs: Sequence[tuple[int, int]], quick: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) whether keypoints can still make a duplicate of it: not where even all of them would not."""
        best = quick.copy()
        best[:, FEATURES.index("root_support")] = np.sqrt(_MOST_INLIERS)
        possible = self.verifier.probability(best) >= self.floor
        pills = np.array([self.pool.pills(a) or self.pool.pills(b) for a, b in pairs], np.bool_)
        return np.where(pills, False, possible) | self._may_be_one_photo(quick, pills)

    def _may_be_one_photo(self, quick: NDArray[np.float64], pills: NDArray[np.bool_]) -> NDArray[np.bool_]:
        cosine, equal_bits = quick[:, FEATURES.index("cosine")], quick[:, FEATURES.index("hash_similarity")]
        least = self.settings.same_photo_similarity
        return np.where(pills, cosine >= least - _CROP_ALLOWANCE, (cosine >= least - 0.15) | (equal_bits >= 0.9))

    # -- keypoints ---------------------------------------------------------------------------------------------------

    def _thorough(
        self, pairs: Sequence[tuple[int, int]], features: NDArray[np.float64], rows: NDArray[np.int64]
    ) -> list[PhotoTest | None]:
        """The test of each pair that shows one photo; completes its row of `features`."""
        photos: list[PhotoTest | None] = []
        step = _HELD // 2  # of so many pairs all keypoints fit in memory
        for i in range(0, len(pairs), step):
            part = pairs[i : i + step]
            described = self._with_keypoints({place for pair in part for place in pair})
            own = [features[row] for row in rows[i : i + step]]  # views: a thread writes its own row alone
            photos += self._threads.map(self._look, part, own, repeat(described))
        return photos

    def _look(
        self, pair: tuple[int, int], row: NDArray[np.float64], described: Mapping[int, Mapping[str, Descriptor]]
    ) -> PhotoTest | None:
        a, b = (described[place] for place in pair)
        geometry = self.verifier.compare_keypoints(row, a, b)
        pills = self.pool.pills(pair[0]) or self.pool.pills(pair[1])
        if not self._may_be_one_photo(row[None], np.array([pills]))[0]:
            return None
        geometry = geometry or self.verifier.geometry(a, b)  # on loose pills only one photo is looked for
        frames = self.pool.sizes[pair[0]], self.pool.sizes[pair[1]]
        photo = photo_test(a["orb"], b["orb"], geometry, frames, self.verifier.orb.settings.size)
        if photo is None:
            return None
        [verification] = self.verifier.verdicts(row[None])
        least = self.settings.same_photo_similarity
        return photo if one_photo(photo, verification, pills=pills, least=least) else None

    def _with_keypoints(self, places: Iterable[int]) -> dict[int, dict[str, Descriptor]]:
        orb, wanted = self.verifier.orb, sorted(places)
        missing = {int(self.pool.ids[p]): p for p in wanted if p not in self._keypoints}
        for image_id, data in self.catalog.descriptors(orb.fingerprint, missing).items():
            try:
                self._keypoints[missing[image_id]] = unpack(orb, data)
            except ValueError:
                text = f"image {image_id}: its {orb.fingerprint} descriptor is damaged; restore a backup"
                raise CatalogError(text) from None
        described = {}
        for place in wanted:
            self._keypoints.move_to_end(place)
            described[place] = {**self.pool.described(place), "orb": self._keypoints[place]}
        while len(self._keypoints) > _HELD:
            self._keypoints.popitem(last=False)
        return described


_CROP_ALLOWANCE = 0.08
"""By how much less alike a cropped or turned photo may look to the network than a re-encoded one."""


def one_photo(test: PhotoTest, verification: Verification, *, pills: bool, least: float) -> bool:
    """Whether the two are one photo.

    On packages the keypoints decide: they come back all over the photo. On loose pills most of them sit on the ruler,
    and a drawn ruler is the same in a thousand photos: there the network must see no difference either, the keypoints
    must be as equal as re-encoding leaves them, and a whole photo must have the same hash. `docs/duplicates.md` has the
    measurements behind the figures.
    """
    similarity, equal_bits = verification.similarity, verification.hash_similarity
    if test.outside > 4 or test.miss > 2.5:
        return False
    if not pills:
        return test.agreement >= 0.4 and test.lost <= 0.45 and similarity >= least - 0.25
    if test.agreement < 0.6 or test.lost > 0.2 or test.bits > 48:
        return False
    if test.whole:
        return similarity >= least and equal_bits >= 0.85
    return similarity >= least - _CROP_ALLOWANCE
