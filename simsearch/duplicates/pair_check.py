"""The check of candidate pairs, in three steps of rising cost.

All pairs are scored by the descriptors in memory. Copies of one photo are looked for next, see `copy_search`. Keypoints
of the rest are compared where they could change the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import ImageSettings
from simsearch.duplicates.candidates import NONE, FilePairs, SelfJoin
from simsearch.duplicates.copy_search import CopySearch, Suspects
from simsearch.duplicates.pair_evidence import PairCheck, PhotoEvidence
from simsearch.duplicates.pair_look import Looked, PairLook
from simsearch.duplicates.photo_check import Pair
from simsearch.recognition.pair_scorer import PairScorer, StoredPrint
from simsearch.recognition.verification import FEATURES

_BLOCK = 4096
"""Pairs that are scored at once."""
_MOST_SUPPORT = 500
"""Support that no pair surpasses: the number of keypoints of an image."""
_SUPPORT, _PILLS = FEATURES.index("root_support"), FEATURES.index("pills")


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
        self.settings, self.scorer, self.floor, self.left_out = join.settings, scorer, floor, join.left_out
        self.look = PairLook(join, scorer, reading, floor, prints)
        self.copies = CopySearch(self.look, join.settings)

    def close(self) -> None:
        """End the threads."""
        self.look.close()

    def check_block(self, pairs: FilePairs, start: int) -> tuple[dict[Pair, PairCheck], int]:
        """The checks worth keeping among the pairs from `start` on, and the start of the next block."""
        end = min(start + _BLOCK, len(pairs))
        block = list(zip(pairs.a[start:end].tolist(), pairs.b[start:end].tolist(), strict=True))
        features, rank, votes = self.look.quick(block), pairs.rank[start:end], pairs.votes[start:end]
        tested = self.copies.among(Suspects(block, features, np.minimum(rank, votes), votes < NONE))
        near: dict[Pair, bool] = {}
        own = dict(zip(block, features, strict=True))
        for pair, close in zip(block, (rank < self.settings.geometry).tolist(), strict=True):
            roots = self.copies.known.roots(pair)
            if roots is not None:
                near[roots] = near.get(roots, False) or close
        near |= dict.fromkeys((pair for pair, one in tested.items() if one.one_photo), True)
        missing = [pair for pair in near if pair not in own and pair not in tested]
        own |= dict(zip(missing, self.look.quick(missing), strict=True))
        keys = list(near)
        rows = np.array([tested[k].row if k in tested else own[k] for k in keys]).reshape(-1, len(FEATURES))
        self._by_keypoints(keys, rows, near, tested)
        return self._worth_keeping(keys, rows, near, tested), end

    def _by_keypoints(
        self, keys: Sequence[Pair], rows: NDArray[np.float64], near: Mapping[Pair, bool], tested: dict[Pair, Looked]
    ) -> None:
        """Compare the keypoints of near pairs that they could lift above `floor`, and fill in their rows."""
        best = rows.copy()
        best[:, _SUPPORT] = np.sqrt(_MOST_SUPPORT)
        possible = (self.scorer.probability(best) >= self.floor) & (rows[:, _PILLS] == 0)
        wanted = [
            i
            for i, key in enumerate(keys)
            if near[key] and possible[i] and not (key in tested and (tested[key].keypoints or tested[key].one_photo))
        ]
        found = self.look.looked_at([keys[i] for i in wanted], [rows[i] for i in wanted], None)
        tested |= found
        for i in wanted:
            rows[i] = found[keys[i]].row

    def _worth_keeping(
        self, keys: Sequence[Pair], rows: NDArray[np.float64], near: Mapping[Pair, bool], tested: Mapping[Pair, Looked]
    ) -> dict[Pair, PairCheck]:
        left_out = {key for key in keys if key in tested and tested[key].evidence is None}
        evidence = {key: tested[key].evidence for key in keys if key in tested and key not in left_out}
        # A copy is looked for among more neighbours than another photo of the product, which these say nothing of.
        passed = {key for key, found in evidence.items() if found and not found.photo and not near[key]}
        rows = rows.copy()
        rows[[i for i, key in enumerate(keys) if key in passed], _SUPPORT] = 0.0
        wanted = self.scorer.probability(rows) >= self.floor if len(rows) else np.zeros(0, np.bool_)
        kept = [
            i for i, key in enumerate(keys)
            if key not in left_out and (wanted[i] or ((one := evidence.get(key)) is not None and one.photo is not None))
        ]  # fmt: skip
        plain = [keys[i] for i in kept if keys[i] not in evidence or keys[i] in passed]
        found = {**evidence, **dict(zip(plain, self.look.by_print(plain), strict=True))}
        told = [found[keys[i]] or PhotoEvidence() for i in kept]
        verifications = self.look.verdicts(rows[kept], told)
        return {
            keys[i]: PairCheck(verification, one, near[keys[i]])
            for i, verification, one in zip(kept, verifications, told, strict=True)
        }

    def check(self, a: int, b: int) -> PairCheck | None:
        """The thorough check of one pair; None if one of the files must be left out."""
        features = self.look.quick([(a, b)])
        alike = bool(self.copies.may_be_one_photo(features)[0])
        stored = self.look.thumbnails.stored((a, b)) if alike else None
        found = self.look.looked_at([(a, b)], [features[0]], stored)[a, b]
        if found.evidence is None:
            return None
        [verification] = self.look.verdicts(found.row[None], [found.evidence])
        return PairCheck(verification, found.evidence, True)

    def roots(self, a: int, b: int) -> Pair | None:
        """The pair that is compared in place of two files; None where they are copies of one photo."""
        return self.copies.known.roots((a, b))

    def mirror_images(self, pairs: Sequence[Pair]) -> dict[Pair, PairCheck]:
        """Checks of the pairs of which one is the mirror image of the other, by their pixels; see `mirror_pairs`."""
        found = self.look.mirrored(pairs)
        stored = self.look.thumbnails.stored({file for pair in found for file in pair})
        for pair, one in found.items():
            self.copies.join(pair, one, stored)
        return self._checks(found)

    def faint_copies(self) -> dict[Pair, PairCheck]:
        """Checks of the photos of which little is left; see `CopySearch.join_faint`."""
        return self._checks(self.copies.join_faint())

    def _checks(self, found: Mapping[Pair, PhotoEvidence]) -> dict[Pair, PairCheck]:
        verifications = self.look.verdicts(self.look.quick(list(found)), list(found.values()))
        return {
            pair: PairCheck(verification, one, True)
            for (pair, one), verification in zip(found.items(), verifications, strict=True)
        }

    def through_copies(self, checks: Mapping[Pair, PairCheck]) -> dict[Pair, PairCheck]:
        """Checks of the copies of one photo, of those that were found and of those joined by way of others."""
        found = self.copies.joined()
        pairs = [pair for pair in found if pair not in checks]
        read = self.look.by_print(pairs)
        verifications = self.look.verdicts(self.look.quick(pairs), read)
        known = {
            pair: PairCheck(verification, one, True)
            for pair, verification, one in zip(pairs, verifications, read, strict=True)
        }
        out = {}
        for pair, placed in found.items():
            one = known.get(pair) or checks[pair]
            evidence = replace(one.evidence, photo=placed, seen=True, place=None, differing=0.0, printed=False)
            out[pair] = replace(one, evidence=evidence, thorough=True)
        return out
