"""Coarse lookup: which images of the catalog are worth a closer look, by every lane, fused by rank.

A lane is one way to find images: neighbours of the embedding, hashes within a radius, votes of keypoints. Lanes are
fused by reciprocal rank (Cormack, Clarke, Büttcher 2009), as their similarities cannot be compared: each image gets
1 / (10 + rank) from each lane that returned it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from simsearch.catalog import Catalog
from simsearch.core.config import QuerySettings
from simsearch.core.types import Candidate, Descriptor, LaneShare
from simsearch.features.base import Method, MetricMethod
from simsearch.features.orb import column
from simsearch.indexes import VectorIndex, create
from simsearch.indexes.base import one_thread
from simsearch.indexes.catalog_keypoints import vote_index
from simsearch.indexes.generations import Generation, Generations
from simsearch.indexes.keypoint_votes import Nearest, VoteIndex, nearest
from simsearch.recognition.verification import Described

VOTES = "votes"
"""Name of the lane of keypoint votes; the other lanes have the name of their method."""
_FLAT_RANK = 10
"""Cormack et al. take 60, for many lanes that see much the same. Here lanes see different things, and the first place
of one must count more than a middling place in two."""
_SHARED_WORK = 50_000
"""Vectors from which FAISS shares a search between threads: for fewer they only wait for each other."""

Found = Sequence[tuple[int, float]]
"""Images of one lane with their similarities there, best first."""


@dataclass(frozen=True)
class LookedUp:
    """What all lanes found for one photo."""

    candidates: tuple[Candidate, ...]
    """Most promising first."""
    lanes: tuple[LaneShare, ...]
    nearest: Nearest | None = None
    """The catalog's keypoints nearest to those of the photo; None without the lane of votes."""


@dataclass(frozen=True)
class Lanes:
    """What some lanes found for one photo."""

    found: Mapping[str, Found]
    took: Mapping[str, float]
    """Milliseconds."""
    nearest: Nearest | None = None
    asked: frozenset[str] = frozenset()
    """Methods whose descriptors were there."""


def reciprocal(rank: int) -> float:
    """What a place in a list counts, 1 the first."""
    return 1 / (_FLAT_RANK + rank)


def fuse(lanes: Mapping[str, Found]) -> list[Candidate]:
    """The images of all lanes, those first that many lanes rank high; ties go by id."""
    similarities: dict[int, dict[str, float]] = {}
    ranks: dict[int, dict[str, int]] = {}
    for name, found in lanes.items():
        for rank, (image_id, similarity) in enumerate(found, 1):
            similarities.setdefault(image_id, {})[name] = similarity
            ranks.setdefault(image_id, {})[name] = rank
    fused = [Candidate(i, similarities[i], r, sum(map(reciprocal, r.values()))) for i, r in ranks.items()]
    return sorted(fused, key=lambda c: (-c.score, c.image_id))


# -- all lanes -------------------------------------------------------------------------------------------------------


