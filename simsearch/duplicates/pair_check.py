"""The check of candidate pairs, in three steps of rising cost.

All pairs are scored by the descriptors in memory. Copies of one photo are looked for next, nearest neighbours first: by
pixels where frame may lie on frame, else where keypoints say. What is a copy is no longer compared: its root, the copy
that shows most, is compared in its place. Keypoints of the rest are compared where they could change the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog.images import ImageFacts
from simsearch.core.config import ImageSettings
from simsearch.core.threads import cores
from simsearch.core.types import Description, Descriptor, Verification
from simsearch.duplicates.candidates import NONE, FilePairs, SelfJoin
from simsearch.duplicates.copies import Copies
from simsearch.duplicates.pair_evidence import PairCheck, PhotoEvidence
from simsearch.duplicates.pair_print import FilePrint, has_lines
from simsearch.duplicates.photo_check import WHOLE, Pair, PhotoCheck
from simsearch.duplicates.same_photo import CROP_ALLOWANCE, Placement
from simsearch.duplicates.thumbnails import Thumbnails
from simsearch.recognition.pair_scorer import PairScorer, StoredPrint
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.verification import FEATURES

_BLOCK = 4096
"""Pairs that are scored at once."""
_HELD = 4096
"""Images whose keypoints are held in memory: about 80 MB."""
_MOST_SUPPORT = 500
"""Support that no pair surpasses: the number of keypoints of an image."""
_NEAREST = 3  # neighbours of a photo that may be copies of it though they share no rare keypoints
_AGAIN, _SAME_FRAME = 2, 0.9  # nearest neighbours that are compared though their roots differ; share of equal bits
_ALIKE = 0.9  # cosine of photos that are looked at first
_FIRST = 5  # nearest neighbours of a photo of loose pills that are looked at as its copies
_CLEARLY = 1.2  # times what differs from one photo that must differ from all others
_COSINE, _SUPPORT, _BITS = (FEATURES.index(name) for name in ("cosine", "root_support", "hash_similarity"))


@dataclass
class _Tested:
    """A pair that was looked at."""

    row: NDArray[np.float64]
    """Its features, with keypoints where these were compared."""
    evidence: PhotoEvidence | None
    """None where one of its files must be left out."""
    keypoints: bool
    """Whether keypoints were compared, so that the features are complete."""

    @property
    def one_photo(self) -> bool:
        """Whether both are one photo, be it with something drawn over it."""
        return self.evidence is not None and self.evidence.photo is not None

    @property
    def copy(self) -> bool:
        """Whether pixels show that both are one photo, without anything drawn over it."""
        e = self.evidence
        return e is not None and e.photo is not None and e.seen and not e.overlaid


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
        self.photos = PhotoCheck(join, scorer, self.thumbnails, floor)
        self._keypoints: dict[int, Descriptor] = {}  # the most recently used last
        sizes = join.files.sizes
        self._copies = Copies(sizes * (scorer.orb.settings.size / sizes.max(axis=1, keepdims=True, initial=1.0)))
        """Pairs whose pixels agree."""
        self.drawn_over: dict[int, set[int]] = {}
        """File -> those that show the same photo but for what is drawn over it, or over them."""
        self._threads = ThreadPoolExecutor(cores())

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def check_block(self, pairs: FilePairs, start: int) -> tuple[dict[Pair, PairCheck], int]:
        """The checks worth keeping among the pairs from `start` on, and the start of the next block."""
        end = min(start + _BLOCK, len(pairs))
        block = list(zip(pairs.a[start:end].tolist(), pairs.b[start:end].tolist(), strict=True))
        features, rank, votes = self._quick(block), pairs.rank[start:end], pairs.votes[start:end]
        tested = self._copies_of(block, features, np.minimum(rank, votes), votes < NONE)
        near: dict[Pair, bool] = {}
        own = dict(zip(block, features, strict=True))
        for pair, close in zip(block, (rank < self.settings.geometry).tolist(), strict=True):
            roots = self._copies.roots(pair)
            if roots is not None:
                near[roots] = near.get(roots, False) or close
        near |= dict.fromkeys((pair for pair, one in tested.items() if one.one_photo), True)
        missing = [pair for pair in near if pair not in own and pair not in tested]
        own |= dict(zip(missing, self._quick(missing), strict=True))
        keys = list(near)
        rows = np.array([tested[k].row if k in tested else own[k] for k in keys]).reshape(-1, len(FEATURES))
        self._by_keypoints(keys, rows, near, tested)
        return self._worth_keeping(keys, rows, near, tested), end

    def _copies_of(
        self,
        block: Sequence[Pair],
        features: NDArray[np.float64],
        rank: NDArray[np.uint8],
        voted: NDArray[np.bool_],
    ) -> dict[Pair, _Tested]:
        """The pairs of roots that were looked at for copies; those that are copies are known from now on."""
        tested: dict[Pair, _Tested] = {}
        rows = np.flatnonzero(self._may_be_copies(block, features, rank, voted))
        # The largest of several copies first: it is their root, mostly, and spares them each other.
        areas = self.files.sizes.prod(axis=1)
        largest = np.array([areas[list(block[row])].max() for row in rows.tolist()])
        likely = (features[rows, _BITS] >= _SAME_FRAME) | (features[rows, _COSINE] >= _ALIKE)
        likely &= rank[rows] < _FIRST
        waiting = rows[np.lexsort((-features[rows, _BITS], rank[rows], -largest * likely, ~likely))].tolist()
        facts = self.thumbnails.facts({file for row in waiting for file in block[row]})
        self._look_for_copies(block, features, waiting, self._copies.roots, facts, tested)
        # Of a screenshot the photo in it is a small part: what is no copy of the root may be one of a nearer copy.
        nearest = [row for row in waiting if rank[row] < _AGAIN and (voted[row] or features[row, _BITS] >= _SAME_FRAME)]
        self._look_for_copies(block, features, nearest, self._copies.apart, facts, tested)
        self._join_faint(tested, facts)
        return tested

    def _look_for_copies(
        self,
        block: Sequence[Pair],
        features: NDArray[np.float64],
        rows: Sequence[int],
        compared: Callable[[Pair], Pair | None],
        facts: dict[int, ImageFacts],
        tested: dict[Pair, _Tested],
    ) -> None:
        """Look at the rows of a block, the first ones first. `compared`: which pair in place of a row's; None: none."""
        waiting, areas = rows, self.files.sizes.prod(axis=1)
        while waiting:
            # A file with several others at once, but none of these with another: what is found of one pair saves the
            # others of both files.
            now: dict[Pair, int] = {}
            later, hubs, used = [], set[int](), set[int]()
            for row in waiting:
                pair = compared(block[row])
                if pair is None or pair in tested or pair in now:
                    continue
                leaf, hub = sorted(pair, key=lambda file: (file in hubs, areas[file]))
                if leaf in used or leaf in hubs or hub in used:
                    later.append(row)
                    continue
                hubs.add(hub)
                used.add(leaf)
                now[pair] = row
            others = [pair for pair, row in now.items() if pair != block[row]]
            own = dict(zip(others, self._quick(others), strict=True))
            facts |= self.thumbnails.facts({file for pair in now for file in pair} - facts.keys())
            found = self._looked_at(list(now), [own.get(pair, features[row]) for pair, row in now.items()], facts)
            for pair, one in found.items():
                if one.evidence is not None and one.copy and not one.evidence.remaining:
                    self._join(pair, one.evidence, facts)
                if one.evidence is not None and one.evidence.overlaid:
                    for file, other in (pair, pair[::-1]):
                        self.drawn_over.setdefault(file, set()).add(other)
            tested |= found
            waiting = later

    def _join(self, pair: Pair, evidence: PhotoEvidence, facts: Mapping[int, ImageFacts]) -> None:
        assert evidence.photo is not None
        self._copies.add(pair, evidence.photo, self.photos.details(pair, facts))

    def _join_faint(self, tested: Mapping[Pair, _Tested], facts: Mapping[int, ImageFacts]) -> None:
        """Join photos of which little is left; one of which nothing is, to the one alone that it agrees with best."""
        faint = [(one.evidence, pair) for pair, one in tested.items() if one.evidence and one.evidence.remaining]
        faint.sort(key=lambda item: (item[0].remaining, item[1]))
        joined: set[int] = set()
        nothing = {file for _, pair in faint for file in pair if self.photos.is_blank(file, facts)}
        unsure = self._undecided(faint, nothing)
        for evidence, pair in faint:
            little = nothing.intersection(pair)
            if unsure.isdisjoint(little) and joined.isdisjoint(little):
                self._join(pair, evidence, facts)
                joined |= little
            elif self._copies.roots(pair) is not None:
                tested[pair].evidence = replace(evidence, photo=None, seen=False, remaining=0.0)

    def _undecided(self, faint: Sequence[tuple[PhotoEvidence, Pair]], nothing: AbstractSet[int]) -> set[int]:
        """The files of which nothing is left that agree with two photos about equally well; `faint`: best first."""
        best: dict[int, tuple[float, int]] = {}
        unsure = set()
        for evidence, pair in faint:
            for file, other in (pair, pair[::-1]):
                if file in nothing:
                    left, first = best.setdefault(file, (evidence.remaining, other))
                    if evidence.remaining < _CLEARLY * left and self._copies.roots((first, other)) is not None:
                        unsure.add(file)
        return unsure

    def _by_keypoints(
        self, keys: Sequence[Pair], rows: NDArray[np.float64], near: Mapping[Pair, bool], tested: dict[Pair, _Tested]
    ) -> None:
        """Compare the keypoints of near pairs that they could lift above `floor`, and fill in their rows."""
        best = rows.copy()
        best[:, _SUPPORT] = np.sqrt(_MOST_SUPPORT)
        possible = self.scorer.probability(best) >= self.floor
        wanted = [
            i
            for i, key in enumerate(keys)
            if near[key]
            and possible[i]
            and not self._pills(key)
            and not (key in tested and (tested[key].keypoints or tested[key].one_photo))
        ]
        found = self._looked_at([keys[i] for i in wanted], [rows[i] for i in wanted], None)
        tested |= found
        for i in wanted:
            rows[i] = found[keys[i]].row

    def _worth_keeping(
        self, keys: Sequence[Pair], rows: NDArray[np.float64], near: Mapping[Pair, bool], tested: Mapping[Pair, _Tested]
    ) -> dict[Pair, PairCheck]:
        left_out = {key for key in keys if key in tested and tested[key].evidence is None}
        evidence = {key: tested[key].evidence for key in keys if key in tested and key not in left_out}
        # A copy is looked for among more neighbours than another photo of the product, which these say nothing of.
        passed = {key for key, found in evidence.items() if found and not found.photo and not near[key]}
        rows = rows.copy()
        for i, key in enumerate(keys):
            if key in passed:
                rows[i, _SUPPORT] = 0.0
        wanted = self.scorer.probability(rows) >= self.floor if len(rows) else np.zeros(0, np.bool_)
        kept = [
            i for i, key in enumerate(keys)
            if key not in left_out and (wanted[i] or ((one := evidence.get(key)) is not None and one.photo is not None))
        ]  # fmt: skip
        plain = {keys[i] for i in kept if keys[i] not in evidence or keys[i] in passed}
        sides = self.print.load({file for key in plain for file in key})
        told = []
        for i in kept:
            known = None if keys[i] in plain else evidence[keys[i]]
            told.append(known or PhotoEvidence(read=self.print.compare(keys[i], sides, None)))
        verifications = self._verdicts(rows[kept], told)
        return {
            keys[i]: PairCheck(verification, one, near[keys[i]])
            for i, verification, one in zip(kept, verifications, told, strict=True)
        }

    def check(self, a: int, b: int) -> PairCheck | None:
        """The thorough check of one pair; None if one of the files must be left out."""
        features = self._quick([(a, b)])
        alike = bool(self._may_be_one_photo(features)[0])
        found = self._looked_at([(a, b)], [features[0]], self.thumbnails.facts((a, b)) if alike else None)[a, b]
        if found.evidence is None:
            return None
        [verification] = self._verdicts(found.row[None], [found.evidence])
        return PairCheck(verification, found.evidence, True)

    def roots(self, a: int, b: int) -> Pair | None:
        """The pair that is compared in place of two files; None where they are copies of one photo."""
        return self._copies.roots((a, b))

    def _verdicts(self, features: NDArray[np.float64], evidence: Sequence[PhotoEvidence]) -> list[Verification]:
        looks = self.scorer.verdicts(features, [found.inliers for found in evidence])
        return [replace(v, printed=found.read) for v, found in zip(looks, evidence, strict=True)]

    # -- descriptors in memory ---------------------------------------------------------------------------------------

    def _quick(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Features (n, f) without keypoints."""
        known = {file: self.files.description(file) for file in {file for pair in pairs for file in pair}}
        return self.scorer.quick_pairs([known[a] for a, _ in pairs], [known[b] for _, b in pairs])

    def _may_be_copies(
        self, pairs: Sequence[Pair], quick: NDArray[np.float64], rank: NDArray[np.uint8], voted: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """(n,) True where one file may have been made from the other."""
        pills = np.array([self._pills(pair) for pair in pairs], np.bool_)
        # Loose pills resemble a thousand others: a copy is very similar, or among the nearest neighbours.
        surely = quick[:, _COSINE] >= self.settings.same_photo_similarity - CROP_ALLOWANCE
        # Where frame does not lie on frame, keypoints have to say where: few others have those of a copy.
        placed = (quick[:, _BITS] >= WHOLE) | voted | (rank < _NEAREST)
        return (self._may_be_one_photo(quick) | voted) & (~pills | surely | (rank < _FIRST)) & placed

    def _pills(self, pair: Pair) -> bool:
        return self.files.pills(pair[0]) or self.files.pills(pair[1])

    def _may_be_one_photo(self, quick: NDArray[np.float64]) -> NDArray[np.bool_]:
        cosine, equal_bits = quick[:, _COSINE], quick[:, _BITS]
        return np.asarray((cosine >= self.settings.same_photo_similarity - 0.25) | (equal_bits >= 0.85), np.bool_)

    # -- keypoints and files -----------------------------------------------------------------------------------------

    def _looked_at(
        self, pairs: Sequence[Pair], rows: Sequence[NDArray[np.float64]], facts: Mapping[int, ImageFacts] | None
    ) -> dict[Pair, _Tested]:
        """The evidence on each pair; with `facts` of its files also whether both show one photo."""
        found: dict[Pair, _Tested] = {}
        step = _HELD // 2  # the keypoints of so many pairs fit in memory
        for i in range(0, len(pairs), step):
            part = dict(zip(pairs[i : i + step], (row.copy() for row in rows[i : i + step]), strict=True))
            sides = self.print.load({file for pair in part for file in pair})
            if facts is not None:
                seen = self._threads.map(self.photos.by_frame, part, part.values(), repeat(facts))
                whole = {pair: one for pair, one in zip(part, seen, strict=True) if one is not None}
                # Where lines were read on both, keypoints tell which line of one lies where in the other.
                done = {pair: one for pair, one in whole.items() if not all(has_lines(sides.get(f)) for f in pair)}
                done = {pair: replace(one, read=self.print.compare(pair, sides, None)) for pair, one in done.items()}
                found |= {pair: _Tested(part.pop(pair), one, False) for pair, one in done.items()}
            else:
                whole = {}
            described = self._with_keypoints({file for pair in part for file in pair})
            known = map(whole.get, part)
            more = self._threads.map(
                self._evidence, part, part.values(), known, repeat(described), repeat(facts), repeat(sides)
            )
            found |= {pair: _Tested(part[pair], one, True) for pair, one in zip(part, more, strict=True)}
        return found

    def _evidence(
        self,
        pair: Pair,
        row: NDArray[np.float64],
        known: PhotoEvidence | None,
        described: Mapping[int, Description],
        facts: Mapping[int, ImageFacts] | None,
        sides: Mapping[int, PrintSide],
    ) -> PhotoEvidence | None:
        """Fills in the keypoint column of `row`; `known`: what pixels have shown already."""
        if not all(file in described for file in pair):
            return None
        a, b = (described[file] for file in pair)
        geometry = self.scorer.compare_keypoints(row, a, b)
        found = known or PhotoEvidence()
        if known is None and facts is not None:
            # Loose pills have no geometry yet. It shows whether they are one photo, and counts for nothing else.
            found = self.photos.by_keypoints(pair, row, (a, b), geometry or self.scorer.geometry(a, b), facts)
        matters = found.photo is not None or self.scorer.probability(row[None])[0] >= self.floor
        read = self.print.compare(pair, sides, geometry) if matters else None
        return replace(found, inliers=geometry.inliers if geometry else 0, read=read)

    # -- mirror images ------------------------------------------------------------------------------------------------

    def mirror_images(self, pairs: Sequence[Pair]) -> dict[Pair, PairCheck]:
        """Checks of the pairs of which one is the mirror image of the other, by their pixels; see `mirror_pairs`."""
        facts = self.thumbnails.facts({file for pair in pairs for file in pair})
        seen = self._threads.map(self.photos.mirrored, pairs, repeat(facts))
        found = {pair: one for pair, one in zip(pairs, seen, strict=True) if one is not None and not one.remaining}
        for pair, one in found.items():
            self._join(pair, one, facts)
        verifications = self._verdicts(self._quick(list(found)), list(found.values()))
        return {
            pair: PairCheck(verification, one, True)
            for (pair, one), verification in zip(found.items(), verifications, strict=True)
        }

    # -- copies of copies --------------------------------------------------------------------------------------------

    def through_copies(self, checks: Mapping[Pair, PairCheck]) -> dict[Pair, PairCheck]:
        """Checks of the copies of one photo, of those that were found and of those joined by way of others.

        A crop and a squeezed copy of one photo need not be suspects, nor have keypoints in common. The maps through the
        photo that both were made from say where one lies in the other. Where that photo shows all that they have in
        common they agree; elsewhere pixels decide, as ever.
        """
        found: dict[Pair, Placement] = {}
        for joined in self._copies.joined():
            pair, seen = joined.pair, joined.placed if joined.settled else self.photos.joined(joined)
            if seen is not None and not any(i in self.left_out for file in pair for i in self.files.images(file)):
                found[pair] = seen
        pairs = list(found)
        sides = self.print.load({file for pair in pairs if pair not in checks for file in pair})
        read = [PhotoEvidence(read=self.print.compare(pair, sides, None)) for pair in pairs]
        verifications = self._verdicts(self._quick(pairs), read)
        out = {}
        for pair, verification, one in zip(pairs, verifications, read, strict=True):
            known = checks.get(pair) or PairCheck(verification, one, True)
            evidence = replace(known.evidence, photo=found[pair], seen=True, place=None, differing=0.0, printed=False)
            out[pair] = replace(known, evidence=evidence, thorough=True)
        return out

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
