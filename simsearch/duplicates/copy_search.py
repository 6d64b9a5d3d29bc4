"""The search for copies of one photo among suspects, nearest neighbours first.

By pixels where frame may lie on frame, else where keypoints say. What is a copy is no longer compared: its root, the
copy that shows most, is compared in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog.images import StoredFile
from simsearch.core.config import DuplicateSettings
from simsearch.duplicates.copies import Copies
from simsearch.duplicates.pair_evidence import PhotoEvidence
from simsearch.duplicates.pair_look import Looked, PairLook
from simsearch.duplicates.photo_check import WHOLE, Pair
from simsearch.duplicates.same_photo import CROP_ALLOWANCE, Placement
from simsearch.duplicates.thumbnails import Stored
from simsearch.recognition.verification import FEATURES

_NEAREST = 3  # neighbours of a photo that may be copies of it though they share no rare keypoints
_AGAIN, _SAME_FRAME, _AGAIN_ALIKE = 2, 0.9, 0.7
"""Nearest neighbours that are compared though their roots differ; the share of equal bits or the cosine for it."""
_ALIKE = 0.9  # cosine of photos that are looked at first
_FIRST = 5  # nearest neighbours of a photo of loose pills that are looked at as its copies
_FAINT_ALIKE = 0.94  # cosine of two photos of which little is left and that do not lie frame on frame
_CLEARLY = 1.2  # times what differs from one photo that must differ from all others
_COSINE, _BITS, _PILLS = (FEATURES.index(name) for name in ("cosine", "hash_similarity", "pills"))


@dataclass(frozen=True)
class Suspects:
    """A block of suspected pairs (a, b), a < b."""

    pairs: Sequence[Pair]
    features: NDArray[np.float64]
    """(n, f) without keypoints."""
    rank: NDArray[np.uint8]
    """(n,) the best rank of either among the neighbours of the other."""
    voted: NDArray[np.bool_]
    """(n,) whether rare keypoints propose the pair."""


class CopySearch:
    """Finds copies, block after block, and knows which were found."""

    def __init__(self, look: PairLook, settings: DuplicateSettings) -> None:
        self.look, self.settings = look, settings
        sizes = look.files.sizes
        self.areas = sizes.prod(axis=1)
        self.known = Copies(sizes * (look.scorer.orb.settings.size / sizes.max(axis=1, keepdims=True, initial=1.0)))
        """Pairs whose pixels agree."""
        self.drawn_over: dict[int, set[int]] = {}
        """File -> those that show the same photo but for what is drawn over it, or over them."""
        self._faint: dict[Pair, PhotoEvidence] = {}
        """Pairs that agree, of which little is left of one photo or of both."""

    def among(self, suspects: Suspects) -> dict[Pair, Looked]:
        """The pairs of roots that were looked at for copies; those that are copies are known from now on."""
        tested: dict[Pair, Looked] = {}
        pairs, features, rank = suspects.pairs, suspects.features, suspects.rank
        rows = np.flatnonzero(self._may_be_copies(suspects))
        # The largest of several copies first: it is their root, mostly, and spares them each other.
        largest = self.areas[np.array([pairs[row] for row in rows.tolist()], np.int64).reshape(-1, 2)].max(axis=1)
        likely = (features[rows, _BITS] >= _SAME_FRAME) | (features[rows, _COSINE] >= _ALIKE)
        likely &= rank[rows] < _FIRST
        waiting = rows[np.lexsort((-features[rows, _BITS], rank[rows], -largest * likely, ~likely))].tolist()
        stored = self.look.thumbnails.stored({file for row in waiting for file in pairs[row]})
        self._settle(suspects, waiting, self.known.roots, stored, tested)
        # Of a screenshot the photo in it is a small part: what is no copy of the root may be one of a nearer copy.
        alike = suspects.voted | (features[:, _BITS] >= _SAME_FRAME) | (features[:, _COSINE] >= _AGAIN_ALIKE)
        again = (rank < _AGAIN) & alike
        self._settle(suspects, [row for row in waiting if again[row]], self.known.apart, stored, tested)
        self._set_aside(tested)
        return tested

    def may_be_one_photo(self, quick: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) whether pairs with these features are alike enough to look at their pixels."""
        cosine, equal_bits = quick[:, _COSINE], quick[:, _BITS]
        return np.asarray((cosine >= self.settings.same_photo_similarity - 0.25) | (equal_bits >= 0.85), np.bool_)

    def _may_be_copies(self, suspects: Suspects) -> NDArray[np.bool_]:
        """(n,) True where one file may have been made from the other."""
        quick, rank, voted = suspects.features, suspects.rank, suspects.voted
        pills = quick[:, _PILLS] > 0
        # Loose pills resemble a thousand others: a copy is very similar, among the nearest neighbours, or shares rare
        # keypoints: eight other copies of a photo may come before its screenshot.
        surely = quick[:, _COSINE] >= self.settings.same_photo_similarity - CROP_ALLOWANCE
        # Where frame does not lie on frame, keypoints have to say where: few others have those of a copy.
        placed = (quick[:, _BITS] >= WHOLE) | voted | (rank < _NEAREST)
        return (self.may_be_one_photo(quick) | voted) & (~pills | surely | voted | (rank < _FIRST)) & placed

    def _settle(
        self,
        suspects: Suspects,
        rows: Sequence[int],
        compared: Callable[[Pair], Pair | None],
        stored: dict[int, StoredFile],
        tested: dict[Pair, Looked],
    ) -> None:
        """Look at the rows of a block, the first ones first. `compared`: which pair in place of a row's; None: none."""
        waiting, pairs = rows, suspects.pairs
        while waiting:
            # A file with several others at once, but none of these with another: what is found of one pair saves the
            # others of both files.
            now: dict[Pair, int] = {}
            later, hubs, used = [], set[int](), set[int]()
            for row in waiting:
                pair = compared(pairs[row])
                if pair is None or pair in tested or pair in now:
                    continue
                leaf, hub = sorted(pair, key=lambda file: (file in hubs, self.areas[file]))
                if leaf in used or leaf in hubs or hub in used:
                    later.append(row)
                    continue
                hubs.add(hub)
                used.add(leaf)
                now[pair] = row
            others = [pair for pair, row in now.items() if pair != pairs[row]]
            own = dict(zip(others, self.look.quick(others), strict=True))
            stored |= self.look.thumbnails.stored({file for pair in now for file in pair} - stored.keys())
            features = [own.get(pair, suspects.features[row]) for pair, row in now.items()]
            found = self.look.looked_at(list(now), features, stored)
            self._note(found, stored)
            tested |= found
            waiting = later

    def _note(self, found: Mapping[Pair, Looked], stored: Stored) -> None:
        """Remember which pairs are copies, and which but for what is drawn over one of them."""
        for pair, one in found.items():
            if one.evidence is not None and one.copy and not one.evidence.remaining:
                self.join(pair, one.evidence, stored)
            if one.evidence is not None and one.evidence.overlaid:
                for file, other in (pair, pair[::-1]):
                    self.drawn_over.setdefault(file, set()).add(other)

    def join(self, pair: Pair, evidence: PhotoEvidence, stored: Stored) -> None:
        """Remember that both are copies of one photo."""
        assert evidence.photo is not None
        self.known.add(pair, evidence.photo, self.look.photos.details(pair, stored))

    def joined(self) -> dict[Pair, Placement]:
        """The copies that are joined by way of others, and where the first lies in the second.

        A crop and a squeezed copy of one photo need not be suspects, nor have keypoints in common. The maps through the
        photo that both were made from say where one lies in the other. Where that photo shows all that they have in
        common they agree; elsewhere pixels decide, as ever.
        """
        found: dict[Pair, Placement] = {}
        files, left_out = self.look.files, self.look.left_out
        for joined in self.known.joined():
            pair, seen = joined.pair, joined.placed if joined.settled else self.look.photos.joined(joined)
            if seen is not None and not any(i in left_out for file in pair for i in files.images(file)):
                found[pair] = seen
        return found

    def _set_aside(self, tested: Mapping[Pair, Looked]) -> None:
        """Leave photos of which little is left for `join_faint`.

        In another frame a ruler and the form that it is printed on agree of two tablets, too. There the network must
        see little difference.
        """
        for pair, one in tested.items():
            if one.evidence and one.evidence.remaining:
                if one.row[_BITS] >= WHOLE or one.row[_COSINE] >= _FAINT_ALIKE:
                    self._faint[pair] = one.evidence
                one.evidence = _not_one(one.evidence)

    def join_faint(self) -> dict[Pair, PhotoEvidence]:
        """Join photos of which little is left; one of which nothing is, to the one alone that it agrees with best.

        It is asked once all pairs were looked at: the best one may be among the last.
        """
        faint = [(one, pair) for pair, one in self._faint.items()]
        faint.sort(key=lambda item: (item[0].remaining, item[1]))
        stored = self.look.thumbnails.stored({file for _, pair in faint for file in pair})
        nothing = {file for _, pair in faint for file in pair if self.look.photos.is_blank(file, stored)}
        unsure = self._undecided(faint, nothing)
        found: dict[Pair, PhotoEvidence] = {}
        joined: set[int] = set()
        for evidence, pair in faint:
            little = nothing.intersection(pair)
            if unsure.isdisjoint(little) and joined.isdisjoint(little):
                self.join(pair, evidence, stored)
                joined |= little
                found[pair] = evidence
            elif self.known.roots(pair) is None:
                found[pair] = evidence
        return found

    def _undecided(self, faint: Sequence[tuple[PhotoEvidence, Pair]], nothing: AbstractSet[int]) -> set[int]:
        """The files of which nothing is left that agree with two photos about equally well; `faint`: best first."""
        best: dict[int, tuple[float, int]] = {}
        unsure = set()
        for evidence, pair in faint:
            for file, other in (pair, pair[::-1]):
                if file in nothing:
                    left, first = best.setdefault(file, (evidence.remaining, other))
                    if evidence.remaining < _CLEARLY * left and self.known.roots((first, other)) is not None:
                        unsure.add(file)
        return unsure


def _not_one(evidence: PhotoEvidence) -> PhotoEvidence:
    """The same, but that both are one photo."""
    return replace(evidence, photo=None, seen=False, remaining=0.0)
