"""The look at suspected pairs: features from memory for all, keypoints only where they can change the verdict, and the
files themselves only where keypoints say that one photo may have been made from the other."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.core import images
from simsearch.core.config import DuplicateSettings, ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.types import Description, Descriptor, Verification
from simsearch.duplicates.candidates import Suspects
from simsearch.duplicates.distinct_files import Pool
from simsearch.duplicates.pixel_diff import SIDE, Box, Picture, picture, pixel_test
from simsearch.duplicates.same_photo import PhotoTest, photo_test, placement
from simsearch.features.base import unpack
from simsearch.features.orb import Geometry
from simsearch.recognition.verification import FEATURES, Verifier

_BLOCK = 4096
"""Pairs that are judged at once."""
_HELD = 4096
"""Images whose keypoints are kept in memory: about 80 MB."""
_PICTURES = 256
"""Photos whose pixels are kept in memory: about 80 MB."""
_MOST_INLIERS = 500


@dataclass(frozen=True)
class Seen:
    """What keypoints and pixels say of a pair."""

    photo: PhotoTest | None = None
    """Set only where both show one photo."""
    place: tuple[Box, Box] | None = None
    """Where the two differ, in the first photo and in the second; set where they are one photo in all else."""
    differing: float = 0.0
    """All places where they do, as a share of what both show."""
    printed: bool = False
    """Whether the place lies among the keypoints that agree: another print, not a banner at the rim."""
    inliers: int = 0
    """Keypoints that agree with one homography."""


@dataclass(frozen=True)
class Look:
    """What is known of a pair of files."""

    verification: Verification
    seen: Seen
    thorough: bool
    """Whether keypoints were compared, or could not have changed anything."""


class Judge:
    """Looks at pairs of places of a pool. `floor`: probabilities below it need not be known exactly."""

    def __init__(
        self,
        catalog: Catalog,
        verifier: Verifier,
        settings: DuplicateSettings,
        reading: ImageSettings,
        pool: Pool,
        floor: float,
    ) -> None:
        self.catalog, self.verifier, self.settings, self.pool, self.floor = catalog, verifier, settings, pool, floor
        self.reading = reading
        self._keypoints: OrderedDict[int, Descriptor] = OrderedDict()
        self._pictures: OrderedDict[int, Picture | None] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def looks(self, suspects: Suspects, start: int) -> tuple[dict[tuple[int, int], Look], int]:
        """Looks at the suspected pairs from `start` on, those worth keeping; and where the next block starts."""
        end = min(start + _BLOCK, len(suspects))
        pairs = list(zip(suspects.a[start:end].tolist(), suspects.b[start:end].tolist(), strict=True))
        features = self._quick(pairs)
        rank = suspects.rank[start:end]
        near = rank < self.settings.geometry
        closer = np.flatnonzero(near & self._open(pairs, features, rank == 0))
        tested = self._thorough([pairs[row] for row in closer], features, closer)
        found = dict(zip(closer.tolist(), tested, strict=True))
        probability = self.verifier.probability(features)
        one = np.array([row in found and found[row].photo is not None for row in range(len(pairs))], np.bool_)
        kept = np.flatnonzero(one | (probability >= self.floor)).tolist()
        verdicts = self.verifier.verdicts(features[kept], [found.get(row, Seen()).inliers for row in kept])
        looks = {
            pairs[row]: Look(verdict, found.get(row, Seen()), bool(near[row]))
            for row, verdict in zip(kept, verdicts, strict=True)
        }
        return looks, end

    def look(self, a: int, b: int) -> Look:
        """At one pair, with everything."""
        features = self._quick([(a, b)])
        [seen] = self._thorough([(a, b)], features, np.zeros(1, np.int64))
        [verdict] = self.verifier.verdicts(features, [seen.inliers])
        return Look(verdict, seen, True)

    # -- features ----------------------------------------------------------------------------------------------------

    def _quick(self, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """Features (n, f) without keypoints."""
        left, right = ([self.pool.described(pair[side]) for pair in pairs] for side in (0, 1))
        return self.verifier.quick_pairs(left, right)

    def _open(
        self, pairs: Sequence[tuple[int, int]], quick: NDArray[np.float64], first: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """(n,) whether keypoints can still make a duplicate of it: not where even all of them would not.

        `first`: whether one is the other's nearest in some lane, as a copy is.
        """
        best = quick.copy()
        best[:, FEATURES.index("root_support")] = np.sqrt(_MOST_INLIERS)
        possible = self.verifier.probability(best) >= self.floor
        pills = np.array([self.pool.pills(a) or self.pool.pills(b) for a, b in pairs], np.bool_)
        alike = self._may_be_one_photo(quick)
        # Loose pills look like a thousand others: what is not among the most alike ones must be the nearest.
        surely = quick[:, FEATURES.index("cosine")] >= self.settings.same_photo_similarity - _CROP_ALLOWANCE
        return np.where(pills, alike & (surely | first), possible | alike)

    def _may_be_one_photo(self, quick: NDArray[np.float64]) -> NDArray[np.bool_]:
        cosine, equal_bits = quick[:, FEATURES.index("cosine")], quick[:, FEATURES.index("hash_similarity")]
        return np.asarray((cosine >= self.settings.same_photo_similarity - 0.25) | (equal_bits >= 0.85), np.bool_)

    # -- keypoints ---------------------------------------------------------------------------------------------------

    def _thorough(
        self, pairs: Sequence[tuple[int, int]], features: NDArray[np.float64], rows: NDArray[np.int64]
    ) -> list[Seen]:
        """What is seen of each pair; completes its row of `features`."""
        photos: list[Seen] = []
        step = _HELD // 2  # of so many pairs all keypoints fit in memory
        for i in range(0, len(pairs), step):
            part = pairs[i : i + step]
            described = self._with_keypoints({place for pair in part for place in pair})
            own = [features[row] for row in rows[i : i + step]]  # views: a thread writes its own row alone
            photos += self._threads.map(self._look, part, own, repeat(described))
        return photos

    def _look(self, pair: tuple[int, int], row: NDArray[np.float64], described: Mapping[int, Description]) -> Seen:
        a, b = (described[place] for place in pair)
        geometry = self.verifier.compare_keypoints(row, a, b)
        seen = self._seen(pair, row, a, b, geometry) if self._may_be_one_photo(row[None])[0] else Seen()
        return replace(seen, inliers=geometry.inliers if geometry else 0)

    def _seen(
        self, pair: tuple[int, int], row: NDArray[np.float64], a: Description, b: Description, geometry: Geometry | None
    ) -> Seen:
        """Whether both show one photo, and where it differs. On loose pills there is no geometry yet."""
        geometry = geometry or self.verifier.geometry(a, b)  # on loose pills only one photo is looked for
        frames = self.pool.sizes[pair[0]], self.pool.sizes[pair[1]]
        size = self.verifier.orb.settings.size
        placed = placement(geometry, frames, size)
        if placed is None or placed.outside > _OUTSIDE or placed.miss > _MISS:
            return Seen()
        [verification] = self.verifier.verdicts(row[None], [geometry.inliers])
        pictures = [self._picture(place) for place in pair]
        pixels = None
        if pictures[0] is not None and pictures[1] is not None:
            pixels = pixel_test(pictures[0], pictures[1], placed.factor, placed.shift * SIDE / size)
            exact = placed.miss < _EXACT and verification.probability >= self.floor
            if pixels is None or not (pixels.same or (exact and pixels.differing < _PLACE)):
                return Seen()
        photo = photo_test(a["orb"], b["orb"], placed, frames, size)
        if pixels and pixels.same:
            return Seen(photo)
        pills = self.pool.pills(pair[0]) or self.pool.pills(pair[1])
        if not one_photo(photo, verification, pills=pills, least=self.settings.same_photo_similarity):
            return Seen()
        if pixels is None:
            return Seen(photo)
        printed = _among(pixels.places, pictures[0], geometry, size)
        return Seen(None, printed or pixels.places[0], pixels.differing, printed is not None)

    def _picture(self, place: int) -> Picture | None:
        """The pixels of a file; None where it is gone, cannot be read or is another one by now."""
        with self._lock:
            if place in self._pictures:
                self._pictures.move_to_end(place)
                return self._pictures[place]
        [facts] = self.catalog.images.facts([int(self.pool.ids[place])]).values()
        try:
            image = images.load(Path(facts.path), self.reading)
        except ImageError:
            image = None
        made = picture(image.pixels) if image is not None and image.sha256 == facts.sha256 else None
        with self._lock:
            self._pictures[place] = made
            while len(self._pictures) > _PICTURES:
                self._pictures.popitem(last=False)
        return made

    def _with_keypoints(self, places: Iterable[int]) -> dict[int, Description]:
        orb, wanted = self.verifier.orb, sorted(places)
        missing = {int(self.pool.ids[p]): p for p in wanted if p not in self._keypoints}
        for image_id, data in self.catalog.descriptors.of(orb.fingerprint, missing).items():
            self._keypoints[missing[image_id]] = unpack(orb, data, image_id)
        described = {}
        for place in wanted:
            self._keypoints.move_to_end(place)
            quick = self.pool.described(place)
            described[place] = Description({**quick.descriptors, "orb": self._keypoints[place]}, quick.surface)
        while len(self._keypoints) > _HELD:
            self._keypoints.popitem(last=False)
        return described


def _among(
    places: Sequence[tuple[Box, Box]], shown: Picture | None, geometry: Geometry, size: int
) -> tuple[Box, Box] | None:
    """The first place whose middle lies within the hull of the keypoints of the first photo that agree."""
    assert shown is not None
    hull = cv2.convexHull(geometry.query_xy)
    height, width = np.array(shown.shape[:2]) * size / SIDE
    for place in places:
        left, top, right, bottom = place[0]
        middle = (left + right) / 2 * width, (top + bottom) / 2 * height
        if cv2.pointPolygonTest(hull, middle, False) >= 0:
            return place
    return None


_OUTSIDE, _MISS = 6.0, 3.5  # pixels that a frame may leave the other one by, and keypoints may miss their places by
_EXACT = 1.0  # the miss above which two are photos of their own, from nearly one viewpoint
_PLACE = 0.1  # of what both show: what differs in more than that is no longer one photo that was changed in a place
_CROP_ALLOWANCE = 0.08
"""By how much less alike a cropped or turned photo may look to the network than a re-encoded one."""


def one_photo(test: PhotoTest, verification: Verification, *, pills: bool, least: float) -> bool:
    """Whether the two are one photo, as far as descriptors tell: where a file cannot be read.

    On packages the keypoints decide: they come back all over the photo. On loose pills most of them sit on the ruler,
    and a drawn ruler is the same in a thousand photos: there the network must see no difference either, the keypoints
    must be as equal as re-encoding leaves them, and a whole photo must have the same hash. `docs/duplicates.md` has the
    measurements behind the figures.
    """
    similarity, equal_bits = verification.similarity, verification.hash_similarity
    if test.placement.outside > 4 or test.placement.miss > 2.5:
        return False
    if not pills:
        return test.agreement >= 0.4 and test.lost <= 0.45 and similarity >= least - 0.25
    if test.agreement < 0.6 or test.lost > 0.2 or test.bits > 48:
        return False
    if test.placement.whole:
        return similarity >= least and equal_bits >= 0.85
    return similarity >= least - _CROP_ALLOWANCE
