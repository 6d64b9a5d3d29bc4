"""The check of candidate pairs, in three steps of rising cost.

All pairs are scored by the descriptors in memory. Keypoints are compared where they could change the result. Files are
read where the keypoints allow that one photo was made from the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog.images import ImageFacts
from simsearch.core.config import ImageSettings
from simsearch.core.threads import cores
from simsearch.core.types import Description, Descriptor, Verification
from simsearch.duplicates.alignment import MISS, best_alignment
from simsearch.duplicates.candidates import FilePairs, SelfJoin
from simsearch.duplicates.copies import Copies
from simsearch.duplicates.pair_evidence import PairCheck, PhotoEvidence
from simsearch.duplicates.pair_print import FilePrint
from simsearch.duplicates.pixel_diff import among
from simsearch.duplicates.same_photo import CROP_ALLOWANCE, Placement, one_photo, photo_test, placements
from simsearch.duplicates.thumbnails import Thumbnails
from simsearch.features.orb import Geometry
from simsearch.recognition.pair_scorer import PairScorer, StoredPrint
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.verification import FEATURES

_BLOCK = 4096
"""Pairs that are scored at once."""
_HELD = 4096
"""Images whose keypoints are held in memory: about 80 MB."""
_MOST_SUPPORT = 500
"""Support that no pair surpasses: the number of keypoints of an image."""
_OUTSIDE = 6.0
"""Pixels by which a frame may leave the other where keypoints alone decide."""
_ROUNDS = (0, 1, 3, 256)
"""Ranks between which pairs are compared together; after each round, copies by way of others are known."""
_FIRST = 5  # nearest neighbours of a photo of loose pills that are looked at as its copies
_EXACT = 1.0  # pixels; above this miss, two photos were taken from nearly one viewpoint
_PLACE = 0.1  # share of the common part; a larger difference is more than an edit in one place


class PairChecker:
    """Checks pairs of files. Probabilities below `floor` may be inexact: their keypoints are not compared."""

    def __init__(
        self,
        join: SelfJoin,
        scorer: PairScorer,
        reading: ImageSettings,
        floor: float,
        prints: StoredPrint | None = None,
    ) -> None:
        self.catalog, self.settings, self.files, self.left_out = join.catalog, join.settings, join.files, join.left_out
        self.scorer, self.keypoints, self.floor = scorer, join.methods["orb"], floor
        self.print = FilePrint(join.catalog, join.files, prints)
        self.thumbnails = Thumbnails(join.catalog, join.files, reading)
        self._keypoints: dict[int, Descriptor] = {}  # the most recently used last
        sizes = join.files.sizes
        self._copies = Copies(sizes * (scorer.orb.settings.size / sizes.max(axis=1, keepdims=True, initial=1.0)))
        """Pairs whose pixels agree."""
        self._threads = ThreadPoolExecutor(cores())

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def check_block(self, pairs: FilePairs, start: int) -> tuple[dict[tuple[int, int], PairCheck], int]:
        """The checks worth keeping among the pairs from `start` on, and the start of the next block."""
        end = min(start + _BLOCK, len(pairs))
        block = list(zip(pairs.a[start:end].tolist(), pairs.b[start:end].tolist(), strict=True))
        features = self._quick(block)
        rank = pairs.rank[start:end]
        near = rank < self.settings.geometry
        undecided = self._undecided(block, features, rank < _FIRST)
        closer = np.flatnonzero(undecided & (near | self._may_be_one_photo(features)))
        quick = features.copy()
        tested = self._nearest_first(block, features, closer, rank)
        # A copy is looked for among more neighbours than another photo of the product, which these say nothing of.
        passed = [row for row, found in tested.items() if found and not found.photo and not near[row]]
        features[passed] = quick[passed]
        evidence = {row: found for row, found in tested.items() if found is not None}
        evidence = {row: found for row, found in evidence.items() if near[row] or found.photo is not None}
        wanted = self.scorer.probability(features) >= self.floor
        wanted[[row for row, found in tested.items() if found is None]] = False
        wanted[[row for row, found in evidence.items() if found.photo is not None]] = True
        kept = np.flatnonzero(wanted).tolist()
        sides = self.print.load({file for row in kept if row not in evidence for file in block[row]})
        evidence = {
            row: evidence.get(row) or PhotoEvidence(read=self.print.compare(block[row], sides, None)) for row in kept
        }
        verifications = self._verdicts(features[kept], [evidence[row] for row in kept])
        checks = {
            block[row]: PairCheck(verification, evidence[row], bool(near[row]))
            for row, verification in zip(kept, verifications, strict=True)
        }
        return checks, end

    def _nearest_first(
        self,
        block: Sequence[tuple[int, int]],
        features: NDArray[np.float64],
        rows: NDArray[np.int64],
        rank: NDArray[np.uint8],
    ) -> dict[int, PhotoEvidence | None]:
        """The thorough evidence on `rows` of the block, but on those that are copies by way of nearer ones.

        Six copies of one photo make fifteen pairs, of which five tell all.
        """
        tested: dict[int, PhotoEvidence | None] = {}
        for low, high in pairwise(_ROUNDS):
            now = rows[(rank[rows] >= low) & (rank[rows] < high)]
            now = np.array([row for row in now.tolist() if not self._copies.settles(block[row])], np.int64)
            found = self._thorough([block[row] for row in now], features, now)
            tested |= dict(zip(now.tolist(), found, strict=True))
            for row, one in zip(now.tolist(), found, strict=True):
                if one is not None and one.photo is not None and one.seen:
                    self._copies.add(block[row], one.photo)
        return tested

    def check(self, a: int, b: int) -> PairCheck | None:
        """The thorough check of one pair; None if one of the files must be left out."""
        features = self._quick([(a, b)])
        [evidence] = self._thorough([(a, b)], features, np.zeros(1, np.int64))
        if evidence is None:
            return None
        [verification] = self._verdicts(features, [evidence])
        return PairCheck(verification, evidence, True)

    def _verdicts(self, features: NDArray[np.float64], evidence: Sequence[PhotoEvidence]) -> list[Verification]:
        looks = self.scorer.verdicts(features, [found.inliers for found in evidence])
        return [replace(v, printed=found.read) for v, found in zip(looks, evidence, strict=True)]

    # -- descriptors in memory ---------------------------------------------------------------------------------------

    def _quick(self, pairs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        """Features (n, f) without keypoints."""
        left, right = ([self.files.description(pair[side]) for pair in pairs] for side in (0, 1))
        return self.scorer.quick_pairs(left, right)

    def _undecided(
        self, pairs: Sequence[tuple[int, int]], quick: NDArray[np.float64], first: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """(n,) True where keypoints could still lift the pair above `floor`, i.e. where maximal support would.

        `first`: (n,) True where one file is among the nearest neighbours of the other in some lane, as a copy is.
        """
        best = quick.copy()
        best[:, FEATURES.index("root_support")] = np.sqrt(_MOST_SUPPORT)
        possible = self.scorer.probability(best) >= self.floor
        pills = np.array([self.files.pills(a) or self.files.pills(b) for a, b in pairs], np.bool_)
        alike = self._may_be_one_photo(quick)
        # Loose pills resemble a thousand others: a copy is very similar, or among the nearest neighbours.
        surely = quick[:, FEATURES.index("cosine")] >= self.settings.same_photo_similarity - CROP_ALLOWANCE
        return np.where(pills, alike & (surely | first), possible | alike)

    def _may_be_one_photo(self, quick: NDArray[np.float64]) -> NDArray[np.bool_]:
        cosine, equal_bits = quick[:, FEATURES.index("cosine")], quick[:, FEATURES.index("hash_similarity")]
        return np.asarray((cosine >= self.settings.same_photo_similarity - 0.25) | (equal_bits >= 0.85), np.bool_)

    # -- keypoints and files -----------------------------------------------------------------------------------------

    def _thorough(
        self, pairs: Sequence[tuple[int, int]], features: NDArray[np.float64], rows: NDArray[np.int64]
    ) -> list[PhotoEvidence | None]:
        """The evidence on each pair; None if one of its files must be left out.

        Fills in the keypoint column of each pair's row of `features`.
        """
        found: list[PhotoEvidence | None] = []
        step = _HELD // 2  # the keypoints of so many pairs fit in memory
        for i in range(0, len(pairs), step):
            part = pairs[i : i + step]
            described = self._with_keypoints({file for pair in part for file in pair})
            own = [features[row] for row in rows[i : i + step]]  # views: each thread writes only its own row
            alike = self._may_be_one_photo(features[rows[i : i + step]])
            wanted = {file for pair, may in zip(part, alike, strict=True) if may for file in pair}
            photos = self.thumbnails.facts(wanted)
            sides = self.print.load({file for pair in part for file in pair})
            found += self._threads.map(self._evidence, part, own, repeat(described), repeat(photos), repeat(sides))
        return found

    def _evidence(
        self,
        pair: tuple[int, int],
        row: NDArray[np.float64],
        described: Mapping[int, Description],
        photos: Mapping[int, ImageFacts],
        sides: Mapping[int, PrintSide],
    ) -> PhotoEvidence | None:
        if not all(file in described for file in pair):
            return None
        a, b = (described[file] for file in pair)
        geometry = self.scorer.compare_keypoints(row, a, b)
        found = PhotoEvidence()
        if self._may_be_one_photo(row[None])[0]:
            # Loose pills have no geometry yet. It shows whether they are one photo, and counts for nothing else.
            found = self._one_photo(pair, row, (a, b), geometry or self.scorer.geometry(a, b), photos)
        matters = found.photo is not None or self.scorer.probability(row[None])[0] >= self.floor
        read = self.print.compare(pair, sides, geometry) if matters else None
        return replace(found, inliers=geometry.inliers if geometry else 0, read=read)

    def _one_photo(
        self,
        pair: tuple[int, int],
        row: NDArray[np.float64],
        described: tuple[Description, Description],
        geometry: Geometry,
        photos: Mapping[int, ImageFacts],
    ) -> PhotoEvidence:
        """Whether both show one photo, or one photo except for a place."""
        frames = self.files.sizes[pair[0]], self.files.sizes[pair[1]]
        size = self.scorer.orb.settings.size
        shown = [self.thumbnails.of(file, photos) for file in pair]
        pixels = None
        if shown[0] is not None and shown[1] is not None:
            aligned = best_alignment(shown[0], shown[1], placements(geometry, frames, size), size)
            if aligned is None:
                return PhotoEvidence()
            placed, pixels = aligned
            if pixels.same:
                return PhotoEvidence(placed, True)
        else:
            by_keypoints = [
                p for p in placements(geometry, frames, size) if p.outside <= _OUTSIDE and 0 < p.miss <= MISS
            ]
            if not by_keypoints:
                return PhotoEvidence()
            placed = by_keypoints[0]
        [verification] = self.scorer.verdicts(row[None], [geometry.inliers])
        if pixels is not None:
            exact = placed.miss < _EXACT and verification.probability >= self.floor
            if not (exact and pixels.differing < _PLACE):
                return PhotoEvidence()
        photo = photo_test(described[0]["orb"], described[1]["orb"], placed, frames, size)
        pills = self.files.pills(pair[0]) or self.files.pills(pair[1])
        if not one_photo(photo, verification, pills=pills, least=self.settings.same_photo_similarity):
            return PhotoEvidence()
        if pixels is None:
            return PhotoEvidence(placed)
        assert shown[0] is not None
        printed = among(pixels.places, shown[0], geometry.query_xy, size)
        return PhotoEvidence(None, False, printed or pixels.places[0], pixels.differing, printed is not None)

    # -- copies of copies --------------------------------------------------------------------------------------------

    def through_copies(self, checks: Mapping[tuple[int, int], PairCheck]) -> dict[tuple[int, int], PairCheck]:
        """Checks of the pairs that are copies of one photo by way of others, and were not found to be by themselves.

        A crop and a squeezed copy of one photo need not be suspects, nor have keypoints in common. The maps through the
        photo that both were made from say where one lies in the other. Where that photo shows all that they have in
        common they agree; elsewhere pixels decide, as ever.
        """
        found: dict[tuple[int, int], PairCheck] = {}
        for pair, placed, settled in self._copies.joined():
            seen = placed if settled else self._seen_under(pair, placed)
            if seen is None or any(image in self.left_out for file in pair for image in self.files.images(file)):
                continue
            known = checks.get(pair)
            if known is None:
                read = self.print.compare(pair, self.print.load(pair), None)
                [verification] = self._verdicts(self._quick([pair]), [PhotoEvidence(read=read)])
                known = PairCheck(verification, PhotoEvidence(read=read), True)
            evidence = replace(known.evidence, photo=seen, seen=True, place=None, differing=0.0, printed=False)
            found[pair] = replace(known, evidence=evidence, thorough=True)
        return found

    def _seen_under(self, pair: tuple[int, int], placed: Placement) -> Placement | None:
        """The placement, refined, where the pixels of both files agree under it."""
        facts = self.thumbnails.facts(pair)
        a, b = (self.thumbnails.of(file, facts) for file in pair)
        aligned = None if a is None or b is None else best_alignment(a, b, [placed], self.scorer.orb.settings.size)
        return aligned[0] if aligned and aligned[1].same else None

    def _with_keypoints(self, files: Iterable[int]) -> dict[int, Description]:
        """Complete descriptions of `files`, without those that must be left out."""
        wanted = sorted(files)
        held = {file: self._keypoints.pop(file) for file in wanted if file in self._keypoints}
        file_of = {int(self.files.ids[file]): file for file in wanted if file not in held}
        read = self.left_out.read(self.catalog, self.keypoints, file_of)
        held |= {file_of[i]: keypoints for i, keypoints in read.items()}
        for file in wanted:
            if file not in held:
                self.left_out.add(self.files.images(file))
        self._keypoints |= held
        for file in list(self._keypoints)[:-_HELD]:
            del self._keypoints[file]
        return {file: self._complete(file, keypoints) for file, keypoints in held.items()}

    def _complete(self, file: int, keypoints: Descriptor) -> Description:
        quick = self.files.description(file)
        return replace(quick, descriptors={**quick.descriptors, "orb": keypoints})
