"""Candidate retrieval: which images of the catalog are worth a closer look, by every lane, fused by rank.

A lane is one way to find images: neighbours of the embedding, hashes within a radius, votes of keypoints, loose pills,
print, codes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np

from simsearch.core.code_agreement import keys
from simsearch.core.config import QuerySettings
from simsearch.core.types import Candidate, Description, Descriptor, LaneShare
from simsearch.features.base import Method, MetricMethod
from simsearch.features.codes import codes_of
from simsearch.features.keypoints import column
from simsearch.features.pills.likeness import LEAST
from simsearch.indexes import Searcher
from simsearch.indexes.base import one_thread
from simsearch.indexes.catalog_text import print_of
from simsearch.indexes.keypoint_votes import Nearest, nearest
from simsearch.indexes.manifest import TEXT, WORDS
from simsearch.indexes.text_asked import Asked
from simsearch.recognition.rank_fusion import LaneHits, reciprocal_rank_fusion
from simsearch.recognition.snapshot import PILLS, VOTES, Snapshot, keypoint_method
from simsearch.recognition.text_lanes import alike

READING = "reading"
"""The descriptor of a query that the lanes of text ask with."""
CODES = "codes"
"""Name of the lane of product numbers, and of the descriptor that it asks with."""
_SHARED_WORK = 50_000
"""Vectors from which FAISS shares a search between threads: for fewer they only wait for each other."""


@dataclass(frozen=True)
class Retrieved:
    """What all lanes found for one photo."""

    candidates: tuple[Candidate, ...]
    """Most promising first."""
    lanes: tuple[LaneShare, ...]
    nearest: Nearest | None = None
    """The catalog's keypoints nearest to those of the photo; None without the lane of votes."""


@dataclass(frozen=True)
class Lanes:
    """What some lanes found for one photo."""

    hits: Mapping[str, LaneHits]
    took_ms: Mapping[str, float]
    nearest: Nearest | None = None


