"""Looking at pairs of files: their descriptors in memory, and where asked for their keypoints, print and pixels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import ImageSettings
from simsearch.core.threads import cores
from simsearch.core.types import Description, Descriptor, Verification
from simsearch.duplicates.candidates import SelfJoin
from simsearch.duplicates.pair_evidence import PhotoEvidence
from simsearch.duplicates.pair_print import FilePrint, has_lines
from simsearch.duplicates.photo_check import WHOLE, Pair, PhotoCheck
from simsearch.duplicates.thumbnails import Stored, Thumbnails
from simsearch.features.orb import NO_GEOMETRY
from simsearch.recognition.pair_scorer import PairScorer, StoredPrint
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.verification import FEATURES

_HELD = 4096
"""Images whose keypoints are held in memory: about 80 MB."""
_AT_ONCE = 16
"""Pairs that a thread takes at once: most of them cost less than handing one over."""
_BITS = FEATURES.index("hash_similarity")


@dataclass
class Looked:
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


class PairLook:
    """Looks at pairs of files on all cores. One thread asks."""

    def __init__(
        self, join: SelfJoin, scorer: PairScorer, reading: ImageSettings, floor: float, prints: StoredPrint | None
    ) -> None:
        """`floor`: what is surely less probable than that need not be exact."""
        self.catalog, self.files, self.left_out = join.catalog, join.files, join.left_out
        self.scorer, self.keypoints, self.floor = scorer, join.methods["orb"], floor
        self.print = FilePrint(join.catalog, join.files, prints)
        self.thumbnails = Thumbnails(join.catalog, join.files, reading)
        self.photos = PhotoCheck(join, scorer, self.thumbnails, floor)
        self._described: dict[int, Description] = {}  # with keypoints; the most recently used last
        self._threads = ThreadPoolExecutor(cores())

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def quick(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Features (n, f) without keypoints."""
        known = {file: self.files.description(file) for file in {file for pair in pairs for file in pair}}
        return self.scorer.quick_pairs([known[a] for a, _ in pairs], [known[b] for _, b in pairs])

    def verdicts(self, features: NDArray[np.float64], evidence: Sequence[PhotoEvidence]) -> list[Verification]:
        """Features (n, f) and what else was found as verdicts, with what print says."""
        looks = self.scorer.verdicts(features, [found.inliers for found in evidence])
        return [replace(v, printed=found.read) for v, found in zip(looks, evidence, strict=True)]

    def by_print(self, pairs: Sequence[Pair]) -> list[PhotoEvidence]:
        """What print alone says of each pair."""
        sides = self.print.load({file for pair in pairs for file in pair})
        return [PhotoEvidence(read=self.print.compare(pair, sides, None)) for pair in pairs]

    def looked_at(
        self, pairs: Sequence[Pair], rows: Sequence[NDArray[np.float64]], stored: Stored | None
    ) -> dict[Pair, Looked]:
        """The evidence on each pair; with `stored` of its files also whether both show one photo.

        `rows`: the features of each, as `quick` gives them.
        """
        found: dict[Pair, Looked] = {}
        step = _HELD // 2  # the keypoints of so many pairs fit in memory
        for i in range(0, len(pairs), step):
            part = dict(zip(pairs[i : i + step], (row.copy() for row in rows[i : i + step]), strict=True))
            sides = self.print.load({file for pair in part for file in pair})
            whole = {} if stored is None else self._by_frame(part, stored)
            # Where lines were read on both, keypoints tell which line of one lies where in the other.
            for pair, one in whole.items():
                if not all(has_lines(sides.get(file)) for file in pair):
                    read = self.print.compare(pair, sides, None)
                    found[pair] = Looked(part.pop(pair), replace(one, read=read), False)
            found |= self._by_keypoints(part, whole, stored, sides)
        return found

    def _by_frame(self, rows: Mapping[Pair, NDArray[np.float64]], stored: Stored) -> dict[Pair, PhotoEvidence]:
        """The pairs that are one photo, frame on frame."""
        wanted = [pair for pair, row in rows.items() if row[_BITS] >= WHOLE]
        seen = self._threads.map(lambda pair: self.photos.by_frame(pair, rows[pair], stored), wanted)
        return {pair: one for pair, one in zip(wanted, seen, strict=True) if one is not None}

    def _by_keypoints(
        self,
        rows: Mapping[Pair, NDArray[np.float64]],
        known: Mapping[Pair, PhotoEvidence],
        stored: Stored | None,
        sides: Mapping[int, PrintSide],
    ) -> dict[Pair, Looked]:
        """The evidence on pairs whose keypoints are compared. `known`: what pixels have shown already."""
        pairs, described = list(rows), self._with_keypoints({file for pair in rows for file in pair})

        def evidence(start: int) -> Iterator[tuple[Pair, Looked]]:
            for pair in pairs[start : start + _AT_ONCE]:
                one = self._evidence(pair, rows[pair], known.get(pair), described, stored, sides)
                yield pair, Looked(rows[pair], one, True)

        parts = self._threads.map(lambda start: list(evidence(start)), range(0, len(pairs), _AT_ONCE))
        return {pair: one for part in parts for pair, one in part}

    def _evidence(
        self,
        pair: Pair,
        row: NDArray[np.float64],
        known: PhotoEvidence | None,
        described: Mapping[int, Description],
        stored: Stored | None,
        sides: Mapping[int, PrintSide],
    ) -> PhotoEvidence | None:
        """Fills in the keypoint column of `row`; `known`: what pixels have shown already."""
        if not all(file in described for file in pair):
            return None
        a, b = (described[file] for file in pair)
        agree = self.scorer.orb.may_agree(a["orb"], b["orb"])
        geometry = self.scorer.compare_keypoints(row, a, b) if agree else None
        found = known or PhotoEvidence()
        if known is None and stored is not None:
            # Loose pills have no geometry yet. It shows whether they are one photo, and counts for nothing else.
            shown = geometry or (self.scorer.geometry(a, b) if agree else NO_GEOMETRY)
            found = self.photos.by_keypoints(pair, row, (a, b), shown, stored)
        read = None
        if all(file in sides for file in pair) and (found.photo or self.scorer.probability(row[None])[0] >= self.floor):
            read = self.print.compare(pair, sides, geometry)
        inliers = geometry.inliers if geometry else 0
        return replace(found, inliers=inliers, read=read) if inliers or read else found

    def mirrored(self, pairs: Sequence[Pair]) -> dict[Pair, PhotoEvidence]:
        """The pairs of which one is surely the mirror image of the other, by their pixels."""
        stored = self.thumbnails.stored({file for pair in pairs for file in pair})
        seen = self._threads.map(lambda pair: self.photos.mirrored(pair, stored), pairs)
        return {pair: one for pair, one in zip(pairs, seen, strict=True) if one is not None and not one.remaining}

    def _with_keypoints(self, files: Iterable[int]) -> dict[int, Description]:
        """Complete descriptions of `files`, without those that must be left out."""
        wanted = sorted(files)
        held = {file: self._described.pop(file) for file in wanted if file in self._described}
        file_of = {int(self.files.ids[file]): file for file in wanted if file not in held}
        read = self.left_out.read(self.catalog, self.keypoints, file_of)
        held |= {file_of[i]: self._complete(file_of[i], keypoints) for i, keypoints in read.items()}
        for file in wanted:
            if file not in held:
                self.left_out.add(self.files.images(file))
        self._described |= held
        for file in list(self._described)[:-_HELD]:
            del self._described[file]
        return held

    def _complete(self, file: int, keypoints: Descriptor) -> Description:
        quick = self.files.description(file)
        return replace(quick, descriptors={**quick.descriptors, "orb": keypoints})
