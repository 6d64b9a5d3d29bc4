"""Suspected duplicates: nearest neighbours across the catalog, verified pairwise, grouped without weak links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.store import ImageFacts
from simsearch.config import NEEDED, DuplicateSettings
from simsearch.datatypes import Verification
from simsearch.indexes import create
from simsearch.methods.base import Method, MetricMethod
from simsearch.verification import Verifier, stored

Progress = Callable[[int, int, str], None]
_BLOCK = 1024


@dataclass(frozen=True)
class DuplicatePair:
    """Two images that show the same product."""

    a: ImageFacts
    b: ImageFacts
    verification: Verification

    @property
    def identical_file(self) -> bool:
        """Byte for byte the same photo."""
        return self.a.sha256 == self.b.sha256


@dataclass(frozen=True)
class DuplicateGroup:
    """Images of which every two show the same product."""

    images: tuple[ImageFacts, ...]
    pairs: tuple[DuplicatePair, ...]
    """Every two, in the order of `images`."""

    @property
    def skus(self) -> tuple[str, ...]:
        """Distinct, in order."""
        return tuple(dict.fromkeys(image.sku for image in self.images))

    @property
    def conflict(self) -> bool:
        """Whether one thing is filed under several SKUs."""
        return len(self.skus) > 1

    @property
    def probability(self) -> float:
        """Of the weakest pair."""
        return min(p.verification.probability for p in self.pairs)


class DuplicateFinder:
    """Compares the catalog with itself."""

    def __init__(
        self,
        catalog: Catalog,
        methods: Mapping[str, Method],
        verifier: Verifier,
        settings: DuplicateSettings,
        threshold: float,
    ) -> None:
        self.catalog, self.methods, self.verifier = catalog, methods, verifier
        self.settings, self.threshold = settings, threshold
        self._verdicts: dict[tuple[int, int], Verification] = {}

    def find(self, progress: Progress = lambda done, total, text: None) -> list[DuplicateGroup]:
        """Groups, those with several SKUs first, then by probability."""
        self._verdicts = {}
        suspects = sorted(self._suspects())
        facts = self.catalog.facts({i for pair in suspects for i in pair} & self._complete())
        suspects = [(a, b) for a, b in suspects if a in facts and b in facts]
        for start in range(0, len(suspects), _BLOCK):
            self._verify(suspects[start : start + _BLOCK], facts)
            progress(min(start + _BLOCK, len(suspects)), len(suspects), f"{self._found()} duplicate pairs")
        groups = [self._group(members, facts) for members in self._cluster(facts)]
        return sorted(groups, key=lambda g: (not g.conflict, -round(g.probability, 6), g.images[0].id))

    def _found(self) -> int:
        return sum(v.probability >= self.threshold for v in self._verdicts.values())

    def _complete(self) -> set[int]:
        """Images that have every descriptor a pair is judged by; `status` counts the others."""
        return set.intersection(*(set(self.catalog.active_ids(self.methods[n].fingerprint).tolist()) for n in NEEDED))

    def _suspects(self) -> Iterator[tuple[int, int]]:
        """Pairs (a < b) that some lane finds near enough to look at, each once."""
        seen: set[tuple[int, int]] = set()
        for name, floor in (
            ("siamese", self.settings.least_similarity),
            ("phash", self.settings.least_hash_similarity),
        ):
            method = self.methods[name]
            assert isinstance(method, MetricMethod)
            ids, vectors = self.catalog.matrix(method.fingerprint, method.dtype, method.shape[0])
            index = create(method.metric, method.dim)
            index.add(ids, vectors)
            k = min(len(ids), self.settings.neighbours + 1)
            for start in range(0, len(ids), _BLOCK):
                near, similarities = index.search(vectors[start : start + _BLOCK], k)
                rows, columns = np.nonzero((similarities >= floor) & (near != ids[start : start + _BLOCK, None]))
                for a, b in zip(ids[start + rows].tolist(), near[rows, columns].tolist(), strict=True):
                    pair = (a, b) if a < b else (b, a)
                    if pair not in seen:
                        seen.add(pair)
                        yield pair

    def _verify(self, pairs: Sequence[tuple[int, int]], facts: Mapping[int, ImageFacts]) -> None:
        """Adds verdicts; pairs are grouped by their first image, so that it is compared with many at once."""
        described = stored(self.catalog, self.methods, {i: facts[i] for pair in pairs for i in pair})
        by_first: dict[int, list[int]] = {}
        for a, b in pairs:
            by_first.setdefault(a, []).append(b)
        for a, others in by_first.items():
            verdicts = self.verifier.verify(described[a], [described[b] for b in others], geometry=len(others))
            for b, verdict in zip(others, verdicts, strict=True):
                self._verdicts[a, b] = verdict

    def _same(self, a: int, b: int, facts: Mapping[int, ImageFacts]) -> bool:
        pair = (a, b) if a < b else (b, a)
        if pair not in self._verdicts:
            self._verify([pair], facts)
        return self._verdicts[pair].probability >= self.threshold

    def _cluster(self, facts: Mapping[int, ImageFacts]) -> list[list[int]]:
        """Complete linkage, strongest pairs first: two groups join only if every cross pair holds."""
        strong = sorted(
            ((v.probability, pair) for pair, v in self._verdicts.items() if v.probability >= self.threshold),
            key=lambda item: (-item[0], item[1]),
        )
        home: dict[int, list[int]] = {}
        for _, (a, b) in strong:
            left, right = home.setdefault(a, [a]), home.setdefault(b, [b])
            if left is right or not all(self._same(x, y, facts) for x in left for y in right):
                continue
            left.extend(right)
            for member in right:
                home[member] = left
        unique = {id(members): members for members in home.values()}
        return [sorted(members) for members in unique.values() if len(members) > 1]

    def _group(self, members: Sequence[int], facts: Mapping[int, ImageFacts]) -> DuplicateGroup:
        pairs = [
            DuplicatePair(facts[a], facts[b], self._verdicts[a, b])
            for i, a in enumerate(members)
            for b in members[i + 1 :]
        ]
        return DuplicateGroup(tuple(facts[m] for m in members), tuple(pairs))
