"""Which drug is this: coarse lookup in every lane, pairwise verification, one decision."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from simsearch.catalog import Catalog
from simsearch.catalog.store import ImageFacts
from simsearch.config import QuerySettings
from simsearch.datatypes import Candidate, Decision, Descriptor, Hit, Image, Outcome, Verification
from simsearch.indexes import VectorIndex, create
from simsearch.indexes.generations import Generation, Generations
from simsearch.methods.base import Method, MetricMethod, unpack
from simsearch.verification import Described, Verifier

NO_GENERATION = "none"


class QueryEngine:
    """Answers photos from the generation that serves, plus what was indexed since."""

    def __init__(
        self,
        catalog: Catalog,
        generations: Generations,
        methods: Mapping[str, Method],
        verifier: Verifier,
        settings: QuerySettings,
        match_threshold: float,
    ) -> None:
        self.catalog, self.generations, self.methods = catalog, generations, methods
        self.verifier, self.settings, self.match_threshold = verifier, settings, match_threshold
        self.lanes: dict[str, MetricMethod] = {n: m for n, m in methods.items() if isinstance(m, MetricMethod)}
        self._generation: Generation | None = None
        self._delta: dict[str, VectorIndex] = {}
        self._retired: frozenset[int] = frozenset()
        self._revision = -1

    @property
    def generation(self) -> str:
        """Name of the generation that answers."""
        return self._generation.name if self._generation else NO_GENERATION

    def answer(self, photos: Sequence[Image], *, k: int | None = None) -> list[Decision]:
        """One decision a photo, in order."""
        self.refresh()
        started = time.perf_counter()
        described = self._describe(photos)
        share = (time.perf_counter() - started) * 1e3 / max(1, len(photos))
        decisions = []
        for photo, query in zip(photos, described, strict=True):
            started = time.perf_counter()
            candidates = self.candidates(query)
            hits = self._verified(query, candidates)
            took = share + (time.perf_counter() - started) * 1e3
            decisions.append(self._decide(photo.name, hits, k or self.settings.k, took))
        return decisions

    def _describe(self, photos: Sequence[Image]) -> list[dict[str, Descriptor]]:
        columns = {name: method.describe(photos) for name, method in self.methods.items()}
        return [{name: column[i] for name, column in columns.items()} for i in range(len(photos))]

    # -- lookup ------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Follow the catalog: what was described or retired since the generation was built."""
        revision = self.catalog.revision()
        serving = self.generations.current()
        if revision == self._revision and serving == (self._generation.name if self._generation else None):
            return
        if self._generation is None or serving != self._generation.name:
            self._generation = self.generations.open({name: m.fingerprint for name, m in self.lanes.items()})
        since = self._generation.revision if self._generation else -1
        for name, method in self.lanes.items():
            width = method.dim if method.metric == "cosine" else method.dim // 8
            ids, vectors = self.catalog.matrix(method.fingerprint, method.dtype, width, since=since)
            self._delta[name] = create(method.metric, method.dim)
            self._delta[name].add(ids, vectors)
        self._retired = frozenset(self.catalog.retired_since(since).tolist())
        self._revision = revision

    def candidates(self, query: Described) -> list[Candidate]:
        """Images that at least one lane returned, retired ones left out; best lane similarity first."""
        found: dict[int, dict[str, float]] = {}
        for name in self.lanes:
            wanted = self.settings.candidates if self.lanes[name].metric == "cosine" else self.settings.hash_candidates
            for image_id, similarity in self._search(name, query[name], wanted):
                found.setdefault(image_id, {})[name] = similarity
        ranked = sorted(found.items(), key=lambda item: (-max(item[1].values()), item[0]))
        return [Candidate(image_id, lanes) for image_id, lanes in ranked]

    def _search(self, lane: str, vector: Descriptor, wanted: int) -> list[tuple[int, float]]:
        """The `wanted` most similar live images of one lane."""
        merged: dict[int, float] = {}
        sources = [self._delta[lane], *([self._generation.lanes[lane]] if self._generation else [])]
        for index in sources:
            # Retired images still sit in the index: ask for as many more as could be among the best.
            k = min(len(index), wanted + min(len(self._retired), 10 * wanted))
            if k:
                ids, similarities = index.search(vector[None], k)
                merged |= {int(i): float(s) for i, s in zip(ids[0], similarities[0], strict=True) if i >= 0}
        live = [(i, s) for i, s in merged.items() if i not in self._retired]
        return sorted(live, key=lambda item: (-item[1], item[0]))[:wanted]

    # -- verification ------------------------------------------------------------------------------------------------

    def _verified(self, query: Described, candidates: Sequence[Candidate]) -> list[tuple[ImageFacts, Verification]]:
        facts = self.catalog.facts(c.image_id for c in candidates)
        ids = [c.image_id for c in candidates if c.image_id in facts]
        others = self.described(ids)
        ids = [i for i in ids if len(others[i]) == len(self.methods)]
        verdicts = self.verifier.verify(query, [others[i] for i in ids], geometry=self.settings.geometry)
        return [(facts[i], v) for i, v in zip(ids, verdicts, strict=True)]

    def described(self, ids: Sequence[int]) -> dict[int, dict[str, Descriptor]]:
        """The stored descriptors of images, by method."""
        out: dict[int, dict[str, Descriptor]] = {i: {} for i in ids}
        for name in ("phash", "orb", "siamese"):
            method = self.methods[name]
            for image_id, data in self.catalog.descriptors(method.fingerprint, ids).items():
                out[image_id][name] = unpack(method, data)
        return out

    # -- decision ----------------------------------------------------------------------------------------------------

    def _decide(
        self, query: str, verified: Sequence[tuple[ImageFacts, Verification]], k: int, took_ms: float
    ) -> Decision:
        best: dict[str, tuple[ImageFacts, Verification]] = {}
        for facts, verdict in sorted(verified, key=lambda pair: (*_rank(pair[1]), pair[0].id)):
            best.setdefault(facts.sku, (facts, verdict))
        hits = tuple(Hit(f.sku, f.name, f.id, f.image, v) for f, v in best.values())
        outcome, reason = self._outcome(hits)
        named = hits[0] if hits and outcome is not Outcome.UNKNOWN else None
        return Decision(
            query, outcome, named.sku if named else None, named.name if named else None,
            hits[0].verification.probability if hits else 0.0, hits[:k], self.generation, took_ms, reason,
        )  # fmt: skip

    def _outcome(self, hits: Sequence[Hit]) -> tuple[Outcome, str]:
        if not hits:
            return Outcome.UNKNOWN, "the catalog holds nothing to compare with"
        first, threshold = hits[0].verification, self.match_threshold
        if first.probability < threshold:
            return (
                Outcome.UNKNOWN,
                f"the nearest product reaches {first.probability:.1%}, a match needs {threshold:.1%}",
            )
        rivals = [h for h in hits[1:] if first.probability - h.verification.probability < self.settings.margin]
        if rivals:
            names = " and ".join([hits[0].sku, *(h.sku for h in rivals[:2])])
            return Outcome.AMBIGUOUS, f"{names} fit about equally well ({first.probability:.1%})"
        basis = f"{first.inliers} matching points" if first.inliers else "appearance alone"
        return Outcome.MATCH, f"{first.probability:.1%} sure, by {basis} and similarity {first.similarity:.2f}"


def _rank(v: Verification) -> tuple[float, float, float]:
    # Where probabilities saturate, geometry and then similarity say which is nearer.
    return -round(v.probability, 6), -v.inliers, -v.similarity