class Lookup:
    """Finds candidates in the generation that serves and in what was indexed since; retired images never."""

    def __init__(
        self, catalog: Catalog, generations: Generations, methods: Mapping[str, Method], settings: QuerySettings
    ) -> None:
        self.catalog, self.generations, self.settings = catalog, generations, settings
        self.methods: dict[str, MetricMethod] = {n: m for n, m in methods.items() if isinstance(m, MetricMethod)}
        orb = methods.get("orb")
        self.keypoints = orb if orb is not None and "bits" in (orb.dtype.names or ()) else None
        self.generation: Generation | None = None
        self._delta: dict[str, VectorIndex] = {}
        self._votes: tuple[VoteIndex, ...] = ()
        self._own_votes: tuple[VoteIndex, int] | None = None
        self._retired: frozenset[int] = frozenset()
        self._revision = -1

    def refresh(self) -> None:
        """Follow the catalog: what was described or retired since the generation was built."""
        revision = self.catalog.revision()
        serving = self.generations.pointer()
        # What the pointer named then, not the generation's name: where that one is damaged, the one before answers.
        opened = self.generation.pointer if self.generation else None
        if revision == self._revision and serving == opened:
            return
        if self.generation is None or serving != opened:
            wanted = {name: m.fingerprint for name, m in self.methods.items()}
            keypoints = (self.keypoints.fingerprint, self.settings.vote_keypoints) if self.keypoints else None
            self.generation = self.generations.open(wanted, keypoints)
        since = self.generation.revision if self.generation else -1
        for name, method in self.methods.items():
            ids, vectors = self.catalog.descriptors.matrix(
                method.fingerprint, method.dtype, method.shape[0], since=since
            )
            self._delta[name] = create(method.metric, method.dim)
            self._delta[name].add(ids, vectors)
        self._votes = self._vote_indexes(revision)
        # A vote index may be older than the generation, and so hold what was retired before it.
        oldest = min(since, self._own_votes[1]) if self._own_votes else since
        self._retired = frozenset(self.catalog.images.retired_since(oldest).tolist())
        self._revision = revision

    def _vote_indexes(self, revision: int) -> tuple[VoteIndex, ...]:
        """The generation's where it has one, else one made here; and what was described since."""
        if self.keypoints is None or not self.settings.vote_candidates:
            return ()
        most = self.settings.vote_keypoints
        built: VoteIndex | None = getattr(self.generation, VOTES, None)
        if built is not None and self.generation is not None:
            self._own_votes, since = None, self.generation.revision
        else:
            if self._own_votes is None:
                self._own_votes = vote_index(self.catalog, self.keypoints, most), revision
            built, since = self._own_votes
        return built, vote_index(self.catalog, self.keypoints, most, since=since)

    def search(self, query: Described, known: Lanes | None = None) -> LookedUp:
        """Images that at least one lane returned, fused. `known`: what `lanes` found with a part of the description."""
        done = known or Lanes({}, {})
        rest = self.lanes({name: query[name] for name in query if name not in done.asked})
        both, took = {**done.found, **rest.found}, {**done.took, **rest.took}
        found = {name: both[name] for name in (*self.methods, VOTES) if name in both}  # sums in one order, always
        candidates = fuse(found)
        alone = [next(iter(c.ranks)) for c in candidates if len(c.ranks) == 1]
        shares = (LaneShare(name, took[name], len(found[name]), alone.count(name)) for name in found)
        return LookedUp(tuple(candidates), tuple(shares), done.nearest or rest.nearest)

    def lanes(self, query: Described) -> Lanes:
        """What those lanes find that what is described serves."""
        found: dict[str, Found] = {}
        took: dict[str, float] = {}
        near = None
        for name, method in self.methods.items():
            if name in query:
                started = time.perf_counter()
                found[name] = self._neighbours(name, method, query[name])
                took[name] = (time.perf_counter() - started) * 1e3
        if self._votes and self.keypoints is not None and self.keypoints.name in query:
            started = time.perf_counter()
            near = self._nearest(query)
            found[VOTES] = self._voted(near)
            took[VOTES] = (time.perf_counter() - started) * 1e3
        return Lanes(found, took, near, frozenset(query))

    def _nearest(self, query: Described) -> Nearest:
        """Asked for loose pills too: what lies on every ruler has no vote, and an imprint or a shape's edge has one."""
        assert self.keypoints is not None
        bits = column(query[self.keypoints.name], "bits")
        return nearest(self._votes, bits, k=self.settings.vote_neighbours + 1, without=self._retired)

    def _voted(self, near: Nearest) -> Found:
        ids, counted = near.tally
        best = slice(self.settings.vote_candidates)
        return list(zip(ids[best].tolist(), counted[best].tolist(), strict=True))

    def _neighbours(self, lane: str, method: MetricMethod, vector: Descriptor) -> Found:
        """The most similar live images of one lane, hashes within the radius."""
        s = self.settings
        wanted, least = (s.candidates, -np.inf) if method.metric == "cosine" else (s.hash_candidates, s.hash_similarity)
        merged: dict[int, float] = {}
        for index in (self._delta[lane], *([self.generation.lanes[lane]] if self.generation else [])):
            merged |= self._live(index, vector, min(len(index), wanted))
        ranked = sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:wanted]
        return [(i, similarity) for i, similarity in ranked if similarity >= least]

    def _live(self, index: VectorIndex, vector: Descriptor, wanted: int) -> dict[int, float]:
        """The most similar images of one index; retired ones still sit in it, so ask for more until enough live."""
        k = wanted
        while k:
            with one_thread() if len(index) < _SHARED_WORK else nullcontext():
                ids, similarities = index.search(vector[None], k)
            near = {int(i): float(s) for i, s in zip(ids[0], similarities[0], strict=True) if i >= 0}
            live = {i: s for i, s in near.items() if i not in self._retired}
            if len(live) >= wanted or k == len(index):
                return live
            k = min(len(index), 4 * k)
        return {}
