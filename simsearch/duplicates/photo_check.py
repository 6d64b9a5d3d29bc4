"""Whether two files show one photo: by their pixels, and where a file cannot be read by their keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Description
from simsearch.duplicates.alignment import MISS, best_alignment, in_thumbnails
from simsearch.duplicates.candidates import SelfJoin
from simsearch.duplicates.copies import Detail, Joined
from simsearch.duplicates.crops import crop_placements
from simsearch.duplicates.overlays import overlay
from simsearch.duplicates.pair_evidence import PhotoEvidence
from simsearch.duplicates.pixel_diff import among, pixel_test, remaining
from simsearch.duplicates.same_photo import (
    CROP_ALLOWANCE,
    Placement,
    frame_onto_frame,
    mirrored_frame,
    one_photo,
    photo_test,
    placements,
    same_place,
)
from simsearch.duplicates.thumbnails import Shown, Stored, Thumbnails
from simsearch.features.orb import Geometry
from simsearch.recognition.pair_scorer import PairScorer
from simsearch.recognition.verification import FEATURES

Pair = tuple[int, int]

_COSINE, _BITS = FEATURES.index("cosine"), FEATURES.index("hash_similarity")
WHOLE = 0.7
"""Least share of equal bits of two copies that show the same frame. The lowest of 500 brightened copies had 0.66."""
_NOTHING, _LITTLE = 0.003, 0.02
"""What is left of a photo, see `Shown`, below which nothing tells it from another one, or too little to be sure."""
_ANOTHER = 6.0  # grey levels; two photos of which little is left and that differ by more are two
_OUTSIDE = 6.0
"""Pixels by which a frame may leave the other where keypoints alone decide."""
_EXACT = 1.0  # pixels; above this miss, two photos were taken from nearly one viewpoint
_UNLIKE = 0.25  # cosine by which packages of one photo may be less alike than `same_photo_similarity`, see `one_photo`
_DRAWN = 0.7  # share of what lies around a photo that must differ in two copies of it, if it was drawn around it
_CROP = 0.7  # cosine from which a photo in which no keypoint comes back is sought in another one
_PLACE = 0.1  # share of the common part; a larger difference is more than an edit in one place


class PhotoCheck:
    """Looks at pairs of files. Any number of threads may ask."""

    def __init__(self, join: SelfJoin, scorer: PairScorer, thumbnails: Thumbnails, floor: float) -> None:
        self.files, self.scorer, self.thumbnails, self.floor = join.files, scorer, thumbnails, floor
        self.size, self.least = scorer.orb.settings.size, join.settings.same_photo_similarity

    def by_frame(self, pair: Pair, row: NDArray[np.float64], stored: Stored) -> PhotoEvidence | None:
        """What the pixels say where frame lies on frame, which needs no keypoints; None where that is not one photo, or
        one photo with something drawn over it."""
        if row[_BITS] < WHOLE:
            return None
        both = self._shown(pair, stored)
        whole = frame_onto_frame(self._frames(pair), self.size)
        if both is None or not whole:
            return None
        aligned = best_alignment(*both, whole, self.size)
        if aligned and aligned[1].same:
            return self._same(aligned[0], *both)
        if min(side.left for side in both) < _LITTLE:
            return None
        drawn = overlay(*both, pills=all(map(self.files.pills, pair)))
        if drawn is None:
            return None
        return PhotoEvidence(whole[0], True, (drawn.place, drawn.place), drawn.share, overlaid=True)

    def mirrored(self, pair: Pair, stored: Stored) -> PhotoEvidence | None:
        """What the pixels say where one is the mirror image of the other; None where that is not one photo."""
        both = self._shown(pair, stored)
        aligned = both and best_alignment(*both, mirrored_frame(self._frames(pair), self.size), self.size)
        return self._same(aligned[0], *both) if both and aligned and aligned[1].same else None

    def by_keypoints(
        self,
        pair: Pair,
        row: NDArray[np.float64],
        described: tuple[Description, Description],
        geometry: Geometry,
        stored: Stored,
    ) -> PhotoEvidence:
        """Whether both show one photo, or one photo except for a place; `by_frame` was asked before."""
        frames, similarity = self._frames(pair), float(row[_COSINE])
        told = placements(geometry, frames, self.size)
        if not told and row[_BITS] < WHOLE and similarity < _CROP:
            return PhotoEvidence()
        proposed = told
        if row[_BITS] < WHOLE:
            # Most strangers have a ruler in common: frame lies on frame, and the rest of the picture is another one.
            whole = frame_onto_frame(frames, self.size) if told else []
            proposed = [p for p in told if not any(same_place(p, other, frames, self.size) for other in whole)]
        elif self._places_matter(pair, row):  # `by_frame` has asked whether all is equal under it
            proposed = told + frame_onto_frame(frames, self.size)
        if not proposed and similarity < _CROP:
            return PhotoEvidence()
        both = self._shown(pair, stored)
        if both is None:
            return self._unseen(pair, row, described, told)
        proposed, places = proposed or crop_placements(*both, self.size), self._places_matter(pair, row)
        aligned = best_alignment(*both, proposed, self.size, places_below=_EXACT if places else 0.0)
        if aligned is None:
            return PhotoEvidence()
        placed, pixels = aligned
        if pixels.same:
            return self._same(placed, *both) or PhotoEvidence()
        exact = places and placed.miss < _EXACT and pixels.differing < _PLACE
        if not (exact and self._one_by_keypoints(pair, row, described, placed)):
            return PhotoEvidence()
        return self._but_for_a_place(geometry, placed, both)

    def _same(self, placed: Placement, a: Shown, b: Shown) -> PhotoEvidence | None:
        """The evidence on two photos whose pixels agree; None where nothing is left of both that could differ."""
        if max(a.left, b.left) < _NOTHING:
            return None
        if min(a.left, b.left) >= _LITTLE:
            return PhotoEvidence(placed, True)
        left = remaining(a.pixels, b.pixels, in_thumbnails(placed, self.size))
        return PhotoEvidence(placed, True, remaining=max(left, 1e-3)) if left < _ANOTHER else None

    def joined(self, found: Joined) -> Placement | None:
        """The placement of two copies of one photo, refined, where the pixels of both files agree under it.

        It stands as it is where nearly all differs that lies around the photo between them: what was drawn around it
        is no part of it. Of one scene most agrees there, and what does not tells two photos apart.
        """
        both = self._shown(found.pair, self.thumbnails.stored(found.pair))
        if both is None:
            return None
        aligned = best_alignment(*both, [replace(found.placed, miss=max(found.placed.miss, 1e-6))], self.size)
        if aligned and aligned[1].same:
            return aligned[0]
        if not found.around:
            return None
        pixels = pixel_test(both[0].pixels, both[1].pixels, in_thumbnails(found.placed, self.size))
        return found.placed if pixels and pixels.differing >= _DRAWN * found.around else None

    def details(self, pair: Pair, stored: Stored) -> tuple[Detail, Detail]:
        """How much each file shows, and where; one of which nothing is left shows none."""
        both = self._shown(pair, stored)
        if both is None:
            return Detail(), Detail()
        a, b = (Detail(side.detail * (side.left >= _NOTHING), side.busy) for side in both)
        return a, b

    def is_blank(self, file: int, stored: Stored) -> bool:
        """Whether nothing is left of a file; one that cannot be read is not blank."""
        found = self.thumbnails.of(file, stored)
        return found is not None and found.left < _NOTHING

    def _shown(self, pair: Pair, stored: Stored) -> tuple[Shown, Shown] | None:
        a, b = self.thumbnails.of(pair[0], stored), self.thumbnails.of(pair[1], stored)
        return None if a is None or b is None else (a, b)

    def _frames(self, pair: Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.files.sizes[pair[0]], self.files.sizes[pair[1]]

    def _places_matter(self, pair: Pair, row: NDArray[np.float64]) -> bool:
        """Whether the two may be one photo but for a place, so that it matters where they differ."""
        slack = CROP_ALLOWANCE if self._pills(pair) else _UNLIKE
        return bool(row[_COSINE] >= self.least - slack and self.scorer.probability(row[None])[0] >= self.floor)

    def _unseen(
        self,
        pair: Pair,
        row: NDArray[np.float64],
        described: tuple[Description, Description],
        proposed: Sequence[Placement],
    ) -> PhotoEvidence:
        good = [p for p in proposed if p.outside <= _OUTSIDE and 0 < p.miss <= MISS]
        if not good:
            return PhotoEvidence()
        one = self._one_by_keypoints(pair, row, described, good[0])
        return PhotoEvidence(good[0]) if one else PhotoEvidence()

    def _but_for_a_place(self, geometry: Geometry, placed: Placement, both: tuple[Shown, Shown]) -> PhotoEvidence:
        """Where two photos differ that are one everywhere else."""
        a, b = both
        pixels = pixel_test(a.pixels, b.pixels, in_thumbnails(placed, self.size))
        if pixels is None or pixels.same or pixels.differing >= _PLACE:
            return PhotoEvidence()
        printed = among(pixels.places, a.pixels, geometry.query_xy, self.size)
        return PhotoEvidence(None, False, printed or pixels.places[0], pixels.differing, printed is not None)

    def _one_by_keypoints(
        self,
        pair: Pair,
        row: NDArray[np.float64],
        described: tuple[Description, Description],
        placed: Placement,
    ) -> bool:
        [verification] = self.scorer.verdicts(row[None], [0])
        photo = photo_test(described[0]["orb"], described[1]["orb"], placed, self._frames(pair), self.size)
        return one_photo(photo, verification, pills=self._pills(pair), least=self.least)

    def _pills(self, pair: Pair) -> bool:
        return self.files.pills(pair[0]) or self.files.pills(pair[1])