class Retrieval:
    """Finds candidates in a snapshot; retired images never. Safe to share between threads."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        settings: QuerySettings,
        by_codes: Callable[[Collection[str]], Sequence[int]] | None = None,
    ) -> None:
        """`by_codes`: the images that keys of codes (`core.code_agreement.keys`) lead to: `catalog.codes.images`."""
        self.methods: dict[str, MetricMethod] = {n: m for n, m in methods.items() if isinstance(m, MetricMethod)}
        self.keypoints, self.settings = keypoint_method(methods), settings
        self.by_codes = by_codes
        self.texts = {TEXT: settings.text_candidates, WORDS: settings.word_candidates}

    def search(self, query: Description, snapshot: Snapshot, known: Lanes | None = None) -> Retrieved:
        """Images that at least one lane returned, fused by reciprocal rank; `known` lanes are not asked again."""
        lanes = self.lanes(query, snapshot, known)
        order = (*self.methods, VOTES, PILLS, *self.texts, CODES)  # one order of sums
        hits = {name: lanes.hits[name] for name in order if name in lanes.hits}
        candidates = reciprocal_rank_fusion(hits)
        alone = [next(iter(c.ranks)) for c in candidates if len(c.ranks) == 1]
        shares = (LaneShare(name, lanes.took_ms[name], len(hits[name]), alone.count(name)) for name in hits)
        return Retrieved(tuple(candidates), tuple(shares), lanes.nearest)

    def lanes(self, query: Description, snapshot: Snapshot, known: Lanes | None = None) -> Lanes:
        """The hits of the lanes that the descriptors of `query` serve, with those of `known` lanes as they are."""
        hits, took_ms = (dict(known.hits), dict(known.took_ms)) if known else ({}, {})
        near = known.nearest if known else None
        for name, method in self.methods.items():
            if name in query and name not in hits:
                with timed(took_ms, name):
                    hits[name] = self._neighbours(name, method, query[name], snapshot)
        if snapshot.votes and self.keypoints is not None and self.keypoints.name in query and VOTES not in hits:
            with timed(took_ms, VOTES):
                near = self._nearest_keypoints(query[self.keypoints.name], snapshot)
                hits[VOTES] = self._voted(near)
        if snapshot.pills and PILLS in query and len(query[PILLS]) and PILLS not in hits:
            with timed(took_ms, PILLS):
                hits[PILLS] = self._pills(query[PILLS], snapshot)
        self._ask_texts(query, snapshot, hits, took_ms)
        if self.by_codes is not None and CODES in query and CODES not in hits:
            with timed(took_ms, CODES):
                hits[CODES] = self._coded(query[CODES], snapshot)
        return Lanes(hits, took_ms, near)

    def _ask_texts(
        self, query: Description, snapshot: Snapshot, hits: dict[str, LaneHits], took_ms: dict[str, float]
    ) -> None:
        """The lanes of text, where the photo was read. A photo with nothing to read finds nothing in them."""
        open_ = [lane for lane, wanted in self.texts.items() if wanted and lane in snapshot.texts and lane not in hits]
        if READING not in query or not open_:
            return
        with timed(took_ms, open_[0]):  # preparing the print counts to the first of them
            asked = Asked.of(print_of(query[READING]), snapshot.text_weights)
        for lane in open_:
            before = took_ms.get(lane, 0.0)
            with timed(took_ms, lane):
                hits[lane] = alike(snapshot.texts[lane], asked, self.texts[lane], snapshot.retired)
            took_ms[lane] += before

    def _coded(self, codes: Descriptor, snapshot: Snapshot) -> LaneHits:
        """The images that a code on the photo leads to; in the order of their ids, since a code has no degrees."""
        wanted = keys(codes_of(codes))
        found = self.by_codes(wanted) if wanted and self.by_codes else ()
        allowed = None if snapshot.allowed is None else {*snapshot.allowed.tolist()}
        return [(i, 1.0) for i in found if i not in snapshot.retired and (allowed is None or i in allowed)]

    def _nearest_keypoints(self, keypoints: Descriptor, snapshot: Snapshot) -> Nearest:
        """Also runs for loose pills: keypoints of a ruler are everywhere and get no votes, an imprint gets some."""
        bits = column(keypoints, "bits")
        return nearest(snapshot.votes, bits, k=self.settings.vote_neighbours + 1, without=snapshot.retired)

    def _voted(self, near: Nearest) -> LaneHits:
        ids, counted = near.tally
        best = slice(self.settings.vote_candidates)
        return list(zip(ids[best].tolist(), counted[best].tolist(), strict=True))

    def _pills(self, pills: Descriptor, snapshot: Snapshot) -> LaneHits:
        """The live images whose loose pills are likeliest those of the photo. Only photos of loose pills have any."""
        found: dict[int, float] = {}
        for index in snapshot.pills:
            found |= index.search(pills)
        live = ((i, similarity) for i, similarity in found.items() if i not in snapshot.retired and similarity > LEAST)
        return sorted(live, key=lambda hit: (-hit[1], hit[0]))[: self.settings.pill_candidates]

    def _neighbours(self, lane: str, method: MetricMethod, vector: Descriptor, snapshot: Snapshot) -> LaneHits:
        """The most similar live images of one lane, hashes within the radius."""
        s = self.settings
        wanted, least = (s.candidates, -np.inf) if method.metric == "cosine" else (s.hash_candidates, s.hash_similarity)
        merged: dict[int, float] = {}
        for index in snapshot.vectors[lane]:
            merged |= _live(index, vector, min(len(index), wanted), snapshot.retired)
        ranked = sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:wanted]
        return [(i, similarity) for i, similarity in ranked if similarity >= least]


def _live(index: Searcher, vector: Descriptor, wanted: int, retired: frozenset[int]) -> dict[int, float]:
    """The most similar images of one index. Retired ones still lie in it, so it is asked for more until enough live."""
    k = wanted
    while k:
        with one_thread() if len(index) < _SHARED_WORK else nullcontext():
            ids, similarities = index.search(vector[None], k)
        near = {int(i): float(s) for i, s in zip(ids[0], similarities[0], strict=True) if i >= 0}
        live = {i: s for i, s in near.items() if i not in retired}
        if len(live) >= wanted or k == len(index):
            return live
        k = min(len(index), 4 * k)
    return {}


@contextmanager
def timed(took_ms: dict[str, float], name: str) -> Iterator[None]:
    """Notes under `name` how many milliseconds the block took."""
    started = time.perf_counter()
    yield
    took_ms[name] = (time.perf_counter() - started) * 1e3
